/* user add, list, passwd, unlock, disable, enable */
#include "domain/directory.h"
#include "main/command.h"
#include "main/output.h"
#include "main/passwords.h"
#include "main/runtime.h"
#include "store/store.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- add and passwd ---- */

static enum aa_err print_person(const struct aa_call *call, struct aa_view user_id, struct aa_view password,
                                struct aa_error *err)
{
    static const struct aa_table_column columns[] = {
        {"user_id", AA_CELL_TEXT}, {"email", AA_CELL_TEXT}, {"password", AA_CELL_TEXT}};
    struct aa_table table;
    enum aa_err rc;

    aa_table_init(&table, columns, COUNT(columns));
    aa_table_add(&table, user_id);
    aa_table_add(&table, aa_view_of(call->arguments[0]));
    aa_table_add(&table, password);
    rc = aa_table_print_one(&table, aa_call_option(call, "json"), err);
    aa_table_clear(&table);
    return rc;
}

static enum aa_err add_person(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    struct aa_buf password, user_id;
    bool is_new = false;
    enum aa_err rc;

    aa_buf_init(&password, AA_PASSWORD_LINE_MAX);
    aa_buf_init(&user_id, 64);
    rc = aa_password_obtain(call, &runtime->app, &password, &is_new, err);
    if (!rc)
        rc = aa_person_create(&runtime->app, aa_view_of(call->arguments[0]), aa_view_of(aa_call_option(call, "name")),
                              aa_buf_view(&password), &user_id, err);
    if (!rc)
        rc = print_person(call, aa_buf_view(&user_id), is_new ? aa_buf_view(&password) : AA_VIEW_ABSENT, err);
    aa_buf_wipe_clear(&password);
    aa_buf_clear(&user_id);
    return rc;
}

static enum aa_err change_password(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    struct aa_buf password;
    bool is_new = false;
    enum aa_err rc;

    aa_buf_init(&password, AA_PASSWORD_LINE_MAX);
    rc = aa_password_obtain(call, &runtime->app, &password, &is_new, err);
    if (!rc)
        rc = aa_person_set_password(&runtime->app, aa_view_of(call->arguments[0]), aa_buf_view(&password), err);
    if (!rc && is_new)
        rc = print_person(call, AA_VIEW_ABSENT, aa_buf_view(&password), err);
    aa_buf_wipe_clear(&password);
    return rc;
}

enum aa_err aa_command_user_add(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, add_person, err);
}

enum aa_err aa_command_user_passwd(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, change_password, err);
}

/* ---- disable and enable ---- */

static enum aa_err disable(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    return aa_person_set_disabled(&runtime->app, aa_view_of(call->arguments[0]), true, err);
}

static enum aa_err enable(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    return aa_person_set_disabled(&runtime->app, aa_view_of(call->arguments[0]), false, err);
}

enum aa_err aa_command_user_disable(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, disable, err);
}

enum aa_err aa_command_user_enable(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, enable, err);
}

/* ---- unlock ---- */

static enum aa_err print_strangers(const struct aa_call *call, const struct aa_strangers *strangers,
                                   const struct aa_runtime *runtime, struct aa_error *err)
{
    static const struct aa_table_column columns[] = {
        {"email", AA_CELL_TEXT}, {"failures", AA_CELL_TEXT}, {"locked_until", AA_CELL_TIME}};
    struct aa_table table;
    struct aa_buf failures;
    enum aa_err rc;

    aa_buf_init(&failures, 24);
    aa_buf_add_int(&failures, strangers->failures);
    aa_table_init(&table, columns, COUNT(columns));
    aa_table_add(&table, aa_view_of(call->arguments[0]));
    aa_table_add(&table, aa_buf_view(&failures));
    aa_table_add_time(&table, strangers->until_ms > aa_app_now_ms(&runtime->app) ? strangers->until_ms : 0);
    rc = aa_table_print_one(&table, aa_call_option(call, "json"), err);
    aa_table_clear(&table);
    aa_buf_clear(&failures);
    return rc;
}

static enum aa_err unlock(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    struct aa_view email = aa_view_of(call->arguments[0]);
    struct aa_strangers strangers = {0, 0};
    enum aa_err rc;

    rc = aa_call_option(call, "status") ? aa_person_find_strangers(&runtime->app, email, &strangers, err)
                                        : aa_person_unlock(&runtime->app, email, &strangers, err);
    return rc ? rc : print_strangers(call, &strangers, runtime, err);
}

enum aa_err aa_command_user_unlock(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, unlock, err);
}

/* ---- list ---- */

static const struct aa_table_column user_columns[] = {{"user_id", AA_CELL_TEXT},
                                                      {"email", AA_CELL_TEXT},
                                                      {"name", AA_CELL_TEXT},
                                                      {"created_at", AA_CELL_TIME},
                                                      {"disabled_at", AA_CELL_TIME}};

static enum aa_err add_row(void *ctx, const void *record, struct aa_error *err)
{
    struct aa_table *table = ctx;
    const struct aa_user *user = record;

    aa_table_add(table, user->user_id);
    aa_table_add(table, user->email);
    aa_table_add(table, user->name);
    aa_table_add_time(table, user->created_ms);
    aa_table_add_time(table, user->disabled_ms);
    return aa_buf_check(&table->cells, "the list of people", err);
}

static enum aa_err read_all(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_user_list(conn, add_row, ctx, err);
}

static enum aa_err list(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    struct aa_table table;
    enum aa_err rc;

    aa_table_init(&table, user_columns, COUNT(user_columns));
    rc = aa_db_read(runtime->app.db, read_all, &table, err);
    if (!rc)
        rc = aa_table_print(&table, aa_call_option(call, "json"), err);
    aa_table_clear(&table);
    return rc;
}

enum aa_err aa_command_user_list(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, list, err);
}
