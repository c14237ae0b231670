#include "app.h"

#include "fuzz.h"

#define HOUR_MS (INT64_C(3600) * 1000)
#define INPUTS_A_DATABASE 2000

struct aa_app fuzz_app;
static int64_t clock_ms = INT64_C(1800000000000);

static int64_t now_ms(void *ctx)
{
    (void)ctx;
    return clock_ms;
}

static void log_nothing(void *ctx, int level, const char *request_id, const char *message)
{
    (void)ctx;
    (void)level;
    (void)request_id;
    (void)message;
}

bool fuzz_app_next(void (*close)(void))
{
    static int left;
    const struct aa_db_options options = {.url = ":memory:", .migrate = true};

    clock_ms += HOUR_MS;
    if (left-- > 0)
        return false;
    left = INPUTS_A_DATABASE - 1;
    if (fuzz_app.db && close)
        close();
    if (fuzz_app.db)
        aa_db_close(fuzz_app.db);
    fuzz_app = (struct aa_app){.now_ms = now_ms, .random = aa_random_system, .log = log_nothing};
    MUST_OK(aa_crypto_init(NULL));
    aa_settings_init(&fuzz_app.settings);
    MUST_OK(aa_db_open(&options, &fuzz_app.db, NULL));
    return true;
}

void fuzz_app_write(aa_db_fn fn, void *ctx)
{
    MUST_OK(aa_db_write(fuzz_app.db, fn, ctx, NULL));
}
