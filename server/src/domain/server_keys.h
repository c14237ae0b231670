/* API keys of registered MCP servers, and who is asking with one.
 *
 * A secret is "sk_" + 16 characters of key id + 32 random + 6 of checksum, all [A-Za-z0-9]. The id finds the row; the
 * checksum, which only we can compute, refuses junk before any work; PBKDF2-HMAC-SHA-256 (100,000 rounds) decides once;
 * then the key is remembered in memory under a keyed digest for 5 minutes. A revocation by another process (the command
 * line) is noticed within a second. */
#ifndef AA_DOMAIN_SERVER_KEYS_H
#define AA_DOMAIN_SERVER_KEYS_H

#include "base/buf.h"
#include "domain/app.h"

AA_CHECK enum aa_err aa_key_cache_new(const struct aa_app *app, struct aa_key_cache **out, struct aa_error *err);
void aa_key_cache_free(struct aa_key_cache *cache);

/* Mints a key for server_id. Appends the id and the secret (shown once; wipe it). AA_ERR_NOT_FOUND without that server.
 * About 22 ms. */
AA_CHECK enum aa_err aa_server_key_mint(struct aa_app *app, struct aa_view server_id, struct aa_view name,
                                        struct aa_buf *key_id, struct aa_buf *secret, struct aa_error *err);
/* Revokes and forgets it. AA_ERR_NOT_FOUND unless key_id is that server's. */
AA_CHECK enum aa_err aa_server_key_withdraw(struct aa_app *app, struct aa_view server_id, struct aa_view key_id,
                                            struct aa_error *err);

/* Forgets what is remembered of a server's keys: after it was removed. */
void aa_server_key_forget(struct aa_app *app, struct aa_view server_id);

/* Has it the form of a secret of ours? (Whether it is one is another question.) */
bool aa_server_key_is_shaped(struct aa_view secret);

enum aa_key_verdict { AA_KEY_GOOD, AA_KEY_BAD, AA_KEY_UNKNOWN_YET /* needs the slow check */ };
/* Never blocks: answers from the cache, or refuses what cannot be a key (form, checksum). Appends the server's id to
 * *server_id when GOOD. */
enum aa_key_verdict aa_server_key_check_fast(struct aa_app *app, struct aa_view secret, struct aa_buf *server_id);
/* The whole check (store and PBKDF2; slow lane). claimed_server_id, unless absent, must be the key's own (HTTP Basic
 * user). *good tells. AA_OK or storage trouble. */
AA_CHECK enum aa_err aa_server_key_check(struct aa_app *app, struct aa_view claimed_server_id, struct aa_view secret,
                                         bool *good, struct aa_buf *server_id, struct aa_error *err);

#endif
