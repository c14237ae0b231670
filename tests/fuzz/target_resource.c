/* Protected resources: two identifiers on two lines, then a name and scopes for the published document. */
#include "base/url.h"
#include "fuzz.h"
#include "oauth/resource.h"
#include "oauth/resource_metadata.h"

static void check_normal(struct aa_view text)
{
    struct aa_buf once, twice;

    aa_buf_init(&once, FUZZ_TEXT_MAX);
    aa_buf_init(&twice, FUZZ_TEXT_MAX);
    MUST_OK(aa_resource_add_normal(&once, text, NULL));
    MUST_OK(aa_resource_add_normal(&twice, aa_buf_view(&once), NULL));
    MUST_EQUAL(aa_buf_view(&once), aa_buf_view(&twice));
    MUST(aa_resource_equal(text, text) && aa_resource_equal(text, aa_buf_view(&once)));
    aa_buf_clear(&once);
    aa_buf_clear(&twice);
}

/* Equal identifiers are one place. */
static void check_equality(struct aa_view a, struct aa_view b)
{
    bool are_equal = aa_resource_equal(a, b);
    struct aa_url first, second;

    MUST(are_equal == aa_resource_equal(b, a));
    MUST(are_equal || !aa_view_equal(a, b));
    if (!are_equal || aa_url_parse(a, &first, NULL) || aa_url_parse(b, &second, NULL))
        return;
    MUST(aa_view_equal_nocase(first.scheme, second.scheme) && aa_view_equal_nocase(first.host, second.host));
    MUST(aa_url_port(&first) == aa_url_port(&second));
}

/* The document lies on the resource's own origin (RFC 9728 §3.1). */
static void check_metadata_url(struct aa_view resource, bool taken)
{
    struct aa_url url, own;
    struct aa_buf text;
    enum aa_err rc;

    aa_buf_init(&text, FUZZ_TEXT_MAX);
    rc = aa_resource_add_metadata_url(&text, resource, NULL);
    MUST(taken == !rc);
    if (!rc && text.len <= AA_URL_MAX) {
        MUST_OK(aa_url_parse(aa_buf_view(&text), &url, NULL));
        MUST_OK(aa_url_parse(resource, &own, NULL));
        MUST(aa_view_equal_nocase(url.host, own.host) && aa_url_port(&url) == aa_url_port(&own));
        MUST(aa_view_has_prefix(url.path, AA_VIEW("/.well-known/oauth-protected-resource")));
    }
    aa_buf_clear(&text);
}

static void check_document(const struct aa_resource_metadata *metadata)
{
    const struct aa_json *listed;
    struct aa_json *root;
    struct aa_buf text;

    aa_buf_init(&text, FUZZ_TEXT_MAX);
    aa_resource_metadata_build(&text, metadata);
    root = fuzz_must_be_json(&text);
    MUST_EQUAL(aa_json_text(aa_json_get(root, "resource")), metadata->resource);
    listed = aa_json_get(root, "scopes_supported");
    for (size_t i = 0; i < aa_json_len(listed); i++) {
        MUST(aa_scopes_has(metadata->scopes, aa_json_text(aa_json_at(listed, i))));
        MUST(!aa_view_equal_text(aa_json_text(aa_json_at(listed, i)), "offline_access"));
    }
    aa_json_free(root);
    aa_buf_clear(&text);
}

bool fuzz_one(struct aa_view input)
{
    struct aa_view rest = input, resource = fuzz_take_line(&rest), other = fuzz_take_line(&rest);
    struct aa_view name = fuzz_take_line(&rest);
    struct aa_scopes scopes = {.len = 0};
    bool taken = !aa_resource_check(resource, true, NULL);

    if (aa_view_is_absent(other))
        other = AA_VIEW("");
    check_normal(resource);
    check_equality(resource, other);
    check_metadata_url(resource, taken);
    MUST(taken || aa_resource_check(resource, false, NULL) != AA_OK);
    if (!taken || aa_scopes_parse(rest, &scopes, NULL) || !(aa_view_is_absent(name) || aa_view_is_utf8(name)))
        return taken;
    check_document(&(struct aa_resource_metadata){
        .resource = resource,
        .authorization_server = AA_VIEW("https://auth.example.com"),
        .resource_name = name,
        .scopes = &scopes,
    });
    return true;
}
