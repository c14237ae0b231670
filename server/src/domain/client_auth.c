#include "domain/client_auth.h"

#include "base/error.h"
#include "base/level.h"
#include "domain/client_assertion.h"
#include "domain/client_keys.h"
#include "domain/client_renew.h"
#include "domain/clients.h"

struct proving {
    struct aa_app *app;
    const struct aa_client_proof *proof;
    struct aa_client_assertion assertion;
    struct aa_client client;
    int64_t now_ms;
    uint8_t digest[AA_SHA256_LEN];
    bool is_replayed;
    struct aa_refused *refused;
};

static struct aa_view client_id_of(const struct proving *proving)
{
    return proving->assertion.claims.sub;
}

/* ---- what it says ---- */

static enum aa_err check_said(const struct proving *proving, struct aa_error *err)
{
    struct aa_view named = proving->proof->client_id;

    if (!aa_view_is_absent(named) && !aa_view_equal(named, client_id_of(proving)))
        return aa_refuse(proving->refused, AA_OAUTH_INVALID_CLIENT,
                         "client_id and the client_assertion name two clients");
    return aa_client_assertion_check(&proving->assertion, &proving->app->settings, proving->proof->path,
                                     proving->now_ms, proving->refused, err);
}

/* ---- whether its client signed it ---- */

static enum aa_err load(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct proving *proving = ctx;

    aa_record_clear(&proving->client.memory);
    return aa_client_find_asking(conn, client_id_of(proving), AA_CLIENT_PRIVATE_KEY_JWT, proving->now_ms,
                                 &proving->client, proving->refused, err);
}

static enum aa_err verify(const struct proving *proving, struct aa_error *err)
{
    if (!aa_client_keys_are_good(&proving->client, proving->now_ms))
        return AA_ERR_TOKEN_SIGNATURE;
    return aa_client_assertion_verify(&proving->assertion, proving->client.jwks, err);
}

/* Neither yes nor no: its keys may be others by now. */
static enum aa_err wait_for_keys(struct aa_error *err)
{
    return aa_fail(err, AA_ERR_STORE_BUSY, "a client's keys are being fetched");
}

static enum aa_err renew(struct proving *proving, enum aa_renewal *renewal, struct aa_error *err)
{
    enum aa_err rc = aa_client_renew_keys(proving->app, &proving->client, renewal, err);

    if (!rc && *renewal == AA_RENEWAL_BUSY)
        return wait_for_keys(err);
    return rc || *renewal == AA_RENEWAL_NONE ? rc : aa_db_read(proving->app->db, load, proving, err);
}

/* Whom nobody has allowed anything has no code and no token: strangers' own clients cost us no fetch and no row. */
static enum aa_err check_used(const struct proving *proving)
{
    if (proving->client.expires_ms == 0)
        return AA_OK;
    return aa_refuse(proving->refused, AA_OAUTH_INVALID_CLIENT, "Nobody has allowed the client anything yet");
}

static enum aa_err load_used(struct proving *proving, struct aa_error *err)
{
    enum aa_err rc = aa_db_read(proving->app->db, load, proving, err);

    return rc ? rc : check_used(proving);
}

static enum aa_err verify_with_renewed(struct proving *proving, struct aa_error *err)
{
    enum aa_renewal renewal = AA_RENEWAL_NONE;
    enum aa_err rc = renew(proving, &renewal, err);

    if (rc)
        return rc;
    return renewal == AA_RENEWAL_ASKED ? verify(proving, err) : AA_ERR_TOKEN_SIGNATURE;
}

/* Once with the keys that are kept, unless they are old, and once more with those that the client has now. */
static enum aa_err verify_with_any(struct proving *proving, struct aa_error *err)
{
    enum aa_renewal renewal = AA_RENEWAL_NONE;
    bool is_old = aa_client_keys_are_old(&proving->client, proving->now_ms);
    enum aa_err rc = is_old ? renew(proving, &renewal, err) : AA_OK;

    if (!rc)
        rc = verify(proving, err);
    return rc == AA_ERR_TOKEN_SIGNATURE && !is_old ? verify_with_renewed(proving, err) : rc;
}

static enum aa_err check_signature(struct proving *proving, struct aa_error *err)
{
    enum aa_err rc = load_used(proving, err);

    if (!rc)
        rc = verify_with_any(proving, err);
    if (rc == AA_ERR_TOKEN_SIGNATURE)
        return aa_refuse(proving->refused, AA_OAUTH_INVALID_CLIENT,
                         "The client_assertion is not signed with a key of the client");
    return rc;
}

/* ---- once ---- */

static enum aa_err use(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct proving *proving = ctx;
    const struct aa_used_assertion used = {
        .assertion_digest = aa_view_make(proving->digest, sizeof proving->digest),
        .expires_ms = aa_client_assertion_end_ms(&proving->assertion),
    };
    enum aa_err rc = aa_client_assertion_use(conn, &used, NULL);

    proving->is_replayed = rc == AA_ERR_CONFLICT;
    return rc && !proving->is_replayed ? aa_fail(err, rc, "an assertion could not be kept: %s", aa_err_text(rc))
                                       : AA_OK;
}

static enum aa_err spend(struct proving *proving, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_client_assertion_digest(&proving->assertion, proving->digest, err);
    if (!rc)
        rc = aa_db_write(proving->app->db, use, proving, err);
    if (rc || !proving->is_replayed)
        return rc;
    aa_app_log(proving->app, AA_LOG_WARNING, NULL, "an assertion of client %.*s was used again",
               AA_VIEW_ARGS(aa_view_slice(client_id_of(proving), 0, AA_CLIENT_ID_LOGGED_MAX)));
    return aa_refuse(proving->refused, AA_OAUTH_INVALID_CLIENT, "The client_assertion was used already");
}

/* ---- the whole ---- */

/* Only what the client itself signed is kept. */
static enum aa_err prove(struct proving *proving, struct aa_error *err)
{
    enum aa_err rc;

    rc = check_said(proving, err);
    if (!rc)
        rc = check_signature(proving, err);
    return rc ? rc : spend(proving, err);
}

static void count(const struct proving *proving, enum aa_err rc)
{
    enum aa_metrics_counter counter = rc ? AA_COUNT_ASSERTIONS_REFUSED : AA_COUNT_ASSERTIONS_GOOD;

    if (proving->is_replayed)
        counter = AA_COUNT_ASSERTIONS_REPLAYED;
    if (!rc || proving->refused->error != AA_OAUTH_NONE)
        aa_metrics_count(proving->app->metrics, counter);
}

enum aa_err aa_client_prove(struct aa_app *app, const struct aa_client_proof *proof, struct aa_buf *client_id,
                            struct aa_refused *refused, struct aa_error *err)
{
    struct proving proving = {.app = app, .proof = proof, .now_ms = aa_app_now_ms(app), .refused = refused};
    bool is_read;
    enum aa_err rc;

    rc = aa_client_assertion_read(proof->assertion, &proving.assertion, refused, err);
    is_read = rc == AA_OK;
    if (is_read)
        rc = prove(&proving, err);
    count(&proving, rc);
    if (!rc) {
        aa_buf_add(client_id, client_id_of(&proving));
        rc = aa_buf_check(client_id, "a client_id", err);
    }
    if (is_read)
        aa_client_assertion_clear(&proving.assertion);
    aa_record_clear(&proving.client.memory);
    return rc;
}
