/* Clients: dynamic registration (RFC 7591) and what is asked of a registered one. All use PKCE, none has a secret;
 * those that are known by the URL of their metadata document may have keys of their own (domain/client_auth.h). */
#ifndef AA_DOMAIN_CLIENTS_H
#define AA_DOMAIN_CLIENTS_H

#include "base/buf.h"
#include "domain/app.h"
#include "domain/refused.h"
#include "store/store.h"

#define AA_CLIENT_ANSWER_MAX (64 * 1024) /* of aa_client_add_json(): ten redirect URIs of the largest size, escaped */
#define AA_CLIENT_ID_LOGGED_MAX 256      /* bytes of a client_id in a line of the log, which has an end */

/* Registers what `document` (JSON text) asks for, as far as we do it; the same document gives the same client. `peer`
 * is the asking address. Fills *out (clear with aa_record_clear). Refusals: INVALID_CLIENT_METADATA,
 * INVALID_REDIRECT_URI, TOO_MANY_REQUESTS, ACCESS_DENIED when registration is closed, TEMPORARILY_UNAVAILABLE when
 * there are too many clients. */
AA_CHECK enum aa_err aa_client_register(struct aa_app *app, struct aa_view document, struct aa_view peer,
                                        struct aa_client *out, struct aa_refused *refused, struct aa_error *err);
/* Appends the answer of RFC 7591 §3.2.1: unset members are left out, the method is always said. */
AA_CHECK enum aa_err aa_client_add_json(struct aa_buf *buf, const struct aa_client *client, struct aa_error *err);

/* Inside a closure, before a client is created: where strangers have filled the table, one that was never used gives
 * way, or whoever has many addresses would keep everybody else out. Refusal: TEMPORARILY_UNAVAILABLE. */
AA_CHECK enum aa_err aa_client_make_room(struct aa_conn *conn, const struct aa_app *app, struct aa_refused *refused,
                                         struct aa_error *err);
/* Inside a closure: the client, unless it is unknown or its registration ran out: AA_ERR_NOT_FOUND. */
AA_CHECK enum aa_err aa_client_find_live(struct aa_conn *conn, struct aa_view client_id, int64_t now_ms,
                                         struct aa_client *out, struct aa_error *err);
/* How a client shows at /token and /revoke who it is (OpenID Connect Core §9). */
enum aa_client_method {
    AA_CLIENT_NONE,           /* not at all */
    AA_CLIENT_PRIVATE_KEY_JWT /* an assertion that was verified */
};
bool aa_client_may(const struct aa_client *client, enum aa_client_method method);
/* Inside a closure: the client that asks, which has shown by `method` who it is. Refusal: INVALID_CLIENT when it is
 * unknown, its registration ran out, or it must do otherwise: who has registered for keys alone cannot leave them out.
 */
AA_CHECK enum aa_err aa_client_find_asking(struct aa_conn *conn, struct aa_view client_id, enum aa_client_method method,
                                           int64_t now_ms, struct aa_client *out, struct aa_refused *refused,
                                           struct aa_error *err);
/* Does the registration hold a URI that `requested` matches? When requested is absent: is there exactly one? Then
 * *proven is the URI to use: a copy appended to memory. AA_ERR_NOT_FOUND when it is not proven. */
AA_CHECK enum aa_err aa_client_prove_redirect(const struct aa_client *client, struct aa_view requested,
                                              struct aa_buf *proven, struct aa_error *err);
/* Does its site say that it is no more? What it was given before stays; nothing new is given. */
bool aa_client_is_withdrawn(const struct aa_client *client);
bool aa_client_has_grant(const struct aa_client *client, const char *grant_type);
/* May a browser be sent to this proven redirect URI with an error when nobody was asked? Not to a web site that a
 * stranger registered: a link that begins with our name would end on a page of his (RFC 9700 §4.11.2). What only leads
 * to a program on the person's own device, or was registered by the administrator, may. */
bool aa_client_is_trusted_at(const struct aa_client *client, struct aa_view redirect_uri);

#endif
