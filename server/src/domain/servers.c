#include "domain/servers.h"

#include "base/error.h"
#include "base/url.h"
#include "oauth/resource.h"

static enum aa_err find_by_resource(struct aa_conn *conn, struct aa_view resource, struct aa_server *out,
                                    struct aa_error *err)
{
    struct aa_buf normal;
    enum aa_err rc;

    aa_buf_init(&normal, AA_URL_MAX);
    rc = aa_resource_add_normal(&normal, resource, err);
    if (!rc)
        rc = aa_buf_check(&normal, "a resource", err);
    if (!rc)
        rc = aa_server_find_by_resource(conn, aa_buf_view(&normal), out, err);
    else if (rc != AA_ERR_NOMEM)
        rc = AA_ERR_NOT_FOUND; /* too long, or no URL: nobody's */
    aa_buf_clear(&normal);
    return rc;
}

enum aa_err aa_server_resolve(struct aa_conn *conn, struct aa_view resource, struct aa_server *out,
                              struct aa_refused *refused, struct aa_error *err)
{
    enum aa_err rc;

    if (aa_view_is_absent(resource)) {
        rc = aa_server_find_only(conn, out, err);
        if (rc == AA_ERR_NOT_FOUND)
            return aa_refuse(refused, AA_OAUTH_INVALID_TARGET, "resource must say which server is meant");
        return rc;
    }
    rc = find_by_resource(conn, resource, out, err);
    if (rc == AA_ERR_NOT_FOUND)
        return aa_refuse(refused, AA_OAUTH_INVALID_TARGET, "resource is not registered here");
    return rc;
}

bool aa_server_is_resource(const struct aa_server *server, struct aa_view resource)
{
    return aa_view_is_absent(resource) || aa_resource_equal(server->server_url, resource);
}

static enum aa_err keep_known(const struct aa_scopes *known, const struct aa_scopes *asked, struct aa_scopes *kept,
                              struct aa_error *err)
{
    size_t i;
    enum aa_err rc;

    for (i = 0; i < asked->len; i++) {
        if (!aa_scopes_cover(known, asked->items[i]))
            continue;
        rc = aa_scopes_add(kept, asked->items[i], err);
        if (rc)
            return rc;
    }
    return AA_OK;
}

enum aa_err aa_server_choose_scopes(const struct aa_server *server, struct aa_view asked_text, struct aa_buf *out,
                                    struct aa_refused *refused, struct aa_error *err)
{
    struct aa_view default_text = aa_view_is_absent(server->default_scopes) ? server->scopes : server->default_scopes;
    struct aa_scopes known = {0}, asked = {0}, kept = {0};
    enum aa_err rc;

    if (aa_scopes_parse(asked_text, &asked, NULL))
        return aa_refuse(refused, AA_OAUTH_INVALID_SCOPE, "scope is malformed or has too many members");
    rc = aa_scopes_parse(server->scopes, &known, err);
    if (rc)
        return AA_ERR_STORE;
    rc = keep_known(&known, &asked, &kept, err);
    if (rc)
        return rc;
    /* Some clients ask for "openid email profile" when nobody told them what to ask for (mcp-remote). A token without
     * any scope would only be answered with a demand for more, so asking for nothing we know is asking for nothing: the
     * defaults, which the person sees and approves. */
    if (kept.len == 0) {
        rc = aa_scopes_parse(default_text, &kept, err);
        if (rc)
            return AA_ERR_STORE;
    }
    aa_scopes_write(&kept, out);
    return aa_buf_check(out, "the scopes", err);
}

/* The verbs people name scopes after, and how to say them. */
static const struct {
    const char *action;
    const char *words;
} verbs[] = {
    {"read", "Read"},
    {"write", "Change"},
    {"create", "Create"},
    {"update", "Change"},
    {"edit", "Change"},
    {"delete", "Delete"},
    {"remove", "Remove"},
    {"list", "List"},
    {"search", "Search"},
    {"send", "Send"},
    {"execute", "Run"},
    {"run", "Run"},
    {"invoke", "Use"},
    {"use", "Use"},
    {"admin", "Administer"},
    {"manage", "Manage"},
    {"*", "Do everything with"},
};

static const char *find_verb(struct aa_view action)
{
    size_t i;

    for (i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (aa_view_equal_text(action, verbs[i].action))
            return verbs[i].words;
    return NULL;
}

static bool is_word(struct aa_view text)
{
    size_t i;

    for (i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return text.len > 0;
}

void aa_scope_add_words(struct aa_buf *buf, struct aa_view scope)
{
    struct aa_view thing, action;
    const char *verb;
    size_t i;

    /* "files:read" and "read:files" are both about. */
    if (!aa_view_cut(scope, ':', &thing, &action))
        return;
    verb = find_verb(action);
    if (!verb) {
        verb = find_verb(thing);
        thing = action;
    }
    if (!verb || !is_word(thing))
        return;
    aa_buf_add_text(buf, verb);
    aa_buf_add_char(buf, ' ');
    for (i = 0; i < thing.len; i++)
        aa_buf_add_char(buf, thing.data[i] == '_' || thing.data[i] == '-' ? ' ' : thing.data[i]);
}
