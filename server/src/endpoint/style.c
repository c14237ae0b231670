#include "endpoint/style.h"

#include "base/error.h"
#include "endpoint/urls.h"
#include "http/template.h"

#define VERSION_BYTES 6 /* of the file's SHA-256: 8 characters */

static enum aa_err add_version(struct aa_buf *buf, struct aa_error *err)
{
    uint8_t digest[AA_SHA256_LEN];

    if (aa_sha256(aa_template_file("style.css"), digest))
        return aa_fail(err, AA_ERR_CRYPTO, "SHA-256 failed");
    aa_buf_add_text(buf, "v=");
    aa_buf_add_base64url(buf, aa_view_make(digest, VERSION_BYTES));
    return aa_buf_check(buf, "the style sheet's version", err);
}

enum aa_err aa_style_add_path(const struct aa_app *app, struct aa_buf *buf, struct aa_error *err)
{
    aa_path_of(app, "/style.css", buf);
    aa_buf_add_char(buf, '?');
    return add_version(buf, err);
}

void aa_style_get(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_buf version;
    bool is_current;

    (void)app;
    aa_buf_init(&version, 16);
    is_current = !add_version(&version, NULL) && aa_view_equal(request->query, aa_buf_view(&version));
    aa_buf_clear(&version);
    response->status = 200;
    aa_response_header(response, "Content-Type", AA_VIEW("text/css; charset=utf-8"));
    /* Only under its own version may it be kept: a page of a newer release links to another one. */
    aa_response_header(response, "Cache-Control",
                       is_current ? AA_VIEW("public, max-age=31536000, immutable") : AA_VIEW("no-cache"));
    aa_buf_add(&response->body, aa_template_file("style.css"));
}
