#include "oauth/resource.h"

#include "base/error.h"
#include "base/url.h"

static const struct aa_view METADATA_PATH = {"/.well-known/oauth-protected-resource", 37};

static bool is_web(const struct aa_url *url)
{
    return aa_url_is_scheme(url, "https") || aa_url_is_scheme(url, "http");
}

static enum aa_err parse(struct aa_view text, struct aa_url *url, struct aa_error *err)
{
    enum aa_err rc = aa_url_parse(text, url, err);

    if (rc)
        return rc;
    if (!is_web(url))
        return aa_fail(err, AA_ERR_URL_MALFORMED, "a resource identifier must be an https URL");
    if (!aa_view_is_absent(url->fragment)) /* RFC 8707 §2 */
        return aa_fail(err, AA_ERR_URL_MALFORMED, "a resource identifier must not have a fragment");
    if (!aa_view_is_absent(url->userinfo))
        return aa_fail(err, AA_ERR_URL_MALFORMED, "a resource identifier must not have a user or password");
    return AA_OK;
}

enum aa_err aa_resource_check(struct aa_view text, bool allow_http, struct aa_error *err)
{
    struct aa_url url;
    enum aa_err rc = parse(text, &url, err);

    if (rc)
        return rc;
    if (aa_url_is_scheme(&url, "http") && !allow_http && !aa_url_is_loopback(&url))
        return aa_fail(err, AA_ERR_URL_MALFORMED, "a resource identifier must be an https URL, http for loopback only");
    return AA_OK;
}

/* The path without the lone "/" that URL.href adds to an empty one. */
static struct aa_view path_of(const struct aa_url *url)
{
    return aa_view_equal_text(url->path, "/") ? AA_VIEW("") : url->path;
}

enum aa_err aa_resource_add_normal(struct aa_buf *buf, struct aa_view text, struct aa_error *err)
{
    struct aa_url url;

    if (parse(text, &url, NULL)) {
        aa_buf_add(buf, text);
    } else {
        url.path = path_of(&url);
        aa_url_add_normal(buf, &url);
    }
    return aa_buf_check(buf, "a resource identifier", err);
}

/* ---- comparing, without memory of its own: it must not fail ---- */

static bool is_same_url(const struct aa_url *a, const struct aa_url *b)
{
    return aa_view_equal_nocase(a->scheme, b->scheme) && aa_view_equal_nocase(a->host, b->host) &&
           aa_url_port(a) == aa_url_port(b) && aa_view_equal(path_of(a), path_of(b)) &&
           aa_view_equal(a->query, b->query);
}

bool aa_resource_equal(struct aa_view a, struct aa_view b)
{
    struct aa_url url_a;
    struct aa_url url_b;

    if (parse(a, &url_a, NULL) || parse(b, &url_b, NULL))
        return aa_view_equal(a, b);
    return is_same_url(&url_a, &url_b);
}

bool aa_audience_has(const struct aa_json *aud, struct aa_view resource)
{
    if (aa_json_is(aud, AA_JSON_STRING))
        return aa_resource_equal(aa_json_text(aud), resource);
    if (!aa_json_is(aud, AA_JSON_ARRAY))
        return false;
    for (size_t i = 0; i < aa_json_len(aud); i++) {
        struct aa_view member = aa_json_text(aa_json_at(aud, i));

        if (!aa_view_is_absent(member) && aa_resource_equal(member, resource))
            return true;
    }
    return false;
}

/* ---- where its metadata stands ---- */

static void add_path(struct aa_buf *buf, const struct aa_url *url)
{
    aa_buf_add(buf, METADATA_PATH);
    aa_buf_add(buf, path_of(url));
}

enum aa_err aa_resource_add_metadata_path(struct aa_buf *buf, struct aa_view resource, struct aa_error *err)
{
    struct aa_url url;
    enum aa_err rc = parse(resource, &url, err);

    if (rc)
        return rc;
    add_path(buf, &url);
    return aa_buf_check(buf, "the path of resource metadata", err);
}

enum aa_err aa_resource_add_metadata_url(struct aa_buf *buf, struct aa_view resource, struct aa_error *err)
{
    struct aa_url url;
    enum aa_err rc = parse(resource, &url, err);

    if (rc)
        return rc;
    aa_url_add_origin(buf, &url);
    add_path(buf, &url);
    if (!aa_view_is_absent(url.query)) { /* RFC 9728 §3.1: "between the host component and the path and/or query" */
        aa_buf_add_char(buf, '?');
        aa_buf_add(buf, url.query);
    }
    return aa_buf_check(buf, "the URL of resource metadata", err);
}
