/* The listener over real sockets: answers, lanes, addresses, its end. */
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "support_web.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

/* ---- one request ------------------------------------------------------------------------------------------------ */

TEST(listener, an_answer_has_its_length_a_date_and_the_common_headers)
{
    struct web_answer answer;
    struct web w;

    web_start(&w);
    CHECK_INT(web_ask(&w, GET("/hello"), &answer), 200);
    CHECK_TEXT(answer.body, "hello");
    CHECK_TEXT(web_field(&answer, "Content-Length"), "5");
    CHECK_TEXT(web_field(&answer, "Content-Type"), "text/plain");
    CHECK(strstr(web_field(&answer, "Date"), " GMT") != NULL);
    CHECK_TEXT(web_field(&answer, "X-Content-Type-Options"), "nosniff");
    CHECK_TEXT(web_field(&answer, "Strict-Transport-Security"), "");
    web_stop(&w);
}

TEST(listener, head_is_get_without_the_body)
{
    struct web_answer answer;
    struct web w;
    int fd;

    web_start(&w);
    fd = web_connect(&w);
    web_send(fd, "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    web_read(fd, &answer, true);
    CHECK_INT(answer.status, 200);
    CHECK_TEXT(web_field(&answer, "Content-Length"), "5");
    /* Had a body come, the next answer would not begin here. */
    web_send(fd, GET("/hello"));
    web_read(fd, &answer, false);
    CHECK_TEXT(answer.body, "hello");
    close(fd);
    web_stop(&w);
}

TEST(listener, a_handler_sees_the_raw_target)
{
    struct web_answer answer;
    struct web w;

    web_start(&w);
    CHECK_INT(web_ask(&w, GET("/seen/a%2Fb%00?c=%26&d+e&&=?"), &answer), 200);
    CHECK(strstr(answer.body, "path=/seen/a%2Fb%00\n") != NULL);
    CHECK(strstr(answer.body, "query=c=%26&d+e&&=?\n") != NULL);
    CHECK(strstr(answer.body, "id=a%2Fb%00\n") != NULL);
    CHECK_INT(web_ask(&w, GET("/seen/a"), &answer), 200);
    CHECK(strstr(answer.body, "query=absent\n") != NULL);
    CHECK_INT(web_ask(&w, GET("/seen/a?"), &answer), 200);
    CHECK(strstr(answer.body, "query=\n") != NULL);
    CHECK_INT(web_ask(&w, GET("/seen/a/b"), &answer), 404);
    CHECK_INT(web_ask(&w, GET("//hello"), &answer), 404);
    CHECK_INT(web_ask(&w, GET("/%68ello"), &answer), 404);
    web_stop(&w);
}

/* RFC 9112 §3.2.2 */
TEST(listener, the_absolute_form_is_read_without_its_host)
{
    struct web_answer answer;
    struct web w;

    web_start(&w);
    CHECK_INT(web_ask(&w, "GET HTTP://elsewhere.example:1/seen/a?b HTTP/1.1\r\nHost: x\r\n\r\n", &answer), 200);
    CHECK(strstr(answer.body, "path=/seen/a\nquery=b\n") != NULL);
    CHECK_INT(web_ask(&w, "GET http://elsewhere.example HTTP/1.1\r\nHost: x\r\n\r\n", &answer), 400);
    web_stop(&w);
}

TEST(listener, every_request_has_an_id_of_its_own)
{
    struct web_answer answer;
    struct web w;
    char first[64];
    const char *line;

    web_start(&w);
    CHECK_INT(web_ask(&w, GET("/seen/a"), &answer), 200);
    snprintf(first, sizeof first, "%s", web_field(&answer, "X-Request-Id"));
    CHECK_INT(strlen(first), AA_REQUEST_ID_LEN);
    line = strstr(answer.body, "request_id=");
    CHECK(line && strncmp(line + strlen("request_id="), first, strlen(first)) == 0);
    CHECK_INT(web_ask(&w, "GET /seen/a HTTP/1.1\r\nHost: x\r\nX-Request-Id: chosen\r\n\r\n", &answer), 200);
    CHECK(strcmp(web_field(&answer, "X-Request-Id"), first) != 0);
    CHECK(strcmp(web_field(&answer, "X-Request-Id"), "chosen") != 0);
    web_stop(&w);
}

TEST(listener, a_header_that_may_not_be_sent_is_left_out_and_logged)
{
    struct web_answer answer;
    struct web w;

    web_start(&w);
    CHECK_INT(web_ask(&w, GET("/careless"), &answer), 200);
    CHECK_TEXT(web_field(&answer, "X-Split"), "");
    CHECK_TEXT(web_field(&answer, "X-Injected"), "");
    CHECK(strstr(w.log, web_field(&answer, "X-Request-Id")) != NULL);
    CHECK(strstr(w.log, "control characters") != NULL);
    web_stop(&w);
}

/* ---- several on a connection ------------------------------------------------------------------------------------ */

TEST(listener, a_connection_serves_one_request_after_the_other)
{
    struct web_answer answer;
    struct web w;
    int fd;

    web_start(&w);
    fd = web_connect(&w);
    for (int i = 0; i < 3; i++) {
        web_send(fd, GET("/hello"));
        web_read(fd, &answer, false);
        CHECK_INT(answer.status, 200);
        web_send(fd, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok");
        web_read(fd, &answer, false);
        CHECK_TEXT(answer.body, "ok");
        web_send(fd, GET("/nowhere"));
        web_read(fd, &answer, false);
        CHECK_INT(answer.status, 404);
    }
    close(fd);
    web_stop(&w);
}

TEST(listener, pipelined_requests_are_answered_in_order)
{
    struct web_answer answer;
    struct web w;
    int fd;

    web_start(&w);
    fd = web_connect(&w);
    web_send(fd,
             "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
             "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n" GET("/hello"));
    web_read(fd, &answer, false);
    CHECK_TEXT(answer.body, "one");
    web_read(fd, &answer, false);
    CHECK_TEXT(answer.body, "two");
    web_read(fd, &answer, false);
    CHECK_TEXT(answer.body, "hello");
    close(fd);
    web_stop(&w);
}

TEST(listener, http_1_0_is_answered_and_closed)
{
    struct web_answer answer;
    struct web w;
    int fd;

    web_start(&w);
    fd = web_connect(&w);
    web_send(fd, "GET /hello HTTP/1.0\r\n\r\n");
    web_read(fd, &answer, false);
    CHECK_INT(answer.status, 200);
    CHECK_TEXT(answer.body, "hello");
    CHECK(web_is_closed(fd));
    close(fd);
    web_stop(&w);
}

TEST(listener, close_is_what_the_client_may_ask_for)
{
    struct web_answer answer;
    struct web w;
    int fd;

    web_start(&w);
    fd = web_connect(&w);
    web_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    web_read(fd, &answer, false);
    CHECK_INT(answer.status, 200);
    CHECK_TEXT(web_field(&answer, "Connection"), "close");
    CHECK(web_is_closed(fd));
    close(fd);
    web_stop(&w);
}

/* ---- bodies ----------------------------------------------------------------------------------------------------- */

TEST(listener, a_body_may_come_in_pieces)
{
    static const char *const pieces[] = {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-",
                                         "Encoding: chunked\r\n\r\n4",
                                         "\r\nab",
                                         "cd\r",
                                         "\n2;note=\"x\"\r\nef\r\n0\r\nX-Trailer: dropped\r\n",
                                         "\r\n"};
    struct web_answer answer;
    struct web w;
    int fd;

    web_start(&w);
    fd = web_connect(&w);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        web_send(fd, pieces[i]);
    web_read(fd, &answer, false);
    CHECK_INT(answer.status, 200);
    CHECK_TEXT(answer.body, "abcdef");
    close(fd);
    web_stop(&w);
}

TEST(listener, who_expects_100_continue_gets_it)
{
    struct web_answer answer;
    struct web w;
    int fd;

    web_start(&w);
    fd = web_connect(&w);
    web_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    web_read(fd, &answer, true);
    CHECK_INT(answer.status, 100);
    web_send(fd, "ok");
    web_read(fd, &answer, false);
    CHECK_INT(answer.status, 200);
    CHECK_TEXT(answer.body, "ok");
    close(fd);
    web_stop(&w);
}

TEST(listener, who_expects_100_continue_is_refused_before_the_body)
{
    struct web_answer answer;
    struct web w;
    int fd;

    web_start(&w);
    fd = web_connect(&w);
    web_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\nExpect: 100-continue\r\n\r\n");
    web_read(fd, &answer, false);
    CHECK_INT(answer.status, 413);
    CHECK(web_is_closed(fd));
    close(fd);
    web_stop(&w);
}

/* ---- lanes ------------------------------------------------------------------------------------------------------ */

static long thread_of(struct web *w)
{
    long thread;

    pthread_mutex_lock(&w->lock);
    thread = w->handler_thread;
    pthread_mutex_unlock(&w->lock);
    return thread;
}

TEST(listener, fast_handlers_run_on_the_event_thread_and_slow_ones_do_not)
{
    struct web_answer answer;
    struct web w;
    long event_thread;

    web_start_with(&w, (struct aa_listener_options){.threads = 1, .workers = 1});
    CHECK_INT(web_ask(&w, GET("/promoted"), &answer), 200);
    CHECK_TEXT(answer.body, "hello");
    event_thread = w.event_thread;
    CHECK(thread_of(&w) != event_thread);
    CHECK_INT(web_ask(&w, GET("/hello"), &answer), 200);
    CHECK_INT(thread_of(&w), event_thread);
    CHECK_INT(web_ask(&w, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na", &answer), 200);
    CHECK(thread_of(&w) != event_thread);
    web_stop(&w);
}

TEST(listener, a_slow_request_stalls_no_fast_one)
{
    struct web_answer answer;
    struct web w;
    int slow;

    web_start_with(&w, (struct aa_listener_options){.threads = 1, .workers = 1});
    slow = web_connect(&w);
    web_send(slow, GET("/gate"));
    web_wait_waiting(&w, 1);
    CHECK_INT(web_ask(&w, GET("/hello"), &answer), 200);
    web_open_gate(&w);
    web_read(slow, &answer, false);
    CHECK_TEXT(answer.body, "through");
    close(slow);
    web_stop(&w);
}

TEST(listener, when_too_many_wait_for_a_worker_the_next_is_told_to_come_back)
{
    struct web_answer answer;
    struct web w;
    int running, waiting;

    web_start_with(&w, (struct aa_listener_options){.threads = 1, .workers = 1, .worker_queue_max = 1});
    running = web_connect(&w);
    web_send(running, GET("/gate"));
    web_wait_waiting(&w, 1);
    waiting = web_connect(&w);
    web_send(waiting, GET("/gate"));
    web_wait_queued(&w, 2);
    CHECK_INT(web_ask(&w, GET("/gate"), &answer), 503);
    CHECK_TEXT(web_field(&answer, "Retry-After"), "5");
    CHECK_TEXT(web_field(&answer, "Content-Type"), "application/json");
    CHECK_TEXT(web_field(&answer, "Access-Control-Allow-Origin"), "*");
    CHECK(strstr(answer.body, "temporarily_unavailable") != NULL);
    CHECK_INT(web_ask(&w, GET("/hello"), &answer), 200);
    web_open_gate(&w);
    web_read(running, &answer, false);
    CHECK_INT(answer.status, 200);
    web_read(waiting, &answer, false);
    CHECK_INT(answer.status, 200);
    CHECK_INT(web_ask(&w, GET("/gate"), &answer), 200);
    close(running);
    close(waiting);
    web_stop(&w);
}

TEST(listener, a_client_that_leaves_while_a_worker_runs_harms_nobody)
{
    struct web_answer answer;
    struct web w;
    int fd;

    web_start_with(&w, (struct aa_listener_options){.threads = 1, .workers = 1});
    fd = web_connect(&w);
    web_send(fd, GET("/gate"));
    web_wait_waiting(&w, 1);
    close(fd);
    web_open_gate(&w);
    CHECK_INT(web_ask(&w, GET("/gate"), &answer), 200);
    web_stop(&w);
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

struct stopping {
    struct web *web;
    int grace_ms;
    pthread_t thread;
};

static void *stop_main(void *arg)
{
    struct stopping *stopping = arg;

    aa_listener_stop(stopping->web->listener, stopping->grace_ms);
    return NULL;
}

static void begin_stop(struct stopping *stopping, struct web *w, int grace_ms)
{
    *stopping = (struct stopping){.web = w, .grace_ms = grace_ms};
    CHECK_INT(pthread_create(&stopping->thread, NULL, stop_main, stopping), 0);
}

static void finish_stop(struct stopping *stopping)
{
    pthread_join(stopping->thread, NULL);
    pthread_cond_destroy(&stopping->web->changed);
    pthread_mutex_destroy(&stopping->web->lock);
}

TEST(listener, what_runs_is_finished_before_the_end)
{
    struct stopping stopping;
    struct web_answer answer;
    struct web w;
    int fd, another;

    web_start(&w);
    fd = web_connect(&w);
    web_send(fd, GET("/gate"));
    web_wait_waiting(&w, 1);
    begin_stop(&stopping, &w, 60000);
    while ((another = web_connect_from(&w, "127.0.0.1", NULL)) >= 0)
        close(another); /* until nobody listens any more */
    web_open_gate(&w);
    web_read(fd, &answer, false);
    CHECK_INT(answer.status, 200);
    CHECK_TEXT(answer.body, "through");
    CHECK_TEXT(web_field(&answer, "Connection"), "close");
    CHECK(web_is_closed(fd));
    close(fd);
    finish_stop(&stopping);
}

TEST(listener, what_still_waits_after_the_grace_is_answered_503)
{
    struct stopping stopping;
    struct web_answer answer;
    struct web w;
    int running, waiting;

    web_start_with(&w, (struct aa_listener_options){.threads = 1, .workers = 1});
    running = web_connect(&w);
    web_send(running, GET("/gate"));
    web_wait_waiting(&w, 1);
    waiting = web_connect(&w);
    web_send(waiting, GET("/gate"));
    web_wait_queued(&w, 2);
    begin_stop(&stopping, &w, 10);
    web_read(waiting, &answer, false);
    CHECK_INT(answer.status, 503);
    CHECK_TEXT(web_field(&answer, "Retry-After"), "5");
    web_open_gate(&w);
    web_read(running, &answer, false);
    CHECK_INT(answer.status, 200);
    CHECK_INT(web_calls(&w), 1);
    close(running);
    close(waiting);
    finish_stop(&stopping);
}

TEST(listener, open_connections_do_not_delay_the_end)
{
    struct web_answer answer;
    struct web w;
    int idle, half;

    web_start(&w);
    idle = web_connect(&w);
    web_send(idle, GET("/hello"));
    web_read(idle, &answer, false);
    CHECK_INT(answer.status, 200);
    half = web_connect(&w);
    web_send(half, "GET /hello HTTP/1.1\r\nHo");
    web_stop(&w);
    CHECK(web_is_closed(idle));
    CHECK(web_is_closed(half));
    close(idle);
    close(half);
}

/* ---- without memory --------------------------------------------------------------------------------------------- */

static void ask_without_memory(struct web *w, const char *request, size_t nth, bool keep)
{
    static struct web_answer answer;
    int fd = web_connect(w);

    aa_mem_fail_at(nth, keep);
    web_try_send(fd, request, strlen(request));
    web_read(fd, &answer, false);
    aa_mem_fail_at(0, false);
    CHECK(answer.status == 0 || answer.status == 200 || answer.status == 503);
    if (answer.status == 200)
        CHECK_TEXT(answer.body, strncmp(request, "GET", 3) == 0 ? "hello" : "abc");
    close(fd);
}

TEST(listener, without_memory_a_request_is_refused_and_the_next_one_served)
{
    static const char *const requests[] = {GET("/hello"),
                                           "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"};
    struct web_answer answer;
    struct web w;

    web_start_with(&w, (struct aa_listener_options){.threads = 1});
    for (size_t i = 0; i < 2; i++) {
        for (size_t nth = 1; nth <= 24; nth++) {
            ask_without_memory(&w, requests[i], nth, false);
            ask_without_memory(&w, requests[i], nth, true);
            CHECK_INT(web_ask(&w, GET("/hello"), &answer), 200);
        }
    }
    web_stop(&w);
}
