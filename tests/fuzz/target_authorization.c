/* The Authorization header: at most one scheme is seen in it, and what is taken out of it is read again as the same. */
#include "fuzz.h"
#include "oauth/bearer.h"

#define MEMORY_MAX 16384

static bool is_bearer(struct aa_view input)
{
    struct aa_view token, again;
    struct aa_buf buf;

    if (aa_bearer_parse(input, &token, NULL))
        return false;
    MUST(fuzz_is_inside(token, input));
    MUST(token.len > 0 && token.len <= AA_TOKEN_LEN_MAX && aa_view_is_printable_ascii(token));
    MUST(aa_view_find(token, ' ') == SIZE_MAX && aa_view_find(input, ',') == SIZE_MAX);
    aa_buf_init(&buf, FUZZ_TEXT_MAX);
    aa_buf_add_text(&buf, "Bearer ");
    aa_buf_add(&buf, token);
    MUST_OK(aa_bearer_parse(aa_buf_view(&buf), &again, NULL));
    MUST_EQUAL(token, again);
    aa_buf_clear(&buf);
    return true;
}

/* Plain base64 with padding. */
static void add_base64(struct aa_buf *buf, struct aa_view bytes)
{
    size_t start = buf->len;

    aa_buf_add_base64url(buf, bytes);
    for (size_t i = start; i < buf->len; i++) {
        if (buf->data[i] == '-')
            buf->data[i] = '+';
        if (buf->data[i] == '_')
            buf->data[i] = '/';
    }
    while ((buf->len - start) % 4)
        aa_buf_add_char(buf, '=');
}

static void check_basic_again(struct aa_view user, struct aa_view password)
{
    struct aa_view users, passwords;
    struct aa_buf pair, header, memory;

    aa_buf_init(&pair, FUZZ_TEXT_MAX);
    aa_buf_init(&header, FUZZ_TEXT_MAX);
    aa_buf_init(&memory, FUZZ_TEXT_MAX);
    aa_buf_add_percent(&pair, user);
    aa_buf_add_char(&pair, ':');
    aa_buf_add_percent(&pair, password);
    aa_buf_add_text(&header, "Basic ");
    add_base64(&header, aa_buf_view(&pair));
    MUST_OK(aa_basic_parse(aa_buf_view(&header), &memory, &users, &passwords, NULL));
    MUST_EQUAL(user, users);
    MUST_EQUAL(password, passwords);
    aa_buf_clear(&pair);
    aa_buf_clear(&header);
    aa_buf_wipe_clear(&memory);
}

static bool is_basic(struct aa_view input)
{
    struct aa_view user, password;
    struct aa_buf memory;
    bool taken;

    aa_buf_init(&memory, MEMORY_MAX);
    taken = !aa_basic_parse(input, &memory, &user, &password, NULL);
    if (taken) {
        MUST(aa_view_is_utf8(user) && aa_view_is_utf8(password));
        check_basic_again(user, password);
    }
    aa_buf_wipe_clear(&memory);
    return taken;
}

bool fuzz_one(struct aa_view input)
{
    bool bearer = is_bearer(input);
    bool basic = is_basic(input);

    MUST(!bearer || !basic);
    return bearer || basic;
}
