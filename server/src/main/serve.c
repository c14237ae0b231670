/* serve */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "base/error.h"
#include "base/level.h"
#include "domain/directory.h"
#include "endpoint/endpoint.h"
#include "http/listener.h"
#include "main/bus_error.h"
#include "main/command.h"
#include "main/deadline.h"
#include "main/memory.h"
#include "main/output.h"
#include "main/runtime.h"
#include "main/sweeper.h"

#define GRACE_MS 4000 /* for what runs when the server is told to stop; */
#define GONE_MS 4500  /* then it is gone, within 5 s */
#define METRICS_CONNECTIONS 32

/* ---- serving ---- */

static struct aa_listener_options listener_options(const struct aa_config *config, const struct aa_app *app)
{
    bool has_access_log = aa_config_number(config, AA_CONFIG_access_log) != 0;

    return (struct aa_listener_options){
        .address = aa_config_text(config, AA_CONFIG_listen),
        .port = (int)aa_config_number(config, AA_CONFIG_port),
        .threads = (int)aa_config_number(config, AA_CONFIG_threads),
        .workers = (int)aa_config_number(config, AA_CONFIG_workers),
        .trusted_proxies = aa_config_text(config, AA_CONFIG_trusted_proxies),
        .secure = aa_config_number(config, AA_CONFIG_issuer) != 0,
        .log = app->log,
        .access = has_access_log ? aa_runtime_log_access : NULL,
        .log_ctx = app->ctx,
        .metrics = app->metrics,
    };
}

static enum aa_err tell_ready(const struct aa_config *config, const struct aa_app *app, int port, struct aa_error *err)
{
    const char *address = aa_config_text(config, AA_CONFIG_listen);
    bool is_ipv6 = aa_view_find(aa_view_of(address), ':') != SIZE_MAX;
    struct aa_buf line;
    enum aa_err rc;

    aa_buf_init(&line, 16384);
    aa_buf_add_format(&line, "auth-agent-server " AA_VERSION " is ready at %s (listening on %s%s%s:%d, database %s)\n",
                      aa_config_text(config, AA_CONFIG_issuer), is_ipv6 ? "[" : "", address, is_ipv6 ? "]" : "", port,
                      aa_db_place(app->db));
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
            app, AA_LOG_WARNING, NULL,
            "there is no administrator's token yet, so the API registers nothing: `auth-agent-server init` makes one");
    return rc;
}

static void tell_check(const struct aa_app *app)
{
    int64_t ms = aa_db_check_ms(app->db);

    if (ms >= 0)
        aa_app_log(app, AA_LOG_INFO, NULL,
                   "the server did not stop as it should the last time; the pages of the database were checked in "
                   "%lld ms, and all is well",
                   (long long)ms);
}

static void wait_for_signal(const sigset_t *signals)
{
    int number;

    while (sigwait(signals, &number))
        continue;
}

/* Everything that runs while the server serves. */
struct service {
    struct aa_runtime *runtime;
    const struct aa_config *config;
    const struct aa_router *router;
    struct aa_router metrics_router;
    struct aa_listener *listener, *metrics; /* NULL: not started */
    struct aa_sweeper sweeper;
};

/* A listener of its own: what it tells is for operators, and a scrape never waits behind the public's requests. */
static enum aa_err start_metrics(struct service *service, struct aa_error *err)
{
    struct aa_app *app = &service->runtime->app;
    struct aa_listener_options options = {.address = aa_config_text(service->config, AA_CONFIG_metrics_listen),
                                          .port = (int)aa_config_number(service->config, AA_CONFIG_metrics_port),
                                          .threads = 1,
                                          .workers = 1,
                                          .connections_max = METRICS_CONNECTIONS,
                                          .log = app->log,
                                          .log_ctx = app->ctx};
    enum aa_err rc;

    if (!aa_config_text(service->config, AA_CONFIG_metrics_port))
        return AA_OK;
    service->metrics_router = aa_endpoint_metrics_router(app);
    rc = aa_listener_start(&options, &service->metrics_router, &service->metrics, err);
    if (!rc)
        aa_app_log(app, AA_LOG_INFO, NULL, "metrics are at port %d of %s, path /metrics",
                   aa_listener_port(service->metrics), options.address);
    return rc;
}

static enum aa_err start_service(struct service *service, struct aa_error *err)
{
    struct aa_app *app = &service->runtime->app;
    struct aa_listener_options options = listener_options(service->config, app);
    enum aa_err rc;

    aa_metrics_set(app->metrics, AA_GAUGE_STARTED_S, aa_app_now_ms(app) / 1000);
    rc = aa_listener_start(&options, service->router, &service->listener, err);
    if (!rc)
        rc = start_metrics(service, err);
    if (!rc)
        rc = aa_sweeper_start(&service->sweeper, app, err);
    return rc ? rc : tell_ready(service->config, app, aa_listener_port(service->listener), err);
}

/* The metrics last: they tell how the stopping goes. */
static void stop_service(struct service *service)
{
    atomic_store(&service->runtime->is_stopping, true);
    aa_sweeper_tell_stop(&service->sweeper);
    aa_listener_stop(service->listener, GRACE_MS);
    aa_listener_stop(service->metrics, 0);
    aa_sweeper_clear(&service->sweeper);
}

static enum aa_err listen_until_told(const struct aa_call *call, struct aa_runtime *runtime,
                                     const struct aa_router *router, const sigset_t *signals, struct aa_error *err)
{
    struct service service = {.runtime = runtime, .config = call->config, .router = router};
    enum aa_err rc;

    aa_sweeper_init(&service.sweeper);
    rc = start_service(&service, err);
    if (!rc) {
        wait_for_signal(signals);
        aa_deadline_set(GONE_MS, &runtime->log);
        aa_app_log(&runtime->app, AA_LOG_INFO, NULL, "stopping");
    }
    stop_service(&service);
    return rc;
}

static enum aa_err serve(const struct aa_call *call, struct aa_runtime *runtime, const sigset_t *signals,
                         struct aa_error *err)
{
    struct aa_router router = {0};
    enum aa_err rc;

    rc = aa_runtime_open(runtime, call->config, AA_DATABASE_SERVED, err);
    if (!rc) {
        tell_check(&runtime->app);
        rc = aa_runtime_open_keys(runtime, call->config, err);
    }
    if (!rc)
        rc = hint_at_init(&runtime->app, err);
    if (!rc)
        rc = aa_endpoint_router_init(&router, &runtime->app, err);
    if (rc)
        return rc;
    rc = listen_until_told(call, runtime, &router, signals, err);
    aa_endpoint_router_clear(&router);
    return rc;
}

enum aa_err aa_command_serve(const struct aa_call *call, struct aa_error *err)
{
    struct aa_runtime runtime = {.log = {.level = 0}};
    sigset_t signals;
    enum aa_err rc;

    aa_memory_settle();
    aa_bus_error_explain();
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
