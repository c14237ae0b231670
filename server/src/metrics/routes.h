/* Requests by route and status. Inside server/src/metrics only. */
#ifndef AA_METRICS_ROUTES_H
#define AA_METRICS_ROUTES_H

#include "metrics/metrics.h"

struct aa_metrics_routes;

AA_CHECK enum aa_err aa_metrics_routes_new(const struct aa_metrics_route *routes, size_t count,
                                           struct aa_metrics_routes **out, struct aa_error *err);
void aa_metrics_routes_free(struct aa_metrics_routes *routes);
void aa_metrics_routes_note(struct aa_metrics_routes *routes, size_t route, int status, int64_t duration_us);
void aa_metrics_routes_write(const struct aa_metrics_routes *routes, struct aa_buf *out);

#endif
