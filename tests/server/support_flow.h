/* The server as machines meet it: its whole table of routes without a socket, a person, two registered MCP servers, two
 * clients; and authorizations as the consent page leaves them behind. */
#ifndef AA_TESTS_SERVER_SUPPORT_FLOW_H
#define AA_TESTS_SERVER_SUPPORT_FLOW_H

#include "base/json.h"
#include "http/router.h"
#include "store/store.h"
#include "support_app.h"

#define ISSUER "http://localhost:8788"
#define RESOURCE "https://files.example/mcp"
#define OTHER_RESOURCE "https://notes.example/mcp"
#define REDIRECT "http://127.0.0.1:3118/callback"
#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" /* RFC 7636, appendix B */
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

#define FLOW_BODY_MAX (64 * 1024)
#define FLOW_TOKEN_MAX 4096

struct flow {
    struct app_fixture f;
    struct aa_router router;
    char folder[64], path[96]; /* empty for a database in memory */
    char user_id[64], server_id[64], other_server_id[64];
    char client_id[64], other_client_id[64]; /* public; the first has never been used */
    char key[128], other_key[128];           /* of the servers, once flow_keys() made them */

    struct aa_response response; /* of the last request */
    struct aa_json *json;        /* its body; NULL when it is not JSON */
};

/* TEST with an open flow. */
#define FLOW_TEST(group, sentence)                                                                                     \
    static void body_##sentence(struct flow *flow);                                                                    \
    TEST(group, sentence)                                                                                              \
    {                                                                                                                  \
        struct flow opened;                                                                                            \
                                                                                                                       \
        flow_open(&opened);                                                                                            \
        body_##sentence(&opened);                                                                                      \
        flow_close(&opened);                                                                                           \
    }                                                                                                                  \
    static void body_##sentence(struct flow *flow)

void flow_open(struct flow *flow);         /* on a database in memory */
void flow_open_on_disk(struct flow *flow); /* where threads do not wait for each other's every statement */
void flow_reopen(struct flow *flow);       /* as after a restart: only what is on disk is kept */
/* A second server on the database of the first, as another process would be. Close it before that. */
void flow_open_beside(struct flow *second, const struct flow *first);
void flow_close(struct flow *flow);
void flow_keys(struct flow *flow); /* about 50 ms */
void flow_move(struct flow *flow, int64_t seconds);
/* Runs a store operation in a write of its own. */
void flow_write(struct flow *flow, aa_db_fn fn, void *ctx);

/* ---- asking ---- */

struct flow_request {
    enum aa_method method;
    const char *path, *query;
    const char *authorization, *content_type; /* NULL: no such header */
    struct aa_view body;
};
/* Sends it through the router; gives the status. */
int flow_send(struct flow *flow, const struct flow_request *request);
/* The same with an answer of the caller's own, from any thread. */
int flow_send_to(struct flow *flow, const struct flow_request *request, struct aa_response *response);
int flow_get(struct flow *flow, const char *path);
/* POST as a form: names and values in turn, ended by NULL; a pair whose value is NULL is left out. */
int flow_post(struct flow *flow, const char *path, ...);
int flow_post_json(struct flow *flow, const char *path, ...);
int flow_post_raw(struct flow *flow, const char *path, const char *content_type, const char *body);
/* Writes the same as a form's bytes. */
void flow_form(char *out, size_t size, ...);

/* ---- looking at the answer ---- */

struct aa_view flow_text(struct flow *flow, const char *member);
int64_t flow_int(struct flow *flow, const char *member);
bool flow_has(struct flow *flow, const char *member);
struct aa_view flow_header(struct flow *flow, const char *name); /* the first; absent when there is none */
/* Is it an OAuth error, not to be stored, that says what it must? */
void flow_check_error(struct flow *flow, int status, const char *error);
void flow_copy(struct flow *flow, const char *member, char out[FLOW_TOKEN_MAX]);

/* ---- authorizations ---- */

struct flow_grant { /* what the person allowed; flow_grant_init() fills in the usual */
    const char *client_id, *server_id, *user_id, *scope, *redirect_uri;
    bool redirect_uri_sent;
    char grant_id[64];
    char code[128];
};
void flow_grant_init(const struct flow *flow, struct flow_grant *grant);
/* Stores the grant and a code for it. */
void flow_grant_store(struct flow *flow, struct flow_grant *grant);
/* Both for the usual one; copies the code. */
void flow_code(struct flow *flow, char code[128]);
/* POST /token for a code with everything right. */
int flow_redeem(struct flow *flow, const char *code);
int flow_refresh(struct flow *flow, const char *refresh_token);
/* The tokens of a whole authorization. */
void flow_tokens(struct flow *flow, char access[FLOW_TOKEN_MAX], char refresh[FLOW_TOKEN_MAX]);
/* Introspects as the first server (flow_keys() first): is it active? */
bool flow_is_active(struct flow *flow, const char *token);
void flow_disable_user(struct flow *flow);

#endif
