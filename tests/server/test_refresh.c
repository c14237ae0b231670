/* POST /token with a refresh token: rotation, the window of idempotent replay, reuse. */
#include <stdio.h>

#include "domain/secret.h"
#include "support_flow.h"

struct pair {
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX];
};

static struct pair first_pair(struct flow *flow)
{
    struct pair pair;

    flow_keys(flow);
    flow_tokens(flow, pair.access, pair.refresh);
    return pair;
}

static struct pair refresh(struct flow *flow, const char *token)
{
    struct pair pair;

    CHECK_INT(flow_refresh(flow, token), 200);
    flow_copy(flow, "access_token", pair.access);
    flow_copy(flow, "refresh_token", pair.refresh);
    return pair;
}

static void check_dead(struct flow *flow, const char *refresh_token)
{
    flow_refresh(flow, refresh_token);
    flow_check_error(flow, 400, "invalid_grant");
}

/* ---- rotation ---- */

FLOW_TEST(refresh, a_refresh_token_gives_new_tokens_and_the_old_access_token_lives_on)
{
    struct pair one = first_pair(flow), two;

    flow_move(flow, 10);
    two = refresh(flow, one.refresh);
    CHECK_VIEW(flow_text(flow, "token_type"), "Bearer");
    CHECK_VIEW(flow_text(flow, "scope"), "files:read files:write");
    CHECK_INT(flow_int(flow, "expires_in"), 3600);
    CHECK_VIEW(flow_header(flow, "Cache-Control"), "no-store");
    CHECK(strcmp(one.refresh, two.refresh) != 0);
    CHECK(strcmp(one.access, two.access) != 0);
    CHECK(flow_is_active(flow, two.access));
    CHECK(flow_is_active(flow, one.access));
}

FLOW_TEST(refresh, a_long_line_of_rotations_holds)
{
    struct pair pair = first_pair(flow);

    for (int i = 0; i < 50; i++) {
        flow_move(flow, 3600);
        pair = refresh(flow, pair.refresh);
    }
    CHECK(flow_is_active(flow, pair.access));
}

FLOW_TEST(refresh, a_refresh_token_lives_until_its_expiry_which_slides_with_rotation)
{
    const int64_t ttl_s = flow->f.app.settings.refresh_ttl_s;
    struct pair pair = first_pair(flow);

    flow->f.now_ms += ttl_s * 1000 - 1;
    pair = refresh(flow, pair.refresh);
    flow->f.now_ms += ttl_s * 1000 - 1;
    pair = refresh(flow, pair.refresh);
    flow->f.now_ms += ttl_s * 1000;
    check_dead(flow, pair.refresh);
}

/* ---- the window ---- */

FLOW_TEST(refresh, an_old_token_gives_the_same_successor_again_inside_the_window)
{
    struct pair one = first_pair(flow), two, again;

    two = refresh(flow, one.refresh);
    for (int i = 0; i < 5; i++) {
        flow_move(flow, 10);
        again = refresh(flow, one.refresh);
        CHECK_TEXT(again.refresh, two.refresh);
        CHECK(flow_is_active(flow, again.access));
    }
    flow_move(flow, 3600);
    CHECK_INT(flow_refresh(flow, two.refresh), 200);
}

FLOW_TEST(refresh, the_window_ends_to_the_millisecond_and_reuse_kills_the_family)
{
    struct pair one = first_pair(flow), two, again;

    two = refresh(flow, one.refresh);
    flow->f.now_ms += 60 * 1000 - 1;
    again = refresh(flow, one.refresh);
    CHECK_TEXT(again.refresh, two.refresh);
    flow->f.now_ms += 1;
    check_dead(flow, one.refresh);
    CHECK(strstr(flow->f.log, "used again") != NULL);
    CHECK(strstr(flow->f.log, one.refresh) == NULL);
    check_dead(flow, two.refresh);
    CHECK(!flow_is_active(flow, one.access));
    CHECK(!flow_is_active(flow, two.access));
    CHECK(!flow_is_active(flow, again.access));
}

FLOW_TEST(refresh, reuse_kills_its_own_family_alone)
{
    struct pair one = first_pair(flow), other;

    flow_tokens(flow, other.access, other.refresh); /* the same client on another computer */
    refresh(flow, one.refresh);
    flow_move(flow, 60);
    check_dead(flow, one.refresh);
    CHECK(flow_is_active(flow, other.access));
    CHECK_INT(flow_refresh(flow, other.refresh), 200);
}

/* Two programs share one stored login: the first has already used the successor when the second comes with the token
 * both had. Handed the used successor, it would store that, and an hour later kill the family with it. */
FLOW_TEST(refresh, who_comes_late_gets_the_newest_token_of_the_line)
{
    struct pair one = first_pair(flow), two, three, late;

    two = refresh(flow, one.refresh);
    flow_move(flow, 20);
    three = refresh(flow, two.refresh);
    flow_move(flow, 20);
    late = refresh(flow, one.refresh);
    CHECK_TEXT(late.refresh, three.refresh);
    flow_move(flow, 3600);
    CHECK_INT(flow_refresh(flow, late.refresh), 200);
}

FLOW_TEST(refresh, a_line_longer_than_is_followed_is_still_answered)
{
    struct pair one = first_pair(flow), newest = one, late;

    for (int i = 0; i < 40; i++)
        newest = refresh(flow, newest.refresh);
    late = refresh(flow, one.refresh);
    CHECK(strcmp(late.refresh, one.refresh) != 0);
    late = refresh(flow, late.refresh);
    CHECK_TEXT(late.refresh, newest.refresh);
}

FLOW_TEST(refresh, the_window_is_the_settings)
{
    struct pair one, two;

    flow->f.app.settings.refresh_grace_s = 3;
    one = first_pair(flow);
    two = refresh(flow, one.refresh);
    flow_move(flow, 2);
    CHECK_TEXT(refresh(flow, one.refresh).refresh, two.refresh);
    flow_move(flow, 1);
    check_dead(flow, one.refresh);
    check_dead(flow, two.refresh);
}

FLOW_TEST(refresh, without_a_window_the_second_use_is_reuse_at_once)
{
    struct pair one, two;

    flow->f.app.settings.refresh_grace_s = 0;
    one = first_pair(flow);
    two = refresh(flow, one.refresh);
    CHECK(flow_is_active(flow, two.access));
    check_dead(flow, one.refresh);
    CHECK(!flow_is_active(flow, two.access));
    check_dead(flow, two.refresh);
}

FLOW_TEST(refresh, a_clock_set_back_does_not_lengthen_the_window)
{
    struct pair one = first_pair(flow), two;

    two = refresh(flow, one.refresh);
    flow_move(flow, -59);
    CHECK_TEXT(refresh(flow, one.refresh).refresh, two.refresh);
    flow_move(flow, -1);
    check_dead(flow, one.refresh);
}

/* ---- each check alone ---- */

FLOW_TEST(refresh, another_clients_refresh_token_is_refused_and_stays_good)
{
    struct pair one = first_pair(flow);

    flow_post(flow, "/token", "grant_type", "refresh_token", "client_id", flow->other_client_id, "refresh_token",
              one.refresh, NULL);
    flow_check_error(flow, 400, "invalid_grant");
    CHECK_INT(flow_refresh(flow, one.refresh), 200);
}

FLOW_TEST(refresh, another_client_cannot_kill_a_family_with_an_old_token)
{
    struct pair one = first_pair(flow), two;

    two = refresh(flow, one.refresh);
    flow_move(flow, 3600);
    flow_post(flow, "/token", "grant_type", "refresh_token", "client_id", flow->other_client_id, "refresh_token",
              one.refresh, NULL);
    flow_check_error(flow, 400, "invalid_grant");
    CHECK_INT(flow_refresh(flow, two.refresh), 200);
}

FLOW_TEST(refresh, an_unknown_client_is_told_to_register_again)
{
    struct pair one = first_pair(flow);

    flow_post(flow, "/token", "grant_type", "refresh_token", "client_id", "cl_Unknown", "refresh_token", one.refresh,
              NULL);
    flow_check_error(flow, 401, "invalid_client");
    CHECK_INT(flow_refresh(flow, one.refresh), 200);
}

FLOW_TEST(refresh, what_is_no_refresh_token_of_ours_is_refused)
{
    struct pair one = first_pair(flow);
    char changed[FLOW_TOKEN_MAX];

    snprintf(changed, sizeof changed, "%s", one.refresh);
    changed[strlen(changed) - 1] = changed[strlen(changed) - 1] == 'A' ? 'B' : 'A';
    check_dead(flow, changed);
    check_dead(flow, "rt_");
    check_dead(flow, "x");
    check_dead(flow, one.access);
    flow_post(flow, "/token", "grant_type", "refresh_token", "client_id", flow->client_id, NULL);
    flow_check_error(flow, 400, "invalid_request");
    CHECK_INT(flow_refresh(flow, one.refresh), 200);
}

static enum aa_err revoke_grants(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct flow *flow = ctx;

    return aa_grant_revoke_of_user(conn, VIEW(flow->user_id), flow->f.now_ms, err);
}

FLOW_TEST(refresh, a_revoked_grant_refreshes_nothing_not_even_inside_the_window)
{
    struct pair one = first_pair(flow), two = refresh(flow, one.refresh);

    flow_write(flow, revoke_grants, flow);
    check_dead(flow, two.refresh);
    check_dead(flow, one.refresh);
}

FLOW_TEST(refresh, a_disabled_person_refreshes_nothing_not_even_inside_the_window)
{
    struct pair one = first_pair(flow), two = refresh(flow, one.refresh);

    flow_disable_user(flow);
    check_dead(flow, two.refresh);
    check_dead(flow, one.refresh);
}

static enum aa_err delete_server(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct flow *flow = ctx;

    return aa_server_delete(conn, VIEW(flow->server_id), flow->f.now_ms, err);
}

FLOW_TEST(refresh, a_removed_server_gets_no_more_tokens)
{
    struct pair one = first_pair(flow);

    flow_write(flow, delete_server, flow);
    check_dead(flow, one.refresh);
}

static enum aa_err revoke_token(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_refresh_token_revoke(conn, *(struct aa_view *)ctx, 1, err);
}

FLOW_TEST(refresh, a_refresh_token_revoked_by_itself_is_dead)
{
    struct pair one = first_pair(flow);
    uint8_t key[AA_DIGEST_KEY_LEN];
    struct aa_view view = aa_view_make(key, sizeof key);

    CHECK_OK(aa_secret_find_key(AA_REFRESH_PREFIX, VIEW(one.refresh), key, NULL));
    flow_write(flow, revoke_token, &view);
    check_dead(flow, one.refresh);
    CHECK(flow_is_active(flow, one.access));
}

struct planting {
    const struct flow *flow;
    const char *grant_types;
    uint8_t key[AA_DIGEST_KEY_LEN];
};

/* ---- scope and resource ---- */

static int refresh_with(struct flow *flow, const char *token, const char *name, const char *value)
{
    return flow_post(flow, "/token", "grant_type", "refresh_token", "client_id", flow->client_id, "refresh_token",
                     token, name, value, NULL);
}

FLOW_TEST(refresh, a_narrower_scope_narrows_the_access_token_and_not_the_refresh_token)
{
    struct pair pair = first_pair(flow);

    CHECK_INT(refresh_with(flow, pair.refresh, "scope", "files:read"), 200);
    CHECK_VIEW(flow_text(flow, "scope"), "files:read");
    flow_copy(flow, "access_token", pair.access);
    flow_copy(flow, "refresh_token", pair.refresh);
    CHECK(flow_is_active(flow, pair.access));
    CHECK_VIEW(flow_text(flow, "scope"), "files:read");
    CHECK_INT(flow_refresh(flow, pair.refresh), 200);
    CHECK_VIEW(flow_text(flow, "scope"), "files:read files:write");
}

FLOW_TEST(refresh, a_wider_or_malformed_scope_is_refused_and_costs_nothing)
{
    static const char *const scopes[] = {"files:read files:write admin", "files:*", "files:read\t", " ", "\"x\""};
    struct pair pair = first_pair(flow);

    for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++) {
        refresh_with(flow, pair.refresh, "scope", scopes[i]);
        flow_check_error(flow, 400, "invalid_scope");
    }
    flow_move(flow, 3600);
    CHECK_INT(refresh_with(flow, pair.refresh, "scope", "files:write files:read"), 200);
}

FLOW_TEST(refresh, another_resource_is_refused_and_costs_nothing)
{
    struct pair pair = first_pair(flow);

    refresh_with(flow, pair.refresh, "resource", OTHER_RESOURCE);
    flow_check_error(flow, 400, "invalid_target");
    flow_move(flow, 3600);
    CHECK_INT(refresh_with(flow, pair.refresh, "resource", "https://FILES.example:443/mcp"), 200);
}

/* A refresh token of a client that is registered for codes alone: from before its registration was changed. */
static enum aa_err plant_token(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct planting *planting = ctx;
    struct aa_client client = {.client_id = VIEW("cl_Plain"),
                               .redirect_uris = VIEW("[\"" REDIRECT "\"]"),
                               .grant_types = VIEW(planting->grant_types),
                               .source = VIEW("cli"),
                               .created_ms = 1};
    struct aa_grant grant = {.grant_id = VIEW("gr_Plain"),
                             .user_id = VIEW(planting->flow->user_id),
                             .client_id = VIEW("cl_Plain"),
                             .server_id = VIEW(planting->flow->server_id),
                             .scope = VIEW("files:read"),
                             .created_ms = 1};
    struct aa_refresh_token token = {.token_key = aa_view_make(planting->key, sizeof planting->key),
                                     .grant_id = grant.grant_id,
                                     .client_id = grant.client_id,
                                     .user_id = grant.user_id,
                                     .server_id = grant.server_id,
                                     .scope = grant.scope,
                                     .issued_ms = 1,
                                     .expires_ms = planting->flow->f.now_ms + 1000};
    enum aa_err rc;

    rc = aa_client_create(conn, &client, err);
    if (!rc)
        rc = aa_grant_create(conn, &grant, err);
    return rc ? rc : aa_refresh_token_create(conn, &token, err);
}

static int refresh_planted(struct flow *flow, const char *grant_types)
{
    struct planting planting = {.flow = flow, .grant_types = grant_types};
    struct aa_buf token;
    int status;

    aa_buf_init(&token, 64);
    CHECK_OK(aa_secret_mint(&flow->f.app, AA_REFRESH_PREFIX, &token, planting.key, NULL));
    flow_write(flow, plant_token, &planting);
    status = flow_post(flow, "/token", "grant_type", "refresh_token", "client_id", "cl_Plain", "refresh_token",
                       aa_buf_text(&token), NULL);
    aa_buf_clear(&token);
    return status;
}

FLOW_TEST(refresh, a_client_registered_without_the_grant_may_not_refresh)
{
    refresh_planted(flow, "authorization_code");
    flow_check_error(flow, 400, "unauthorized_client");
}

FLOW_TEST(refresh, a_client_registered_with_the_grant_may)
{
    CHECK_INT(refresh_planted(flow, "authorization_code refresh_token"), 200);
    CHECK_VIEW(flow_text(flow, "scope"), "files:read");
}

FLOW_TEST(refresh, json_is_understood_as_well_as_a_form)
{
    struct pair pair = first_pair(flow);

    CHECK_INT(flow_post_json(flow, "/token", "grant_type", "refresh_token", "client_id", flow->client_id,
                             "refresh_token", pair.refresh, NULL),
              200);
}

/* ---- restarts ---- */

TEST(refresh, the_window_and_what_lies_behind_it_survive_a_restart)
{
    struct flow flow;
    struct pair one, two, again;

    flow_open_on_disk(&flow);
    one = first_pair(&flow);
    two = refresh(&flow, one.refresh);
    flow_reopen(&flow);
    flow_move(&flow, 59);
    again = refresh(&flow, one.refresh);
    CHECK_TEXT(again.refresh, two.refresh);
    flow_reopen(&flow);
    flow_move(&flow, 1);
    check_dead(&flow, one.refresh);
    CHECK(!flow_is_active(&flow, two.access));
    check_dead(&flow, two.refresh);
    flow_close(&flow);
}
