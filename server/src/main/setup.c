/* init; config */
#include "base/error.h"
#include "domain/directory.h"
#include "main/command.h"
#include "main/output.h"
#include "main/runtime.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TOKEN_MAX 128

static enum aa_err print_token(const struct aa_call *call, const struct aa_app *app, struct aa_view token,
                               struct aa_error *err)
{
    static const struct aa_table_column columns[] = {{"database", AA_CELL_TEXT}, {"admin_token", AA_CELL_TEXT}};
    struct aa_table table;
    enum aa_err rc;

    aa_table_init(&table, columns, COUNT(columns));
    aa_table_add(&table, aa_view_of(aa_db_place(app->db)));
    aa_table_add(&table, token);
    rc = aa_table_print_one(&table, aa_call_option(call, "json"), err);
    if (!rc && !aa_view_is_absent(token) && !aa_call_option(call, "json"))
        rc = aa_output_write(AA_VIEW("Keep the administrator's token: it is shown this once.\n"), err);
    aa_table_clear(&table);
    return rc;
}

static enum aa_err make_token(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    bool renew = aa_call_option(call, "new-admin-token") != NULL;
    struct aa_buf token;
    enum aa_err rc;

    aa_buf_init(&token, TOKEN_MAX);
    rc = renew ? aa_admin_token_renew(&runtime->app, &token, err) : aa_admin_token_create(&runtime->app, &token, NULL);
    if (!rc)
        rc = print_token(call, &runtime->app, aa_buf_view(&token), err);
    else if (rc == AA_ERR_CONFLICT && aa_call_option(call, "json"))
        rc = print_token(call, &runtime->app, AA_VIEW_ABSENT, err);
    else if (rc == AA_ERR_CONFLICT)
        rc = aa_output_write(AA_VIEW("It was set up before; nothing has changed. (--new-admin-token makes a new "
                                     "administrator's token.)\n"),
                             err);
    else
        aa_fail(err, rc, "the administrator's token cannot be stored: %s", aa_err_text(rc));
    aa_buf_wipe_clear(&token);
    return rc;
}

enum aa_err aa_command_init(const struct aa_call *call, struct aa_error *err)
{
    struct aa_runtime runtime;
    enum aa_err rc;

    rc = aa_runtime_open(&runtime, call->config, AA_DATABASE_MADE, err);
    if (!rc)
        rc = aa_runtime_open_keys(&runtime, call->config, err);
    if (!rc)
        rc = make_token(call, &runtime, err);
    aa_runtime_clear(&runtime);
    return rc;
}

enum aa_err aa_command_config(const struct aa_call *call, struct aa_error *err)
{
    static const struct aa_table_column columns[] = {
        {"option", AA_CELL_TEXT}, {"value", AA_CELL_TEXT}, {"from", AA_CELL_TEXT}};
    struct aa_table table;
    enum aa_err rc;

    aa_table_init(&table, columns, COUNT(columns));
    for (int i = 0; i < AA_CONFIG_COUNT; i++) {
        enum aa_config_id id = (enum aa_config_id)i;
        struct aa_buf source;

        aa_buf_init(&source, 8192);
        aa_config_add_source(&source, call->config, id);
        aa_table_add(&table, aa_view_of(aa_config_name(id)));
        aa_table_add(&table, aa_config_shown(call->config, id));
        aa_table_add(&table, aa_buf_view(&source));
        aa_buf_clear(&source);
    }
    rc = aa_table_print(&table, aa_call_option(call, "json"), err);
    aa_table_clear(&table);
    return rc;
}
