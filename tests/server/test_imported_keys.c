/* API keys of the older service: found through the server's id, at no cost to those who have none. */
#include <stdio.h>

#include "domain/imported_keys.h"
#include "domain/key_cache.h"
#include "support_basic.h"
#include "support_flow.h"

#define OLD_SECRET "an older secret, of whatever form"
#define MINUTE_MS INT64_C(60000)

/* Imports a key with that secret for the flow's server. */
static void import(struct flow *flow, const char *key_id, const char *secret, int64_t ends_ms)
{
    struct aa_imported_key key = {.server_id = VIEW(flow->server_id),
                                  .key_id = VIEW(key_id),
                                  .name = VIEW("old"),
                                  .salt = {1, 2, 3},
                                  .created_ms = 1000,
                                  .ends_ms = ends_ms};

    CHECK_OK(aa_pbkdf2_sha256(VIEW(secret), aa_view_make(key.salt, sizeof key.salt), AA_KEY_ROUNDS, key.hash,
                              sizeof key.hash));
    CHECK_OK(aa_imported_key_add(&flow->f.app, &key, NULL));
    CHECK_OK(aa_imported_keys_look(&flow->f.app, NULL));
}

static bool is_good(struct flow *flow, const char *server_id, const char *secret)
{
    struct aa_buf found;
    bool good = false;

    aa_buf_init(&found, 128);
    if (aa_imported_key_is_possible(&flow->f.app, VIEW(secret)))
        CHECK_OK(aa_imported_key_check(&flow->f.app, VIEW(server_id), VIEW(secret), &good, &found, NULL));
    if (good)
        CHECK_VIEW(aa_buf_view(&found), server_id);
    aa_buf_clear(&found);
    return good;
}

static enum aa_key_verdict check_fast(struct flow *flow, const char *secret)
{
    enum aa_key_verdict verdict;
    struct aa_buf found;

    aa_buf_init(&found, 128);
    verdict = aa_imported_key_check_fast(&flow->f.app, VIEW(flow->server_id), VIEW(secret), &found);
    aa_buf_clear(&found);
    return verdict;
}

FLOW_TEST(imported_keys, open_what_they_opened_and_nothing_else)
{
    import(flow, "key_1", OLD_SECRET, 0);
    import(flow, "key_2", "another", 0);
    CHECK(is_good(flow, flow->server_id, OLD_SECRET));
    CHECK(is_good(flow, flow->server_id, "another"));
    CHECK(!is_good(flow, flow->server_id, OLD_SECRET "."));
    CHECK(!is_good(flow, flow->server_id, ""));
    CHECK(!is_good(flow, "srv_somebody", OLD_SECRET));
}

FLOW_TEST(imported_keys, cost_nothing_where_there_are_none)
{
    CHECK_OK(aa_imported_keys_look(&flow->f.app, NULL));
    CHECK(!aa_imported_key_is_possible(&flow->f.app, VIEW(OLD_SECRET)));
    import(flow, "key_1", OLD_SECRET, 0);
    CHECK(aa_imported_key_is_possible(&flow->f.app, VIEW(OLD_SECRET)));
}

/* A secret of our own form is judged by our own rules, whatever was imported. */
FLOW_TEST(imported_keys, do_not_stand_in_for_ours)
{
    flow_keys(flow);
    import(flow, "key_1", flow->key, 0);
    CHECK(!aa_imported_key_is_possible(&flow->f.app, VIEW(flow->key)));
}

FLOW_TEST(imported_keys, are_remembered)
{
    import(flow, "key_1", OLD_SECRET, 0);
    CHECK_INT(check_fast(flow, OLD_SECRET), AA_KEY_UNKNOWN_YET);
    CHECK(is_good(flow, flow->server_id, OLD_SECRET));
    CHECK_INT(check_fast(flow, OLD_SECRET), AA_KEY_GOOD);
    CHECK_INT(check_fast(flow, "another"), AA_KEY_UNKNOWN_YET);
    flow->f.now_ms += AA_KEY_LOOK_AGAIN_MS;
    CHECK_INT(check_fast(flow, OLD_SECRET), AA_KEY_UNKNOWN_YET);
    CHECK(is_good(flow, flow->server_id, OLD_SECRET));
    CHECK_INT(check_fast(flow, OLD_SECRET), AA_KEY_GOOD);
}

FLOW_TEST(imported_keys, end_when_they_end)
{
    import(flow, "key_1", OLD_SECRET, flow->f.now_ms + 2 * MINUTE_MS);
    CHECK(is_good(flow, flow->server_id, OLD_SECRET));
    flow->f.now_ms += 2 * MINUTE_MS - 1;
    CHECK(is_good(flow, flow->server_id, OLD_SECRET));
    flow->f.now_ms += AA_KEY_LOOK_AGAIN_MS;
    CHECK(!is_good(flow, flow->server_id, OLD_SECRET));
    CHECK(!is_good(flow, flow->server_id, OLD_SECRET));
}

struct only {
    char key_id[64];
};

static enum aa_err note_id(void *ctx, const void *record, struct aa_error *err)
{
    const struct aa_server_key *key = record;

    (void)err;
    snprintf(((struct only *)ctx)->key_id, sizeof((struct only *)ctx)->key_id, "%.*s", AA_VIEW_ARGS(key->key_id));
    return AA_OK;
}

struct listing {
    struct aa_view server_id;
    struct only only;
};

static enum aa_err list_keys(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct listing *listing = ctx;

    return aa_server_key_list(conn, listing->server_id, note_id, &listing->only, err);
}

FLOW_TEST(imported_keys, are_revoked_like_ours)
{
    struct listing listing = {.server_id = VIEW(flow->server_id)};

    import(flow, "a key id of the older service, which may be long and have any form", OLD_SECRET, 0);
    CHECK(is_good(flow, flow->server_id, OLD_SECRET));
    CHECK_OK(aa_db_read(flow->f.app.db, list_keys, &listing, NULL));
    CHECK(strncmp(listing.only.key_id, "sk_", 3) == 0);
    CHECK_OK(aa_server_key_withdraw(&flow->f.app, VIEW(flow->server_id), VIEW(listing.only.key_id), NULL));
    CHECK(!is_good(flow, flow->server_id, OLD_SECRET));
    CHECK_OK(aa_imported_keys_look(&flow->f.app, NULL));
    CHECK(!aa_imported_key_is_possible(&flow->f.app, VIEW(OLD_SECRET)));
}

FLOW_TEST(imported_keys, are_taken_once)
{
    struct aa_imported_key key = {.server_id = VIEW(flow->server_id), .key_id = VIEW("key_1"), .name = VIEW("old")};

    CHECK_OK(aa_imported_key_add(&flow->f.app, &key, NULL));
    CHECK_ERR(aa_imported_key_add(&flow->f.app, &key, NULL), AA_ERR_CONFLICT);
    key.key_id = VIEW("key_2");
    CHECK_OK(aa_imported_key_add(&flow->f.app, &key, NULL));
    key.server_id = VIEW("srv_nobody");
    key.key_id = VIEW("key_3");
    CHECK_ERR(aa_imported_key_add(&flow->f.app, &key, NULL), AA_ERR_NOT_FOUND);
}

/* Each guess costs us PBKDF2. */
FLOW_TEST(imported_keys, may_be_guessed_at_ten_times_in_ten_minutes)
{
    import(flow, "key_1", OLD_SECRET, 0);
    flow->f.now_ms -= flow->f.now_ms % (10 * MINUTE_MS);
    for (int i = 0; i < 10; i++)
        CHECK(!is_good(flow, flow->server_id, "guess"));
    CHECK(!is_good(flow, flow->server_id, OLD_SECRET));
    flow->f.app.who.address = VIEW("192.0.2.7"); /* somebody else */
    CHECK(is_good(flow, flow->server_id, OLD_SECRET));
    flow->f.app.who.address = AA_VIEW_ABSENT;
    flow->f.now_ms += 10 * MINUTE_MS;
    CHECK(is_good(flow, flow->server_id, OLD_SECRET));
}

/* ---- over HTTP ---- */

static int ask(struct flow *flow, const char *authorization)
{
    return flow_send(flow, &(struct flow_request){.method = AA_METHOD_POST,
                                                  .path = "/introspect",
                                                  .authorization = authorization,
                                                  .content_type = "application/x-www-form-urlencoded",
                                                  .body = VIEW("token=x")});
}

FLOW_TEST(imported_keys, ask_with_the_servers_id_and_are_told_so_without_it)
{
    CHECK_INT(ask(flow, basic(flow->server_id, OLD_SECRET)), 401);
    import(flow, "key_1", OLD_SECRET, 0);
    CHECK_INT(ask(flow, basic(flow->server_id, OLD_SECRET)), 200);
    CHECK_INT(ask(flow, basic("srv_somebody", OLD_SECRET)), 401);
    CHECK_INT(ask(flow, "Bearer an-older-secret"), 401);
    CHECK(strstr(aa_buf_text(&flow->response.body), "server id in HTTP Basic") != NULL);
}
