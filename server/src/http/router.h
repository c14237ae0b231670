/* One table of routes: method, path, handler, body limit, CORS, lane. */
#ifndef AA_HTTP_ROUTER_H
#define AA_HTTP_ROUTER_H

#include "http/message.h"

/* FAST handlers run on the event thread and must not block; SLOW ones (writes, outgoing fetches) run
 * on workers with the connection suspended. HEAVY ones are slow because they keep a processor busy (password hashing):
 * half of the workers are out of their reach, so that logins do not make everybody else wait. A FAST one whose rare
 * request must wait (an API key seen for the first time) sets response->wants_worker where request->must_not_wait, and
 * is called again on a worker. */
enum aa_lane { AA_LANE_FAST, AA_LANE_SLOW, AA_LANE_HEAVY };
enum aa_cors { AA_CORS_NONE, AA_CORS_ANY /* "*", no credentials, MCP-Protocol-Version and Authorization allowed */ };

typedef void (*aa_handler_fn)(void *app, const struct aa_request *request, struct aa_response *response);

struct aa_route {
    enum aa_method method;
    const char *pattern; /* "/api/servers/:id/keys/:key"; a segment ":x" matches one non-empty segment */
    aa_handler_fn handler;
    size_t body_max; /* bytes; 0: a body is refused */
    enum aa_cors cors;
    enum aa_lane lane;
};

struct aa_router {
    const struct aa_route *routes;
    size_t count;
    void *app;
    /* Calls the handler, with an app made for this request alone, say. NULL: with `app`. */
    void (*call)(void *app, aa_handler_fn handler, const struct aa_request *request, struct aa_response *response);
};

/* The first route of the table that fits a request, filling request->params; NULL when there is none. Paths are
 * compared as raw bytes: nothing is decoded, and "/x/" is not "/x". HEAD finds the GET route. */
const struct aa_route *aa_router_find(const struct aa_router *router, struct aa_request *request);
/* Finds and runs, and answers itself what needs no handler: 404, 405 with Allow, OPTIONS (CORS preflight where the path
 * has AA_CORS_ANY), 413. Adds the headers every answer has (X-Content-Type-Options, Referrer-Policy,
 * Strict-Transport-Security when secure, request id). Tests call this without a socket. When request->must_not_wait, it
 * may end in response->wants_worker and no answer. */
void aa_router_dispatch(const struct aa_router *router, struct aa_request *request, struct aa_response *response);

struct aa_http_refusal {
    int status;
    const char *error, *description; /* ASCII literals of ours */
};

/* Answers a request that no handler will see (too large, too many waiting): the JSON body of aa_response_oauth_error(),
 * CORS as the route says, the headers every answer has. What the response held is dropped. */
void aa_router_refuse(const struct aa_router *router, struct aa_request *request, struct aa_response *response,
                      const struct aa_http_refusal *refusal);

#endif
