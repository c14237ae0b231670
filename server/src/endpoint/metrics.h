/* What the server counts, for Prometheus; on a listener of its own, never the public one.
 *
 *   GET /metrics   aa_metrics_get   fast lane; app->metrics must be there
 */
#ifndef AA_ENDPOINT_METRICS_H
#define AA_ENDPOINT_METRICS_H

#include "http/router.h"

void aa_metrics_get(void *app, const struct aa_request *request, struct aa_response *response);

#endif
