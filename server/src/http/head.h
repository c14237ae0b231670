/* What the head of a request must look like before anybody reads it, beyond what the HTTP library demands. */
#ifndef AA_HTTP_HEAD_H
#define AA_HTTP_HEAD_H

#include "http/router.h"

/* Bytes of request line and fields together. An authorization request with every parameter at its cap is the longest
 * that we expect. */
#define AA_HEAD_MAX 8192

enum aa_method aa_method_parse(struct aa_view name); /* case matters (RFC 9110 §9.1) */

/* Sets path and query from the request target: origin form, or absolute form, whose host counts for nothing here. False
 * for anything else, or for a byte that may not stand in a URI. */
AA_CHECK bool aa_target_parse(struct aa_view target, struct aa_request *request);

struct aa_head {
    const struct aa_request *request; /* with its headers */
    size_t head_len, target_len;
    bool is_target_good;  /* aa_target_parse() */
    bool has_more_fields; /* than AA_HTTP_HEADERS_MAX */
};

/* NULL when it is good: its size, its target, a plain Content-Length, and that no field stands twice of which different
 * readers might take a different one. */
const struct aa_http_refusal *aa_head_check(const struct aa_head *head);

/* The announced size of the body; 0 when there is none, -1 when it is not known in advance. */
int64_t aa_head_body_len(const struct aa_request *request);

#endif
