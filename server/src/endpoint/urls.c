#include "endpoint/urls.h"

#include "base/url.h"

static struct aa_view without_slash(struct aa_view text)
{
    return aa_view_has_suffix(text, AA_VIEW("/")) ? aa_view_slice(text, 0, text.len - 1) : text;
}

void aa_url_of(const struct aa_app *app, const char *path, struct aa_buf *buf)
{
    aa_buf_add(buf, without_slash(aa_view_of(app->settings.issuer)));
    aa_buf_add_text(buf, path);
}

void aa_path_of(const struct aa_app *app, const char *path, struct aa_buf *buf)
{
    struct aa_url issuer;

    if (!aa_url_parse(aa_view_of(app->settings.issuer), &issuer, NULL))
        aa_buf_add(buf, without_slash(issuer.path));
    aa_buf_add_text(buf, path);
}

void aa_issuer_add_host(const struct aa_app *app, struct aa_buf *buf)
{
    struct aa_url issuer;
    struct aa_buf origin;

    if (aa_url_parse(aa_view_of(app->settings.issuer), &issuer, NULL))
        return;
    aa_buf_init(&origin, AA_URL_MAX);
    aa_url_add_origin(&origin, &issuer);
    aa_buf_add(buf, aa_view_from(aa_buf_view(&origin), issuer.scheme.len + 3)); /* behind "https://" */
    if (origin.bad)
        buf->bad = origin.bad;
    aa_buf_clear(&origin);
}
