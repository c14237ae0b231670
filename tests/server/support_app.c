#include "support_app.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "domain/server_keys.h"
#include "support_store.h"

static int64_t now_ms(void *ctx)
{
    return ((struct app_fixture *)ctx)->now_ms;
}

static enum aa_err random_bytes(void *ctx, void *out, size_t len)
{
    (void)ctx;
    return aa_random_system(NULL, out, len);
}

static void keep_log(void *ctx, int level, const char *request_id, const char *message)
{
    struct app_fixture *f = ctx;

    (void)level;
    (void)request_id;
    snprintf(f->log, sizeof f->log, "%s", message);
}

static bool is_empty_file(const char *path)
{
    struct stat facts;

    return stat(path, &facts) != 0 || facts.st_size == 0;
}

static void mark_file(const char *path)
{
    FILE *file = fopen(path, "w");

    CHECK(file != NULL);
    fputs("its data are in AUTH_AGENT_TEST_DATABASE\n", file);
    fclose(file);
}

/* With AUTH_AGENT_TEST_DATABASE the one database stands for all: what would be a new file finds it empty, and leaves a
 * file behind to be known by. */
static void open_store(struct app_fixture *f, const char *url)
{
    struct aa_db_options options = {.url = url, .migrate = true};
    bool in_memory = strcmp(url, ":memory:") == 0, is_new = in_memory || is_empty_file(url);
    struct aa_error err = AA_ERROR_INIT;

    if (store_is_remote())
        options.url = getenv("AUTH_AGENT_TEST_DATABASE");
    if (aa_db_open(&options, &f->app.db, &err))
        fail_msg("%s", err.message);
    if (!store_is_remote() || !is_new)
        return;
    store_empty();
    if (!in_memory)
        mark_file(url);
}

void app_open_at(struct app_fixture *f, const char *url)
{
    memset(f, 0, sizeof *f);
    f->now_ms = INT64_C(1800000000000);
    CHECK_OK(aa_crypto_init(NULL));
    aa_settings_init(&f->app.settings);
    f->app.now_ms = now_ms;
    f->app.random = random_bytes;
    f->app.ctx = f;
    f->app.log = keep_log;
    open_store(f, url);
    CHECK_OK(aa_key_cache_new(&f->app, &f->app.key_cache, NULL));
}

void app_open(struct app_fixture *f)
{
    app_open_at(f, ":memory:");
}

void app_close(struct app_fixture *f)
{
    aa_key_cache_free(f->app.key_cache);
    aa_db_close(f->app.db);
}
