/* A request written as HTTP has it: METHOD and target on the first line, a field on each of the next, an empty line,
 * the body. Lines end with a newline alone. */
#ifndef AA_TESTS_FUZZ_REQUEST_H
#define AA_TESTS_FUZZ_REQUEST_H

#include "http/head.h"

struct fuzz_request {
    struct aa_request request;
    struct aa_head head;
    struct aa_view target;
};

/* Takes it apart, as the listener does; borrows the text. NULL when the head is good. */
const struct aa_http_refusal *fuzz_read_request(struct aa_view text, struct fuzz_request *out);
/* What holds of every answer: a status that is no fault of ours, no header that splits it in two, JSON that is JSON. */
void fuzz_check_answer(const struct aa_response *response);

#endif
