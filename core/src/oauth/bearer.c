#include "oauth/bearer.h"

#include "base/base64.h"
#include "base/error.h"
#include "base/form.h"

static bool is_alnum(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* token (RFC 9110 §5.6.2). */
static bool is_token_character(char c)
{
    return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

/* The scheme and what stands behind it. */
static struct aa_view take_scheme(struct aa_view value, struct aa_view *rest)
{
    size_t len = 0;

    while (len < value.len && is_token_character(value.data[len]))
        len++;
    *rest = aa_view_from(value, len);
    return aa_view_slice(value, 0, len);
}

/* Several headers arrive joined by commas. A Bearer behind something else may be what another program on the way
 * believed. */
static bool has_bearer_behind_comma(struct aa_view value)
{
    struct aa_view head;
    struct aa_view rest;

    while (aa_view_cut(value, ',', &head, &value))
        if (aa_view_equal_nocase(take_scheme(aa_view_trim(value), &rest), AA_VIEW("bearer")))
            return true;
    return false;
}

/* token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" (RFC 6750 §2.1, RFC 9110 §11.2). */
static bool is_token68(struct aa_view token)
{
    size_t i = 0;

    while (i < token.len && (is_alnum(token.data[i]) || (token.data[i] && strchr("-._~+/", token.data[i]))))
        i++;
    if (i == 0)
        return false;
    while (i < token.len && token.data[i] == '=')
        i++;
    return i == token.len;
}

/* What stands behind the scheme: one space at least, and one word. */
static enum aa_err take_word(struct aa_view rest, struct aa_view *word, struct aa_error *err)
{
    struct aa_view trimmed = aa_view_trim(rest);

    if (trimmed.len == 0)
        return aa_fail(err, AA_ERR_CREDENTIALS_MALFORMED, "the Authorization header has a scheme and no credentials");
    if (rest.data[0] != ' ')
        return aa_fail(err, AA_ERR_CREDENTIALS_MALFORMED, "no space stands behind the Authorization scheme");
    if (aa_view_find(trimmed, ' ') != SIZE_MAX || aa_view_find(trimmed, '\t') != SIZE_MAX)
        return aa_fail(err, AA_ERR_CREDENTIALS_MALFORMED, "the Authorization header has spaces in its credentials");
    *word = trimmed;
    return AA_OK;
}

enum aa_err aa_bearer_parse(struct aa_view authorization, struct aa_view *token, struct aa_error *err)
{
    struct aa_view value = aa_view_trim(authorization);
    struct aa_view rest;
    struct aa_view word;
    enum aa_err rc;

    if (!aa_view_equal_nocase(take_scheme(value, &rest), AA_VIEW("bearer"))) {
        if (has_bearer_behind_comma(value))
            return aa_fail(err, AA_ERR_CREDENTIALS_DUPLICATE, "more than one set of credentials was sent");
        return aa_fail(err, AA_ERR_TOKEN_ABSENT, "no bearer token was sent");
    }
    if (aa_view_find(rest, ',') != SIZE_MAX)
        return aa_fail(err, AA_ERR_CREDENTIALS_DUPLICATE, "more than one set of credentials was sent");
    rc = take_word(rest, &word, err);
    if (rc)
        return rc;
    if (word.len > AA_TOKEN_LEN_MAX)
        return aa_fail(err, AA_ERR_TOKEN_FORMAT, "the token is longer than %d bytes", AA_TOKEN_LEN_MAX);
    if (!is_token68(word))
        return aa_fail(err, AA_ERR_TOKEN_FORMAT, "the token holds characters it may not hold");
    *token = word;
    return AA_OK;
}

/* Splits at the first colon and decodes both halves where they stand: decoding only shortens. */
static enum aa_err split_pair(struct aa_buf *memory, struct aa_view *user, struct aa_view *password,
                              struct aa_error *err)
{
    size_t colon = aa_view_find(aa_buf_view(memory), ':');
    struct aa_view halves[2];

    if (colon == SIZE_MAX)
        return aa_fail(err, AA_ERR_CREDENTIALS_MALFORMED, "the Basic credentials have no colon");
    halves[0] = aa_view_slice(aa_buf_view(memory), 0, colon);
    halves[1] = aa_view_from(aa_buf_view(memory), colon + 1);
    if (!aa_form_decode(halves[0], memory->data, &halves[0]) ||
        !aa_form_decode(halves[1], memory->data + colon + 1, &halves[1]))
        return aa_fail(err, AA_ERR_CREDENTIALS_MALFORMED, "the Basic credentials have a broken percent escape");
    if (!aa_view_is_utf8(halves[0]) || !aa_view_is_utf8(halves[1]))
        return aa_fail(err, AA_ERR_CREDENTIALS_MALFORMED, "the Basic credentials are not UTF-8, or hold NUL");
    *user = halves[0];
    *password = halves[1];
    return AA_OK;
}

enum aa_err aa_basic_parse(struct aa_view authorization, struct aa_buf *memory, struct aa_view *user,
                           struct aa_view *password, struct aa_error *err)
{
    struct aa_view value = aa_view_trim(authorization);
    struct aa_view rest;
    struct aa_view word;
    enum aa_err rc;

    if (!aa_view_equal_nocase(take_scheme(value, &rest), AA_VIEW("basic")))
        return aa_fail(err, AA_ERR_TOKEN_ABSENT, "no Basic credentials were sent");
    rc = take_word(rest, &word, err);
    if (rc)
        return rc;
    aa_buf_reset(memory);
    rc = aa_base64_decode(word, memory, NULL);
    if (rc == AA_ERR_NOMEM)
        return aa_fail(err, rc, "out of memory for credentials");
    if (rc)
        return aa_fail(err, AA_ERR_CREDENTIALS_MALFORMED, "the Basic credentials are not base64");
    return split_pair(memory, user, password, err);
}
