/* Client registration: what is registered holds only redirect URIs that may be, and what the client is told registers
 * the same client. */
#include "domain/clients.h"
#include "domain/redirect_uri.h"
#include "domain/texts.h"
#include "fuzz.h"

#define HOUR_MS (INT64_C(3600) * 1000)
#define INPUTS_A_STORE 2000 /* then it begins anew, so that it stays small */

static struct aa_app app;
static int64_t clock_ms = INT64_C(1800000000000);

static int64_t now_ms(void *ctx)
{
    (void)ctx;
    return clock_ms;
}

static void log_nothing(void *ctx, int level, const char *request_id, const char *message)
{
    (void)ctx;
    (void)level;
    (void)request_id;
    (void)message;
}

static void open_store(void)
{
    static int left;
    const struct aa_db_options options = {.url = ":memory:", .migrate = true};

    if (left-- > 0)
        return;
    left = INPUTS_A_STORE - 1;
    if (app.db)
        aa_db_close(app.db);
    MUST_OK(aa_crypto_init(NULL));
    aa_settings_init(&app.settings);
    app.now_ms = now_ms;
    app.random = aa_random_system;
    app.log = log_nothing;
    MUST_OK(aa_db_open(&options, &app.db, NULL));
}

static bool is_registered(struct aa_view document, struct aa_client *client)
{
    struct aa_refused refused = AA_REFUSED_INIT;
    enum aa_err rc;

    rc = aa_client_register(&app, document, AA_VIEW("192.0.2.1"), client, &refused, NULL);
    MUST(!rc || (rc == AA_ERR_REQUEST_MALFORMED && refused.error != AA_OAUTH_NONE));
    MUST(!rc || refused.error == AA_OAUTH_INVALID_REDIRECT_URI || refused.error == AA_OAUTH_INVALID_CLIENT_METADATA);
    return !rc;
}

static void check_answer(const struct aa_json *answer)
{
    const struct aa_json *uris = aa_json_get(answer, "redirect_uris");

    MUST(aa_json_len(uris) > 0 && aa_json_len(uris) <= 10);
    for (size_t i = 0; i < aa_json_len(uris); i++)
        MUST_OK(aa_redirect_uri_check(&app.settings, aa_json_text(aa_json_at(uris, i)), NULL));
    MUST(aa_text_is_plain(aa_json_text(aa_json_get(answer, "client_name"))));
    MUST(!aa_json_get(answer, "client_secret"));
    MUST(aa_view_equal_text(aa_json_text(aa_json_get(answer, "token_endpoint_auth_method")), "none"));
}

static void check_again(const struct aa_client *client)
{
    struct aa_client again = {.created_ms = 0};
    struct aa_json *answer;
    struct aa_buf told;

    aa_buf_init(&told, AA_CLIENT_ANSWER_MAX);
    MUST_OK(aa_client_add_json(&told, client, NULL));
    answer = fuzz_must_be_json(&told);
    check_answer(answer);
    if (told.len <= 60 * 1024) { /* a registration may be 64 KiB long, and the answer holds a little more */
        MUST(is_registered(aa_buf_view(&told), &again));
        MUST_EQUAL(again.client_id, client->client_id);
        aa_record_clear(&again.memory);
    }
    aa_json_free(answer);
    aa_buf_clear(&told);
}

bool fuzz_one(struct aa_view input)
{
    struct aa_client client = {.created_ms = 0};

    open_store();
    clock_ms += HOUR_MS; /* an address may register so many in an hour */
    if (!is_registered(input, &client))
        return false;
    check_again(&client);
    aa_record_clear(&client.memory);
    return true;
}
