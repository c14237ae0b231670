/* Client registration: what is registered holds only redirect URIs that may be, and what the client is told registers
 * the same client. */
#include "app.h"
#include "domain/clients.h"
#include "domain/redirect_uri.h"
#include "domain/texts.h"
#include "fuzz.h"

static bool is_registered(struct aa_view document, struct aa_client *client)
{
    struct aa_refused refused = AA_REFUSED_INIT;
    enum aa_err rc;

    rc = aa_client_register(&fuzz_app, document, AA_VIEW("192.0.2.1"), client, &refused, NULL);
    MUST(!rc || (rc == AA_ERR_REQUEST_MALFORMED && refused.error != AA_OAUTH_NONE));
    MUST(!rc || refused.error == AA_OAUTH_INVALID_REDIRECT_URI || refused.error == AA_OAUTH_INVALID_CLIENT_METADATA);
    return !rc;
}

static void check_answer(const struct aa_json *answer)
{
    const struct aa_json *uris = aa_json_get(answer, "redirect_uris");

    MUST(aa_json_len(uris) > 0 && aa_json_len(uris) <= 10);
    for (size_t i = 0; i < aa_json_len(uris); i++)
        MUST_OK(aa_redirect_uri_check(&fuzz_app.settings, aa_json_text(aa_json_at(uris, i)), NULL));
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

    (void)fuzz_app_next(NULL);
    if (!is_registered(input, &client))
        return false;
    check_again(&client);
    aa_record_clear(&client.memory);
    return true;
}
