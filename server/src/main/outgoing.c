#include "main/outgoing.h"

#include "base/error.h"
#include "base/url.h"
#include "net/fetch.h"

#define CONNECT_TIMEOUT_MS 2000
#define TIMEOUT_MS 3500 /* a browser waits; and what runs when the server is told to stop is to end in time */
#define WORKERS_DEFAULT 16

void aa_outgoing_init(struct aa_outgoing *outgoing, const struct aa_config *config)
{
    int64_t workers = aa_config_number(config, AA_CONFIG_workers);
    struct aa_url issuer;

    if (workers == 0)
        workers = WORKERS_DEFAULT;
    outgoing->ca_file = aa_config_text(config, AA_CONFIG_ca_file);
    outgoing->allow_loopback =
        aa_url_parse(aa_view_of(aa_config_text(config, AA_CONFIG_issuer)), &issuer, NULL) == AA_OK &&
        aa_url_is_loopback(&issuer);
    outgoing->max = workers > 1 ? (int)workers / 2 : 1;
    atomic_init(&outgoing->under_way, 0);
}

static enum aa_err take_over(const struct aa_fetched *fetched, struct aa_download *out, struct aa_error *err)
{
    enum aa_err rc;

    out->status = fetched->status;
    out->max_age_s = fetched->max_age_s;
    aa_buf_add(&out->body, fetched->body);
    if (fetched->content_type.len <= out->content_type.max) /* a longer one is none that we know */
        aa_buf_add(&out->content_type, fetched->content_type);
    rc = aa_buf_check(&out->body, "a document", err);
    return rc ? rc : aa_buf_check(&out->content_type, "a content type", err);
}

static enum aa_err fetch(const struct aa_outgoing *outgoing, const char *url, struct aa_download *out,
                         struct aa_error *err)
{
    const struct aa_fetch_settings settings = {
        .ca_file = outgoing->ca_file,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .timeout_ms = out->timeout_ms > 0 ? out->timeout_ms : TIMEOUT_MS,
        .body_max = out->body.max,
        .allow_loopback = outgoing->allow_loopback,
    };
    struct aa_fetched fetched = {0};
    enum aa_err rc = aa_fetch(&settings, url, &fetched, err);

    if (!rc)
        rc = take_over(&fetched, out, err);
    aa_fetched_clear(&fetched);
    return rc;
}

enum aa_err aa_outgoing_fetch(struct aa_outgoing *outgoing, const char *url, struct aa_download *out,
                              struct aa_error *err)
{
    enum aa_err rc;

    if (atomic_fetch_add(&outgoing->under_way, 1) >= outgoing->max)
        rc = aa_fail(err, AA_ERR_REMOTE_BREAKER, "too many documents are being fetched");
    else
        rc = fetch(outgoing, url, out, err);
    atomic_fetch_sub(&outgoing->under_way, 1);
    return rc;
}
