#include "domain/clients.h"

#include "base/error.h"
#include "base/json.h"
#include "base/url.h"
#include "domain/redirect_uri.h"

enum aa_err aa_client_find_live(struct aa_conn *conn, struct aa_view client_id, int64_t now_ms, struct aa_client *out,
                                struct aa_error *err)
{
    struct aa_client client = {0};
    enum aa_err rc;

    rc = aa_client_find(conn, client_id, &client, err);
    if (rc)
        return rc;
    if (client.expires_ms != 0 && client.expires_ms <= now_ms) {
        aa_record_clear(&client.memory);
        return aa_fail(err, AA_ERR_NOT_FOUND, "the client's registration was never used and ran out");
    }
    *out = client;
    return AA_OK;
}

static bool has_word(struct aa_view words, const char *wanted)
{
    struct aa_view word;

    while (words.len > 0) {
        aa_view_cut(words, ' ', &word, &words);
        if (aa_view_equal_text(word, wanted))
            return true;
    }
    return false;
}

/* A client of which nothing is kept is a public one. */
bool aa_client_may(const struct aa_client *client, enum aa_client_method method)
{
    if (aa_view_is_absent(client->auth_methods))
        return method == AA_CLIENT_NONE;
    return has_word(client->auth_methods, method == AA_CLIENT_NONE ? "none" : "private_key_jwt");
}

enum aa_err aa_client_find_asking(struct aa_conn *conn, struct aa_view client_id, enum aa_client_method method,
                                  int64_t now_ms, struct aa_client *out, struct aa_refused *refused,
                                  struct aa_error *err)
{
    struct aa_client client = {0};
    enum aa_err rc;

    rc = aa_client_find_live(conn, client_id, now_ms, &client, err);
    if (rc == AA_ERR_NOT_FOUND)
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT, "The client is not registered here");
    if (rc)
        return rc;
    if (!aa_client_may(&client, method)) {
        aa_record_clear(&client.memory);
        return aa_refuse(refused, AA_OAUTH_INVALID_CLIENT,
                         method == AA_CLIENT_NONE ? "The client must authenticate with private_key_jwt"
                                                  : "The client has no keys here");
    }
    *out = client;
    return AA_OK;
}

enum aa_err aa_client_make_room(struct aa_conn *conn, const struct aa_app *app, struct aa_refused *refused,
                                struct aa_error *err)
{
    bool made_room = false;
    int64_t clients;
    enum aa_err rc;

    rc = aa_client_count(conn, &clients, err);
    if (rc || clients < app->settings.clients_max)
        return rc;
    rc = aa_client_evict(conn, &made_room, err);
    if (rc || made_room)
        return rc;
    refused->retry_after_s = app->settings.unused_client_ttl_s;
    return aa_refuse(refused, AA_OAUTH_TEMPORARILY_UNAVAILABLE, "Too many clients are registered");
}

static bool find_redirect(const struct aa_json *uris, struct aa_view requested)
{
    size_t i;

    for (i = 0; i < aa_json_len(uris); i++)
        if (aa_redirect_uri_matches(aa_json_text(aa_json_at(uris, i)), requested))
            return true;
    return false;
}

enum aa_err aa_client_prove_redirect(const struct aa_client *client, struct aa_view requested, struct aa_buf *proven,
                                     struct aa_error *err)
{
    struct aa_json *uris = NULL;
    enum aa_err rc;

    rc = aa_json_parse(client->redirect_uris, AA_CLIENT_ANSWER_MAX, &uris, err);
    if (rc)
        return rc == AA_ERR_NOMEM ? rc : AA_ERR_STORE;
    if (aa_view_is_absent(requested) && aa_json_len(uris) == 1)
        requested = aa_json_text(aa_json_at(uris, 0));
    if (!aa_view_is_absent(requested) && find_redirect(uris, requested))
        aa_buf_add(proven, requested);
    else
        rc = aa_fail(err, AA_ERR_NOT_FOUND, "the redirect URI is not registered");
    aa_json_free(uris);
    return rc ? rc : aa_buf_check(proven, "a redirect URI", err);
}

bool aa_client_is_withdrawn(const struct aa_client *client)
{
    return client->fresh_until_ms < 0;
}

bool aa_client_has_grant(const struct aa_client *client, const char *grant_type)
{
    return has_word(client->grant_types, grant_type);
}

bool aa_client_is_trusted_at(const struct aa_client *client, struct aa_view redirect_uri)
{
    return aa_view_equal_text(client->source, "cli") || aa_redirect_uri_kind(redirect_uri) != AA_REDIRECT_WEB;
}

/* A JSON array of the words of a space-separated list. */
static void add_words(struct aa_buf *buf, struct aa_view words)
{
    struct aa_view word;
    bool first = true;

    aa_buf_add_char(buf, '[');
    while (words.len > 0) {
        aa_view_cut(words, ' ', &word, &words);
        if (!first)
            aa_buf_add_char(buf, ',');
        first = false;
        aa_buf_add_json_string(buf, word);
    }
    aa_buf_add_char(buf, ']');
}

static void add_optional(struct aa_buf *buf, const char *name, struct aa_view text)
{
    if (aa_view_is_absent(text) || text.len == 0)
        return;
    aa_buf_add_format(buf, ",\"%s\":", name);
    aa_buf_add_json_string(buf, text);
}

enum aa_err aa_client_add_json(struct aa_buf *buf, const struct aa_client *client, struct aa_error *err)
{
    aa_buf_add_text(buf, "{\"client_id\":");
    aa_buf_add_json_string(buf, client->client_id);
    aa_buf_add_text(buf, ",\"client_id_issued_at\":");
    aa_buf_add_int(buf, client->created_ms / 1000);
    add_optional(buf, "client_name", client->client_name);
    aa_buf_add_text(buf, ",\"redirect_uris\":");
    aa_buf_add(buf, client->redirect_uris);
    aa_buf_add_text(buf, ",\"grant_types\":");
    add_words(buf, client->grant_types);
    aa_buf_add_text(buf, ",\"response_types\":[\"code\"],\"token_endpoint_auth_method\":\"none\"");
    add_optional(buf, "scope", client->scope);
    add_optional(buf, "application_type", client->application_type);
    add_optional(buf, "client_uri", client->client_uri);
    aa_buf_add_char(buf, '}');
    return aa_buf_check(buf, "a client", err);
}
