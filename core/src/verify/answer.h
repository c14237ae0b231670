/* A whole HTTP answer, immutable and counted. The public face is in authagent/guard.h. */
#ifndef AA_VERIFY_ANSWER_H
#define AA_VERIFY_ANSWER_H

#include "authagent/guard.h"
#include "base/view.h"

struct aa_header {
    struct aa_view name; /* lower case */
    struct aa_view value;
};

/* Copies everything. AA_OK or AA_ERR_NOMEM. */
AA_CHECK enum aa_err aa_answer_new(int status, const struct aa_header *headers, size_t header_count,
                                   struct aa_view body, struct aa_answer **out, struct aa_error *err);
/* The answer when there is no memory to make one: 503, never freed. */
struct aa_answer *aa_answer_last_resort(void);

#endif
