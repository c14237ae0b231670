#include "domain/client_keys.h"

#include "base/error.h"
#include "base/url.h"
#include "domain/clients.h"
#include "jose/jwks.h"
#include "store/store.h"

/* After a document that took as long as it may, whoever waits still has an answer within ten seconds. */
#define TIMEOUT_MS 3000

/* The private parts of a key (RFC 7518 §6.2.2, §6.3.2, RFC 8037 §2, RFC 9964) and the whole of a symmetric one
 * (§6.4.1). One who publishes these has lost them, and should hear of it. */
static const char *const private_parts[] = {"d", "k", "p", "q", "dp", "dq", "qi", "oth", "priv"};

bool aa_client_keys_are_lost(const struct aa_json *jwks)
{
    const struct aa_json *keys = aa_json_get(jwks, "keys");

    for (size_t i = 0; i < aa_json_len(keys); i++)
        for (size_t part = 0; part < sizeof private_parts / sizeof *private_parts; part++)
            if (aa_json_get(aa_json_at(keys, i), private_parts[part]))
                return true;
    return false;
}

enum aa_err aa_client_keys_check(struct aa_view jwks, struct aa_error *err)
{
    struct aa_jwks *keys = NULL;
    bool has_key;
    enum aa_err rc;

    rc = aa_jwks_parse(jwks, &keys, NULL);
    if (rc == AA_ERR_NOMEM)
        return aa_fail(err, rc, "out of memory for a client's keys");
    has_key = !rc && aa_jwks_len(keys) > 0;
    aa_jwks_release(keys);
    return has_key ? AA_OK : AA_ERR_NOT_FOUND;
}

/* ---- at jwks_uri ---- */

static enum aa_err refuse(struct aa_refused *refused, const char *description)
{
    return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT_METADATA, description);
}

static enum aa_err judge_set(struct aa_view text, struct aa_refused *refused, struct aa_error *err)
{
    struct aa_json *root = NULL;
    bool are_lost;
    enum aa_err rc;

    rc = aa_json_parse(text, AA_CLIENT_KEYS_MAX, &root, NULL);
    are_lost = !rc && aa_client_keys_are_lost(root);
    aa_json_free(root);
    if (rc == AA_ERR_NOMEM)
        return aa_fail(err, rc, "out of memory for a client's keys");
    if (are_lost)
        return refuse(refused, "jwks_uri of the client shows a private key: it is known to everybody now, and must be "
                               "replaced");
    if (!rc)
        rc = aa_client_keys_check(text, err);
    if (rc == AA_ERR_NOMEM)
        return rc;
    return rc ? refuse(refused, "There is no JWK set with a key that can be used at jwks_uri of the client") : AA_OK;
}

static enum aa_err judge(enum aa_err rc, const struct aa_download *download, struct aa_refused *refused,
                         struct aa_error *err)
{
    if (rc == AA_ERR_TOO_LONG)
        return refuse(refused, "The JWK set at jwks_uri of the client is larger than 32 KB");
    if (rc)
        return rc;
    if (aa_download_is_trouble(download))
        return aa_fail(err, AA_ERR_REMOTE_STATUS, "the site of a client's keys answered with an error");
    if (download->status != 200)
        return refuse(refused, "There is no JWK set at jwks_uri of the client");
    return judge_set(aa_buf_view(&download->body), refused, err);
}

enum aa_err aa_client_keys_fetch(const struct aa_app *app, struct aa_view jwks_uri, struct aa_buf *jwks,
                                 struct aa_refused *refused, struct aa_error *err)
{
    struct aa_download download = {.timeout_ms = TIMEOUT_MS};
    struct aa_error why = AA_ERROR_INIT;
    struct aa_buf url;
    enum aa_err rc;

    aa_buf_init(&url, AA_URL_MAX);
    aa_buf_init(&download.body, AA_CLIENT_KEYS_MAX);
    aa_buf_init(&download.content_type, AA_CONTENT_TYPE_MAX);
    aa_buf_add(&url, jwks_uri);
    rc = aa_buf_check(&url, "a jwks_uri", err);
    if (rc)
        goto done;
    rc = aa_app_fetch(app, aa_buf_text(&url), &download, &why);
    if (rc)
        rc = judge(aa_fail(err, rc, "a client's keys could not be fetched: %s", why.message), &download, refused, err);
    else
        rc = judge(AA_OK, &download, refused, err);
    if (rc)
        goto done;
    aa_buf_add(jwks, aa_buf_view(&download.body));
    rc = aa_buf_check(jwks, "a client's keys", err);
done:
    aa_buf_clear(&url);
    aa_buf_clear(&download.body);
    aa_buf_clear(&download.content_type);
    return rc;
}

/* ---- kept ones ---- */

static bool is_within(const struct aa_client *client, int64_t now_ms, int64_t span_ms)
{
    /* What lies far ahead came from a clock that was wrong. */
    return client->jwks_fetched_ms != 0 && client->jwks_fetched_ms <= now_ms + AA_CLIENT_CLOCKS_MS &&
           now_ms - client->jwks_fetched_ms < span_ms;
}

bool aa_client_keys_are_good(const struct aa_client *client, int64_t now_ms)
{
    /* Keys that stood in a document went with it. */
    if (aa_view_is_absent(client->jwks_uri) && aa_client_is_withdrawn(client))
        return false;
    return !aa_view_is_absent(client->jwks) && is_within(client, now_ms, AA_CLIENT_KEYS_KEPT_MS);
}

bool aa_client_keys_are_old(const struct aa_client *client, int64_t now_ms)
{
    return !is_within(client, now_ms, AA_CLIENT_KEYS_FRESH_MS);
}
