/* A server that prunes the audit by itself (audit_keep): when, how much at a time, and whether its clock is believed.
 *
 * By a clock that runs ahead every row looks old, those of this day too, and what was removed does not come back when
 * the clock is put right. So nothing is pruned at a look at which the clock is in doubt, and the log says so: at the
 * first one after the start when the newest row is more than a day old, and at any other when the clock did not move
 * as far as the monotonic one since the look before. A machine that was quiet, or asleep, is in doubt like that too:
 * it prunes at the next look. So does one whose clock is wrong and stays so: whoever reads the warning has an hour. */
#ifndef AA_DOMAIN_AUDIT_KEEP_H
#define AA_DOMAIN_AUDIT_KEEP_H

#include "domain/audit_prune.h"

#define AA_AUDIT_DOUBT_MS (INT64_C(24) * 3600 * 1000) /* the newest row is older than that: is the clock right? */
/* That the two clocks may move apart between two looks: what corrects a clock all the time moves it by less. */
#define AA_AUDIT_DRIFT_MS INT64_C(300000)

struct aa_audit_keep {
    int64_t (*monotonic_ms)(void);
    struct aa_audit_prune prune;         /* that is under way, unless it is done */
    int64_t next_look_ms, next_slice_ms; /* by the monotonic clock */
    bool has_looked;
    int64_t looked_ms, looked_monotonic_ms; /* both clocks at the look before */
    int64_t future_chain;                   /* the one that the log told of last; -1: none */
};

void aa_audit_keep_init(struct aa_audit_keep *keep, int64_t (*monotonic_ms)(void));
/* To be called often. Works for half a second of each five at most, and looks for more to do once an hour. */
void aa_audit_keep_run(const struct aa_app *app, struct aa_audit_keep *keep);

#endif
