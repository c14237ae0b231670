/* A guard before a play-acted authorization server, and the requests that tests send through it. */
#ifndef AA_TESTS_CORE_SUPPORT_GUARD_H
#define AA_TESTS_CORE_SUPPORT_GUARD_H

#include "authagent/guard.h"
#include "support/test.h"
#include "support_http.h"

#define RESOURCE "https://mcp.example.com/mcp"
#define INTROSPECT "/introspect"
#define METADATA "/.well-known/oauth-authorization-server"
#define REGISTRATION "/api/servers/srv_test"
#define KEYS "/jwks.json"

/* An active answer with these scopes, for our resource, without exp. */
#define ACTIVE(scope)                                                                                                  \
    "{\"active\":true,\"sub\":\"usr_1\",\"email\":\"ann@example.com\",\"client_id\":\"cl_1\",\"scope\":\"" scope       \
    "\",\"aud\":\"" RESOURCE "\"}"

struct stage {
    struct http_server *server;
    struct aa_guard *guard;
    struct aa_queue *queue;
    char issuer[64];
};

/* Starts a server with metadata, registration and introspection (every token inactive unless set). */
void stage_open(struct stage *stage);
/* Starts the guard; `more` are further members (",\"x\":1") or "". */
void stage_guard(struct stage *stage, const char *more);
/* Both, with required scope files:read and a known resource. */
void stage_set(struct stage *stage, const char *more);
void stage_clear(struct stage *stage);
/* The server is gone, and comes back on the same port. */
void stage_kill_server(struct stage *stage);
void stage_restart_server(struct stage *stage);
/* The metadata with or without jwks_uri. */
void stage_publish_metadata(struct stage *stage, bool with_keys);

/* Log lines ("error: …") of all guards since the stage was opened that hold this text; they go nowhere else. */
int logged(const char *part);

/* GET /mcp with "Bearer <token>"; the texts live until the next call on this thread. token NULL: no header. */
struct aa_guard_request request_with(const char *token);
/* Asks, waits if need be, and gives the code (AA_OK for ALLOW and PASS); the verdict is cleared. */
enum aa_err ask(struct stage *stage, const char *token);
/* The value of an answer's header; absent when there is none. */
struct aa_view header_of(const struct aa_answer *answer, const char *name);
/* Waits for at most 10 s until the queue gives one. Fails the test otherwise. */
void take_one(struct aa_queue *queue, struct aa_completion *out);
/* Waits until the play-acted server holds so many requests of the path. */
void await_waiting(struct stage *stage, const char *path, int count);
/* Sends it off, with nothing in the queue yet. The tag is the token's own text. */
uint64_t send_off(struct stage *stage, const char *token);
void sleep_ms(int ms);
struct aa_guard_stats stats_of(struct stage *stage);

#endif
