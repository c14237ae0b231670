/* server add, list, show, remove; key create, list, revoke */
#include "base/error.h"
#include "base/url.h"
#include "domain/directory.h"
#include "domain/server_keys.h"
#include "main/command.h"
#include "main/output.h"
#include "main/runtime.h"
#include "oauth/scope.h"
#include "store/store.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- servers ---- */

static const struct aa_table_column server_columns[] = {{"server_id", AA_CELL_TEXT},   {"server_url", AA_CELL_TEXT},
                                                        {"server_name", AA_CELL_TEXT}, {"scopes", AA_CELL_WORDS},
                                                        {"user_id", AA_CELL_TEXT},     {"created_at", AA_CELL_TIME}};

static void add_server(struct aa_table *table, const struct aa_server *server)
{
    aa_table_add(table, server->server_id);
    aa_table_add(table, server->server_url);
    aa_table_add(table, server->server_name);
    aa_table_add(table, server->scopes);
    aa_table_add(table, server->user_id);
    aa_table_add_time(table, server->created_ms);
}

static enum aa_err print_server(const struct aa_call *call, const struct aa_server *server, struct aa_error *err)
{
    struct aa_table table;
    enum aa_err rc;

    aa_table_init(&table, server_columns, COUNT(server_columns));
    add_server(&table, server);
    rc = aa_table_print_one(&table, aa_call_option(call, "json"), err);
    aa_table_clear(&table);
    return rc;
}

/* Commas are as good as spaces. */
static void add_words(struct aa_buf *out, const char *words)
{
    for (; words && *words; words++)
        aa_buf_add_char(out, *words == ',' ? ' ' : *words);
}

static struct aa_view host_of(struct aa_view text)
{
    struct aa_url url;

    return aa_url_parse(text, &url, NULL) ? AA_VIEW("") : url.host;
}

static enum aa_err add(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    struct aa_server_registration registration = {.server_url = aa_view_of(call->arguments[0]),
                                                  .server_name = aa_view_of(aa_call_option(call, "name")),
                                                  .user_id = aa_view_of(aa_call_option(call, "owner"))};
    struct aa_server server = {0};
    struct aa_buf scopes;
    enum aa_err rc;

    if (aa_view_is_absent(registration.server_name))
        registration.server_name = host_of(registration.server_url);
    aa_buf_init(&scopes, 2 * AA_SCOPE_LEN_MAX);
    add_words(&scopes, aa_call_option(call, "scopes"));
    rc = aa_buf_check(&scopes, "scopes", err);
    registration.scopes = aa_buf_view(&scopes);
    if (!rc)
        rc = aa_directory_register(&runtime->app, &registration, &server, err);
    if (!rc)
        rc = print_server(call, &server, err);
    aa_record_clear(&server.memory);
    aa_buf_clear(&scopes);
    return rc;
}

enum aa_err aa_command_server_add(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, add, err);
}

static enum aa_err add_server_row(void *ctx, const void *record, struct aa_error *err)
{
    struct aa_table *table = ctx;

    add_server(table, record);
    return aa_buf_check(&table->cells, "the list of servers", err);
}

static enum aa_err read_servers(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_server_list(conn, add_server_row, ctx, err);
}

static enum aa_err list(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    struct aa_table table;
    enum aa_err rc;

    aa_table_init(&table, server_columns, COUNT(server_columns));
    rc = aa_db_read(runtime->app.db, read_servers, &table, err);
    if (!rc)
        rc = aa_table_print(&table, aa_call_option(call, "json"), err);
    aa_table_clear(&table);
    return rc;
}

enum aa_err aa_command_server_list(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, list, err);
}

struct lookup {
    struct aa_view id;
    struct aa_server server;
    struct aa_server_key key;
};

static enum aa_err find_server(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct lookup *lookup = ctx;
    enum aa_err rc = aa_server_find(conn, lookup->id, &lookup->server, NULL);

    if (rc == AA_ERR_NOT_FOUND)
        return aa_fail(err, rc, "there is no server with this id");
    return rc ? aa_fail(err, rc, "the server cannot be looked up: %s", aa_err_text(rc)) : AA_OK;
}

static enum aa_err show(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    struct lookup lookup = {.id = aa_view_of(call->arguments[0])};
    enum aa_err rc = aa_db_read(runtime->app.db, find_server, &lookup, err);

    if (!rc)
        rc = print_server(call, &lookup.server, err);
    aa_record_clear(&lookup.server.memory);
    return rc;
}

enum aa_err aa_command_server_show(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, show, err);
}

static enum aa_err remove_server(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    enum aa_err rc = aa_directory_remove(&runtime->app, aa_view_of(call->arguments[0]), NULL);

    if (rc == AA_ERR_NOT_FOUND)
        return aa_fail(err, rc, "there is no server with this id");
    return rc ? aa_fail(err, rc, "the server cannot be removed: %s", aa_err_text(rc)) : AA_OK;
}

enum aa_err aa_command_server_remove(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, remove_server, err);
}

/* ---- keys ---- */

static enum aa_err print_new_key(const struct aa_call *call, struct aa_view key_id, struct aa_view secret,
                                 struct aa_view name, struct aa_error *err)
{
    static const struct aa_table_column columns[] = {
        {"key_id", AA_CELL_TEXT}, {"key_secret", AA_CELL_TEXT}, {"name", AA_CELL_TEXT}};
    struct aa_table table;
    enum aa_err rc;

    aa_table_init(&table, columns, COUNT(columns));
    aa_table_add(&table, key_id);
    aa_table_add(&table, secret);
    aa_table_add(&table, name);
    rc = aa_table_print_one(&table, aa_call_option(call, "json"), err);
    aa_table_clear(&table);
    return rc;
}

static enum aa_err create_key(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    const char *given = aa_call_option(call, "name");
    struct aa_view name = aa_view_of(given ? given : "key");
    struct aa_buf key_id, secret;
    enum aa_err rc;

    aa_buf_init(&key_id, 64);
    aa_buf_init(&secret, 128);
    rc = aa_server_key_mint(&runtime->app, aa_view_of(call->arguments[0]), name, &key_id, &secret, err);
    if (!rc)
        rc = print_new_key(call, aa_buf_view(&key_id), aa_buf_view(&secret), name, err);
    aa_buf_clear(&key_id);
    aa_buf_wipe_clear(&secret);
    return rc;
}

enum aa_err aa_command_key_create(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, create_key, err);
}

static enum aa_err add_key_row(void *ctx, const void *record, struct aa_error *err)
{
    struct aa_table *table = ctx;
    const struct aa_server_key *key = record;

    aa_table_add(table, key->key_id);
    aa_table_add(table, key->name);
    aa_table_add_time(table, key->created_ms);
    aa_table_add_time(table, key->last_used_ms);
    aa_table_add_time(table, key->revoked_ms);
    return aa_buf_check(&table->cells, "the list of keys", err);
}

struct key_listing {
    struct lookup lookup;
    struct aa_table table;
};

static enum aa_err read_keys(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct key_listing *listing = ctx;
    enum aa_err rc = find_server(conn, &listing->lookup, err);

    return rc ? rc : aa_server_key_list(conn, listing->lookup.id, add_key_row, &listing->table, err);
}

static enum aa_err list_keys(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    static const struct aa_table_column columns[] = {{"key_id", AA_CELL_TEXT},
                                                     {"name", AA_CELL_TEXT},
                                                     {"created_at", AA_CELL_TIME},
                                                     {"last_used_at", AA_CELL_TIME},
                                                     {"revoked_at", AA_CELL_TIME}};
    struct key_listing listing = {.lookup = {.id = aa_view_of(call->arguments[0])}};
    enum aa_err rc;

    aa_table_init(&listing.table, columns, COUNT(columns));
    rc = aa_db_read(runtime->app.db, read_keys, &listing, err);
    if (!rc)
        rc = aa_table_print(&listing.table, aa_call_option(call, "json"), err);
    aa_record_clear(&listing.lookup.server.memory);
    aa_table_clear(&listing.table);
    return rc;
}

enum aa_err aa_command_key_list(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, list_keys, err);
}

static enum aa_err find_key(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct lookup *lookup = ctx;
    enum aa_err rc = aa_server_key_find(conn, lookup->id, &lookup->key, NULL);

    if (rc == AA_ERR_NOT_FOUND)
        return aa_fail(err, rc, "there is no key with this id");
    return rc ? aa_fail(err, rc, "the key cannot be looked up: %s", aa_err_text(rc)) : AA_OK;
}

static enum aa_err revoke_key(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    struct lookup lookup = {.id = aa_view_of(call->arguments[0])};
    enum aa_err rc = aa_db_read(runtime->app.db, find_key, &lookup, err);

    if (!rc)
        rc = aa_server_key_withdraw(&runtime->app, lookup.key.server_id, lookup.id, err);
    aa_record_clear(&lookup.key.memory);
    return rc;
}

enum aa_err aa_command_key_revoke(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, revoke_key, err);
}
