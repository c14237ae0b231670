/* The usual ways to say no to a machine. */
#ifndef AA_ENDPOINT_ANSWER_H
#define AA_ENDPOINT_ANSWER_H

#include "domain/app.h"
#include "domain/refused.h"
#include "http/message.h"

/* A refusal as RFC 6749 §5.2 writes it; the error picks the status. */
void aa_answer_refused(struct aa_response *response, const struct aa_refused *refused);
/* A request that cannot be read: 400 invalid_request. */
void aa_answer_malformed(struct aa_response *response, enum aa_err code);
/* Trouble of ours, never the caller's fault: logged, and 503 with Retry-After, so that nobody throws good tokens away.
 */
void aa_answer_trouble(const struct aa_app *app, const struct aa_request *request, struct aa_response *response,
                       enum aa_err code, const struct aa_error *err);
/* What a domain function that may refuse ended in (not AA_OK): refused or trouble. */
void aa_answer_failure(const struct aa_app *app, const struct aa_request *request, struct aa_response *response,
                       enum aa_err code, const struct aa_refused *refused, const struct aa_error *err);

#endif
