#include "domain/client_fetch_rate.h"

#include "domain/rate.h"
#include "store/store.h"

struct limit {
    const char *what;
    struct aa_view whom;
    int64_t max;
    const char *refusal;
};

struct counting {
    struct limit limits[2];
    int64_t now_ms;
    const char *refusal; /* NULL: there is room */
};

static bool is_meant(const struct limit *limit)
{
    return !aa_view_is_absent(limit->whom);
}

static enum aa_err build_key(const struct counting *counting, const struct limit *limit, uint8_t key[AA_SHA256_LEN],
                             struct aa_error *err)
{
    return aa_rate_key_build(limit->what, limit->whom, counting->now_ms, AA_CLIENT_FETCH_WINDOW_MS, key, err);
}

/* Looked at before anything is written, so that who goes on and on costs no write. */
static enum aa_err find_room(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct counting *counting = ctx;
    enum aa_err rc = AA_OK;

    counting->refusal = NULL;
    for (size_t i = 0; !rc && !counting->refusal && i < 2; i++) {
        const struct limit *limit = &counting->limits[i];
        int64_t counted = 0, until_ms = 0;
        uint8_t key[AA_SHA256_LEN];

        if (!is_meant(limit))
            continue;
        rc = build_key(counting, limit, key, err);
        if (!rc)
            rc = aa_lockout_find(conn, aa_view_make((const char *)key, sizeof key), &counted, &until_ms, err);
        if (!rc && counted >= limit->max)
            counting->refusal = limit->refusal;
    }
    return rc;
}

static enum aa_err count_one(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct counting *counting = ctx;
    enum aa_err rc = AA_OK;

    for (size_t i = 0; !rc && i < 2; i++) {
        uint8_t key[AA_SHA256_LEN];
        int64_t counted;

        if (!is_meant(&counting->limits[i]))
            continue;
        rc = build_key(counting, &counting->limits[i], key, err);
        if (!rc)
            rc = aa_lockout_add(conn, aa_view_make((const char *)key, sizeof key), counting->now_ms,
                                counting->now_ms + AA_CLIENT_FETCH_WINDOW_MS, &counted, err);
    }
    return rc;
}

/* By its name alone: a host is not to be asked for so much at each of its ports. */
static struct aa_view host_of(struct aa_view site)
{
    struct aa_view host, port;

    aa_view_cut(site, ':', &host, &port);
    return host;
}

enum aa_err aa_client_fetch_count(const struct aa_app *app, const struct aa_client_fetch_limits *limits, int64_t now_ms,
                                  const char **refusal, struct aa_error *err)
{
    struct counting counting = {
        .limits = {{"client_document", limits->address, AA_CLIENT_FETCH_PER_ADDRESS_MAX,
                    "this address had too many metadata documents fetched"},
                   {"client_document_site", host_of(limits->site), AA_CLIENT_FETCH_PER_SITE_MAX,
                    "this site was asked for too many metadata documents"}},
        .now_ms = now_ms,
    };
    enum aa_err rc = aa_db_read(app->db, find_room, &counting, err);

    if (!rc && !counting.refusal)
        rc = aa_db_write(app->db, count_one, &counting, err);
    if (!rc)
        *refusal = counting.refusal;
    return rc;
}

void aa_client_fetch_refuse(struct aa_refused *refused, const char *refusal, int64_t now_ms)
{
    aa_refuse(refused, AA_OAUTH_TOO_MANY_REQUESTS, refusal);
    refused->retry_after_s = (AA_CLIENT_FETCH_WINDOW_MS - now_ms % AA_CLIENT_FETCH_WINDOW_MS + 999) / 1000;
}
