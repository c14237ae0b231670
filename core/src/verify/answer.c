#include "verify/answer.h"

#include "base/error.h"
#include "base/mem.h"
#include "verify/refs.h"

#define LAST_RESORT_HEADERS 3

struct aa_answer {
    struct aa_refs refs;
    bool immortal;
    int status;
    size_t header_count;
    const struct aa_header *headers;
    struct aa_view body;
};

static size_t measure(const struct aa_header *headers, size_t header_count, struct aa_view body)
{
    size_t size = sizeof(struct aa_answer) + header_count * sizeof *headers + body.len;
    size_t i;

    for (i = 0; i < header_count; i++)
        size += headers[i].name.len + headers[i].value.len;
    return size;
}

static struct aa_view put(char **at, struct aa_view bytes)
{
    struct aa_view copy = aa_view_make(*at, bytes.len);

    if (bytes.len)
        memcpy(*at, bytes.data, bytes.len);
    *at += bytes.len;
    return copy;
}

enum aa_err aa_answer_new(int status, const struct aa_header *headers, size_t header_count, struct aa_view body,
                          struct aa_answer **out, struct aa_error *err)
{
    struct aa_answer *answer = aa_mem_new(measure(headers, header_count, body));
    struct aa_header *copies;
    char *at;
    size_t i;

    if (!answer)
        return aa_fail(err, AA_ERR_NOMEM, "no memory for an answer");
    copies = (struct aa_header *)(answer + 1);
    at = (char *)(copies + header_count);
    for (i = 0; i < header_count; i++) {
        copies[i].name = put(&at, headers[i].name);
        copies[i].value = put(&at, headers[i].value);
    }
    aa_refs_init(&answer->refs);
    answer->status = status;
    answer->header_count = header_count;
    answer->headers = copies;
    answer->body = put(&at, body);
    *out = answer;
    return AA_OK;
}

struct aa_answer *aa_answer_last_resort(void)
{
    static const struct aa_header headers[LAST_RESORT_HEADERS] = {
        {{"content-type", 12}, {"application/json", 16}},
        {{"cache-control", 13}, {"no-store", 8}},
        {{"retry-after", 11}, {"5", 1}},
    };
    static struct aa_answer answer = {.immortal = true,
                                      .status = 503,
                                      .header_count = LAST_RESORT_HEADERS,
                                      .headers = headers,
                                      .body = {"{\"error\":\"temporarily_unavailable\"}", 35}};

    return &answer;
}

struct aa_answer *aa_answer_acquire(struct aa_answer *answer)
{
    if (!answer->immortal)
        aa_refs_up(&answer->refs);
    return answer;
}

void aa_answer_release(struct aa_answer *answer)
{
    if (answer && !answer->immortal && aa_refs_down(&answer->refs))
        aa_mem_free(answer);
}

int aa_answer_status(const struct aa_answer *answer)
{
    return answer->status;
}

size_t aa_answer_header_count(const struct aa_answer *answer)
{
    return answer->header_count;
}

void aa_answer_header(const struct aa_answer *answer, size_t index, struct aa_view *name, struct aa_view *value)
{
    *name = AA_VIEW_ABSENT;
    *value = AA_VIEW_ABSENT;
    if (index >= answer->header_count)
        return;
    *name = answer->headers[index].name;
    *value = answer->headers[index].value;
}

struct aa_view aa_answer_body(const struct aa_answer *answer)
{
    return answer->body;
}
