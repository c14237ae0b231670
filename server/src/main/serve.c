/* serve */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/error.h"
#include "domain/directory.h"
#include "endpoint/endpoint.h"
#include "http/listener.h"
#include "main/command.h"
#include "main/memory.h"
#include "main/output.h"
#include "main/runtime.h"
#include "store/store.h"

#define GRACE_MS 4000 /* for what runs when the server is told to stop; it is gone within 5 s */
#define SWEEP_PAUSE_S 60
#define SWEEP_ROWS 200 /* a closure: the others wait for it as for any */
#define LOG_INFO 1
#define LOG_WARNING 2

/* ---- sweeping ---- */

struct sweeper {
    struct aa_app *app;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool is_stopping, is_running;
};

struct sweep {
    int64_t now_ms, removed;
};

static enum aa_err sweep_some(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct sweep *sweep = ctx;

    return aa_store_sweep(conn, sweep->now_ms, SWEEP_ROWS, &sweep->removed, err);
}

static bool is_stopping(struct sweeper *sweeper)
{
    bool stopping;

    pthread_mutex_lock(&sweeper->lock);
    stopping = sweeper->is_stopping;
    pthread_mutex_unlock(&sweeper->lock);
    return stopping;
}

/* Until nothing is left to sweep. */
static void sweep_all(struct sweeper *sweeper)
{
    struct sweep sweep = {.removed = SWEEP_ROWS};

    while (sweep.removed == SWEEP_ROWS && !is_stopping(sweeper)) {
        struct aa_error err = AA_ERROR_INIT;

        sweep = (struct sweep){aa_app_now_ms(sweeper->app), 0};
        if (aa_db_write(sweeper->app->db, sweep_some, &sweep, &err)) {
            aa_app_log(sweeper->app, LOG_WARNING, NULL, "expired rows cannot be removed: %s", err.message);
            return;
        }
    }
}

/* True when it is time to sweep, false when it is time to stop. */
static bool wait_for_next(struct sweeper *sweeper)
{
    struct timespec until;
    bool stopping;
    int rc = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += SWEEP_PAUSE_S;
    pthread_mutex_lock(&sweeper->lock);
    while (!sweeper->is_stopping && rc == 0)
        rc = pthread_cond_timedwait(&sweeper->stop, &sweeper->lock, &until);
    stopping = sweeper->is_stopping;
    pthread_mutex_unlock(&sweeper->lock);
    return !stopping;
}

static void *sweeper_main(void *arg)
{
    struct sweeper *sweeper = arg;

    while (wait_for_next(sweeper))
        sweep_all(sweeper);
    return NULL;
}

static enum aa_err sweeper_start(struct sweeper *sweeper, struct aa_app *app, struct aa_error *err)
{
    pthread_condattr_t monotonic;

    *sweeper = (struct sweeper){.app = app};
    pthread_mutex_init(&sweeper->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sweeper->stop, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&sweeper->thread, NULL, sweeper_main, sweeper))
        return aa_fail(err, AA_ERR_THREAD, "the sweeping thread could not be started");
    sweeper->is_running = true;
    return AA_OK;
}

static void sweeper_stop(struct sweeper *sweeper)
{
    pthread_mutex_lock(&sweeper->lock);
    sweeper->is_stopping = true;
    pthread_cond_signal(&sweeper->stop);
    pthread_mutex_unlock(&sweeper->lock);
    if (sweeper->is_running)
        pthread_join(sweeper->thread, NULL);
    pthread_cond_destroy(&sweeper->stop);
    pthread_mutex_destroy(&sweeper->lock);
}

/* ---- serving ---- */

static struct aa_listener_options listener_options(const struct aa_config *config)
{
    return (struct aa_listener_options){
        .address = aa_config_text(config, AA_CONFIG_listen),
        .port = (int)aa_config_number(config, AA_CONFIG_port),
        .threads = (int)aa_config_number(config, AA_CONFIG_threads),
        .workers = (int)aa_config_number(config, AA_CONFIG_workers),
        .trusted_proxies = aa_config_text(config, AA_CONFIG_trusted_proxies),
        .secure = aa_config_number(config, AA_CONFIG_issuer) != 0,
    };
}

static enum aa_err tell_ready(const struct aa_config *config, int port, struct aa_error *err)
{
    const char *address = aa_config_text(config, AA_CONFIG_listen);
    bool is_ipv6 = aa_view_find(aa_view_of(address), ':') != SIZE_MAX;
    struct aa_buf line;
    enum aa_err rc;

    aa_buf_init(&line, 16384);
    aa_buf_add_format(&line, "auth-agent-server " AA_VERSION " is ready at %s (listening on %s%s%s:%d, database %s)\n",
                      aa_config_text(config, AA_CONFIG_issuer), is_ipv6 ? "[" : "", address, is_ipv6 ? "]" : "", port,
                      aa_config_text(config, AA_CONFIG_database));
    rc = aa_buf_check(&line, "the ready line", err);
    if (!rc)
        rc = aa_output_write(aa_buf_view(&line), err);
    aa_buf_clear(&line);
    return rc;
}

static enum aa_err hint_at_init(struct aa_app *app, struct aa_error *err)
{
    bool exists = false;
    enum aa_err rc = aa_admin_token_exists(app, &exists, err);

    if (!rc && !exists)
        aa_app_log(
            app, LOG_WARNING, NULL,
            "there is no administrator's token yet, so the API registers nothing: `auth-agent-server init` makes one");
    return rc;
}

static void wait_for_signal(const sigset_t *signals)
{
    int number;

    while (sigwait(signals, &number))
        continue;
}

static enum aa_err listen_until_told(const struct aa_call *call, struct aa_app *app, const struct aa_router *router,
                                     const sigset_t *signals, struct aa_error *err)
{
    struct aa_listener_options options = listener_options(call->config);
    struct aa_listener *listener = NULL;
    struct sweeper sweeper;
    enum aa_err rc;

    options.log = app->log;
    options.log_ctx = app->ctx;
    rc = aa_listener_start(&options, router, &listener, err);
    if (rc)
        return rc;
    rc = sweeper_start(&sweeper, app, err);
    if (!rc)
        rc = tell_ready(call->config, aa_listener_port(listener), err);
    if (!rc) {
        wait_for_signal(signals);
        aa_app_log(app, LOG_INFO, NULL, "stopping");
    }
    sweeper_stop(&sweeper);
    aa_listener_stop(listener, GRACE_MS);
    return rc;
}

static enum aa_err serve(const struct aa_call *call, struct aa_runtime *runtime, const sigset_t *signals,
                         struct aa_error *err)
{
    struct aa_router router = {0};
    enum aa_err rc;

    rc = aa_runtime_open(runtime, call->config, AA_DATABASE_MADE, err);
    if (!rc)
        rc = aa_runtime_open_keys(runtime, call->config, err);
    if (!rc)
        rc = hint_at_init(&runtime->app, err);
    if (!rc)
        rc = aa_endpoint_router_init(&router, &runtime->app, err);
    if (rc)
        return rc;
    rc = listen_until_told(call, &runtime->app, &router, signals, err);
    aa_endpoint_router_clear(&router);
    return rc;
}

enum aa_err aa_command_serve(const struct aa_call *call, struct aa_error *err)
{
    struct aa_runtime runtime = {.log_level = 0};
    sigset_t signals;
    enum aa_err rc;

    aa_memory_settle();
    /* Blocked before the first thread starts, so that every thread inherits it and the signals come to sigwait() alone.
     */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    if (pthread_sigmask(SIG_BLOCK, &signals, NULL))
        return aa_fail(err, AA_ERR_SYSTEM, "signals cannot be blocked");
    rc = serve(call, &runtime, &signals, err);
    aa_runtime_clear(&runtime);
    return rc;
}
