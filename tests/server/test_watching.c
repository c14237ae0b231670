/* What operators see of a server at work: counts of what it did, how its database does, whether it is ready. */
#include <stdio.h>

#include "domain/directory.h"
#include "support_flow.h"
#include "support_store.h"

#define PASSWORD "correct horse battery staple"

static void start_counting(struct flow *flow)
{
    CHECK_OK(aa_metrics_new(&flow->f.app.metrics, NULL));
}

static void stop_counting(struct flow *flow)
{
    aa_metrics_free(flow->f.app.metrics);
    flow->f.app.metrics = NULL;
}

static void check_says(const struct aa_metrics *m, const char *line)
{
    struct aa_buf out;
    char wanted[256];

    aa_buf_init(&out, AA_METRICS_TEXT_MAX);
    aa_metrics_write(m, &out);
    snprintf(wanted, sizeof wanted, "\n%s\n", line);
    if (!strstr(aa_buf_text(&out), wanted))
        fail_msg("no line \"%s\" in %s", line, aa_buf_text(&out));
    aa_buf_clear(&out);
}

#define SAYS(line) check_says(flow->f.app.metrics, line)

/* ---- what it did ---- */

FLOW_TEST(watching, tokens_and_refreshes_are_counted_by_what_became_of_them)
{
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX];

    start_counting(flow);
    flow_tokens(flow, access, refresh);
    CHECK_INT(flow_refresh(flow, refresh), 200);
    CHECK_INT(flow_refresh(flow, refresh), 200);
    CHECK_INT(flow_refresh(flow, "rt_unknown"), 400);
    flow_move(flow, 3600);
    CHECK_INT(flow_refresh(flow, refresh), 400);
    SAYS("auth_agent_tokens_issued_total{grant_type=\"authorization_code\"} 1");
    SAYS("auth_agent_tokens_issued_total{grant_type=\"refresh_token\"} 2");
    SAYS("auth_agent_refreshes_total{outcome=\"rotated\"} 1");
    SAYS("auth_agent_refreshes_total{outcome=\"replayed\"} 1");
    SAYS("auth_agent_refreshes_total{outcome=\"reuse_detected\"} 1");
    SAYS("auth_agent_refreshes_total{outcome=\"refused\"} 1");
    stop_counting(flow);
}

FLOW_TEST(watching, introspections_are_counted_by_outcome)
{
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX];

    flow_keys(flow);
    flow_tokens(flow, access, refresh);
    start_counting(flow);
    CHECK(flow_is_active(flow, access));
    CHECK(flow_is_active(flow, access));
    CHECK(!flow_is_active(flow, "no-token-of-ours"));
    CHECK_INT(flow_post(flow, "/introspect", "token", access, NULL), 401);
    SAYS("auth_agent_introspections_total{outcome=\"active\"} 2");
    SAYS("auth_agent_introspections_total{outcome=\"inactive\"} 1");
    SAYS("auth_agent_introspections_total{outcome=\"unauthorized\"} 1");
    stop_counting(flow);
}

FLOW_TEST(watching, replays_registrations_and_revocations_are_counted)
{
    static const char document[] = "{\"client_name\":\"New\",\"redirect_uris\":[\"http://localhost/x\"]}";
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX], code[128];

    start_counting(flow);
    flow_code(flow, code);
    CHECK_INT(flow_redeem(flow, code), 200);
    CHECK_INT(flow_redeem(flow, code), 400);
    CHECK_INT(flow_post_raw(flow, "/register", "application/json", document), 201);
    CHECK_INT(flow_post_raw(flow, "/register", "application/json", document), 201); /* the same client again */
    flow_tokens(flow, access, refresh);
    CHECK_INT(flow_post(flow, "/revoke", "client_id", flow->client_id, "token", refresh, NULL), 200);
    CHECK_INT(flow_post(flow, "/revoke", "client_id", flow->client_id, "token", "rt_unknown", NULL), 200);
    SAYS("auth_agent_code_replays_total 1");
    SAYS("auth_agent_registrations_total 1");
    SAYS("auth_agent_revocations_total 1");
    stop_counting(flow);
}

static enum aa_err log_in(struct flow *flow, const char *password)
{
    const struct aa_login_try tried = {
        .email = VIEW("eve@example.com"), .password = VIEW(password), .peer = VIEW("192.0.2.9")};
    struct aa_user user = {0};
    int64_t retry_after_s;
    enum aa_err rc = aa_person_authenticate(&flow->f.app, &tried, &user, &retry_after_s, NULL);

    aa_record_clear(&user.memory);
    return rc;
}

FLOW_TEST(watching, logins_and_lock_outs_are_counted)
{
    struct aa_buf user_id;

    aa_buf_init(&user_id, 64);
    CHECK_OK(aa_person_create(&flow->f.app, VIEW("eve@example.com"), AA_VIEW_ABSENT, VIEW(PASSWORD), &user_id, NULL));
    aa_buf_clear(&user_id);
    start_counting(flow);
    CHECK_OK(log_in(flow, PASSWORD));
    for (int i = 0; i < 10; i++)
        CHECK_ERR(log_in(flow, "wrong"), AA_ERR_TOKEN_INACTIVE);
    CHECK_ERR(log_in(flow, PASSWORD), AA_ERR_TOKEN_NOT_YET);
    SAYS("auth_agent_logins_total{outcome=\"success\"} 1");
    SAYS("auth_agent_logins_total{outcome=\"failure\"} 10");
    SAYS("auth_agent_logins_total{outcome=\"locked_out\"} 1");
    SAYS("auth_agent_lockouts_total 1");
    stop_counting(flow);
}

/* ---- how its database does ---- */

static enum aa_err do_nothing(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    (void)conn;
    (void)ctx;
    (void)err;
    return AA_OK;
}

TEST(watching, reads_and_writes_are_timed_and_nothing_is_left_waiting_or_busy)
{
    struct aa_metrics *m = NULL;
    struct aa_db *db = NULL;
    char folder[64], path[96];

    folder_make(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/test.db", folder);
    CHECK_OK(aa_metrics_new(&m, NULL));
    CHECK_OK(aa_db_open(&(struct aa_db_options){.url = path, .migrate = true, .metrics = m}, &db, NULL));
    CHECK_OK(aa_db_read(db, do_nothing, NULL, NULL));
    CHECK_OK(aa_db_read(db, do_nothing, NULL, NULL));
    CHECK_OK(aa_db_write(db, do_nothing, NULL, NULL));
    check_says(m, "auth_agent_store_duration_seconds_count{operation=\"read\"} 2");
    check_says(m, "auth_agent_store_duration_seconds_count{operation=\"write\"} 1");
    check_says(m, "auth_agent_store_batch_size_sum 1");
    check_says(m, "auth_agent_store_waiting 0");
    check_says(m, "auth_agent_store_connections{state=\"busy\"} 0");
    check_says(m, "auth_agent_store_connections{state=\"idle\"} 1");
    check_says(m, "auth_agent_store_failures_total 0");
    aa_db_close(db);
    aa_metrics_free(m);
    folder_remove(folder);
}

/* ---- is it ready? ---- */

FLOW_TEST(watching, it_is_ready_until_it_is_told_to_stop)
{
    atomic_bool is_stopping = false;

    flow->f.app.is_stopping = &is_stopping;
    CHECK_INT(flow_get(flow, "/readyz"), 200);
    atomic_store(&is_stopping, true);
    CHECK_INT(flow_get(flow, "/readyz"), 503);
    CHECK(flow_header(flow, "Retry-After").len > 0);
    CHECK_INT(flow_get(flow, "/healthz"), 200); /* it is alive all the same */
}

FLOW_TEST(watching, it_is_not_ready_without_signing_keys)
{
    struct aa_keyring *keyring = flow->f.app.keyring;

    flow->f.app.keyring = NULL;
    CHECK_INT(flow_get(flow, "/readyz"), 503);
    flow->f.app.keyring = keyring;
    CHECK_INT(flow_get(flow, "/readyz"), 200);
}
