/* Which registered MCP server a request means, and which of its scopes. */
#ifndef AA_DOMAIN_SERVERS_H
#define AA_DOMAIN_SERVERS_H

#include "domain/refused.h"
#include "oauth/scope.h"
#include "store/store.h"

/* Inside a closure. The server of `resource` (RFC 8707), spelt tolerantly; when it is absent the only registered one.
 * Refusal: INVALID_TARGET. */
AA_CHECK enum aa_err aa_server_resolve(struct aa_conn *conn, struct aa_view resource, struct aa_server *out,
                                       struct aa_refused *refused, struct aa_error *err);
/* Is `resource` (absent: yes) this server? For the token endpoint: the same as at /authorize, or nothing. */
bool aa_server_is_resource(const struct aa_server *server, struct aa_view resource);
/* The scopes a request gets: what it asked for and the server knows, or the server's defaults when it asked for nothing
 * that is known. Appends the result. Refusal: INVALID_SCOPE for a malformed one. */
AA_CHECK enum aa_err aa_server_choose_scopes(const struct aa_server *server, struct aa_view asked, struct aa_buf *out,
                                             struct aa_refused *refused, struct aa_error *err);
/* Appends what a scope lets somebody do, in words, as far as its name tells: "Read files" for "files:read". Nothing
 * when it does not tell. */
void aa_scope_add_words(struct aa_buf *buf, struct aa_view scope);

#endif
