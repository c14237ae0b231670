/* A client with keys of its own: its web site, which publishes its metadata document and its JWK set, and the
 * assertions it signs. */
#ifndef AA_TESTS_SERVER_SUPPORT_ASSERTION_H
#define AA_TESTS_SERVER_SUPPORT_ASSERTION_H

#include "domain/client_assertion.h"
#include "support_flow.h"

#define CLIENT "https://client.example/oauth/client.json"
#define CLIENT_JWKS "https://keys.example/oauth/jwks.json"

/* ---- its keys ---- */

struct keypair {
    const char *alg, *kid; /* kid NULL: it has none */
    void *pkey;            /* OpenSSL's */
    char jwk[1024];        /* the public half */
};

/* alg: ES256, RS256, PS256 or EdDSA. Those of RSA share one, which takes long to make. */
void keypair_open(struct keypair *pair, const char *alg, const char *kid);
void keypair_close(struct keypair *pair);

/* ---- its site, as the test has it; there is one ---- */

struct client_site {
    char document[4096];
    enum aa_err jwks_rc; /* instead of an answer */
    int document_status, jwks_status;
    char jwks[64 * 1024];
    int document_calls, jwks_calls;
    int64_t jwks_timeout_ms; /* that the last was asked with */
};
extern struct client_site client_site;

/* `members` are those of the document besides its id and its redirect URI. */
void client_site_publish(const char *members);
void client_site_publish_keys(const struct keypair *first, const struct keypair *second); /* second NULL: one */
void client_site_write_keys(char *out, size_t size, const struct keypair *first, const struct keypair *second);
/* Opens a flow whose client is this one, with the document fetched as for an authorization. */
void client_flow_open(struct flow *flow, const char *members);
/* Fetches it again. */
enum aa_err client_flow_authorize(struct flow *flow, struct aa_refused *refused);

/* ---- what it signs ---- */

#define ASSERTION_MEMBERS_MAX 16

struct member {
    const char *name, *value; /* JSON; "@+60": the time in so many seconds; NULL: left out */
};
struct assertion {
    struct member header[ASSERTION_MEMBERS_MAX], claims[ASSERTION_MEMBERS_MAX];
    char jti[32];
    char text[2 * AA_JWT_MAX];
};

/* A good one, not signed yet, with a jti of its own. */
void assertion_init(struct assertion *assertion, const struct keypair *pair);
void assertion_set(struct member members[ASSERTION_MEMBERS_MAX], const char *name, const char *value);
/* Signs it; also what is not good any more. */
const char *assertion_sign(struct flow *flow, struct assertion *assertion, const struct keypair *pair);
/* A good one, signed; until the next call. */
const char *assertion_new(struct flow *flow, const struct keypair *pair);

/* POST /token for a code, or a refresh token, with everything right and this assertion; NULL: without. Gives the
 * status. */
int client_redeem(struct flow *flow, const char *code, const char *assertion);
int client_refresh(struct flow *flow, const char *refresh_token, const char *assertion);
/* Rows of assertions that were spent. */
int64_t assertions_kept(struct flow *flow);

#endif
