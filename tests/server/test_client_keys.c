/* Where the keys of a client come from (CIMD §8.2): its document or its jwks_uri, at its authorization and, when no key
 * fits, at /token once more; and what becomes of keys that the client changed or took away. */
#include <stdio.h>

#include "base/error.h"
#include "base/mem.h"
#include "domain/client_fetch.h"
#include "domain/client_fetch_rate.h"
#include "domain/client_keys.h"
#include "domain/client_renew.h"
#include "db/driver.h"
#include "store/audit.h"
#include "support_assertion.h"

#define BY_KEY "\"token_endpoint_auth_method\":\"private_key_jwt\""
#define EITHER "\"token_endpoint_auth_methods_supported\":[\"none\",\"private_key_jwt\"]"
#define AT_URI ",\"jwks_uri\":\"" CLIENT_JWKS "\""
#define DAY_S (24 * 3600)
#define AGAIN_S (AA_CLIENT_ASK_AGAIN_MS / 1000)

/* A flow whose client had one key at its authorization, and has another by now. */
struct keys {
    struct flow flow;
    struct keypair first, second;
};

static void keys_open(struct keys *keys, const char *members)
{
    keypair_open(&keys->first, "ES256", "first");
    keypair_open(&keys->second, "ES256", "second");
    client_site_publish_keys(&keys->first, NULL);
    client_flow_open(&keys->flow, members);
}

static void keys_close(struct keys *keys)
{
    flow_close(&keys->flow);
    keypair_close(&keys->first);
    keypair_close(&keys->second);
}

#define KEYS_TEST(sentence)                                                                                            \
    static void body_##sentence(struct keys *keys, struct flow *flow);                                                 \
    TEST(client_keys, sentence)                                                                                        \
    {                                                                                                                  \
        struct keys keys;                                                                                              \
                                                                                                                       \
        keys_open(&keys, BY_KEY AT_URI);                                                                               \
        body_##sentence(&keys, &keys.flow);                                                                            \
        keys_close(&keys);                                                                                             \
    }                                                                                                                  \
    static void body_##sentence(struct keys *keys, struct flow *flow)

/* A code redeemed with an assertion of that key: the status. */
static int use(struct flow *flow, const struct keypair *pair)
{
    char code[128];
    int status;

    flow_code(flow, code);
    status = client_redeem(flow, code, assertion_new(flow, pair));
    if (status != 200)
        flow_check_error(flow, 401, "invalid_client");
    return status;
}

static enum aa_err count_changes(void *ctx, const void *record, struct aa_error *err)
{
    const struct aa_audit_row *row = record;

    (void)err;
    *(int *)ctx += aa_view_equal_text(row->event, "client_changed") && aa_view_equal_text(row->client_id, CLIENT);
    return AA_OK;
}

static enum aa_err read_audit(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_audit_tail(conn, 1000, count_changes, ctx, err);
}

static int changes(struct flow *flow)
{
    int count = 0;

    CHECK_OK(aa_db_read(flow->f.app.db, read_audit, &count, NULL));
    return count;
}

/* ---- a key that was changed ---- */

KEYS_TEST(a_key_that_nobody_knew_is_asked_for_once_in_five_minutes)
{
    struct keypair third;

    keypair_open(&third, "ES256", "third");
    flow_move(flow, AGAIN_S);
    client_site_publish_keys(&keys->first, &keys->second);
    CHECK_INT(use(flow, &keys->second), 200);
    CHECK_INT(client_site.jwks_calls, 2);
    CHECK_INT(changes(flow), 1);
    client_site_publish_keys(&third, NULL);
    flow_move(flow, AGAIN_S - 1);
    CHECK_INT(use(flow, &third), 401);
    CHECK_INT(client_site.jwks_calls, 2);
    CHECK_INT(use(flow, &keys->first), 200);
    flow_move(flow, 1);
    CHECK_INT(use(flow, &third), 200);
    CHECK_INT(client_site.jwks_calls, 3);
    CHECK_INT(use(flow, &keys->first), 401);
    CHECK_INT(client_site.jwks_calls, 3);
    CHECK_INT(client_site.document_calls, 1);
    keypair_close(&third);
}

KEYS_TEST(the_authorization_itself_counts_as_asking)
{
    client_site_publish_keys(&keys->second, NULL);
    CHECK_INT(use(flow, &keys->second), 401);
    flow_move(flow, AGAIN_S - 1);
    CHECK_INT(use(flow, &keys->second), 401);
    CHECK_INT(client_site.jwks_calls, 1);
    flow_move(flow, 1);
    CHECK_INT(use(flow, &keys->second), 200);
}

KEYS_TEST(a_new_key_under_the_old_name_is_asked_for_too)
{
    struct keypair renamed;

    keypair_open(&renamed, "ES256", "first");
    flow_move(flow, AGAIN_S);
    client_site_publish_keys(&renamed, NULL);
    CHECK_INT(use(flow, &renamed), 200);
    CHECK_INT(use(flow, &keys->first), 401);
    keypair_close(&renamed);
}

KEYS_TEST(strangers_do_not_make_us_hammer_the_site)
{
    flow_move(flow, AGAIN_S);
    for (int i = 0; i < 10; i++)
        CHECK_INT(use(flow, &keys->second), 401);
    CHECK_INT(client_site.jwks_calls, 2);
    CHECK_INT(changes(flow), 0);
    CHECK_INT(use(flow, &keys->first), 200);
}

KEYS_TEST(what_is_wrong_otherwise_makes_nobody_ask)
{
    static struct assertion assertion;

    flow_move(flow, AGAIN_S);
    assertion_init(&assertion, &keys->second);
    assertion_set(assertion.claims, "aud", "\"https://other.example\"");
    CHECK_INT(client_redeem(flow, "x", assertion_sign(flow, &assertion, &keys->second)), 401);
    CHECK_INT(client_redeem(flow, "x", "a.b.c"), 401);
    CHECK_INT(client_site.jwks_calls, 1);
}

KEYS_TEST(where_such_clients_are_not_let_in_any_more_nobody_is_asked)
{
    flow_move(flow, AGAIN_S);
    client_site_publish_keys(&keys->first, &keys->second);
    flow->f.app.settings.client_documents = false;
    CHECK_INT(use(flow, &keys->second), 401);
    CHECK_INT(client_site.jwks_calls, 1);
    CHECK_INT(use(flow, &keys->first), 200);
    flow->f.app.settings.client_documents = true;
    flow->f.app.settings.client_document_hosts = "other.example";
    CHECK_INT(use(flow, &keys->second), 401);
    flow->f.app.settings.client_document_hosts = "client.example";
    CHECK_INT(use(flow, &keys->second), 200);
}

/* The document names the first key at the login; since then it names the second. */
static void open_with_keys_changed_in_the_document(struct keys *keys)
{
    char members[2048], sets[2][1536];

    keypair_open(&keys->first, "ES256", "first");
    keypair_open(&keys->second, "ES256", "second");
    client_site_write_keys(sets[0], sizeof sets[0], &keys->first, NULL);
    client_site_write_keys(sets[1], sizeof sets[1], &keys->second, NULL);
    snprintf(members, sizeof members, BY_KEY ",\"jwks\":%s", sets[0]);
    client_flow_open(&keys->flow, members);
    snprintf(members, sizeof members, BY_KEY ",\"jwks\":%s", sets[1]);
    client_site_publish(members);
}

TEST(client_keys, keys_that_stand_in_the_document_are_changed_there)
{
    struct keys keys;

    open_with_keys_changed_in_the_document(&keys);
    CHECK_INT(use(&keys.flow, &keys.second), 401);
    flow_move(&keys.flow, AGAIN_S);
    CHECK_INT(use(&keys.flow, &keys.first), 200);
    CHECK_INT(client_site.document_calls, 1);
    CHECK_INT(use(&keys.flow, &keys.second), 200);
    CHECK_INT(client_site.document_calls, 2);
    CHECK_INT(use(&keys.flow, &keys.first), 401);
    CHECK_INT(client_site.document_calls, 2);
    client_site.document_status = 404; /* with the document its keys go */
    flow_move(&keys.flow, AGAIN_S);
    CHECK_INT(use(&keys.flow, &keys.first), 401);
    CHECK_INT(client_site.document_calls, 3);
    CHECK_INT(use(&keys.flow, &keys.second), 401);
    keys_close(&keys);
}

/* ---- a key that was taken away ---- */

KEYS_TEST(a_key_that_was_taken_away_is_good_for_a_day_at_most)
{
    client_site_publish_keys(&keys->second, NULL);
    flow_move(flow, DAY_S - 1);
    CHECK_INT(use(flow, &keys->first), 200);
    CHECK_INT(client_site.jwks_calls, 1);
    flow_move(flow, 1);
    CHECK_INT(use(flow, &keys->first), 401);
    CHECK_INT(client_site.jwks_calls, 2);
    CHECK_INT(use(flow, &keys->second), 200);
}

KEYS_TEST(while_the_site_is_away_the_last_keys_are_good_for_a_week)
{
    client_site.jwks_rc = AA_ERR_REMOTE_TIMEOUT;
    flow_move(flow, 7 * DAY_S - 1);
    CHECK_INT(use(flow, &keys->first), 200);
    CHECK_INT(client_site.jwks_calls, 2);
    flow_move(flow, 1);
    CHECK_INT(use(flow, &keys->first), 401);
    client_site.jwks_rc = AA_OK;
    flow_move(flow, AGAIN_S);
    CHECK_INT(use(flow, &keys->first), 200);
}

KEYS_TEST(what_the_site_says_of_its_keys_counts_at_once)
{
    static const struct {
        enum aa_err rc;
        int status;
        const char *jwks;
        bool is_trouble;
    } answers[] = {
        {AA_ERR_REMOTE_TIMEOUT, 0, "", true},
        {AA_OK, 503, "", true},
        {AA_OK, 403, "", true},
        {AA_OK, 404, "", false},
        {AA_OK, 204, "", false},
        {AA_OK, 302, "", false},
        {AA_ERR_REMOTE_FORBIDDEN, 0, "", true},
        {AA_ERR_TOO_LONG, 0, "", false},
        {AA_OK, 200, "<html>", false},
        {AA_OK, 200, "[]", false},
        {AA_OK, 200, "{}", false},
        {AA_OK, 200, "{\"keys\":{}}", false},
        {AA_OK, 200, "{\"keys\":[]}", false},
        {AA_OK, 200, "{\"keys\":[],\"keys\":[]}", false},
        {AA_OK, 200, "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", false},
        {AA_OK, 200, "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AA\",\"e\":\"AQAB\"}]}", false},
    };

    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        flow_move(flow, AGAIN_S);
        client_site.jwks_rc = answers[i].rc;
        client_site.jwks_status = answers[i].status;
        snprintf(client_site.jwks, sizeof client_site.jwks, "%s", answers[i].jwks);
        CHECK_INT(use(flow, &keys->second), 401);
        if (use(flow, &keys->first) != (answers[i].is_trouble ? 200 : 401))
            fail_msg("answer %zu", i);
        client_site.jwks_rc = AA_OK;
        client_site.jwks_status = 200;
        client_site_publish_keys(&keys->first, NULL);
        flow_move(flow, AGAIN_S);
        CHECK_INT(use(flow, &keys->first), 200);
    }
}

KEYS_TEST(a_set_that_shows_a_private_key_is_none)
{
    char shown[1024];

    flow_move(flow, AGAIN_S);
    memcpy(shown, keys->second.jwk, sizeof shown);
    snprintf(client_site.jwks, sizeof client_site.jwks, "{\"keys\":[%s,{\"d\":\"AA\",%s]}", keys->first.jwk, shown + 1);
    CHECK_INT(use(flow, &keys->second), 401);
    CHECK(strstr(flow->f.log, "private key") != NULL);
    CHECK_INT(use(flow, &keys->first), 401);
}

/* ---- at the authorization ---- */

/* Asks for the keys again with the document. */
static enum aa_err authorize_later(struct flow *flow, struct aa_refused *refused)
{
    flow_move(flow, AA_CLIENT_FRESH_S);
    return client_flow_authorize(flow, refused);
}

KEYS_TEST(a_client_that_needs_its_keys_is_not_let_in_without_them)
{
    struct aa_refused refused;

    client_site.jwks_status = 404;
    CHECK_ERR(authorize_later(flow, &refused), AA_ERR_REQUEST_MALFORMED);
    CHECK_INT(refused.error, AA_OAUTH_INVALID_CLIENT_METADATA);
    CHECK(strstr(refused.description, "jwks_uri") != NULL);
    client_site.jwks_status = 200;
    CHECK_OK(authorize_later(flow, &refused));
    CHECK_INT(use(flow, &keys->first), 200);
}

KEYS_TEST(while_the_site_of_the_keys_is_away_the_client_is_let_in_with_the_last_ones)
{
    struct aa_refused refused;

    client_site.jwks_rc = AA_ERR_REMOTE_UNREACHABLE;
    CHECK_OK(authorize_later(flow, &refused));
    CHECK_INT(use(flow, &keys->first), 200);
    flow_move(flow, 7 * DAY_S);
    CHECK_ERR(client_flow_authorize(flow, &refused), AA_ERR_REQUEST_MALFORMED);
    CHECK(strstr(refused.description, "try again") != NULL);
}

KEYS_TEST(the_last_keys_are_those_of_one_jwks_uri)
{
    struct aa_refused refused;

    client_site_publish(BY_KEY ",\"jwks_uri\":\"" CLIENT_JWKS "?other\"");
    client_site.jwks_rc = AA_ERR_REMOTE_UNREACHABLE;
    CHECK_ERR(authorize_later(flow, &refused), AA_ERR_REQUEST_MALFORMED);
    client_site_publish(BY_KEY AT_URI);
    CHECK_OK(authorize_later(flow, &refused));
    CHECK_INT(use(flow, &keys->first), 200);
}

TEST(client_keys, a_client_that_can_do_without_its_keys_is_let_in_without_them)
{
    struct keys keys;
    struct aa_refused refused;
    char code[128];

    keys_open(&keys, EITHER AT_URI);
    CHECK_INT(use(&keys.flow, &keys.first), 200);
    client_site.jwks_status = 404;
    CHECK_OK(authorize_later(&keys.flow, &refused));
    CHECK_INT(use(&keys.flow, &keys.first), 401);
    flow_code(&keys.flow, code);
    CHECK_INT(client_redeem(&keys.flow, code, NULL), 200);
    client_site.jwks_status = 200;
    flow_move(&keys.flow, AGAIN_S);
    CHECK_INT(use(&keys.flow, &keys.first), 200);
    keys_close(&keys);
}

/* So that no document turns us on a third one's site. */
KEYS_TEST(a_site_of_keys_is_asked_so_often_and_no_more_but_for_clients_in_use)
{
    const struct aa_client_fetch_limits limits = {AA_VIEW_ABSENT, VIEW("keys.example")};
    struct aa_refused refused = AA_REFUSED_INIT;
    const char *refusal = NULL;

    flow_move(flow, AA_CLIENT_FRESH_S);
    for (int i = 0; i < AA_CLIENT_FETCH_PER_SITE_MAX; i++) {
        CHECK_OK(aa_client_fetch_count(&flow->f.app, &limits, flow->f.now_ms, &refusal, NULL));
        CHECK(refusal == NULL);
    }
    client_site_publish(BY_KEY ",\"jwks_uri\":\"" CLIENT_JWKS "?other\"");
    CHECK_ERR(client_flow_authorize(flow, &refused), AA_ERR_REQUEST_MALFORMED);
    CHECK(strstr(refused.description, "try again") != NULL);
    CHECK_INT(client_site.jwks_calls, 1);
    client_site_publish(BY_KEY AT_URI);
    CHECK_OK(client_flow_authorize(flow, &refused));
    CHECK_INT(client_site.jwks_calls, 2);
    CHECK_INT(use(flow, &keys->first), 200);
}

KEYS_TEST(keys_of_32_kib_are_taken_in_three_seconds)
{
    CHECK_INT(AA_CLIENT_KEYS_MAX, 32 * 1024);
    CHECK_INT(client_site.jwks_timeout_ms, 3000);
    flow_move(flow, AGAIN_S);
    client_site_publish_keys(&keys->second, NULL);
    memset(client_site.jwks + strlen(client_site.jwks), ' ', AA_CLIENT_KEYS_MAX - strlen(client_site.jwks));
    client_site.jwks[AA_CLIENT_KEYS_MAX] = '\0';
    CHECK_INT(use(flow, &keys->second), 200);
    flow_move(flow, AGAIN_S);
    client_site_publish_keys(&keys->first, NULL);
    memset(client_site.jwks + strlen(client_site.jwks), ' ', AA_CLIENT_KEYS_MAX + 1 - strlen(client_site.jwks));
    client_site.jwks[AA_CLIENT_KEYS_MAX + 1] = '\0';
    CHECK_INT(use(flow, &keys->first), 401);
}

KEYS_TEST(of_many_keys_without_a_name_ten_are_tried)
{
    struct keypair nameless[AA_CLIENT_ASSERTION_KEYS_MAX + 1];
    char *at = client_site.jwks;

    flow_move(flow, AGAIN_S);
    at += sprintf(at, "{\"keys\":[%s", keys->first.jwk);
    for (size_t i = 1; i < sizeof nameless / sizeof *nameless; i++) {
        keypair_open(&nameless[i], "ES256", NULL);
        at += sprintf(at, ",%s", nameless[i].jwk);
    }
    strcpy(at, "]}");
    CHECK_INT(use(flow, &nameless[AA_CLIENT_ASSERTION_KEYS_MAX - 1]), 200);
    CHECK_INT(use(flow, &nameless[AA_CLIENT_ASSERTION_KEYS_MAX]), 401);
    for (size_t i = 1; i < sizeof nameless / sizeof *nameless; i++)
        keypair_close(&nameless[i]);
}

/* Also while the keys are had again: a day has passed each time. Nobody is refused for our trouble. */
KEYS_TEST(out_of_memory_is_503_whichever_allocation_fails)
{
    static char body[4096];
    struct flow_request request = {
        .method = AA_METHOD_POST, .path = "/revoke", .content_type = "application/x-www-form-urlencoded"};
    bool reached = true;
    size_t nth;

    for (nth = 1; reached; nth++) {
        int status;

        flow_move(flow, DAY_S);
        flow_form(body, sizeof body, "token", "unknown", "client_assertion", assertion_new(flow, &keys->first),
                  "client_assertion_type", AA_CLIENT_ASSERTION_TYPE, NULL);
        request.body = VIEW(body);
        aa_response_clear(&flow->response);
        aa_mem_fail_at(nth, false);
        status = flow_send_to(flow, &request, &flow->response);
        reached = aa_mem_count() >= nth;
        aa_mem_fail_at(0, false);
        if (status != (reached ? 503 : 200) && !(status == 200 && flow->response.complaint))
            fail_msg("allocation %zu ended in %d: %s", nth, status, aa_buf_text(&flow->response.body));
    }
    CHECK(nth > 20);
    CHECK(client_site.jwks_calls > 10);
}

/* ---- strangers ---- */

static enum aa_err make_unused(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    (void)ctx;
    return conn->driver->run(conn, "UPDATE clients SET expires_ms = 9000000000000 WHERE source = 'cimd'", err);
}

static enum aa_err make_older(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    (void)ctx;
    return conn->driver->run(conn,
                             "UPDATE clients SET auth_methods = NULL, jwks = NULL, jwks_uri = NULL, "
                             "jwks_fetched_ms = 0, jwks_asked_ms = 0",
                             err);
}

/* Right claims, and a signature of nobody's. */
static int send_garbage(struct flow *flow)
{
    struct keypair other;
    int status;

    keypair_open(&other, "ES256", "other");
    status = client_redeem(flow, "x", assertion_new(flow, &other));
    keypair_close(&other);
    return status;
}

static void exhaust_address(struct flow *flow, const char *address)
{
    const struct aa_client_fetch_limits limits = {VIEW(address), AA_VIEW_ABSENT};
    const char *refusal = NULL;

    while (!refusal)
        CHECK_OK(aa_client_fetch_count(&flow->f.app, &limits, flow->f.now_ms, &refusal, NULL));
}

TEST(client_keys, whoever_has_used_up_their_own_limit_keeps_no_key_out)
{
    struct keys keys;

    open_with_keys_changed_in_the_document(&keys);
    flow_move(&keys.flow, AGAIN_S);
    exhaust_address(&keys.flow, "192.0.2.1");
    CHECK_INT(send_garbage(&keys.flow), 401);
    CHECK_INT(client_site.document_calls, 2);
    CHECK_INT(use(&keys.flow, &keys.second), 200);
    CHECK_INT(use(&keys.flow, &keys.first), 401);
    keys_close(&keys);
}

static int use_any(struct flow *flow, const struct keypair *pair)
{
    char code[128];

    flow_code(flow, code);
    return client_redeem(flow, code, assertion_new(flow, pair));
}

KEYS_TEST(while_too_much_is_being_fetched_nobody_is_judged_and_the_next_one_asks)
{
    client_site_publish_keys(&keys->second, NULL);
    flow_move(flow, AGAIN_S);
    client_site.jwks_rc = AA_ERR_REMOTE_BREAKER;
    CHECK_INT(send_garbage(flow), 503);
    CHECK_INT(use(flow, &keys->first), 200); /* that one fits, and is young enough */
    client_site.jwks_rc = AA_OK;
    CHECK_INT(use(flow, &keys->second), 200);
    client_site_publish_keys(&keys->first, NULL);
    flow_move(flow, DAY_S);
    client_site.jwks_rc = AA_ERR_REMOTE_BREAKER;
    CHECK_INT(use_any(flow, &keys->second), 503); /* too old to be believed unasked */
    client_site.jwks_rc = AA_OK;
    CHECK_INT(use(flow, &keys->second), 401);
    CHECK_INT(use(flow, &keys->first), 200);
}

TEST(client_keys, a_client_that_nobody_allowed_anything_costs_no_fetch_and_no_row)
{
    struct keys keys;
    int64_t rows;

    keys_open(&keys, BY_KEY AT_URI);
    rows = assertions_kept(&keys.flow);
    flow_write(&keys.flow, make_unused, NULL);
    flow_move(&keys.flow, AGAIN_S);
    for (int i = 0; i < 3; i++)
        CHECK_INT(client_redeem(&keys.flow, "x", assertion_new(&keys.flow, &keys.first)), 401);
    CHECK_INT(send_garbage(&keys.flow), 401);
    CHECK_INT(assertions_kept(&keys.flow), rows);
    CHECK_INT(client_site.jwks_calls, 1);
    keys_close(&keys);
}

/* ---- two at once ---- */

static struct keys *meeting;
static void (*meanwhile)(struct keys *keys);
static enum aa_err (*asked_site)(void *ctx, const char *url, struct aa_download *out, struct aa_error *err);
static int status_meanwhile;

/* What the site says at this moment comes late. */
static enum aa_err ask_slow_site(void *ctx, const char *url, struct aa_download *out, struct aa_error *err)
{
    enum aa_err rc = asked_site(ctx, url, out, err);
    void (*happens)(struct keys * keys) = meanwhile;

    if (!happens || strncmp(url, CLIENT_JWKS, strlen(CLIENT_JWKS)) != 0)
        return rc;
    meanwhile = NULL;
    happens(meeting);
    return rc;
}

static void meet(struct keys *keys, void (*happens)(struct keys *keys))
{
    meeting = keys;
    meanwhile = happens;
    asked_site = keys->flow.f.app.fetch;
    keys->flow.f.app.fetch = ask_slow_site;
}

static void authorize_meanwhile(struct keys *keys)
{
    struct aa_refused refused = AA_REFUSED_INIT;
    bool is_asked = false;

    flow_move(&keys->flow, 2);
    client_site_publish_keys(&keys->second, NULL);
    CHECK_OK(aa_client_fetch_again(&keys->flow.f.app, VIEW(CLIENT), &is_asked, &refused, NULL));
    CHECK(is_asked);
}

KEYS_TEST(keys_that_were_asked_for_earlier_and_come_later_do_not_count)
{
    flow_move(flow, AGAIN_S);
    meet(keys, authorize_meanwhile);
    CHECK_INT(send_garbage(flow), 401);
    CHECK_INT(use(flow, &keys->first), 401);
    CHECK_INT(use(flow, &keys->second), 200);
}

static void use_second_meanwhile(struct keys *keys)
{
    flow_move(&keys->flow, 2);
    client_site_publish_keys(&keys->second, NULL);
    status_meanwhile = use(&keys->flow, &keys->second);
}

KEYS_TEST(a_document_that_comes_late_does_not_bring_back_keys)
{
    struct aa_refused refused;

    flow_move(flow, AA_CLIENT_FRESH_S);
    meet(keys, use_second_meanwhile);
    CHECK_OK(client_flow_authorize(flow, &refused));
    CHECK_INT(status_meanwhile, 200);
    CHECK_INT(use(flow, &keys->first), 401);
    CHECK_INT(use(flow, &keys->second), 200);
}

static void come_beside_meanwhile(struct keys *keys)
{
    struct flow beside;
    char code[128];

    flow_open_beside(&beside, &keys->flow);
    beside.f.now_ms = keys->flow.f.now_ms + 500;
    snprintf(beside.client_id, sizeof beside.client_id, "%s", CLIENT);
    snprintf(beside.user_id, sizeof beside.user_id, "%s", keys->flow.user_id);
    snprintf(beside.server_id, sizeof beside.server_id, "%s", keys->flow.server_id);
    flow_code(&beside, code);
    status_meanwhile = client_redeem(&beside, code, assertion_new(&beside, &keys->second));
    flow_close(&beside);
}

/* 401 makes a client forget who it is; and the key that it signs with is a good one. */
KEYS_TEST(whoever_comes_while_new_keys_are_being_had_is_told_to_come_again)
{
    flow_move(flow, AGAIN_S);
    client_site_publish_keys(&keys->first, &keys->second);
    meet(keys, come_beside_meanwhile);
    CHECK_INT(use(flow, &keys->second), 200);
    CHECK_INT(status_meanwhile, 503);
}

/* ---- a clock that was wrong ---- */

KEYS_TEST(keys_of_a_clock_that_was_ahead_are_old)
{
    struct aa_refused refused;

    flow_move(flow, 365 * DAY_S);
    CHECK_OK(client_flow_authorize(flow, &refused));
    flow_move(flow, -365 * DAY_S);
    client_site_publish_keys(&keys->second, NULL);
    CHECK_INT(use(flow, &keys->first), 401);
    CHECK_INT(use(flow, &keys->second), 200);
}

/* ---- a copy of a version that knew nothing of keys ---- */

TEST(client_keys, a_copy_of_an_older_version_is_had_anew)
{
    struct keys keys;
    struct aa_refused refused;

    keys_open(&keys, EITHER AT_URI);
    flow_write(&keys.flow, make_older, NULL);
    flow_move(&keys.flow, 60);
    CHECK_OK(client_flow_authorize(&keys.flow, &refused));
    CHECK_INT(use(&keys.flow, &keys.first), 200);
    keys_close(&keys);
}

/* ---- the longest name ---- */

static bool is_long_asked;

static enum aa_err ask_also_the_longest(void *ctx, const char *url, struct aa_download *out, struct aa_error *err)
{
    if (strncmp(url, "https://aaaa", 12) != 0)
        return asked_site(ctx, url, out, err);
    is_long_asked = true;
    return aa_fail(err, AA_ERR_REMOTE_DNS, "no such name");
}

TEST(client_keys, keys_at_a_host_of_the_longest_name_are_looked_for)
{
    struct keys keys;
    struct aa_refused refused;
    char members[512], host[254];

    keys_open(&keys, EITHER AT_URI);
    for (int i = 0; i < 253; i++)
        host[i] = i % 60 == 59 ? '.' : 'a';
    host[253] = '\0';
    snprintf(members, sizeof members, EITHER ",\"jwks_uri\":\"https://%s/jwks.json\"", host);
    client_site_publish(members);
    asked_site = keys.flow.f.app.fetch;
    keys.flow.f.app.fetch = ask_also_the_longest;
    CHECK_OK(authorize_later(&keys.flow, &refused));
    CHECK(is_long_asked);
    keys_close(&keys);
}
