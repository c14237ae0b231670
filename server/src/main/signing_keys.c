/* signing-key list, rotate, remove */
#include "domain/signing_keys.h"

#include "base/error.h"
#include "main/command.h"
#include "main/output.h"
#include "main/runtime.h"
#include "store/store.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- list ---- */

struct listing {
    struct aa_table table;
    int64_t now_ms;
    bool has_signer;
};

/* The newest in force signs: rows come in that order. */
static struct aa_view state_of(struct listing *listing, const struct aa_signing_key *key)
{
    if (key->retired_ms != 0 && key->retired_ms <= listing->now_ms)
        return AA_VIEW("retired");
    if (key->not_before_ms > listing->now_ms)
        return AA_VIEW("waits");
    if (listing->has_signer)
        return AA_VIEW("older");
    listing->has_signer = true;
    return AA_VIEW("signs");
}

static enum aa_err add_row(void *ctx, const void *record, struct aa_error *err)
{
    struct listing *listing = ctx;
    const struct aa_signing_key *key = record;

    aa_table_add(&listing->table, key->kid);
    aa_table_add(&listing->table, key->alg);
    aa_table_add(&listing->table, state_of(listing, key));
    aa_table_add_time(&listing->table, key->not_before_ms);
    aa_table_add_time(&listing->table, key->retired_ms);
    aa_table_add_time(&listing->table, key->retired_ms ? key->retired_ms + AA_SIGNING_KEY_KEPT_MS : 0);
    return aa_buf_check(&listing->table.cells, "the list of signing keys", err);
}

static enum aa_err read_all(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct listing *listing = ctx;

    aa_buf_reset(&listing->table.cells);
    listing->has_signer = false;
    return aa_signing_key_list(conn, add_row, ctx, err);
}

static enum aa_err list(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    static const struct aa_table_column columns[] = {{"kid", AA_CELL_TEXT},        {"alg", AA_CELL_TEXT},
                                                     {"state", AA_CELL_TEXT},      {"signs_from", AA_CELL_TIME},
                                                     {"retired_at", AA_CELL_TIME}, {"published_until", AA_CELL_TIME}};
    struct listing listing = {.now_ms = aa_app_now_ms(&runtime->app)};
    enum aa_err rc;

    aa_table_init(&listing.table, columns, COUNT(columns));
    rc = aa_db_read(runtime->app.db, read_all, &listing, err);
    if (!rc)
        rc = aa_table_print(&listing.table, aa_call_option(call, "json"), err);
    aa_table_clear(&listing.table);
    return rc;
}

enum aa_err aa_command_signing_key_list(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, list, err);
}

/* ---- rotate ---- */

static enum aa_err print_key(const struct aa_call *call, struct aa_view kid, int64_t signs_from_ms,
                             struct aa_error *err)
{
    static const struct aa_table_column columns[] = {{"kid", AA_CELL_TEXT}, {"signs_from", AA_CELL_TIME}};
    struct aa_table table;
    enum aa_err rc;

    aa_table_init(&table, columns, COUNT(columns));
    aa_table_add(&table, kid);
    aa_table_add_time(&table, signs_from_ms);
    rc = aa_table_print_one(&table, aa_call_option(call, "json"), err);
    aa_table_clear(&table);
    return rc;
}

/* The keys there are are opened first: the next one must not be sealed with another master key. */
static enum aa_err rotate(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    enum aa_rotation when = aa_call_option(call, "now") ? AA_ROTATE_NOW : AA_ROTATE_SOON;
    int64_t signs_from_ms = 0;
    struct aa_buf kid;
    enum aa_err rc;

    aa_buf_init(&kid, AA_KID_MAX);
    rc = aa_runtime_open_keys(runtime, call->config, err);
    if (!rc)
        rc = aa_signing_key_rotate(&runtime->app, runtime->master_key, when, &kid, &signs_from_ms, err);
    if (!rc)
        rc = print_key(call, aa_buf_view(&kid), signs_from_ms, err);
    aa_buf_clear(&kid);
    return rc;
}

enum aa_err aa_command_signing_key_rotate(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, rotate, err);
}

/* ---- remove ---- */

static enum aa_err remove_one(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    return aa_signing_key_remove(&runtime->app, aa_view_of(call->arguments[0]), err);
}

enum aa_err aa_command_signing_key_remove(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, remove_one, err);
}
