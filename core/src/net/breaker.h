/* A circuit breaker: after some failures in a row nobody is sent to a server that does not answer, but for one probe at
 * a time. Belongs to one thread; the time is handed in. */
#ifndef AA_NET_BREAKER_H
#define AA_NET_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#define AA_BREAKER_FAILURES 5    /* in a row, before it opens */
#define AA_BREAKER_PAUSE_MS 1000 /* until the first probe; doubled by each probe that fails */
#define AA_BREAKER_PAUSE_MAX_MS 30000

struct aa_breaker { /* zeroed: closed */
    unsigned failures;
    int64_t pause_ms; /* 0: closed */
    int64_t probe_at_ms;
    bool probing;
};

/* True when a call may be made now. While open, true once per pause: that call is the probe. */
bool aa_breaker_allows(struct aa_breaker *breaker, int64_t now_ms);
void aa_breaker_succeeded(struct aa_breaker *breaker);
/* The call that was allowed could not even be started, for a reason of our own: it tells nothing of the server. */
void aa_breaker_unused(struct aa_breaker *breaker);
bool aa_breaker_is_open(const struct aa_breaker *breaker);
/* True when this failure opened it. */
bool aa_breaker_failed(struct aa_breaker *breaker, int64_t now_ms);

#endif
