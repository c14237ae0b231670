/* client add, list, remove */
#include "base/error.h"
#include "base/json.h"
#include "domain/audit.h"
#include "domain/redirect_uri.h"
#include "domain/texts.h"
#include "main/command.h"
#include "main/output.h"
#include "main/runtime.h"
#include "oauth/scope.h"
#include "store/store.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NAME_MAX_LEN 200
#define URIS_MAX (64 * 1024)

static const struct aa_table_column client_columns[] = {{"client_id", AA_CELL_TEXT},  {"client_name", AA_CELL_TEXT},
                                                        {"source", AA_CELL_TEXT},     {"redirect_uris", AA_CELL_WORDS},
                                                        {"created_at", AA_CELL_TIME}, {"last_used_at", AA_CELL_TIME},
                                                        {"expires_at", AA_CELL_TIME}};

/* A JSON array of URIs, which hold no spaces, as words. */
static void add_uris(struct aa_table *table, struct aa_view array)
{
    struct aa_json *uris = NULL;
    struct aa_buf words;

    aa_buf_init(&words, URIS_MAX);
    if (!aa_json_parse(array, URIS_MAX, &uris, NULL))
        for (size_t i = 0; i < aa_json_len(uris); i++) {
            aa_buf_add_text(&words, i ? " " : "");
            aa_buf_add(&words, aa_json_text(aa_json_at(uris, i)));
        }
    aa_table_add(table, aa_buf_view(&words));
    aa_json_free(uris);
    aa_buf_clear(&words);
}

static enum aa_err add_row(void *ctx, const void *record, struct aa_error *err)
{
    struct aa_table *table = ctx;
    const struct aa_client *client = record;

    aa_table_add(table, client->client_id);
    aa_table_add(table, client->client_name);
    aa_table_add(table, client->source);
    add_uris(table, client->redirect_uris);
    aa_table_add_time(table, client->created_ms);
    aa_table_add_time(table, client->last_used_ms);
    aa_table_add_time(table, client->expires_ms);
    return aa_buf_check(&table->cells, "the list of clients", err);
}

/* ---- add ---- */

static enum aa_err build_uris(const struct aa_call *call, const struct aa_settings *settings, struct aa_buf *out,
                              struct aa_error *err)
{
    for (size_t i = 0; i < call->argument_count; i++) {
        struct aa_error why = AA_ERROR_INIT;
        enum aa_err rc = aa_redirect_uri_check(settings, aa_view_of(call->arguments[i]), &why);

        if (rc)
            return aa_fail(err, rc, "redirect URI %zu: %s", i + 1, why.message);
        aa_buf_add_text(out, i ? "," : "[");
        aa_buf_add_json_string(out, aa_view_of(call->arguments[i]));
    }
    aa_buf_add_char(out, ']');
    return aa_buf_check(out, "the redirect URIs", err);
}

static enum aa_err check_texts(struct aa_view name, struct aa_view scope, struct aa_error *err)
{
    struct aa_scopes scopes;

    if (name.len > NAME_MAX_LEN || !aa_text_is_plain(name))
        return aa_fail(err, AA_ERR_REQUEST_MALFORMED, "the name is longer than %d bytes or no plain text",
                       NAME_MAX_LEN);
    return aa_scopes_parse(scope, &scopes, err);
}

struct creation {
    const struct aa_app *app;
    struct aa_client client;
};

static enum aa_err store_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct creation *creation = ctx;
    struct aa_audit_entry entry = {.event = AA_AUDIT_CLIENT_ADDED,
                                   .client_id = creation->client.client_id,
                                   .details = {{"client_name", creation->client.client_name}}};
    enum aa_err rc;

    rc = aa_client_create(conn, &creation->client, err);
    return rc ? rc : aa_audit_note(creation->app, conn, &entry, err);
}

static enum aa_err add(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    struct creation creation = {.app = &runtime->app,
                                .client = {.client_name = aa_view_of(aa_call_option(call, "name")),
                                           .scope = aa_view_of(aa_call_option(call, "scope")),
                                           .grant_types = AA_VIEW("authorization_code refresh_token"),
                                           .source = AA_VIEW("cli")}};
    struct aa_client *client = &creation.client;
    struct aa_buf client_id, uris;
    struct aa_table table;
    enum aa_err rc;

    aa_buf_init(&client_id, 64);
    aa_buf_init(&uris, URIS_MAX);
    aa_table_init(&table, client_columns, COUNT(client_columns));
    rc = check_texts(client->client_name, client->scope, err);
    if (!rc)
        rc = build_uris(call, &runtime->app.settings, &uris, err);
    if (!rc)
        rc = aa_app_new_id(&runtime->app, "cl_", &client_id, err);
    if (rc)
        goto done;
    client->client_id = aa_buf_view(&client_id);
    client->redirect_uris = aa_buf_view(&uris);
    client->created_ms = aa_app_now_ms(&runtime->app);
    rc = aa_db_write(runtime->app.db, store_client, &creation, err);
    if (!rc)
        rc = add_row(&table, client, err);
    if (!rc)
        rc = aa_table_print_one(&table, aa_call_option(call, "json"), err);
done:
    aa_table_clear(&table);
    aa_buf_clear(&client_id);
    aa_buf_clear(&uris);
    return rc;
}

enum aa_err aa_command_client_add(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, add, err);
}

/* ---- list and remove ---- */

static enum aa_err read_all(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_client_list(conn, add_row, ctx, err);
}

static enum aa_err list(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    struct aa_table table;
    enum aa_err rc;

    aa_table_init(&table, client_columns, COUNT(client_columns));
    rc = aa_db_read(runtime->app.db, read_all, &table, err);
    if (!rc)
        rc = aa_table_print(&table, aa_call_option(call, "json"), err);
    aa_table_clear(&table);
    return rc;
}

enum aa_err aa_command_client_list(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, list, err);
}

struct removal {
    const struct aa_app *app;
    struct aa_view client_id;
    int64_t now_ms;
};

static enum aa_err delete_client(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct removal *removal = ctx;
    struct aa_audit_entry entry = {.event = AA_AUDIT_CLIENT_REMOVED, .client_id = removal->client_id};
    enum aa_err rc = aa_client_delete(conn, removal->client_id, removal->now_ms, NULL);

    if (rc == AA_ERR_NOT_FOUND)
        return aa_fail(err, rc, "there is no client with this id");
    if (rc)
        return aa_fail(err, rc, "the client cannot be removed: %s", aa_err_text(rc));
    return aa_audit_note(removal->app, conn, &entry, err);
}

static enum aa_err remove_client(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    struct removal removal = {&runtime->app, aa_view_of(call->arguments[0]), aa_app_now_ms(&runtime->app)};

    return aa_db_write(runtime->app.db, delete_client, &removal, err);
}

enum aa_err aa_command_client_remove(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, remove_client, err);
}
