#include "main/config.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <ini.h>

#include "base/error.h"
#include "base/mem.h"
#include "domain/audit_prune.h"
#include "main/config_check.h"
#include "verify/nearest.h"

#define VALUE_MAX 4096 /* bytes of any value */
#define DAY INT64_C(86400)
#define YEAR (365 * DAY)

struct option {
    const char *name;
    const char *placeholder; /* in --help */
    const char *initial;     /* the default; NULL: see help */
    aa_config_check_fn check;
    int64_t min, max;
    bool is_secret;
    const char *help;
};

static const struct option options[AA_CONFIG_COUNT] = {
    [AA_CONFIG_issuer] = {"issuer", "URL", NULL, aa_config_check_issuer, 0, 0, false,
                          "what clients know the server by, byte for byte (default http://localhost:PORT)"},
    [AA_CONFIG_listen] = {"listen", "ADDRESS", "127.0.0.1", aa_config_check_address, 0, 0, false,
                          "address to listen on"},
    [AA_CONFIG_port] = {"port", "NUMBER", "8788", aa_config_check_number, 0, 65535, false,
                        "port; 0 takes any free one"},
    [AA_CONFIG_database] = {"database", "PATH|URL", "./var/auth-agent.db", aa_config_check_text, 1, VALUE_MAX, false,
                            "SQLite file, :memory:, or postgresql://HOST/NAME"},
    [AA_CONFIG_database_url] = {"database_url", "URL", NULL, aa_config_check_text, 1, VALUE_MAX, true,
                                "the same where it holds a password: postgresql://USER:PASSWORD@HOST:PORT/NAME"},
    [AA_CONFIG_database_pool] = {"database_pool", "NUMBER", "8", aa_config_check_number, 1, 256, false,
                                 "connections to PostgreSQL"},
    [AA_CONFIG_statement_timeout] = {"statement_timeout", "TIME", "5s", aa_config_check_duration, 1, 600, false,
                                     "how long PostgreSQL may take for a statement"},
    [AA_CONFIG_prepared_statements] = {"prepared_statements", "auto|off", "auto", aa_config_check_prepared, 0, 1, false,
                                       "auto: until a pooler (PgBouncer) turns out not to keep them"},
    [AA_CONFIG_master_key_file] =
        {"master_key_file", "PATH", NULL, aa_config_check_text, 1, VALUE_MAX, false,
         "key that seals the signing keys (default DATABASE.key, ./var/master.key for PostgreSQL); "
         "made at the first start"},
    [AA_CONFIG_master_key] = {"master_key", "KEY", NULL, aa_config_check_master_key, 0, 0, true,
                              "the key itself, instead of a file"},
    [AA_CONFIG_admin_token] = {"admin_token", "TOKEN", NULL, aa_config_check_secret, 32, 128, true,
                               "a second administrator's token, besides the one that init prints"},
    [AA_CONFIG_threads] = {"threads", "NUMBER", "0", aa_config_check_number, 0, 256, false,
                           "event threads; 0: one a processor, at most 4"},
    [AA_CONFIG_workers] = {"workers", "NUMBER", "0", aa_config_check_number, 0, 256, false,
                           "threads for passwords and writes; 0: 16"},
    [AA_CONFIG_trusted_proxies] = {"trusted_proxies", "LIST", NULL, aa_config_check_text, 1, VALUE_MAX, false,
                                   "addresses or CIDR blocks, separated by commas, whose X-Forwarded-For is believed"},
    [AA_CONFIG_access_ttl] = {"access_ttl", "TIME", "1h", aa_config_check_duration, 60, DAY, false,
                              "life of an access token"},
    [AA_CONFIG_refresh_ttl] = {"refresh_ttl", "TIME", "30d", aa_config_check_duration, 3600, YEAR, false,
                               "life of a refresh token; each use starts it anew"},
    [AA_CONFIG_refresh_grace] = {"refresh_grace", "TIME", "60s", aa_config_check_duration, 0, 3600, false,
                                 "how long a used refresh token gives its successor again; 0: never"},
    [AA_CONFIG_code_ttl] = {"code_ttl", "TIME", "60s", aa_config_check_duration, 10, 600, false,
                            "life of an authorization code"},
    [AA_CONFIG_auth_request_ttl] = {"auth_request_ttl", "TIME", "10m", aa_config_check_duration, 60, 3600, false,
                                    "time to log in and consent"},
    [AA_CONFIG_session_ttl] = {"session_ttl", "TIME", "14d", aa_config_check_duration, 300, YEAR, false,
                               "life of a login in a browser"},
    [AA_CONFIG_unused_client_ttl] = {"unused_client_ttl", "TIME", "1h", aa_config_check_duration, 60, 30 * DAY, false,
                                     "when a registered client that was never used is forgotten"},
    [AA_CONFIG_clients_max] = {"clients_max", "NUMBER", "100000", aa_config_check_number, 1, 10000000, false,
                               "clients that may be registered"},
    [AA_CONFIG_registration] = {"registration", "on|off", "on", aa_config_check_switch, 0, 1, false,
                                "may clients register themselves (RFC 7591)"},
    [AA_CONFIG_client_documents] = {"client_documents", "on|off", "on", aa_config_check_switch, 0, 1, false,
                                    "may clients be known by the https URL of their metadata document, which is then "
                                    "fetched, and authenticate with keys that it names (client id metadata documents)"},
    [AA_CONFIG_client_document_hosts] =
        {"client_document_hosts", "LIST", NULL, aa_config_check_hosts, 1, VALUE_MAX, false,
         "hosts that such documents may be at, separated by spaces, with the port if it is not 443; unset: any"},
    [AA_CONFIG_ca_file] =
        {"ca_file", "PATH", NULL, aa_config_check_file, 1, VALUE_MAX, false,
         "certificates (PEM) that vouch for the sites documents are fetched from; unset: the system's"},
    [AA_CONFIG_iss_parameter] = {"iss_parameter", "on|off", "on", aa_config_check_switch, 0, 1, false,
                                 "iss in authorization responses (RFC 9207)"},
    [AA_CONFIG_redirect_schemes] = {"redirect_schemes", "LIST", "cursor vscode vscode-insiders claude windsurf zed",
                                    aa_config_check_schemes, 0, VALUE_MAX, false,
                                    "private-use schemes clients may be redirected to, separated by spaces"},
    [AA_CONFIG_synchronous] = {"synchronous", "full|normal", "full", aa_config_check_synchronous, 0, 1, false,
                               "full: what was answered survives a power cut (PostgreSQL: as the server has it)"},
    [AA_CONFIG_memory_map] =
        {"memory_map", "on|off", "on", aa_config_check_switch, 0, 1, false,
         "serve reads SQLite's file through a memory map, up to the library's limit: quicker among millions of tokens; "
         "off: a disk that fails is an error and not the end of the process"},
    [AA_CONFIG_audit_keep] = {"audit_keep", "TIME", NULL, aa_config_check_duration, AA_AUDIT_KEEP_MIN_S,
                              AA_AUDIT_KEEP_MAX_S, false,
                              "how long entries of the audit stay, and up to a day more; unset: for ever"},
    [AA_CONFIG_log_level] = {"log_level", "LEVEL", "info", aa_config_check_log_level, 0, 3, false,
                             "debug, info, warning or error"},
    [AA_CONFIG_log_format] = {"log_format", "text|json", "text", aa_config_check_log_format, 0, 1, false,
                              "a line for people, or a JSON object a line"},
    [AA_CONFIG_access_log] = {"access_log", "on|off", "off", aa_config_check_switch, 0, 1, false,
                              "a line for every answer: method, route, status, time; never the query"},
    [AA_CONFIG_metrics_listen] = {"metrics_listen", "ADDRESS", "127.0.0.1", aa_config_check_address, 0, 0, false,
                                  "address of the listener for /metrics"},
    [AA_CONFIG_metrics_port] = {"metrics_port", "NUMBER", NULL, aa_config_check_number, 0, 65535, false,
                                "its port; unset: there is none; 0 takes any free one"},
};

/* ---- names ---- */

static bool is_same_name(struct aa_view given, const char *name)
{
    if (given.len != strlen(name))
        return false;
    for (size_t i = 0; i < given.len; i++)
        if ((given.data[i] == '-' ? '_' : given.data[i]) != name[i])
            return false;
    return true;
}

int aa_config_find(struct aa_view name)
{
    for (int i = 0; i < AA_CONFIG_COUNT; i++)
        if (is_same_name(name, options[i].name))
            return i;
    return -1;
}

const char *aa_config_nearest(struct aa_view name)
{
    const char *nearest = options[0].name;
    size_t least = SIZE_MAX;

    for (int i = 0; i < AA_CONFIG_COUNT; i++) {
        size_t distance = aa_edit_distance(name, aa_view_of(options[i].name));

        if (distance < least) {
            least = distance;
            nearest = options[i].name;
        }
    }
    return nearest;
}

const char *aa_config_name(enum aa_config_id id)
{
    return options[id].name;
}

/* ---- values ---- */

void aa_config_init(struct aa_config *config)
{
    *config = (struct aa_config){.file = NULL};
}

static void drop_text(char **text)
{
    if (*text)
        aa_mem_wipe_free(*text, strlen(*text));
    *text = NULL;
}

void aa_config_clear(struct aa_config *config)
{
    for (int i = 0; i < AA_CONFIG_COUNT; i++)
        drop_text(&config->values[i].text);
    drop_text(&config->file);
}

static enum aa_err put(struct aa_config *config, enum aa_config_id id, const char *text, enum aa_config_source source,
                       struct aa_error *err)
{
    struct aa_config_value *value = &config->values[id];

    if (strlen(text) > VALUE_MAX)
        return aa_fail(err, AA_ERR_OPTION_INVALID, "%s is longer than %d bytes", options[id].name, VALUE_MAX);
    drop_text(&value->text);
    value->text = aa_mem_copy_text(text, strlen(text));
    if (!value->text)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory reading the configuration");
    value->source = source;
    return AA_OK;
}

/* In the user's part of an address, or as a parameter. */
static bool has_password(const char *text)
{
    struct aa_view rest = aa_view_of(text), user;

    if (!aa_db_is_remote_url(text))
        return false;
    rest = aa_view_from(rest, (size_t)(strstr(text, "//") - text) + 2);
    return strstr(text, "password=") || (aa_view_cut(rest, '@', &user, &rest) && aa_view_find(user, ':') != SIZE_MAX);
}

enum aa_err aa_config_set_flag(struct aa_config *config, enum aa_config_id id, const char *text, struct aa_error *err)
{
    if (id == AA_CONFIG_database && has_password(text))
        return aa_fail(
            err, AA_ERR_OPTION_INVALID,
            "the database's address holds a password, and everybody on this machine can read a command line: "
            "use AUTH_AGENT_DATABASE_URL or the file");
    if (options[id].is_secret)
        return aa_fail(err, AA_ERR_OPTION_INVALID,
                       "%s is a secret, and everybody on this machine can read a command line: use the environment or "
                       "the file",
                       options[id].name);
    if (config->values[id].text)
        return aa_fail(err, AA_ERR_OPTION_INVALID, "--%s is there twice", options[id].name);
    return put(config, id, text, AA_FROM_FLAG, err);
}

/* ---- the file ---- */

struct reading {
    struct aa_config *config;
    struct aa_error *err;
    enum aa_err rc;
    bool seen[AA_CONFIG_COUNT];
};

static enum aa_err take_line(struct reading *reading, const char *section, const char *name, const char *text)
{
    const char *file = reading->config->file;
    int id = aa_config_find(aa_view_of(name));

    if (*section)
        return aa_fail(reading->err, AA_ERR_OPTION_UNKNOWN, "%s: there are no sections, but it has [%s]", file,
                       section);
    if (id < 0)
        return aa_fail(reading->err, AA_ERR_OPTION_UNKNOWN, "%s: unknown key \"%s\"; did you mean \"%s\"?", file, name,
                       aa_config_nearest(aa_view_of(name)));
    if (reading->seen[id])
        return aa_fail(reading->err, AA_ERR_OPTION_INVALID, "%s: \"%s\" is there twice", file, name);
    reading->seen[id] = true;
    if (reading->config->values[id].text) /* a flag or a variable goes before */
        return AA_OK;
    return put(reading->config, (enum aa_config_id)id, text, AA_FROM_FILE, reading->err);
}

static int take_ini_line(void *ctx, const char *section, const char *name, const char *text)
{
    struct reading *reading = ctx;

    if (!reading->rc)
        reading->rc = take_line(reading, section, name, text);
    return reading->rc == AA_OK;
}

static enum aa_err read_file(struct aa_config *config, struct aa_error *err)
{
    struct reading reading = {.config = config, .err = err};
    FILE *file = fopen(config->file, "re");
    int line;

    if (!file)
        return aa_fail(err, AA_ERR_OPTION_INVALID, "the configuration %s cannot be read: %s", config->file,
                       strerror(errno));
    /* Otherwise a long line would be cut in two, and an indented one silently added to the one before. */
    ini_use_stack = false;
    ini_allow_realloc = true;
    ini_max_line = 2 * VALUE_MAX;
    ini_allow_multiline = false;
    ini_stop_on_first_error = true;
    line = ini_parse_file(file, take_ini_line, &reading);
    fclose(file);
    if (reading.rc)
        return reading.rc;
    if (line < 0)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory reading %s", config->file);
    if (line > 0)
        return aa_fail(err, AA_ERR_OPTION_INVALID, "%s, line %d: not of the form \"key = value\"", config->file, line);
    return AA_OK;
}

static enum aa_err find_and_read_file(struct aa_config *config, const char *file, aa_config_getenv_fn getenv_fn,
                                      void *getenv_ctx, struct aa_error *err)
{
    if (!file)
        file = getenv_fn(getenv_ctx, AA_CONFIG_ENV_PREFIX "CONFIG");
    if (!file && access(AA_CONFIG_FILE, F_OK) == 0)
        file = AA_CONFIG_FILE;
    if (!file)
        return AA_OK;
    config->file = aa_mem_copy_text(file, strlen(file));
    if (!config->file)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory reading the configuration");
    return read_file(config, err);
}

/* ---- the environment and the defaults ---- */

static void add_variable_name(struct aa_buf *out, enum aa_config_id id)
{
    aa_buf_add_text(out, AA_CONFIG_ENV_PREFIX);
    for (const char *c = options[id].name; *c; c++)
        aa_buf_add_char(out, *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c);
}

static enum aa_err read_variable(struct aa_config *config, enum aa_config_id id, aa_config_getenv_fn getenv_fn,
                                 void *getenv_ctx, struct aa_error *err)
{
    const char *text = NULL;
    struct aa_buf name;
    enum aa_err rc;

    aa_buf_init(&name, 128);
    add_variable_name(&name, id);
    rc = aa_buf_check(&name, "a variable's name", err);
    if (!rc)
        text = getenv_fn(getenv_ctx, aa_buf_text(&name));
    aa_buf_clear(&name);
    if (rc || !text || !*text || config->values[id].text) /* an empty variable is an unset one */
        return rc;
    return put(config, id, text, AA_FROM_ENVIRONMENT, err);
}

/* Of the two the one from the higher place is in force; from the same, database_url. */
static enum aa_err choose_database(struct aa_config *config, struct aa_error *err)
{
    const struct aa_config_value *url = &config->values[AA_CONFIG_database_url];
    const struct aa_config_value *database = &config->values[AA_CONFIG_database];

    if (!url->text || (database->text && database->source > url->source))
        return AA_OK;
    return put(config, AA_CONFIG_database, url->text, url->source, err);
}

static bool is_named_by_url(const struct aa_config *config)
{
    const struct aa_config_value *url = &config->values[AA_CONFIG_database_url];

    return url->text && url->source == config->values[AA_CONFIG_database].source;
}

/* Those that follow from others. */
static enum aa_err put_derived(struct aa_config *config, enum aa_config_id id, const char *front,
                               enum aa_config_id from, const char *back, struct aa_error *err)
{
    struct aa_buf text;
    enum aa_err rc = AA_OK;

    if (config->values[id].text)
        return AA_OK;
    aa_buf_init(&text, 2 * VALUE_MAX);
    aa_buf_add_text(&text, front);
    aa_buf_add_text(&text, config->values[from].text);
    aa_buf_add_text(&text, back);
    rc = aa_buf_check(&text, options[id].name, err);
    if (!rc)
        rc = put(config, id, aa_buf_text(&text), AA_FROM_DEFAULT, err);
    aa_buf_clear(&text);
    return rc;
}

/* Beside the database; one that is elsewhere has no beside. */
static enum aa_err put_key_file(struct aa_config *config, struct aa_error *err)
{
    if (config->values[AA_CONFIG_master_key_file].text)
        return AA_OK;
    if (aa_db_is_remote_url(config->values[AA_CONFIG_database].text))
        return put(config, AA_CONFIG_master_key_file, "./var/master.key", AA_FROM_DEFAULT, err);
    return put_derived(config, AA_CONFIG_master_key_file, "", AA_CONFIG_database, ".key", err);
}

static enum aa_err put_defaults(struct aa_config *config, struct aa_error *err)
{
    enum aa_err rc = AA_OK;

    for (int i = 0; !rc && i < AA_CONFIG_COUNT; i++)
        if (!config->values[i].text && options[i].initial)
            rc = put(config, (enum aa_config_id)i, options[i].initial, AA_FROM_DEFAULT, err);
    if (!rc)
        rc = put_derived(config, AA_CONFIG_issuer, "http://localhost:", AA_CONFIG_port, "", err);
    if (!rc)
        rc = put_key_file(config, err);
    return rc;
}

/* ---- checking ---- */

static void add_range(struct aa_buf *out, const struct option *option)
{
    if (option->check == aa_config_check_number)
        aa_buf_add_format(out, " from %lld to %lld", (long long)option->min, (long long)option->max);
    else if (option->check == aa_config_check_duration)
        aa_buf_add_format(out, " from %lld to %lld seconds", (long long)option->min, (long long)option->max);
}

static enum aa_err check_one(struct aa_config *config, enum aa_config_id id, struct aa_error *err)
{
    const struct option *option = &options[id];
    struct aa_config_value *value = &config->values[id];
    const char *wanted = "";
    struct aa_buf source, range;

    if (!value->text || option->check(value->text, option->min, option->max, &value->number, &wanted))
        return AA_OK;
    aa_buf_init(&source, 2 * VALUE_MAX);
    aa_buf_init(&range, 128);
    aa_config_add_source(&source, config, id);
    add_range(&range, option);
    aa_fail(err, AA_ERR_OPTION_INVALID, "%s (%s) must be %s%s", option->name, aa_buf_text(&source), wanted,
            aa_buf_text(&range));
    aa_buf_clear(&source);
    aa_buf_clear(&range);
    return AA_ERR_OPTION_INVALID;
}

/* The issuer last: by default it follows from the port. */
static enum aa_err check_all(struct aa_config *config, struct aa_error *err)
{
    const struct aa_config_value *issuer = &config->values[AA_CONFIG_issuer];
    enum aa_err rc = AA_OK;

    for (int i = 0; !rc && i < AA_CONFIG_COUNT; i++)
        if (i != AA_CONFIG_issuer)
            rc = check_one(config, (enum aa_config_id)i, err);
    if (!rc && config->values[AA_CONFIG_port].number == 0 && issuer->source == AA_FROM_DEFAULT)
        rc = aa_fail(err, AA_ERR_OPTION_INVALID, "port 0 takes any free port, so issuer must be given");
    return rc ? rc : check_one(config, AA_CONFIG_issuer, err);
}

enum aa_err aa_config_finish(struct aa_config *config, const char *file, aa_config_getenv_fn getenv_fn,
                             void *getenv_ctx, struct aa_error *err)
{
    enum aa_err rc = AA_OK;

    for (int i = 0; !rc && i < AA_CONFIG_COUNT; i++)
        rc = read_variable(config, (enum aa_config_id)i, getenv_fn, getenv_ctx, err);
    if (!rc)
        rc = find_and_read_file(config, file, getenv_fn, getenv_ctx, err);
    if (!rc)
        rc = choose_database(config, err);
    if (!rc)
        rc = put_defaults(config, err);
    return rc ? rc : check_all(config, err);
}

/* ---- reading it ---- */

const char *aa_config_text(const struct aa_config *config, enum aa_config_id id)
{
    return config->values[id].text;
}

int64_t aa_config_number(const struct aa_config *config, enum aa_config_id id)
{
    return config->values[id].number;
}

struct aa_db_options aa_config_database(const struct aa_config *config)
{
    return (struct aa_db_options){
        .url = aa_config_text(config, AA_CONFIG_database),
        .synchronous_normal = aa_config_number(config, AA_CONFIG_synchronous) == 1,
        .no_memory_map = aa_config_number(config, AA_CONFIG_memory_map) == 0,
        .pool_size = (int)aa_config_number(config, AA_CONFIG_database_pool),
        .statement_timeout_ms = aa_config_number(config, AA_CONFIG_statement_timeout) * 1000,
        .no_prepared_statements = aa_config_number(config, AA_CONFIG_prepared_statements) == 1,
    };
}

enum aa_err aa_config_fill_settings(const struct aa_config *config, struct aa_settings *out, struct aa_error *err)
{
    const char *admin_token = aa_config_text(config, AA_CONFIG_admin_token);

    aa_settings_init(out);
    out->issuer = aa_config_text(config, AA_CONFIG_issuer);
    out->issuer_secure = aa_config_number(config, AA_CONFIG_issuer) != 0;
    out->access_ttl_s = aa_config_number(config, AA_CONFIG_access_ttl);
    out->refresh_ttl_s = aa_config_number(config, AA_CONFIG_refresh_ttl);
    out->refresh_grace_s = aa_config_number(config, AA_CONFIG_refresh_grace);
    out->code_ttl_s = aa_config_number(config, AA_CONFIG_code_ttl);
    out->auth_request_ttl_s = aa_config_number(config, AA_CONFIG_auth_request_ttl);
    out->session_ttl_s = aa_config_number(config, AA_CONFIG_session_ttl);
    out->unused_client_ttl_s = aa_config_number(config, AA_CONFIG_unused_client_ttl);
    out->clients_max = aa_config_number(config, AA_CONFIG_clients_max);
    out->audit_keep_s = aa_config_number(config, AA_CONFIG_audit_keep);
    out->registration = aa_config_number(config, AA_CONFIG_registration) != 0;
    out->client_documents = aa_config_number(config, AA_CONFIG_client_documents) != 0;
    out->client_document_hosts = aa_config_text(config, AA_CONFIG_client_document_hosts);
    out->iss_parameter = aa_config_number(config, AA_CONFIG_iss_parameter) != 0;
    out->redirect_schemes = aa_config_text(config, AA_CONFIG_redirect_schemes);
    out->has_admin_digest = admin_token != NULL;
    if (admin_token && aa_sha256(aa_view_of(admin_token), out->admin_digest))
        return aa_fail(err, AA_ERR_CRYPTO, "SHA-256 failed");
    return AA_OK;
}

/* ---- showing it ---- */

void aa_config_add_help(struct aa_buf *out)
{
    for (int i = 0; i < AA_CONFIG_COUNT; i++) {
        const struct option *option = &options[i];
        struct aa_buf left;

        aa_buf_init(&left, 128);
        aa_buf_add_text(&left, option->is_secret ? "" : "--");
        if (option->is_secret)
            add_variable_name(&left, (enum aa_config_id)i);
        for (const char *c = option->name; !option->is_secret && *c; c++)
            aa_buf_add_char(&left, *c == '_' ? '-' : *c);
        aa_buf_add_format(&left, " %s", option->placeholder);
        aa_buf_add_format(out, "  %-28s %s", aa_buf_text(&left), option->help);
        if (option->initial)
            aa_buf_add_format(out, " (default %s)", option->initial);
        aa_buf_add_char(out, '\n');
        aa_buf_clear(&left);
    }
}

struct aa_view aa_config_shown(const struct aa_config *config, enum aa_config_id id)
{
    const char *text = config->values[id].text;

    if (!text)
        return AA_VIEW_ABSENT;
    if (id == AA_CONFIG_database && aa_db_is_remote_url(text))
        return AA_VIEW("postgresql://********");
    return options[id].is_secret ? AA_VIEW("********") : aa_view_of(text);
}

void aa_config_add_source(struct aa_buf *out, const struct aa_config *config, enum aa_config_id id)
{
    if (id == AA_CONFIG_database && is_named_by_url(config))
        id = AA_CONFIG_database_url;
    switch (config->values[id].source) {
    case AA_FROM_FLAG:
        aa_buf_add_text(out, "command line");
        break;
    case AA_FROM_ENVIRONMENT:
        add_variable_name(out, id);
        break;
    case AA_FROM_FILE:
        aa_buf_add_text(out, config->file ? config->file : "file");
        break;
    case AA_FROM_DEFAULT:
        aa_buf_add_text(out, "default");
        break;
    }
}
