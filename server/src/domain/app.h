/* What every rule works with. Clock and chance come in through here, so that tests move the one and fix the other. */
#ifndef AA_DOMAIN_APP_H
#define AA_DOMAIN_APP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "crypto/crypto.h"
#include "db/db.h"
#include "metrics/metrics.h"

struct aa_keyring;   /* signing keys: domain/keyring.h */
struct aa_key_cache; /* API keys verified lately: domain/server_keys.h */
struct aa_metadata;  /* what discovery answers: domain/metadata.h */

/* Durations in seconds. Filled by the configuration; aa_settings_init() gives the defaults. */
struct aa_settings {
    const char *issuer;         /* "http://localhost:8788": byte for byte what clients compare */
    bool issuer_secure;         /* it is https: Secure cookies with __Host-, HSTS */
    int64_t access_ttl_s;       /* 3600 */
    int64_t refresh_ttl_s;      /* 2592000 (30 days), sliding with rotation */
    int64_t refresh_grace_s;    /* 60: the window in which an old refresh token gives its successor again; 0 = strict */
    int64_t code_ttl_s;         /* 60 */
    int64_t auth_request_ttl_s; /* 600 */
    int64_t session_ttl_s;      /* 1209600 (14 days) */
    int64_t unused_client_ttl_s;       /* 3600 */
    int64_t clients_max;               /* 100000 dynamically registered ones */
    int64_t audit_keep_s;              /* 0: rows of the audit stay for ever */
    bool registration;                 /* true: POST /register is open */
    bool client_documents;             /* true: clients may be known by the URL of their metadata document */
    const char *client_document_hosts; /* of such URLs, separated by spaces; NULL: any */
    bool iss_parameter;                /* true: RFC 9207 iss in authorization responses */
    bool has_admin_digest;             /* a second administrator's token was configured, besides the one `init` made */
    uint8_t admin_digest[AA_SHA256_LEN]; /* its SHA-256 */
    const char *redirect_schemes; /* private-use schemes clients may register: "cursor vscode vscode-insiders claude
                                     windsurf zed" */
};

#define AA_CONTENT_TYPE_MAX 256 /* bytes */

/* What a GET brought. The caller gives the buffers; the body's limit is how much of it is taken at most. */
struct aa_download {
    int64_t timeout_ms; /* set by the caller, for the whole; 0: as usual */
    int status;
    struct aa_buf content_type, body;
    int64_t max_age_s; /* how long it is good (RFC 9111): 0 not at all, -1 nothing was said */
};

/* Is the status one of the site's trouble (5xx, 408), or of a gate against robots that it stands behind (401, 403,
 * 429), and so not its word about what was asked for? */
bool aa_download_is_trouble(const struct aa_download *download);
/* Of an error of `fetch`: did it come to no answer? A program without libcurl (AA_ERR_SYSTEM) reaches nobody. */
bool aa_download_is_unreachable(enum aa_err rc);

/* Whom the work is done for: it stands in the log and in the audit. All of it borrowed. */
struct aa_who {
    const char *request_id;       /* NULL: outside of requests */
    struct aa_view address;       /* of the client; absent outside of requests */
    struct aa_view administrator; /* by whom what only an administrator may do is done: "admin", "cli" */
};

/* Each request works with a copy of its own, made by the table of routes, in which `who` is filled in; everything else
 * is shared. */
struct aa_app {
    struct aa_settings settings;
    struct aa_db *db;
    int64_t (*now_ms)(void *ctx); /* milliseconds since 1970 */
    aa_random_fn random;
    /* GETs an https URL that a stranger named, guarded against whom that may be turned on (main/outgoing.h), within
     * seconds: AA_OK whatever the status, REMOTE_FORBIDDEN for an address that is not public, TOO_LONG for a body above
     * the limit, REMOTE_BREAKER when nobody was asked because too much is being fetched, another REMOTE_ when nothing
     * came. */
    enum aa_err (*fetch)(void *ctx, const char *url, struct aa_download *out, struct aa_error *err);
    void *ctx; /* given to the three */
    struct aa_keyring *keyring;
    struct aa_key_cache *key_cache;
    /* The next two are set by aa_endpoint_router_init(). */
    uint8_t form_key[32]; /* authenticates forms; lives in the store, so it is the same in every process and after a
                             restart */
    struct aa_metadata *metadata; /* the published documents: domain/metadata.h */
    void (*log)(void *ctx, int level, const char *request_id,
                const char *message); /* level: base/level.h; no secrets, ever */
    struct aa_metrics *metrics;       /* NULL: nothing is counted */
    const atomic_bool *is_stopping;   /* told to stop: no longer ready; NULL: never */
    struct aa_who who;
};

void aa_settings_init(struct aa_settings *settings);
/* app->fetch; AA_ERR_SYSTEM where there is none. */
AA_CHECK enum aa_err aa_app_fetch(const struct aa_app *app, const char *url, struct aa_download *out,
                                  struct aa_error *err);
/* The present, from the app's clock. */
int64_t aa_app_now_ms(const struct aa_app *app);
AA_CHECK enum aa_err aa_app_random(const struct aa_app *app, void *out, size_t len);
/* Appends prefix and 16 random characters of [A-Za-z0-9]: "srv_9aB…". */
struct aa_buf;
AA_CHECK enum aa_err aa_app_new_id(const struct aa_app *app, const char *prefix, struct aa_buf *out,
                                   struct aa_error *err);
/* request_id NULL: that of app->who. */
void aa_app_log(const struct aa_app *app, int level, const char *request_id, const char *format, ...) AA_PRINTF(4, 5);

#endif
