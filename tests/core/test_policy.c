/* Facts about a token, judged: time, issuer, audience, scopes. One thing wrong at a time. */
#include "verify/policy.h"

#include "base/mem.h"
#include "support_principal.h"

#define OURS "https://mcp.example.com/mcp"
#define ISSUER "https://as.example.com"
#define NOW_S 1700000000

static struct aa_options options_with(enum aa_mode mode, bool check_audience)
{
    return (struct aa_options){.auth_server = VIEW(ISSUER), .mode = mode, .check_audience = check_audience};
}

static enum aa_err judge_at(const struct aa_options *options, const char *json, int64_t now_s)
{
    struct aa_principal *principal = principal_of(json);
    enum aa_err code = aa_policy_check(options, VIEW(OURS), principal, (struct aa_now){now_s, 0});

    aa_principal_release(principal);
    return code;
}

static enum aa_err judge(const char *json)
{
    struct aa_options options = options_with(AA_MODE_INTROSPECTION, true);

    return judge_at(&options, json, NOW_S);
}

TEST(policy, a_token_that_is_ours_and_alive_is_good)
{
    CHECK_OK(judge("{\"aud\":\"" OURS "\",\"iss\":\"" ISSUER "\",\"exp\":1700000001,\"nbf\":1699999999}"));
}

TEST(policy, it_ends_at_exp)
{
    struct aa_options options = options_with(AA_MODE_INTROSPECTION, true);
    const char *json = "{\"aud\":\"" OURS "\",\"exp\":1700000100}";

    CHECK_OK(judge_at(&options, json, 1700000099));
    CHECK_ERR(judge_at(&options, json, 1700000100), AA_ERR_TOKEN_EXPIRED);
}

TEST(policy, it_begins_at_nbf_give_or_take_a_clock)
{
    struct aa_options options = options_with(AA_MODE_INTROSPECTION, true);
    const char *json = "{\"aud\":\"" OURS "\",\"nbf\":1700000100}";

    CHECK_OK(judge_at(&options, json, 1700000100 - AA_CLOCK_SKEW_S));
    CHECK_ERR(judge_at(&options, json, 1700000099 - AA_CLOCK_SKEW_S), AA_ERR_TOKEN_NOT_YET);
}

TEST(policy, another_issuer_is_refused_byte_for_byte)
{
    CHECK_OK(judge("{\"aud\":\"" OURS "\",\"iss\":\"" ISSUER "\"}"));
    CHECK_ERR(judge("{\"aud\":\"" OURS "\",\"iss\":\"" ISSUER "/\"}"), AA_ERR_TOKEN_ISSUER);
    CHECK_ERR(judge("{\"aud\":\"" OURS "\",\"iss\":\"https://AS.example.com\"}"), AA_ERR_TOKEN_ISSUER);
    CHECK_ERR(judge("{\"aud\":\"" OURS "\",\"iss\":\"\"}"), AA_ERR_TOKEN_ISSUER);
}

TEST(policy, a_jwt_must_name_its_issuer_and_an_introspection_answer_need_not)
{
    struct aa_options jwt = options_with(AA_MODE_JWT, true);

    CHECK_OK(judge("{\"aud\":\"" OURS "\"}"));
    CHECK_ERR(judge_at(&jwt, "{\"aud\":\"" OURS "\"}", NOW_S), AA_ERR_TOKEN_ISSUER);
    CHECK_OK(judge_at(&jwt, "{\"aud\":\"" OURS "\",\"iss\":\"" ISSUER "\"}", NOW_S));
}

TEST(policy, the_audience_must_be_ours)
{
    CHECK_OK(judge("{\"aud\":\"" OURS "\"}"));
    CHECK_OK(judge("{\"aud\":[\"https://other.example\",\"" OURS "\"]}"));
    CHECK_ERR(judge("{\"aud\":\"https://other.example\"}"), AA_ERR_TOKEN_AUDIENCE);
    CHECK_ERR(judge("{\"aud\":[]}"), AA_ERR_TOKEN_AUDIENCE);
    CHECK_ERR(judge("{}"), AA_ERR_TOKEN_AUDIENCE);
    CHECK_ERR(judge("{\"aud\":\"\"}"), AA_ERR_TOKEN_AUDIENCE);
}

TEST(policy, an_audience_is_not_a_prefix)
{
    CHECK_ERR(judge("{\"aud\":\"https://mcp.example.com\"}"), AA_ERR_TOKEN_AUDIENCE);
    CHECK_ERR(judge("{\"aud\":\"https://mcp.example.com/mcp/more\"}"), AA_ERR_TOKEN_AUDIENCE);
    CHECK_ERR(judge("{\"aud\":\"https://mcp.example.com/mcp/\"}"), AA_ERR_TOKEN_AUDIENCE);
    CHECK_ERR(judge("{\"aud\":\"http://mcp.example.com/mcp\"}"), AA_ERR_TOKEN_AUDIENCE);
}

TEST(policy, spelling_of_scheme_host_and_default_port_does_not_matter)
{
    CHECK_OK(judge("{\"aud\":\"HTTPS://MCP.Example.com:443/mcp\"}"));
    CHECK_ERR(judge("{\"aud\":\"https://mcp.example.com:8443/mcp\"}"), AA_ERR_TOKEN_AUDIENCE);
    CHECK_ERR(judge("{\"aud\":\"https://mcp.example.com/MCP\"}"), AA_ERR_TOKEN_AUDIENCE);
}

TEST(policy, without_audience_check_any_audience_will_do)
{
    struct aa_options options = options_with(AA_MODE_INTROSPECTION, false);

    CHECK_OK(judge_at(&options, "{\"aud\":\"https://other.example\"}", NOW_S));
    CHECK_OK(judge_at(&options, "{}", NOW_S));
    CHECK_ERR(judge_at(&options, "{\"exp\":1}", NOW_S), AA_ERR_TOKEN_EXPIRED);
}

TEST(policy, time_comes_before_issuer_and_issuer_before_audience)
{
    CHECK_ERR(judge("{\"aud\":\"x\",\"iss\":\"x\",\"exp\":1}"), AA_ERR_TOKEN_EXPIRED);
    CHECK_ERR(judge("{\"aud\":\"x\",\"iss\":\"x\"}"), AA_ERR_TOKEN_ISSUER);
    CHECK_ERR(judge("{\"aud\":\"x\"}"), AA_ERR_TOKEN_AUDIENCE);
}

static bool covers(const char *granted_json, const char *wanted)
{
    struct aa_principal *principal = principal_of(granted_json);
    struct aa_scopes scopes;
    bool yes;

    CHECK_OK(aa_scopes_parse(VIEW(wanted), &scopes, NULL));
    yes = aa_policy_covers(principal, &scopes);
    aa_principal_release(principal);
    return yes;
}

TEST(policy, every_wanted_scope_must_be_granted)
{
    CHECK(covers("{\"scope\":\"files:read files:write\"}", "files:write files:read"));
    CHECK(!covers("{\"scope\":\"files:read\"}", "files:write files:read"));
    CHECK(covers("{\"scope\":\"files:*\"}", "files:write files:read"));
    CHECK(!covers("{\"scope\":\"*\"}", "files:read"));
    CHECK(!covers("{\"scope\":\"\"}", "files:read"));
    CHECK(!covers("{}", "files:read"));
    CHECK(covers("{}", ""));
}

TEST(policy, a_scope_that_cannot_be_read_covers_nothing)
{
    CHECK(!covers("{\"scope\":\"files:read \\\"\"}", "files:read"));
}

TEST(policy, judging_allocates_nothing)
{
    struct aa_options options = options_with(AA_MODE_INTROSPECTION, true);
    struct aa_principal *principal = principal_of("{\"aud\":\"" OURS "\",\"scope\":\"a b\",\"exp\":1700000001}");
    struct aa_scopes scopes;

    CHECK_OK(aa_scopes_parse(VIEW("b"), &scopes, NULL));
    aa_mem_fail_at(0, false);
    CHECK_OK(aa_policy_check(&options, VIEW(OURS), principal, (struct aa_now){NOW_S, 0}));
    CHECK(aa_policy_covers(principal, &scopes));
    CHECK_INT(aa_mem_count(), 0);
    aa_principal_release(principal);
}

/* ---- principals ------------------------------------------------------------------------------------------------- */

TEST(principal, it_tells_what_the_answer_said)
{
    struct aa_principal *principal = principal_of(
        "{\"active\":true,\"sub\":\"usr_1\",\"email\":\"a@b.c\",\"name\":\"Ann\",\"client_id\":\"cl_1\","
        "\"scope\":\"x y\",\"iss\":\"" ISSUER "\",\"aud\":\"z\",\"exp\":1700000000.9,\"role\":[\"admin\"]}");

    CHECK_VIEW(aa_principal_id(principal), "usr_1");
    CHECK_VIEW(aa_principal_email(principal), "a@b.c");
    CHECK_VIEW(aa_principal_name(principal), "Ann");
    CHECK_VIEW(aa_principal_client_id(principal), "cl_1");
    CHECK_VIEW(aa_principal_scope(principal), "x y");
    CHECK_VIEW(aa_principal_issuer(principal), ISSUER);
    CHECK_VIEW(aa_principal_resource(principal), OURS);
    CHECK_INT(aa_principal_expires_at(principal), 1700000000);
    CHECK(memmem(aa_principal_claims(principal).data, aa_principal_claims(principal).len, "\"role\":[\"admin\"]", 16));
    aa_principal_release(principal);
}

TEST(principal, what_the_answer_left_out_is_absent)
{
    struct aa_principal *principal = principal_of("{}");

    CHECK(aa_view_is_absent(aa_principal_id(principal)));
    CHECK(aa_view_is_absent(aa_principal_email(principal)));
    CHECK(aa_view_is_absent(aa_principal_name(principal)));
    CHECK(aa_view_is_absent(aa_principal_client_id(principal)));
    CHECK(aa_view_is_absent(aa_principal_scope(principal)));
    CHECK(aa_view_is_absent(aa_principal_issuer(principal)));
    CHECK_INT(aa_principal_expires_at(principal), 0);
    CHECK_VIEW(aa_principal_claims(principal), "{}");
    aa_principal_release(principal);
}

TEST(principal, an_empty_text_is_not_an_absent_one)
{
    struct aa_principal *principal = principal_of("{\"sub\":\"\"}");

    CHECK_VIEW(aa_principal_id(principal), "");
    aa_principal_release(principal);
}
