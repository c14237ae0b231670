/* Every endpoint of the server, in one table. */
#ifndef AA_ENDPOINT_ENDPOINT_H
#define AA_ENDPOINT_ENDPOINT_H

#include "domain/app.h"
#include "http/router.h"

/* The routes of the whole server, and how many. Handlers take a struct aa_app * as their `app`. When the issuer has a
 * path, metadata stands at the path-inserted forms and everything else below that path. */
AA_CHECK enum aa_err aa_endpoint_router_init(struct aa_router *router, struct aa_app *app, struct aa_error *err);
void aa_endpoint_router_clear(struct aa_router *router);

/* The routes of a listener that is for operators alone: GET /metrics. Nothing to clear. */
struct aa_router aa_endpoint_metrics_router(struct aa_app *app);

#endif
