#include "main/runtime.h"

#include <time.h>

#include "base/error.h"
#include "base/level.h"
#include "base/mem.h"
#include "domain/imported_keys.h"
#include "domain/keyring.h"
#include "domain/server_keys.h"
#include "main/master_key.h"
#include "store/store.h"

static int64_t now_ms(void *ctx)
{
    struct timespec now;

    (void)ctx;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void write_log(void *ctx, int level, const char *request_id, const char *message)
{
    const struct aa_runtime *runtime = ctx;

    aa_log_message(&runtime->log, now_ms(NULL), level, request_id, message);
}

static enum aa_err fetch(void *ctx, const char *url, struct aa_download *out, struct aa_error *err)
{
    return aa_outgoing_fetch(&((struct aa_runtime *)ctx)->outgoing, url, out, err);
}

static void say(void *ctx, const char *what)
{
    write_log(ctx, AA_LOG_INFO, NULL, what);
}

void aa_runtime_log_access(void *ctx, const struct aa_access *access)
{
    const struct aa_runtime *runtime = ctx;

    aa_log_access(&runtime->log, now_ms(NULL), access);
}

enum aa_err aa_runtime_open(struct aa_runtime *runtime, const struct aa_config *config, enum aa_database database,
                            struct aa_error *err)
{
    struct aa_db_options options = aa_config_database(config);
    struct aa_app *app = &runtime->app;
    struct aa_error why = AA_ERROR_INIT;
    enum aa_err rc;

    *runtime = (struct aa_runtime){.log = {.level = (int)aa_config_number(config, AA_CONFIG_log_level),
                                           .is_json = aa_config_number(config, AA_CONFIG_log_format) == 1}};
    app->now_ms = now_ms;
    app->random = aa_random_system;
    app->fetch = fetch;
    app->ctx = runtime;
    app->log = write_log;
    app->is_stopping = &runtime->is_stopping;
    app->who.administrator = AA_VIEW("cli");
    aa_outgoing_init(&runtime->outgoing, config);
    rc = aa_crypto_init(err);
    if (!rc)
        rc = aa_metrics_new(&app->metrics, err);
    if (!rc)
        rc = aa_config_fill_settings(config, &app->settings, err);
    if (rc)
        return rc;
    options.migrate = true;
    options.must_exist = database == AA_DATABASE_EXISTING;
    options.serving = database == AA_DATABASE_SERVED;
    options.metrics = app->metrics;
    options.say = say;
    options.say_ctx = runtime;
    rc = aa_db_open(&options, &app->db, &why);
    if (rc == AA_ERR_NOT_FOUND)
        return aa_fail(err, rc, "%s; `auth-agent-server init` makes one", why.message);
    if (rc)
        return aa_fail(err, rc, "%s", why.message);
    return aa_key_cache_new(app, &app->key_cache, err);
}

enum aa_err aa_runtime_open_keys(struct aa_runtime *runtime, const struct aa_config *config, struct aa_error *err)
{
    enum aa_err rc;

    rc = aa_master_key_open(&runtime->app, config, runtime->master_key, err);
    if (!rc)
        rc = aa_keyring_open(&runtime->app, runtime->master_key, &runtime->app.keyring, err);
    return rc ? rc : aa_imported_keys_look(&runtime->app, err);
}

void aa_runtime_clear(struct aa_runtime *runtime)
{
    aa_keyring_free(runtime->app.keyring);
    aa_key_cache_free(runtime->app.key_cache);
    aa_db_close(runtime->app.db);
    aa_metrics_free(runtime->app.metrics);
    aa_mem_wipe(runtime, sizeof *runtime);
}

enum aa_err aa_command_with_runtime(const struct aa_call *call, aa_runtime_fn act, struct aa_error *err)
{
    struct aa_runtime runtime;
    enum aa_err rc = aa_runtime_open(&runtime, call->config, AA_DATABASE_EXISTING, err);

    if (!rc)
        rc = act(call, &runtime, err);
    aa_runtime_clear(&runtime);
    return rc;
}
