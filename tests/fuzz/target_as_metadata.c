/* Metadata of an authorization server: the issuer expected on the first line, the document behind it. */
#include "base/url.h"
#include "fuzz.h"
#include "oauth/as_metadata.h"

/* Where the document is looked for is on the issuer's own origin. */
static void check_urls(struct aa_view issuer)
{
    struct aa_url url, tried;
    bool is_url = !aa_url_parse(issuer, &url, NULL);

    for (int nth = -1; nth <= 3; nth++) {
        struct aa_buf text;

        aa_buf_init(&text, FUZZ_TEXT_MAX);
        if (aa_as_metadata_add_url(&text, issuer, nth)) {
            MUST(is_url && nth >= 0 && nth < 3);
            if (text.len <= AA_URL_MAX) {
                MUST_OK(aa_url_parse(aa_buf_view(&text), &tried, NULL));
                MUST(aa_view_equal_nocase(tried.host, url.host) && aa_url_port(&tried) == aa_url_port(&url));
                MUST(aa_view_equal_nocase(tried.scheme, url.scheme) && aa_view_is_absent(tried.userinfo));
            }
        } else
            MUST(text.len == 0);
        aa_buf_clear(&text);
    }
}

static bool is_read(struct aa_view document, struct aa_view issuer)
{
    struct aa_as_metadata metadata;
    struct aa_json *root;
    bool taken;

    if (aa_json_parse(document, AA_AS_METADATA_MAX, &root, NULL))
        return false;
    taken = !aa_as_metadata_read(root, issuer, &metadata, NULL);
    if (taken) {
        MUST_EQUAL(metadata.issuer, issuer);
        MUST_EQUAL(metadata.issuer, aa_json_text(aa_json_get(root, "issuer")));
        MUST_EQUAL(metadata.jwks_uri, aa_json_text(aa_json_get(root, "jwks_uri")));
        MUST(metadata.jwks_uri.len <= AA_URL_MAX && metadata.introspection_endpoint.len <= AA_URL_MAX);
    }
    aa_json_free(root);
    return taken;
}

bool fuzz_one(struct aa_view input)
{
    struct aa_view rest = input, issuer = fuzz_take_line(&rest);

    check_urls(issuer);
    return is_read(rest, issuer);
}
