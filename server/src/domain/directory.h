/* People and registered MCP servers: made, changed and removed by an administrator (HTTP API and command line alike).
 */
#ifndef AA_DOMAIN_DIRECTORY_H
#define AA_DOMAIN_DIRECTORY_H

#include "base/buf.h"
#include "base/json.h"
#include "domain/app.h"
#include "domain/login_limits.h"
#include "store/records.h"

/* Makes a person; appends the new usr_… id. AA_ERR_CONFLICT when the e-mail address is taken; AA_ERR_REQUEST_MALFORMED
 * for an unusable one or a password under AA_PASSWORD_MIN. */
AA_CHECK enum aa_err aa_person_create(struct aa_app *app, struct aa_view email, struct aa_view name,
                                      struct aa_view password, struct aa_buf *user_id, struct aa_error *err);
/* Makes sure that there is a person with this address; appends their id. A new one has no password and cannot log in
 * until they are given one. */
AA_CHECK enum aa_err aa_person_ensure(struct aa_app *app, struct aa_view email, bool *is_new, struct aa_buf *user_id,
                                      struct aa_error *err);
AA_CHECK enum aa_err aa_person_set_password(struct aa_app *app, struct aa_view email, struct aa_view password,
                                            struct aa_error *err);
/* Disables (or enables); disabling ends sessions and revokes grants. */
AA_CHECK enum aa_err aa_person_set_disabled(struct aa_app *app, struct aa_view email, bool disabled,
                                            struct aa_error *err);

struct aa_login_try { /* borrowed */
    struct aa_view email, password;
    struct aa_view peer;   /* the address's rate key (IPv4 /32, IPv6 /64) */
    struct aa_view device; /* the cookie of domain/device.h; absent: none */
};
/* Who logs in: AA_OK and *user filled (clear with aa_record_clear) or AA_ERR_TOKEN_INACTIVE for a wrong pair or a
 * disabled person, the same time spent in every case; AA_ERR_STORE_BUSY-like codes for trouble. A lock-out
 * (domain/login_limits.h: 10 failures per account and address in 15 minutes, 100 per account from anywhere, each of
 * strangers' browsers; growing delays, never for good) is AA_ERR_TOKEN_NOT_YET, with *retry_after_s. Slow lane. */
AA_CHECK enum aa_err aa_person_authenticate(struct aa_app *app, const struct aa_login_try *tried, struct aa_user *user,
                                            int64_t *retry_after_s, struct aa_error *err);
/* How a person's account is guessed at by strangers. AA_ERR_NOT_FOUND. */
AA_CHECK enum aa_err aa_person_find_strangers(struct aa_app *app, struct aa_view email, struct aa_strangers *out,
                                              struct aa_error *err);
/* Forgets all failures at it; *out tells how it was. AA_ERR_NOT_FOUND. */
AA_CHECK enum aa_err aa_person_unlock(struct aa_app *app, struct aa_view email, struct aa_strangers *out,
                                      struct aa_error *err);

struct aa_server_registration {
    struct aa_view server_url;  /* http(s) URL; http only for loopback */
    struct aa_view server_name; /* 1–200 bytes of UTF-8 */
    struct aa_view scopes;      /* space-separated; may be empty */
    struct aa_view user_id;     /* owner; absent: none; must exist */
    struct aa_view server_id;   /* the id it already has; absent: a new one */
    int64_t created_ms;         /* 0: now */
};
/* Registers; fills *out (clear with aa_record_clear). AA_ERR_CONFLICT when the resource is registered; request errors
 * for bad members, the message says which. */
AA_CHECK enum aa_err aa_directory_register(struct aa_app *app, const struct aa_server_registration *registration,
                                           struct aa_server *out, struct aa_error *err);

/* Removes it with its keys; its grants are revoked. AA_ERR_NOT_FOUND. */
AA_CHECK enum aa_err aa_directory_remove(struct aa_app *app, struct aa_view server_id, struct aa_error *err);

/* The administrator's token: made once ("adm_…"; only its digest is kept), replaced by aa_admin_token_renew(). Appends
 * the token. AA_ERR_CONFLICT when there is one. */
AA_CHECK enum aa_err aa_admin_token_create(struct aa_app *app, struct aa_buf *token, struct aa_error *err);
AA_CHECK enum aa_err aa_admin_token_renew(struct aa_app *app, struct aa_buf *token, struct aa_error *err);
/* Is there one at all, made or configured? */
AA_CHECK enum aa_err aa_admin_token_exists(struct aa_app *app, bool *exists, struct aa_error *err);
AA_CHECK enum aa_err aa_admin_token_check(struct aa_app *app, struct aa_view token, bool *good, struct aa_error *err);

#endif
