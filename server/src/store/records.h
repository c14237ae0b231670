/* What the store holds. A record read from the store owns its texts in `memory`: clear it with
 * aa_record_clear(&record.memory). A record given to the store borrows everything; `memory` is ignored. Times are
 * integer milliseconds since 1970; 0 means "not" (not revoked, no expiry) unless said otherwise. An absent view is SQL
 * NULL. */
#ifndef AA_STORE_RECORDS_H
#define AA_STORE_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

void aa_record_clear(char **memory); /* wipes and frees; safe on NULL */

/* Digest keys: a 4-byte big-endian issue bucket (seconds since 1970) followed by SHA-256 of the secret: rows of one
 * time share pages. */
#define AA_DIGEST_KEY_LEN 36

struct aa_user {
    char *memory;
    struct aa_view user_id; /* usr_… */
    struct aa_view email;   /* unique without case; stored in the spelling given */
    struct aa_view name;
    struct aa_view password_phc; /* absent: cannot log in by password */
    int64_t created_ms, disabled_ms;
};

struct aa_session { /* a person's login in one browser */
    char *memory;
    struct aa_view session_digest; /* SHA-256 of the cookie's secret, 32 bytes */
    struct aa_view user_id;
    int64_t created_ms, authenticated_ms, expires_ms;
};

struct aa_server { /* a registered MCP server: a protected resource */
    char *memory;
    struct aa_view server_id;       /* srv_… */
    struct aa_view server_url;      /* the resource identifier in its registered spelling */
    struct aa_view resource_normal; /* aa_resource_add_normal() of it; unique */
    struct aa_view server_name;
    struct aa_view scopes;         /* space-separated: all it knows */
    struct aa_view default_scopes; /* absent: all of `scopes` */
    struct aa_view user_id;        /* owner; absent: the installation's */
    int64_t created_ms, updated_ms;
};

struct aa_server_key {
    char *memory;
    struct aa_view key_id; /* sk_ + 16: also the front of the secret */
    struct aa_view server_id;
    struct aa_view name;
    struct aa_view secret_phc; /* $pbkdf2-sha256$i=100000$salt$hash */
    int64_t created_ms, revoked_ms, last_used_ms;
};

struct aa_client {
    char *memory;
    struct aa_view client_id; /* cl_… ; a URL for client id metadata documents */
    struct aa_view client_name;
    struct aa_view redirect_uris;    /* JSON array of strings */
    struct aa_view grant_types;      /* space-separated */
    struct aa_view scope;            /* as registered; may be absent */
    struct aa_view application_type; /* "native" or "web"; absent when not said */
    struct aa_view client_uri;
    struct aa_view source;      /* "dcr", "cli", "cimd", "import" */
    struct aa_view fingerprint; /* SHA-256 of the canonical registration: the same request gives the same client;
                                   unique; absent for cli */
    int64_t created_ms, last_used_ms, expires_ms; /* expires_ms: 0 once it was used */
    /* Of "cimd" alone: when its site was last asked for its metadata document with an answer, and until when our copy
     * is good without another look; -1: by that answer the client is no more. */
    int64_t fetched_ms, fresh_until_ms;
    /* Of "cimd" alone: how it may show who it is ("none", "private_key_jwt" or both, space-separated; absent: "none"),
     * and its public keys: the JWK set, which stands in its document or at jwks_uri, when its site last
     * said what it is, or that there is none (0: never), and when it was last asked for. */
    struct aa_view auth_methods, jwks, jwks_uri;
    int64_t jwks_fetched_ms, jwks_asked_ms;
};

struct aa_auth_request { /* one authorization request under way in one browser */
    char *memory;
    struct aa_view request_digest; /* SHA-256 of the transaction secret in the URL/form, 32 bytes */
    struct aa_view browser_digest; /* SHA-256 of the transaction cookie, 32 bytes */
    struct aa_view client_id, redirect_uri, state, code_challenge, scope, server_id;
    struct aa_view resource_sent; /* as the client spelt it; absent when it sent none */
    struct aa_view user_id;       /* absent until somebody is logged in */
    bool redirect_uri_sent;       /* it stood in the request, and was not taken from the registration */
    bool prompt_consent, prompt_login, prompt_none;
    int64_t created_ms, expires_ms, consumed_ms;
};

struct aa_grant { /* what one person allowed one client at one resource, from one authorization: a token family */
    char *memory;
    struct aa_view grant_id; /* gr_… */
    struct aa_view user_id, client_id, server_id, scope;
    int64_t created_ms, last_used_ms, revoked_ms; /* used: a token was issued; a revoked grant stays as a tombstone */
};

/* What a person allowed a client at a server, with their names: all grants of one scope, or all consents of one. */
struct aa_named_access {
    char *memory;
    struct aa_view client_id, client_name, client_source, server_id, server_name, server_url, scope;
    int64_t grants;                   /* how many; 0: these are consents */
    int64_t created_ms, last_used_ms; /* the first was made, a token was last issued */
};

struct aa_consent { /* what a person said yes to, so that the same question need not be asked again */
    char *memory;
    struct aa_view user_id, client_id, server_id, scope, redirect_uri;
    int64_t created_ms, revoked_ms;
};

struct aa_code {
    char *memory;
    struct aa_view code_key; /* AA_DIGEST_KEY_LEN bytes */
    struct aa_view grant_id, client_id, redirect_uri, code_challenge, scope, server_id, user_id;
    bool redirect_uri_sent; /* OAuth 2.1 §4.1.3: must be repeated at the token endpoint when it was sent */
    int64_t created_ms, expires_ms, redeemed_ms;
};

struct aa_access_token {
    char *memory;
    struct aa_view token_key; /* AA_DIGEST_KEY_LEN bytes: bucket of issue, digest of the whole token */
    struct aa_view jti, grant_id, scope, audience;
    int64_t issued_ms, expires_ms, revoked_ms;
};

struct aa_refresh_token {
    char *memory;
    struct aa_view token_key;
    struct aa_view grant_id, client_id, user_id, server_id, scope;
    struct aa_view successor_sealed; /* the next token, sealed with a key made from this one; absent until rotated */
    int64_t issued_ms, expires_ms, rotated_ms, revoked_ms;
};

/* A client's signed word for who it is, which counts once (RFC 7523 §3, item 7). */
struct aa_used_assertion {
    char *memory;
    struct aa_view assertion_digest; /* SHA-256 of the client and the assertion's jti, 32 bytes */
    int64_t expires_ms;              /* until when it would be good */
};

/* How long a retired key is published: an access token lives a day at most (access_ttl). */
#define AA_SIGNING_KEY_KEPT_MS (INT64_C(25) * 3600 * 1000)

struct aa_signing_key {
    char *memory;
    struct aa_view kid, alg;
    struct aa_view private_sealed; /* PKCS#8, sealed with the master key */
    int64_t created_ms, not_before_ms,
        retired_ms; /* signs from not_before_ms until retired_ms; still verifies until it is removed */
};

/* Everything introspection and userinfo ask of a token, from one statement. */
struct aa_live_token {
    char *memory;
    struct aa_view jti, grant_id, client_id, user_id, server_id, scope, audience, email, name;
    int64_t issued_ms, expires_ms;
    /* the ingredients of "is live"; the predicate itself is aa_live_token_is_live() in domain/ */
    int64_t token_revoked_ms, grant_revoked_ms, user_disabled_ms;
};

#endif
