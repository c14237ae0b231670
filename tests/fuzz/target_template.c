/* Pages: a value on the first line, a page behind it. A value is text wherever it stands, never markup. */
#include "http/template.h"

#include "fuzz.h"

#define PAGE_MAX 192 /* bytes: what is a list in a list in a list takes its time */

/* What a browser makes of the text. */
static void add_unescaped(struct aa_buf *buf, struct aa_view text)
{
    static const struct {
        struct aa_view entity;
        char c;
    } entities[] = {
        {{"&amp;", 5}, '&'}, {{"&lt;", 4}, '<'}, {{"&gt;", 4}, '>'}, {{"&quot;", 6}, '"'}, {{"&#39;", 5}, '\''}};

    while (text.len > 0) {
        size_t i = 0;

        if (text.data[0] != '&') {
            aa_buf_add_char(buf, text.data[0]);
            text = aa_view_from(text, 1);
            continue;
        }
        while (i < sizeof entities / sizeof *entities && !aa_view_has_prefix(text, entities[i].entity))
            i++;
        MUST(i < sizeof entities / sizeof *entities);
        aa_buf_add_char(buf, entities[i].c);
        text = aa_view_from(text, entities[i].entity.len);
    }
}

static bool is_dropped(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t' && c != '\n') || c == 0x7f;
}

static void check_value(struct aa_view value)
{
    struct aa_buf escaped, read, wanted;

    aa_buf_init(&escaped, FUZZ_TEXT_MAX);
    aa_buf_init(&read, FUZZ_TEXT_MAX);
    aa_buf_init(&wanted, FUZZ_TEXT_MAX);
    aa_buf_add_html(&escaped, value);
    MUST_OK(aa_buf_check(&escaped, "a value", NULL));
    for (size_t i = 0; i < escaped.len; i++)
        MUST(!strchr("<>\"'", escaped.data[i]) || escaped.data[i] == '\0');
    add_unescaped(&read, aa_buf_view(&escaped));
    for (size_t i = 0; i < value.len; i++)
        if (!is_dropped(value.data[i]))
            aa_buf_add_char(&wanted, value.data[i]);
    MUST(read.len == wanted.len && memcmp(aa_buf_text(&read), aa_buf_text(&wanted), read.len) == 0);
    aa_buf_clear(&escaped);
    aa_buf_clear(&read);
    aa_buf_clear(&wanted);
}

static bool has_tag(struct aa_view page)
{
    for (size_t i = 0; i + 1 < page.len; i++)
        if (page.data[i] == '{' && page.data[i + 1] == '{')
            return true;
    return false;
}

/* A page without a tag stands as it is; a page that is not right leaves nothing behind. */
static bool is_rendered(struct aa_view page, const struct aa_template_value *values)
{
    const struct aa_view before = AA_VIEW("before");
    struct aa_buf out;
    bool taken;

    aa_buf_init(&out, FUZZ_TEXT_MAX);
    aa_buf_add(&out, before);
    taken = !aa_template_render_text(&out, page, values, NULL);
    MUST(aa_view_has_prefix(aa_buf_view(&out), before));
    MUST(taken || out.len == before.len);
    if (!has_tag(page)) {
        MUST(taken && out.len == before.len + page.len);
        MUST(page.len == 0 || memcmp(aa_buf_text(&out) + before.len, page.data, page.len) == 0);
    }
    aa_buf_clear(&out);
    return taken;
}

bool fuzz_one(struct aa_view input)
{
    struct aa_view rest = input, value = fuzz_take_line(&rest);
    const struct aa_template_value row[] = {{.name = "inner", .text = value}, {.name = NULL}};
    const struct aa_template_value *const rows[] = {row, row};
    const struct aa_template_value values[] = {
        {.name = "v", .text = value},
        {.name = "none"},
        {.name = "inner", .text = AA_VIEW("outer")},
        {.name = "l", .rows = rows, .row_count = 2},
        {.name = "empty", .rows = rows, .row_count = 0},
        {.name = NULL},
    };

    check_value(value);
    return is_rendered(aa_view_slice(rest, 0, PAGE_MAX), values);
}
