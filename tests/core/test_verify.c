/* The decision without any network: facts that are already known, judged at a time that is handed in. */
#include "verify/verifier.h"

#include "support_principal.h"

#define OURS "https://mcp.example.com/mcp"
#define WALL_S 1700000000

static void open_verifier(struct aa_verifier *verifier, const char *json)
{
    struct aa_options options;

    CHECK_OK(aa_options_read(VIEW(json), NULL, NULL, &options, NULL));
    CHECK_OK(aa_verifier_init(verifier, &options, NULL));
}

#define KNOWN "{\"server_id\":\"s\",\"api_key\":\"k\",\"resource\":\"" OURS "\",\"cache_ttl\":3600}"
#define UNKNOWN "{\"server_id\":\"s\",\"api_key\":\"k\"}"

static struct aa_guard_request request_of(const char *authorization)
{
    return (struct aa_guard_request){.method = VIEW("GET"), .path = VIEW("/mcp"), .authorization = VIEW(authorization)};
}

static void ask_at(struct aa_verifier *verifier, const char *authorization, struct aa_now now,
                   struct aa_verdict *verdict, struct aa_question *question)
{
    struct aa_guard_request request = request_of(authorization);

    aa_verifier_ask(verifier, &request, now, verdict, question);
}

static void check_code(struct aa_verifier *verifier, const char *authorization, struct aa_now now, enum aa_err wanted)
{
    struct aa_question question;
    struct aa_verdict verdict;

    ask_at(verifier, authorization, now, &verdict, &question);
    CHECK_INT(question.need, AA_NEED_NOTHING);
    CHECK_ERR(verdict.code, wanted);
    CHECK_INT(verdict.kind, wanted ? AA_VERDICT_ANSWER : AA_VERDICT_ALLOW);
    aa_verdict_clear(&verdict);
}

static void remember(struct aa_verifier *verifier, const char *token, const char *json, struct aa_now now)
{
    struct aa_facts facts = {AA_OK, principal_of(json)};
    struct aa_cache_key key;

    CHECK_OK(aa_token_key_compute(&verifier->token_scope, VIEW(token), &key));
    aa_cache_put(verifier->cache, &key, &facts, now);
    aa_facts_clear(&facts);
}

TEST(verify, what_is_not_known_is_said)
{
    struct aa_now now = {WALL_S, 0};
    struct aa_question question;
    struct aa_verifier verifier;
    struct aa_verdict verdict;

    open_verifier(&verifier, KNOWN);
    ask_at(&verifier, "Bearer abc", now, &verdict, &question);
    CHECK_INT(verdict.kind, AA_VERDICT_PENDING);
    CHECK_INT(question.need, AA_NEED_TOKEN);
    CHECK_VIEW(question.token, "abc");
    aa_verifier_clear(&verifier);
    open_verifier(&verifier, UNKNOWN);
    ask_at(&verifier, "Bearer abc", now, &verdict, &question);
    CHECK_INT(verdict.kind, AA_VERDICT_PENDING);
    CHECK_INT(question.need, AA_NEED_IDENTITY);
    CHECK_OK(aa_verifier_learn_identity(&verifier, VIEW(OURS), AA_VIEW_ABSENT, NULL));
    ask_at(&verifier, "Bearer abc", now, &verdict, &question);
    CHECK_INT(question.need, AA_NEED_TOKEN);
    aa_verifier_clear(&verifier);
}

/* RFC 7662 §4: a cached answer must not outlive the token. The cache counts by a clock nobody sets; exp is of the wall
 * clock, which may be set: so it is looked at again at every hit. */
TEST(verify, exp_is_looked_at_again_at_every_hit)
{
    struct aa_verifier verifier;

    open_verifier(&verifier, KNOWN);
    remember(&verifier, "abc", "{\"aud\":\"" OURS "\",\"exp\":1700000100}", (struct aa_now){WALL_S, 0});
    check_code(&verifier, "Bearer abc", (struct aa_now){1700000099, 1}, AA_OK);
    check_code(&verifier, "Bearer abc", (struct aa_now){1700000100, 1}, AA_ERR_TOKEN_EXPIRED);
    check_code(&verifier, "Bearer abc", (struct aa_now){1700000099, 1}, AA_OK);
    aa_verifier_clear(&verifier);
}

TEST(verify, audience_and_issuer_are_looked_at_again_at_every_hit)
{
    struct aa_verifier verifier;
    struct aa_now now = {WALL_S, 0};

    open_verifier(&verifier, KNOWN);
    remember(&verifier, "a", "{\"aud\":\"https://other.example\"}", now);
    remember(&verifier, "b", "{\"aud\":\"" OURS "\",\"iss\":\"https://other.example\"}", now);
    remember(&verifier, "c", "{\"aud\":\"" OURS "\",\"iss\":\"http://localhost:8788\"}", now);
    check_code(&verifier, "Bearer a", now, AA_ERR_TOKEN_AUDIENCE);
    check_code(&verifier, "Bearer b", now, AA_ERR_TOKEN_ISSUER);
    check_code(&verifier, "Bearer c", now, AA_OK);
    aa_verifier_clear(&verifier);
}

TEST(verify, the_first_identity_stays)
{
    struct aa_verifier verifier;

    open_verifier(&verifier, UNKNOWN);
    CHECK(aa_verifier_identity(&verifier) == NULL);
    CHECK_ERR(aa_verifier_learn_identity(&verifier, VIEW("/mcp"), AA_VIEW_ABSENT, NULL), AA_ERR_URL_MALFORMED);
    CHECK(aa_verifier_identity(&verifier) == NULL);
    CHECK_OK(aa_verifier_learn_identity(&verifier, VIEW(OURS), AA_VIEW_ABSENT, NULL));
    CHECK_OK(aa_verifier_learn_identity(&verifier, VIEW("https://other.example"), AA_VIEW_ABSENT, NULL));
    CHECK_VIEW(aa_identity_resource(aa_verifier_identity(&verifier)), OURS);
    aa_verifier_clear(&verifier);
}

/* Oathkeeper CVE-2021-32701: an answer for one configuration must not serve another. */
TEST(verify, the_cache_key_holds_endpoint_and_credentials)
{
    static const char *const others[] = {
        "{\"server_id\":\"s2\",\"api_key\":\"k\",\"resource\":\"" OURS "\"}",
        "{\"server_id\":\"s\",\"api_key\":\"k2\",\"resource\":\"" OURS "\"}",
        "{\"server_id\":\"s\",\"api_key\":\"k\",\"auth_server\":\"https://as.example\",\"resource\":\"" OURS "\"}",
        "{\"server_id\":\"s\",\"api_key\":\"k\",\"introspection_endpoint\":\"https://x.example\",\"resource\":\"" OURS
        "\"}",
        "{\"server_id\":\"sk\",\"api_key\":\"x\",\"resource\":\"" OURS "\"}"};
    struct aa_cache_key first;
    struct aa_cache_key same;
    struct aa_verifier verifier;
    struct aa_verifier twin;

    open_verifier(&verifier, KNOWN);
    open_verifier(&twin, KNOWN);
    CHECK_OK(aa_token_key_compute(&verifier.token_scope, VIEW("abc"), &first));
    CHECK_OK(aa_token_key_compute(&twin.token_scope, VIEW("abc"), &same));
    assert_memory_equal(first.bytes, same.bytes, AA_CACHE_KEY_LEN);
    CHECK_OK(aa_token_key_compute(&twin.token_scope, VIEW("abd"), &same));
    assert_memory_not_equal(first.bytes, same.bytes, AA_CACHE_KEY_LEN);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct aa_cache_key other;
        struct aa_verifier stranger;

        open_verifier(&stranger, others[i]);
        CHECK_OK(aa_token_key_compute(&stranger.token_scope, VIEW("abc"), &other));
        assert_memory_not_equal(first.bytes, other.bytes, AA_CACHE_KEY_LEN);
        aa_verifier_clear(&stranger);
    }
    aa_verifier_clear(&twin);
    aa_verifier_clear(&verifier);
}

TEST(verify, the_last_resort_is_a_503_that_is_never_freed)
{
    struct aa_answer *answer = aa_answer_last_resort();

    aa_answer_release(answer);
    aa_answer_release(aa_answer_acquire(answer));
    CHECK_INT(aa_answer_status(answer), 503);
    CHECK(aa_answer_header_count(answer) == 3);
    CHECK_VIEW(aa_answer_body(answer), "{\"error\":\"temporarily_unavailable\"}");
}
