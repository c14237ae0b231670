/* A server that loads its application first and forks workers afterwards: guards go on in every child, and the parent
 * notices nothing. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support_guard.h"

/* Threads in a child of a process with threads: ThreadSanitizer wants to be told that we mean it. */
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "die_after_fork=0";
}

typedef int (*child_fn)(struct stage *stage);

/* 0 is well. Assertions of the harness do not reach over, so a child tells by its exit status. */
static pid_t start_child(struct stage *stage, child_fn run)
{
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        alarm(30);
        _exit(run(stage));
    }
    return child;
}

static void await_child(pid_t child)
{
    int status;

    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
}

static void in_child(struct stage *stage, child_fn run)
{
    await_child(start_child(stage, run));
}

static enum aa_err ask_plainly(struct stage *stage, const char *token)
{
    struct aa_guard_request request = request_with(token);
    struct aa_verdict verdict = {0};
    enum aa_err code;

    aa_guard_check_wait(stage->guard, &request, &verdict);
    code = verdict.code;
    aa_verdict_clear(&verdict);
    return code;
}

static int asks_anew(struct stage *stage)
{
    return ask_plainly(stage, "token-2") != AA_OK || ask_plainly(stage, "token-bad") != AA_ERR_TOKEN_INACTIVE;
}

TEST(fork, a_guard_works_in_a_child)
{
    struct stage stage;

    stage_set(&stage, "");
    http_server_set_token(stage.server, "token-1", ACTIVE("files:read"));
    http_server_set_token(stage.server, "token-2", ACTIVE("files:read"));
    CHECK_OK(ask(&stage, "token-1"));
    in_child(&stage, asks_anew);
    in_child(&stage, asks_anew);
    CHECK_OK(ask(&stage, "token-2"));
    CHECK_INT(http_server_hits(stage.server, INTROSPECT), 6);
    stage_clear(&stage);
}

static int finds_cached(struct stage *stage)
{
    struct aa_guard_request request = request_with("token-1");
    struct aa_verdict verdict = {0};

    aa_guard_check(stage->guard, &request, &verdict);
    return verdict.kind != AA_VERDICT_ALLOW;
}

TEST(fork, what_was_cached_is_cached_in_the_child)
{
    struct stage stage;

    stage_set(&stage, "");
    http_server_set_token(stage.server, "token-1", ACTIVE("files:read"));
    CHECK_OK(ask(&stage, "token-1"));
    in_child(&stage, finds_cached);
    CHECK_INT(http_server_hits(stage.server, INTROSPECT), 1);
    stage_clear(&stage);
}

static uint64_t ticket_of_the_parent;

static int gets_nothing(struct stage *stage)
{
    struct aa_completion completion;

    return aa_guard_cancel(stage->guard, stage->queue, ticket_of_the_parent) ||
           ask_plainly(stage, "token-2") != AA_OK || aa_queue_take(stage->queue, &completion, 1) != 0;
}

TEST(fork, requests_under_way_are_answered_in_the_parent_alone)
{
    struct aa_completion completion;
    struct stage stage;
    pid_t child;

    stage_set(&stage, "");
    http_server_set_token(stage.server, "token-1", ACTIVE("files:read"));
    http_server_set_token(stage.server, "token-2", ACTIVE("files:read"));
    http_server_hold(stage.server, INTROSPECT);
    ticket_of_the_parent = send_off(&stage, "token-1");
    await_waiting(&stage, INTROSPECT, 1);
    child = start_child(&stage, gets_nothing);
    await_waiting(&stage, INTROSPECT, 2);
    http_server_let_go(stage.server, INTROSPECT);
    await_child(child);
    take_one(stage.queue, &completion);
    CHECK_ERR(completion.verdict.code, AA_OK);
    aa_verdict_clear(&completion.verdict);
    stage_clear(&stage);
}

static int ends(struct stage *stage)
{
    (void)stage;
    return 0;
}

/* Whether the child closed the parent's connection: the parent goes on using it. */
TEST(fork, the_parent_keeps_its_connection)
{
    struct stage stage;
    int connections;

    stage_set(&stage, ",\"cache_ttl\":0");
    http_server_set_token(stage.server, "token-1", ACTIVE("files:read"));
    CHECK_OK(ask(&stage, "token-1"));
    connections = http_server_connections(stage.server);
    in_child(&stage, ends);
    CHECK_OK(ask(&stage, "token-1"));
    CHECK_INT(http_server_connections(stage.server), connections);
    stage_clear(&stage);
}

static int waits_for_its_end(struct stage *stage)
{
    (void)stage;
    pause();
    return 1;
}

/* A child that held a copy of the parent's connection would keep it open for as long as it lives. */
TEST(fork, a_child_holds_no_connection_of_the_parents)
{
    struct stage stage;
    pid_t child;

    stage_set(&stage, "");
    CHECK_ERR(ask(&stage, "token-1"), AA_ERR_TOKEN_INACTIVE);
    CHECK(http_server_open_connections(stage.server) > 0);
    child = start_child(&stage, waits_for_its_end);
    aa_guard_release(stage.guard);
    stage.guard = NULL;
    for (int i = 0; i < 1000 && http_server_open_connections(stage.server) > 0; i++)
        sleep_ms(10);
    CHECK_INT(http_server_open_connections(stage.server), 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    stage_clear(&stage);
}
