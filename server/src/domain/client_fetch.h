/* Clients that are known by the URL of their metadata document (draft-ietf-oauth-client-id-metadata-document-02): the
 * document is fetched when an authorization begins, and its keys with it; a copy is kept as a client like any other, so
 * that hardly anything but an authorization request waits for somebody else's web site (domain/client_renew.h). */
#ifndef AA_DOMAIN_CLIENT_FETCH_H
#define AA_DOMAIN_CLIENT_FETCH_H

#include "domain/app.h"
#include "domain/refused.h"

#define AA_CLIENT_FRESH_MIN_S 300         /* however short the site says its document is good */
#define AA_CLIENT_FRESH_S 3600            /* where it says nothing */
#define AA_CLIENT_FRESH_MAX_S (24 * 3600) /* however long */
/* While the site is away a copy stands in: for no longer than this, unless it is a well-known client's. */
#define AA_CLIENT_KEPT_MS (INT64_C(7 * 86400) * 1000)

/* Sees to it that the client is in the store as its document says; AA_OK at once for a client_id that is no https URL,
 * for one that is known otherwise (no document speaks for it), and for a copy that is fresh. May take as long as
 * app->fetch does. Whoever goes on looks the client up: it may be another's doing what is there then.
 *
 * When the site cannot be reached, is in trouble, or was asked for too much lately, the last good copy is used, or what
 * this version knows of a well-known client. Whatever else the site says counts: a document that is gone, or is not one
 * any more, is how a client is withdrawn. Nothing is kept of a failure.
 *
 * Keys at jwks_uri that cannot be had keep nobody out who can do without them.
 *
 * Refusals: UNAUTHORIZED_CLIENT where such clients, or this site's, are not let in; INVALID_CLIENT for a URL that names
 * no document; INVALID_CLIENT_METADATA for a document that cannot be had or used; TOO_MANY_REQUESTS;
 * TEMPORARILY_UNAVAILABLE when there are too many clients. */
AA_CHECK enum aa_err aa_client_fetch(struct aa_app *app, struct aa_view client_id, struct aa_refused *refused,
                                     struct aa_error *err);
/* The same, also for a copy that is fresh, and uncounted: whoever calls has seen to it that strangers do not make us
 * ask often. *is_asked is false when nobody was asked because too much is being fetched. */
AA_CHECK enum aa_err aa_client_fetch_again(struct aa_app *app, struct aa_view client_id, bool *is_asked,
                                           struct aa_refused *refused, struct aa_error *err);
/* May it be fetched at all? Refusals: UNAUTHORIZED_CLIENT, INVALID_CLIENT. */
AA_CHECK enum aa_err aa_client_fetch_check(const struct aa_app *app, struct aa_view client_id,
                                           struct aa_refused *refused);

#endif
