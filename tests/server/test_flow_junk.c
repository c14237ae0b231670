/* No input gives a 5xx: bodies of every endpoint, changed at random but always in the same way. */
#include <stdio.h>

#include "support_flow.h"

#define ROUNDS 4000

/* xorshift64*: the same sequence on every machine. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static size_t below(uint64_t *state, size_t limit)
{
    return (size_t)(next_random(state) % limit);
}

/* What likes to break parsers. */
static const char *const pieces[] = {"%",
                                     "%00",
                                     "%zz",
                                     "&",
                                     "=",
                                     "&&",
                                     "{",
                                     "}",
                                     "[",
                                     "]",
                                     "\"",
                                     ",",
                                     ":",
                                     "\\",
                                     "\\u0000",
                                     "\xff",
                                     "\xc3",
                                     "null",
                                     "1e999",
                                     "-1",
                                     "+",
                                     " ",
                                     "\r\n",
                                     "%0d%0a",
                                     "\x01",
                                     "client_id=",
                                     "token=",
                                     "code_verifier=",
                                     "%F0%9F%92%A9",
                                     "......",
                                     "{\"a\":{\"a\":{\"a\":"};

static void mutate(uint64_t *state, struct aa_buf *body)
{
    size_t at = below(state, body->len + 1), len = below(state, 9);
    struct aa_buf out;

    aa_buf_init(&out, body->max);
    aa_buf_add(&out, aa_view_slice(aa_buf_view(body), 0, at));
    switch (below(state, 5)) {
    case 0: /* cut something out */
        aa_buf_add(&out, aa_view_from(aa_buf_view(body), at + len));
        break;
    case 1: /* put something in */
        aa_buf_add_text(&out, pieces[below(state, sizeof pieces / sizeof *pieces)]);
        aa_buf_add(&out, aa_view_from(aa_buf_view(body), at));
        break;
    case 2: /* change a byte */
        aa_buf_add_char(&out, (char)below(state, 256));
        aa_buf_add(&out, aa_view_from(aa_buf_view(body), at + 1));
        break;
    case 3: /* say it twice */
        aa_buf_add(&out, aa_view_from(aa_buf_view(body), at > 20 ? at - 20 : 0));
        break;
    default: /* stop there */
        break;
    }
    aa_buf_cut(body, 0);
    aa_buf_add(body, aa_buf_view(&out));
    aa_buf_clear(&out);
}

struct target {
    const char *path, *content_type, *authorization, *body;
};

static void check_survives(struct flow *flow, const struct target *target, uint64_t seed)
{
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    int most = 0, least = 600;

    for (int i = 0; i < ROUNDS; i++) {
        struct aa_buf body;
        int status;

        aa_buf_init(&body, 12 * 1024);
        aa_buf_add_text(&body, target->body);
        for (size_t count = 1 + below(&state, 4); count > 0; count--)
            mutate(&state, &body);
        aa_response_reset(&flow->response);
        status = flow_send_to(flow,
                              &(struct flow_request){.method = AA_METHOD_POST,
                                                     .path = target->path,
                                                     .authorization = target->authorization,
                                                     .content_type = target->content_type,
                                                     .body = aa_buf_view(&body)},
                              &flow->response);
        aa_buf_clear(&body);
        if (status < 200 || status >= 500)
            fail_msg("%s answered %d in round %d", target->path, status, i);
        most = status > most ? status : most;
        least = status < least ? status : least;
    }
    CHECK(most >= 400); /* the changes did reach the rules */
    if (strcmp(target->path, "/token") != 0)
        CHECK(least < 400); /* and did not always break everything */
}

FLOW_TEST(junk, no_changed_body_breaks_an_endpoint)
{
    char access[FLOW_TOKEN_MAX], refresh[FLOW_TOKEN_MAX], code[128], bodies[6][FLOW_TOKEN_MAX * 2];
    char authorization[256];
    static const char form[] = "application/x-www-form-urlencoded", json[] = "application/json";

    flow_keys(flow);
    flow_tokens(flow, access, refresh);
    flow_code(flow, code);
    snprintf(authorization, sizeof authorization, "Bearer %s", flow->key);
    flow_form(bodies[0], sizeof bodies[0], "grant_type", "authorization_code", "client_id", flow->client_id, "code",
              code, "redirect_uri", REDIRECT, "code_verifier", VERIFIER, "resource", RESOURCE, NULL);
    flow_form(bodies[1], sizeof bodies[1], "grant_type", "refresh_token", "client_id", flow->client_id, "refresh_token",
              refresh, "scope", "files:read", NULL);
    snprintf(bodies[2], sizeof bodies[2],
             "{\"grant_type\":\"authorization_code\",\"client_id\":\"%s\",\"code\":\"%s\",\"code_verifier\":\"%s\"}",
             flow->client_id, code, VERIFIER);
    flow_form(bodies[3], sizeof bodies[3], "token", access, "token_type_hint", "access_token", NULL);
    snprintf(bodies[4], sizeof bodies[4], "{\"token\":\"%s\"}", access);
    snprintf(bodies[5], sizeof bodies[5],
             "{\"redirect_uris\":[\"http://127.0.0.1/callback\",\"https://app.example/cb\"],\"client_name\":\"Editor\","
             "\"grant_types\":[\"authorization_code\",\"refresh_token\"],\"scope\":\"files:read\","
             "\"application_type\":\"native\",\"client_uri\":\"https://app.example/\"}");
    const struct target targets[] = {
        {"/token", form, NULL, bodies[0]},
        {"/token", form, NULL, bodies[1]},
        {"/token", json, NULL, bodies[2]},
        {"/introspect", form, authorization, bodies[3]},
        {"/introspect", json, authorization, bodies[4]},
        {"/register", json, NULL, bodies[5]},
    };
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        check_survives(flow, &targets[i], i);
}

FLOW_TEST(junk, no_authorization_header_breaks_an_endpoint)
{
    static const char *const paths[] = {"/token", "/introspect", "/revoke", "/userinfo"};
    static const char *const headers[] = {"",
                                          " ",
                                          "Basic",
                                          "Basic ",
                                          "Basic :",
                                          "Basic Og==",
                                          "Basic ====",
                                          "Basic /////w==",
                                          "Basic JTAwOiUwMA==", /* %00:%00 */
                                          "Basic JXp6OiV6eg==", /* %zz:%zz */
                                          "Bearer",
                                          "Bearer  ",
                                          "Bearer ,",
                                          "bearer \x7f",
                                          "Bearer sk_",
                                          "Bearer sk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                          ",,,,",
                                          "Negotiate abc"};

    for (size_t p = 0; p < sizeof paths / sizeof *paths; p++)
        for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
            int status = flow_send(flow, &(struct flow_request){.method = AA_METHOD_POST,
                                                                .path = paths[p],
                                                                .authorization = headers[i],
                                                                .content_type = "application/x-www-form-urlencoded",
                                                                .body = AA_VIEW("grant_type=refresh_token&token=x"
                                                                                "&refresh_token=x")});

            if (status != 400 && status != 401)
                fail_msg("%s answered %d to header %zu", paths[p], status, i);
        }
}
