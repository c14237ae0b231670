/* Requests that two readers may read differently: none is answered by a handler, and the connection ends. */
#include <unistd.h>

#include "support_web.h"

/* Behind each malformed request comes a good one: it must never be answered on that connection. */
#define NEXT "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST "POST /echo HTTP/1.1\r\nHost: x\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

struct probe {
    const char *name, *bytes;
    size_t len;
};

#define PROBE(name, bytes)                                                                                             \
    {                                                                                                                  \
        name, bytes NEXT, sizeof(bytes NEXT) - 1                                                                       \
    }

static void check_refused(struct web *w, const struct probe *probe)
{
    struct web_answer answer;
    int fd = web_connect(w), calls = web_calls(w);

    web_try_send(fd, probe->bytes, probe->len);
    web_read(fd, &answer, false);
    if (answer.status && (answer.status < 400 || (answer.status >= 500 && answer.status != 501)))
        fail_msg("%s: answered %d", probe->name, answer.status);
    if (!web_is_closed(fd))
        fail_msg("%s: the connection was not closed", probe->name);
    if (web_calls(w) != calls)
        fail_msg("%s: a handler was called", probe->name);
    close(fd);
}

static void check_all_refused(const struct probe *probes, size_t count)
{
    struct web_answer answer;
    struct web w;

    web_start(&w);
    for (size_t i = 0; i < count; i++)
        check_refused(&w, &probes[i]);
    CHECK_INT(web_ask(&w, NEXT, &answer), 200);
    CHECK_INT(web_ask(&w, POST "Content-Length: 3\r\n\r\nabc", &answer), 200);
    CHECK_TEXT(answer.body, "abc");
    CHECK_INT(web_ask(&w, CHUNKED "3\r\nabc\r\n0\r\n\r\n", &answer), 200);
    CHECK_TEXT(answer.body, "abc");
    web_stop(&w);
}

#define CHECK_ALL_REFUSED(probes) check_all_refused(probes, sizeof(probes) / sizeof *(probes))

TEST(framing, a_body_has_one_length)
{
    static const struct probe probes[] = {
        PROBE("length and chunked",
              POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        PROBE("chunked and length",
              POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        PROBE("two different lengths", POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"),
        PROBE("the same length twice", POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
        PROBE("two lengths in one field", POST "Content-Length: 3, 3\r\n\r\nabc"),
    };

    CHECK_ALL_REFUSED(probes);
}

TEST(framing, a_length_is_digits_only)
{
    static const struct probe probes[] = {
        PROBE("plus", POST "Content-Length: +3\r\n\r\nabc"),
        PROBE("minus", POST "Content-Length: -3\r\n\r\nabc"),
        PROBE("hexadecimal", POST "Content-Length: 0x3\r\n\r\nabc"),
        PROBE("letters behind", POST "Content-Length: 3a\r\n\r\nabc"),
        PROBE("a space inside", POST "Content-Length: 1 1\r\n\r\nabc"),
        PROBE("zeros in front", POST "Content-Length: 03\r\n\r\nabc"),
        PROBE("empty", POST "Content-Length: \r\n\r\n"),
        PROBE("fraction", POST "Content-Length: 3.0\r\n\r\nabc"),
        PROBE("2^64 and 3", POST "Content-Length: 18446744073709551619\r\n\r\nabc"),
        PROBE("2^64 - 1", POST "Content-Length: 18446744073709551615\r\n\r\nabc"),
        PROBE("2^63", POST "Content-Length: 9223372036854775808\r\n\r\nabc"),
    };

    CHECK_ALL_REFUSED(probes);
}

/* RFC 9110 §5.5: whitespace around a value is no part of it. */
TEST(framing, spaces_around_a_length_are_no_part_of_it)
{
    struct web_answer answer;
    struct web w;

    web_start(&w);
    CHECK_INT(web_ask(&w, POST "Content-Length:  3 \t\r\n\r\nabc", &answer), 200);
    CHECK_TEXT(answer.body, "abc");
    web_stop(&w);
}

TEST(framing, a_head_is_made_of_whole_lines)
{
    static const struct probe probes[] = {
        PROBE("folded field", "GET /hello HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\n\r\n"),
        PROBE("folded with a tab", "GET /hello HTTP/1.1\r\nHost: x\r\nX-A: a\r\n\tb\r\n\r\n"),
        PROBE("space before the first field", "GET /hello HTTP/1.1\r\n Host: x\r\n\r\n"),
        PROBE("space before the colon", "GET /hello HTTP/1.1\r\nHost : x\r\n\r\n"),
        PROBE("tab before the colon", POST "Content-Length\t: 3\r\n\r\nabc"),
        PROBE("space inside a name", "GET /hello HTTP/1.1\r\nHost: x\r\nX A: a\r\n\r\n"),
        PROBE("no colon", "GET /hello HTTP/1.1\r\nHost: x\r\nX-A\r\n\r\n"),
        PROBE("no name", "GET /hello HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n"),
        PROBE("NUL in a value", "GET /hello HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n"),
        PROBE("NUL in a name", "GET /hello HTTP/1.1\r\nHost: x\r\nX\0A: a\r\n\r\n"),
        PROBE("NUL in the target", "GET /hello\0 HTTP/1.1\r\nHost: x\r\n\r\n"),
        PROBE("bare CR in a value", "GET /hello HTTP/1.1\r\nHost: x\r\nX-A: a\rb\r\n\r\n"),
        PROBE("bare CR ends a line", "GET /hello HTTP/1.1\r\nHost: x\rX-A: a\r\n\r\n"),
        PROBE("bare LF ends a line", "GET /hello HTTP/1.1\r\nHost: x\nX-A: a\r\n\r\n"),
        PROBE("bare LF ends the request line", "GET /hello HTTP/1.1\nHost: x\r\n\r\n"),
        PROBE("bare LF everywhere", "GET /hello HTTP/1.1\nHost: x\n\n"),
        PROBE("a control character in a value", "GET /hello HTTP/1.1\r\nHost: x\r\nX-A: a\001b\r\n\r\n"),
        PROBE("DEL in a value", "GET /hello HTTP/1.1\r\nHost: x\r\nX-A: a\177b\r\n\r\n"),
    };

    CHECK_ALL_REFUSED(probes);
}

TEST(framing, a_request_line_is_method_target_version)
{
    static const struct probe probes[] = {
        PROBE("no version", "GET /hello\r\nHost: x\r\n\r\n"),
        PROBE("two spaces", "GET  /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
        PROBE("a tab", "GET\t/hello HTTP/1.1\r\nHost: x\r\n\r\n"),
        PROBE("a space in the target", "GET /hel lo HTTP/1.1\r\nHost: x\r\n\r\n"),
        PROBE("a space in front", " GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
        PROBE("lower-case version", "GET /hello http/1.1\r\nHost: x\r\n\r\n"),
        PROBE("odd version", "GET /hello HTTP/1.1.1\r\nHost: x\r\n\r\n"),
        PROBE("no slash", "GET hello HTTP/1.1\r\nHost: x\r\n\r\n"),
        PROBE("asterisk", "GET * HTTP/1.1\r\nHost: x\r\n\r\n"),
        PROBE("fragment", "GET /hello#a HTTP/1.1\r\nHost: x\r\n\r\n"),
        PROBE("another scheme", "GET ftp://x/hello HTTP/1.1\r\nHost: x\r\n\r\n"),
        PROBE("raw UTF-8 in the target", "GET /hello?\303\251 HTTP/1.1\r\nHost: x\r\n\r\n"),
        PROBE("authority form", "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n"),
    };

    CHECK_ALL_REFUSED(probes);
}

TEST(framing, chunks_have_plain_sizes_and_whole_lines)
{
    static const struct probe probes[] = {
        PROBE("0x", CHUNKED "0x3\r\nabc\r\n0\r\n\r\n"),
        PROBE("plus", CHUNKED "+3\r\nabc\r\n0\r\n\r\n"),
        PROBE("minus", CHUNKED "-3\r\nabc\r\n0\r\n\r\n"),
        PROBE("space before", CHUNKED " 3\r\nabc\r\n0\r\n\r\n"),
        PROBE("space behind", CHUNKED "3 \r\nabc\r\n0\r\n\r\n"),
        PROBE("no size", CHUNKED "\r\nabc\r\n0\r\n\r\n"),
        PROBE("17 digits", CHUNKED "10000000000000003\r\nabc\r\n0\r\n\r\n"),
        PROBE("no CRLF behind the data", CHUNKED "3\r\nabc0\r\n\r\n"),
        PROBE("LF behind the data", CHUNKED "3\r\nabc\n0\r\n\r\n"),
        PROBE("LF behind the size", CHUNKED "3\nabc\r\n0\r\n\r\n"),
        PROBE("CR behind the size", CHUNKED "3\rabc\r\n0\r\n\r\n"),
        PROBE("data longer than its size", CHUNKED "3\r\nabcd\r\n0\r\n\r\n"),
        PROBE("LF in an extension", CHUNKED "3;a\nb\r\nabc\r\n0\r\n\r\n"),
    };

    CHECK_ALL_REFUSED(probes);
}

/* It is read as what it says, so all that follows is its data, and too much. */
TEST(framing, a_chunk_larger_than_any_body_never_ends)
{
    static const char *const heads[] = {CHUNKED "100000003\r\n", CHUNKED "ffffffffffffffff\r\n"};
    static char rest[200000];
    struct web w;

    web_start(&w);
    memset(rest, 'a', sizeof rest);
    memcpy(rest, "abc\r\n0\r\n\r\n" NEXT, sizeof("abc\r\n0\r\n\r\n" NEXT) - 1);
    for (size_t i = 0; i < 2; i++) {
        int fd = web_connect(&w);

        web_send(fd, heads[i]);
        web_try_send(fd, rest, sizeof rest);
        CHECK(web_is_closed(fd));
        CHECK_INT(web_calls(&w), 0);
        close(fd);
    }
    web_stop(&w);
}

TEST(framing, chunked_is_the_only_transfer_coding)
{
    static const struct probe probes[] = {
        PROBE("HTTP/1.0", "POST /echo HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        PROBE("gzip behind", POST "Transfer-Encoding: chunked, gzip\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        PROBE("gzip before", POST "Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        PROBE("xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        PROBE("identity", POST "Transfer-Encoding: identity\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        PROBE("empty", POST "Transfer-Encoding:\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        PROBE("twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        PROBE("quoted", POST "Transfer-Encoding: \"chunked\"\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    };

    CHECK_ALL_REFUSED(probes);
}

TEST(framing, fields_of_one_value_stand_once)
{
    static const struct probe probes[] = {
        PROBE("no Host", "GET /hello HTTP/1.1\r\n\r\n"),
        PROBE("two Hosts", "GET /hello HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"),
        PROBE("two Authorizations",
              "GET /hello HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n"),
        PROBE("two Content-Types",
              POST "Content-Type: application/json\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}"),
        PROBE("two Cookies", "GET /hello HTTP/1.1\r\nHost: x\r\nCookie: a=1\r\nCookie: a=2\r\n\r\n"),
        PROBE("two Origins", "GET /hello HTTP/1.1\r\nHost: x\r\nOrigin: null\r\nOrigin: http://x\r\n\r\n"),
    };
    struct web_answer answer;
    struct web w;

    CHECK_ALL_REFUSED(probes);
    web_start(&w);
    CHECK_INT(web_ask(&w,
                      "GET /hello HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\nCookie: a=1; b=2\r\nAccept: "
                      "a\r\nAccept: b\r\n\r\n",
                      &answer),
              200);
    CHECK_INT(web_ask(&w, "GET /hello HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", &answer), 400);
    web_stop(&w);
}

TEST(framing, our_own_refusals_are_json_and_close)
{
    struct web_answer answer;
    struct web w;

    web_start(&w);
    CHECK_INT(web_ask(&w,
                      "GET /hello HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
                      &answer),
              400);
    CHECK_TEXT(answer.body,
               "{\"error\":\"invalid_request\",\"error_description\":\"A request header was sent more than once\"}");
    CHECK_TEXT(web_field(&answer, "Connection"), "close");
    CHECK_TEXT(web_field(&answer, "X-Content-Type-Options"), "nosniff");
    CHECK_INT(strlen(web_field(&answer, "X-Request-Id")), AA_REQUEST_ID_LEN);
    web_stop(&w);
}
