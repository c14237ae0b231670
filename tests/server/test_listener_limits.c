/* How large, how many, how long. The deadlines are short here; whatever waits, waits for the other side to close. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "support_web.h"

#define HELLO "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
#define SHORT_MS 400

static void pause_ms(int ms)
{
    struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&time, NULL);
}

/* ---- sizes of the head ------------------------------------------------------------------------------------------ */

/* A request for /hello whose head has `len` bytes. */
static char *head_of(size_t len)
{
    static const char start[] = "GET /hello HTTP/1.1\r\nHost: x\r\nX-Fill: ";
    char *head = malloc(len + 1);

    assert_non_null(head);
    memset(head, 'a', len);
    memcpy(head, start, sizeof start - 1);
    memcpy(head + len - 4, "\r\n\r\n", 5);
    return head;
}

static int ask_with_head(const struct web *w, size_t len, struct web_answer *answer)
{
    char *head = head_of(len);
    int fd = web_connect(w);

    web_try_send(fd, head, len);
    web_read(fd, answer, false);
    if (answer->status != 200)
        CHECK(web_is_closed(fd));
    close(fd);
    free(head);
    return answer->status;
}

TEST(limits, a_head_has_at_most_8_kib)
{
    struct web_answer answer;
    struct web w;

    web_start(&w);
    CHECK_INT(ask_with_head(&w, 8192, &answer), 200);
    CHECK_INT(ask_with_head(&w, 8193, &answer), 431);
    CHECK(strstr(answer.body, "invalid_request") != NULL);
    CHECK_INT(ask_with_head(&w, 20000, &answer), 431);
    CHECK_INT(ask_with_head(&w, 100000, &answer), 431);
    CHECK_INT(web_calls(&w), 1);
    web_stop(&w);
}

static int ask_with_fields(const struct web *w, int fields, struct web_answer *answer)
{
    char request[8192] = "GET /hello HTTP/1.1\r\nHost: x\r\n";
    int i;

    for (i = 1; i < fields; i++)
        sprintf(request + strlen(request), "X-%d: %d\r\n", i, i);
    strcat(request, "\r\n");
    return web_ask(w, request, answer);
}

TEST(limits, a_head_has_at_most_64_fields)
{
    struct web_answer answer;
    struct web w;

    web_start(&w);
    CHECK_INT(ask_with_fields(&w, 64, &answer), 200);
    CHECK_INT(ask_with_fields(&w, 65, &answer), 431);
    CHECK_TEXT(web_field(&answer, "Connection"), "close");
    CHECK_INT(ask_with_fields(&w, 500, &answer), 431);
    web_stop(&w);
}

/* The library keeps both heads in one piece of memory. */
TEST(limits, the_largest_head_may_have_the_largest_answer)
{
    struct web_answer answer;
    struct web w;
    char request[8193] = "GET /wide HTTP/1.1\r\nHost: x\r\n";
    size_t len;
    int i;

    for (i = 1; i < 63; i++)
        sprintf(request + strlen(request), "X-%d: %d\r\n", i, i);
    strcat(request, "X-Fill: ");
    len = strlen(request);
    memset(request + len, 'a', 8192 - 4 - len);
    strcpy(request + 8192 - 4, "\r\n\r\n");
    web_start(&w);
    CHECK_INT(web_ask(&w, request, &answer), 200);
    CHECK_TEXT(answer.body, "wide");
    CHECK(strstr(answer.head, "Location: wwww") != NULL);
    web_stop(&w);
}

static int ask_with_target(const struct web *w, char fill, size_t len, struct web_answer *answer)
{
    char *request = malloc(len + 128);
    size_t start;
    int status;

    assert_non_null(request);
    start = (size_t)sprintf(request, "GET /hello?");
    memset(request + start, fill, len);
    strcpy(request + start + len, " HTTP/1.1\r\nHost: x\r\n\r\n");
    status = web_ask(w, request, answer);
    free(request);
    return status;
}

TEST(limits, a_target_is_as_long_as_a_head_at_most)
{
    struct web_answer answer;
    struct web w;

    web_start(&w);
    CHECK_INT(ask_with_target(&w, 'a', 8100, &answer), 200);
    CHECK_INT(ask_with_target(&w, 'a', 8200, &answer), 414);
    CHECK_INT(ask_with_target(&w, 'a', 100000, &answer), 414);
    /* The library notes each of them; what it has no room for it refuses. */
    CHECK_INT(ask_with_target(&w, '&', 100, &answer), 200);
    CHECK(ask_with_target(&w, '&', 8100, &answer) / 100 == 4);
    web_stop(&w);
}

/* ---- sizes of the body ------------------------------------------------------------------------------------------ */

static int post(const struct web *w, const char *path, size_t len, bool is_chunked, struct web_answer *answer)
{
    char *body = calloc(1, len + 1), head[256];
    int fd = web_connect(w);

    assert_non_null(body);
    memset(body, 'b', len);
    if (is_chunked)
        sprintf(head, "POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", path, len);
    else
        sprintf(head, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", path, len);
    web_send(fd, head);
    web_try_send(fd, body, len);
    if (is_chunked)
        web_try_send(fd, "\r\n0\r\n\r\n", 7);
    web_read(fd, answer, false);
    if (answer->status == 200)
        CHECK_TEXT(answer->body, body);
    else
        CHECK(web_is_closed(fd));
    close(fd);
    free(body);
    return answer->status;
}

TEST(limits, a_body_has_at_most_what_its_route_allows)
{
    static const char *const paths[] = {"/echo", "/slow"};
    struct web_answer answer;
    struct web w;

    web_start(&w);
    for (size_t i = 0; i < 2; i++) {
        CHECK_INT(post(&w, paths[i], WEB_BODY_MAX, false, &answer), 200);
        CHECK_INT(post(&w, paths[i], WEB_BODY_MAX, true, &answer), 200);
        CHECK_INT(post(&w, paths[i], WEB_BODY_MAX + 1, false, &answer), 413);
        CHECK_INT(post(&w, paths[i], WEB_BODY_MAX + 1, true, &answer), 413);
        CHECK_TEXT(web_field(&answer, "Connection"), "close");
        CHECK_INT(post(&w, paths[i], 60000, false, &answer), 413);
        CHECK_INT(post(&w, paths[i], 60000, true, &answer), 413);
    }
    CHECK_INT(web_calls(&w), 4);
    web_stop(&w);
}

TEST(limits, a_body_announced_as_huge_is_refused_at_once)
{
    struct web_answer answer;
    struct web w;
    int fd;

    web_start(&w);
    fd = web_connect(&w);
    web_send(fd, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n");
    web_read(fd, &answer, false);
    CHECK_INT(answer.status, 413);
    CHECK_TEXT(web_field(&answer, "Access-Control-Allow-Origin"), "*");
    CHECK(web_is_closed(fd));
    close(fd);
    web_stop(&w);
}

TEST(limits, an_endless_chunked_body_is_cut_off)
{
    static char chunk[16 + 4096 + 2];
    struct web w;
    int fd, sent = 0;

    web_start(&w);
    sprintf(chunk, "1000\r\n");
    memset(chunk + 6, 'c', 4096);
    memcpy(chunk + 6 + 4096, "\r\n", 2);
    fd = web_connect(&w);
    web_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (sent < 100000 && web_try_send(fd, chunk, 6 + 4096 + 2))
        sent++;
    CHECK(sent < 100000);
    CHECK_INT(web_calls(&w), 0);
    close(fd);
    web_stop(&w);
}

TEST(limits, a_route_that_takes_no_body_refuses_one)
{
    struct web_answer answer;
    struct web w;

    web_start(&w);
    CHECK_INT(web_ask(&w, "GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", &answer), 413);
    CHECK(strstr(answer.body, "This request takes no body") != NULL);
    CHECK_TEXT(web_field(&answer, "Connection"), "close");
    CHECK_INT(
        web_ask(&w, "GET /hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", &answer),
        413);
    CHECK_INT(web_calls(&w), 0);
    CHECK_INT(web_ask(&w, "GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", &answer), 200);
    web_stop(&w);
}

/* ---- deadlines -------------------------------------------------------------------------------------------------- */

/* One byte now and then keeps the library's own timeout from ever running out. True when the connection was closed
 * before everything was sent. */
static bool is_dropped_while_trickling(int fd, const char *bytes, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (!web_try_send(fd, bytes + i, 1))
            return true;
        pause_ms(10);
    }
    return false;
}

TEST(limits, a_head_that_trickles_in_is_dropped)
{
    struct aa_listener_options options = {.threads = 2, .deadline_ms = SHORT_MS};
    char *head = head_of(4000);
    struct web_answer answer;
    struct web w;
    int fd;

    web_start_with(&w, options);
    fd = web_connect(&w);
    CHECK(is_dropped_while_trickling(fd, head, 4000));
    CHECK_INT(web_ask(&w, head, &answer), 200);
    CHECK_INT(web_calls(&w), 1);
    close(fd);
    free(head);
    web_stop(&w);
}

TEST(limits, a_later_head_that_trickles_in_is_dropped_long_before_the_idle_time)
{
    struct aa_listener_options options = {.threads = 2, .deadline_ms = SHORT_MS, .idle_ms = 3600000};
    char *head = head_of(4000);
    struct web_answer answer;
    struct web w;
    int fd;

    web_start_with(&w, options);
    fd = web_connect(&w);
    web_send(fd, HELLO);
    web_read(fd, &answer, false);
    CHECK_INT(answer.status, 200);
    CHECK(is_dropped_while_trickling(fd, head, 4000));
    CHECK_INT(web_calls(&w), 1);
    close(fd);
    free(head);
    web_stop(&w);
}

TEST(limits, a_connection_that_says_nothing_is_dropped)
{
    struct web w;
    int fd;

    web_start_with(&w, (struct aa_listener_options){.threads = 2, .deadline_ms = SHORT_MS});
    fd = web_connect(&w);
    CHECK(web_is_closed(fd));
    close(fd);
    web_stop(&w);
}

static bool is_body_dropped(const struct web *w, const char *head)
{
    static char body[4000];
    bool is_dropped;
    int fd = web_connect(w);

    memset(body, '1', sizeof body);
    web_send(fd, head);
    is_dropped = is_dropped_while_trickling(fd, body, sizeof body);
    close(fd);
    return is_dropped;
}

TEST(limits, a_body_that_trickles_in_is_dropped)
{
    static const char *const paths[] = {"/echo", "/slow"};
    struct web_answer answer;
    struct web w;

    web_start_with(&w, (struct aa_listener_options){.threads = 2, .deadline_ms = SHORT_MS});
    CHECK(is_body_dropped(&w, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"));
    CHECK(is_body_dropped(&w, "POST /slow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n300\r\n"));
    /* A body that is refused is read to its end, but no longer than another. */
    CHECK(is_body_dropped(&w, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"));
    CHECK_INT(web_calls(&w), 0);
    for (size_t i = 0; i < 2; i++)
        CHECK_INT(post(&w, paths[i], 1000, i == 1, &answer), 200);
    web_stop(&w);
}

TEST(limits, between_two_requests_only_the_idle_time_counts)
{
    struct web_answer answer;
    struct web w;
    int fd;

    web_start_with(&w, (struct aa_listener_options){.threads = 2, .deadline_ms = SHORT_MS, .idle_ms = 3600000});
    fd = web_connect(&w);
    for (int i = 0; i < 2; i++) {
        web_send(fd, HELLO);
        web_read(fd, &answer, false);
        CHECK_INT(answer.status, 200);
        pause_ms(3 * SHORT_MS);
    }
    close(fd);
    web_stop(&w);
    web_start_with(&w, (struct aa_listener_options){.threads = 2, .idle_ms = SHORT_MS});
    fd = web_connect(&w);
    web_send(fd, HELLO);
    web_read(fd, &answer, false);
    CHECK_INT(answer.status, 200);
    CHECK(web_is_closed(fd));
    close(fd);
    web_stop(&w);
}

TEST(limits, a_handler_may_take_longer_than_the_client_may)
{
    struct web_answer answer;
    struct web w;
    int fd;

    web_start_with(&w, (struct aa_listener_options){.threads = 2, .deadline_ms = SHORT_MS, .idle_ms = SHORT_MS});
    fd = web_connect(&w);
    web_send(fd, "GET /gate HTTP/1.1\r\nHost: x\r\n\r\n");
    web_wait_waiting(&w, 1);
    pause_ms(3 * SHORT_MS);
    web_open_gate(&w);
    web_read(fd, &answer, false);
    CHECK_INT(answer.status, 200);
    close(fd);
    web_stop(&w);
}

/* ---- how many --------------------------------------------------------------------------------------------------- */

static bool is_served(int fd)
{
    struct web_answer answer;

    web_try_send(fd, HELLO, sizeof HELLO - 1);
    web_read(fd, &answer, false);
    return answer.status == 200;
}

/* The listener notices the end of a connection a moment later. */
static int connect_until_served(const struct web *w, const char *from)
{
    for (;;) {
        int fd = web_connect_from(w, "127.0.0.1", from);

        if (is_served(fd))
            return fd;
        close(fd);
        pause_ms(5);
    }
}

TEST(limits, one_address_has_so_many_connections_and_another_its_own)
{
    struct web w;
    int first, second, third, other;

    web_start_with(&w, (struct aa_listener_options){.threads = 1, .connections_per_address = 2});
    first = web_connect(&w);
    CHECK(is_served(first));
    second = web_connect(&w);
    CHECK(is_served(second));
    third = web_connect(&w);
    CHECK(!is_served(third));
    other = web_connect_from(&w, "127.0.0.1", "127.0.0.2");
    CHECK(is_served(other));
    close(third);
    close(first);
    third = connect_until_served(&w, NULL);
    CHECK(is_served(second));
    close(second);
    close(third);
    close(other);
    web_stop(&w);
}

TEST(limits, there_are_so_many_connections_in_all)
{
    struct web w;
    int first, second, third;

    web_start_with(&w, (struct aa_listener_options){.threads = 1, .connections_max = 2});
    first = web_connect(&w);
    CHECK(is_served(first));
    second = web_connect_from(&w, "127.0.0.1", "127.0.0.2");
    CHECK(is_served(second));
    third = web_connect_from(&w, "127.0.0.1", "127.0.0.3");
    CHECK(!is_served(third));
    close(third);
    close(first);
    third = connect_until_served(&w, "127.0.0.3");
    close(second);
    close(third);
    web_stop(&w);
}

TEST(limits, a_connection_that_was_dropped_makes_room)
{
    struct web w;
    int silent, next;

    web_start_with(&w, (struct aa_listener_options){.threads = 1, .connections_max = 1, .deadline_ms = SHORT_MS});
    silent = web_connect(&w);
    CHECK(web_is_closed(silent));
    next = connect_until_served(&w, NULL);
    close(silent);
    close(next);
    web_stop(&w);
}

TEST(limits, a_trusted_proxy_is_many_clients_in_one)
{
    struct aa_listener_options options = {
        .threads = 1, .connections_per_address = 1, .trusted_proxies = "127.0.0.2, ::1"};
    struct web w;
    int fds[4];

    web_start_with(&w, options);
    for (size_t i = 0; i < 3; i++) {
        fds[i] = web_connect_from(&w, "127.0.0.1", "127.0.0.2");
        CHECK(is_served(fds[i]));
    }
    fds[3] = web_connect(&w);
    CHECK(is_served(fds[3]));
    for (size_t i = 0; i < 4; i++)
        close(fds[i]);
    fds[0] = connect_until_served(&w, NULL);
    fds[1] = web_connect(&w);
    CHECK(!is_served(fds[1]));
    close(fds[0]);
    close(fds[1]);
    web_stop(&w);
}
