/* For supervisors and load balancers.
 *
 *   GET /healthz   aa_healthz_get   fast lane: the process answers
 *   GET /readyz    aa_readyz_get    slow lane: so does the database, the keys are loaded, and nobody told it to stop
 */
#ifndef AA_ENDPOINT_HEALTH_H
#define AA_ENDPOINT_HEALTH_H

#include "http/router.h"

void aa_healthz_get(void *app, const struct aa_request *request, struct aa_response *response);
void aa_readyz_get(void *app, const struct aa_request *request, struct aa_response *response);

#endif
