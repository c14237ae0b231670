/* What the rules write into the audit (store/audit.h): each in the closure that does it, and last in it. */
#ifndef AA_DOMAIN_AUDIT_H
#define AA_DOMAIN_AUDIT_H

#include "domain/app.h"
#include "store/audit.h"

/* X(id, the text in the table, is it by an administrator when no actor is named) */
#define AA_AUDIT_EVENTS(X)                                                                                             \
    X(LOGIN, "login", false)                                                                                           \
    X(LOGIN_FAILED, "login_failed",                                                                                    \
      false) /* user_id only when there is such an account: what was typed is not kept */                              \
    X(LOCKOUT, "lockout", false)                                                                                       \
    X(LOGOUT, "logout", false)                                                                                         \
    X(CONSENT, "consent", false) /* with it the grant and its code were made */                                        \
    X(DENY, "deny", false)                                                                                             \
    X(TOKEN_ISSUED, "token_issued", false)                                                                             \
    X(REFRESH, "refresh", false)                                                                                       \
    X(REUSE_DETECTED, "reuse_detected", false) /* of a refresh token: the grant is revoked */                          \
    X(CODE_REPLAYED, "code_replayed", false)   /* the grant is revoked */                                              \
    X(REVOKE, "revoke", false)                                                                                         \
    X(CLIENT_REGISTERED, "client_registered", false) /* by itself */                                                   \
    X(CLIENT_CHANGED, "client_changed", false)       /* its metadata document says something else */                   \
    X(CLIENT_WITHDRAWN, "client_withdrawn", false)   /* by its site; the next two by hand */                           \
    X(CLIENT_ADDED, "client_added", true)                                                                              \
    X(CLIENT_REMOVED, "client_removed", true)                                                                          \
    X(SERVER_CREATED, "server_created", true)                                                                          \
    X(SERVER_REMOVED, "server_removed", true)                                                                          \
    X(KEY_CREATED, "key_created", true)                                                                                \
    X(KEY_REVOKED, "key_revoked", true)                                                                                \
    X(USER_ADDED, "user_added", true)                                                                                  \
    X(USER_PASSWORD, "user_password", true)                                                                            \
    X(USER_DISABLED, "user_disabled", true)                                                                            \
    X(USER_ENABLED, "user_enabled", true)                                                                              \
    X(ADMIN_TOKEN, "admin_token", true)                                                                                \
    X(SIGNING_KEY, "signing_key", true)                                                                                \
    X(PRUNED, AA_AUDIT_PRUNED_EVENT, true)

enum aa_audit_event {
#define AA_AUDIT_ENUM(id, text, by_administrator) AA_AUDIT_##id,
    AA_AUDIT_EVENTS(AA_AUDIT_ENUM)
#undef AA_AUDIT_ENUM
        AA_AUDIT_COUNT
};

#define AA_AUDIT_DETAILS_MAX 4

struct aa_audit_detail {
    const char *name;
    struct aa_view text; /* absent: left out. Never a secret */
};

struct aa_audit_entry { /* borrowed; absent where there is nothing to say */
    enum aa_audit_event event;
    struct aa_view actor; /* absent: app->who.administrator, for what administrators do; else nobody we know */
    struct aa_view user_id, client_id, server_id, grant_id;
    struct aa_audit_detail details[AA_AUDIT_DETAILS_MAX];
};

/* W; last in its closure. Adds the time, and address and request from app->who. */
AA_CHECK enum aa_err aa_audit_note(const struct aa_app *app, struct aa_conn *conn, const struct aa_audit_entry *entry,
                                   struct aa_error *err);

/* The same for a row about a checkpoint, which is moved with it: `checkpoint` stands first in the detail, before the
 * entry's own. AA_ERR_CONFLICT when another one has moved it. */
AA_CHECK enum aa_err aa_audit_note_checkpoint(const struct aa_app *app, struct aa_conn *conn,
                                              const struct aa_audit_entry *entry,
                                              const struct aa_audit_checkpoint *checkpoint, struct aa_error *err);

#endif
