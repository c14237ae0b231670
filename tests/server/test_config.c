#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "main/config.h"
#include "main/config_check.h"
#include "support_store.h"

struct variable {
    const char *name, *value;
};

static const char *read_fake(void *ctx, const char *name)
{
    for (const struct variable *variable = ctx; variable && variable->name; variable++)
        if (strcmp(variable->name, name) == 0)
            return variable->value;
    return NULL;
}

static enum aa_err finish(struct aa_config *config, const char *file, struct variable *environment,
                          struct aa_error *err)
{
    return aa_config_finish(config, file, read_fake, environment, err);
}

static void set(struct aa_config *config, enum aa_config_id id, const char *text)
{
    CHECK_OK(aa_config_set_flag(config, id, text, NULL));
}

/* With one flag; *err tells what was wrong. */
static enum aa_err try_flag(enum aa_config_id id, const char *text, struct aa_error *err)
{
    struct aa_config config;
    enum aa_err rc;

    *err = (struct aa_error)AA_ERROR_INIT;
    aa_config_init(&config);
    set(&config, id, text);
    rc = finish(&config, NULL, NULL, err);
    aa_config_clear(&config);
    return rc;
}

static void write_file(char *folder, size_t size, char *path, size_t path_size, const char *text)
{
    FILE *file;

    folder_make(folder, size);
    snprintf(path, path_size, "%s/auth-agent.conf", folder);
    file = fopen(path, "w");
    CHECK(file != NULL);
    fputs(text, file);
    fclose(file);
}

TEST(config, the_defaults_make_a_server_for_this_machine)
{
    struct aa_config config;
    struct aa_settings settings, wanted;

    aa_config_init(&config);
    CHECK_OK(finish(&config, NULL, NULL, NULL));
    CHECK_TEXT(aa_config_text(&config, AA_CONFIG_issuer), "http://localhost:8788");
    CHECK_TEXT(aa_config_text(&config, AA_CONFIG_listen), "127.0.0.1");
    CHECK_INT(aa_config_number(&config, AA_CONFIG_port), 8788);
    CHECK_TEXT(aa_config_text(&config, AA_CONFIG_database), "./var/auth-agent.db");
    CHECK_TEXT(aa_config_text(&config, AA_CONFIG_master_key_file), "./var/auth-agent.db.key");
    CHECK(aa_config_text(&config, AA_CONFIG_master_key) == NULL);
    CHECK_OK(aa_config_fill_settings(&config, &settings, NULL));
    aa_settings_init(&wanted);
    CHECK_TEXT(settings.issuer, wanted.issuer);
    CHECK(!settings.issuer_secure);
    CHECK_INT(settings.access_ttl_s, wanted.access_ttl_s);
    CHECK_INT(settings.refresh_ttl_s, wanted.refresh_ttl_s);
    CHECK_INT(settings.refresh_grace_s, wanted.refresh_grace_s);
    CHECK_INT(settings.code_ttl_s, wanted.code_ttl_s);
    CHECK_INT(settings.auth_request_ttl_s, wanted.auth_request_ttl_s);
    CHECK_INT(settings.session_ttl_s, wanted.session_ttl_s);
    CHECK_INT(settings.unused_client_ttl_s, wanted.unused_client_ttl_s);
    CHECK_INT(settings.clients_max, wanted.clients_max);
    CHECK(settings.registration && settings.iss_parameter && !settings.has_admin_digest);
    CHECK_TEXT(settings.redirect_schemes, wanted.redirect_schemes);
    aa_config_clear(&config);
}

TEST(config, a_flag_wins_over_the_environment_that_over_the_file_that_over_the_default)
{
    struct variable environment[] = {
        {"AUTH_AGENT_PORT", "2"}, {"AUTH_AGENT_THREADS", "2"}, {"AUTH_AGENT_LOG_LEVEL", ""}, {NULL, NULL}};
    struct aa_config config;
    struct aa_buf source;
    char folder[64], path[128];

    write_file(folder, sizeof folder, path, sizeof path, "port = 3\nthreads = 3\nworkers = 3\n");
    aa_config_init(&config);
    set(&config, AA_CONFIG_port, "1");
    CHECK_OK(finish(&config, path, environment, NULL));
    CHECK_INT(aa_config_number(&config, AA_CONFIG_port), 1);
    CHECK_INT(aa_config_number(&config, AA_CONFIG_threads), 2);
    CHECK_INT(aa_config_number(&config, AA_CONFIG_workers), 3);
    CHECK_TEXT(aa_config_text(&config, AA_CONFIG_log_level), "info"); /* an empty variable is an unset one */
    aa_buf_init(&source, 1024);
    aa_config_add_source(&source, &config, AA_CONFIG_port);
    aa_buf_add_char(&source, ' ');
    aa_config_add_source(&source, &config, AA_CONFIG_threads);
    aa_buf_add_char(&source, ' ');
    aa_config_add_source(&source, &config, AA_CONFIG_log_level);
    CHECK_TEXT(aa_buf_text(&source), "command line AUTH_AGENT_THREADS default");
    aa_buf_reset(&source);
    aa_config_add_source(&source, &config, AA_CONFIG_workers);
    CHECK_TEXT(aa_buf_text(&source), path);
    aa_buf_clear(&source);
    aa_config_clear(&config);
    folder_remove(folder);
}

static void check_file(const char *text, enum aa_err wanted, const char *in_message)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_config config;
    char folder[64], path[128];

    write_file(folder, sizeof folder, path, sizeof path, text);
    aa_config_init(&config);
    CHECK_ERR(finish(&config, path, NULL, &err), wanted);
    if (!strstr(err.message, in_message))
        fail_msg("\"%s\" does not tell \"%s\"", err.message, in_message);
    aa_config_clear(&config);
    folder_remove(folder);
}

TEST(config, an_unknown_key_of_the_file_names_the_nearest)
{
    check_file("acess_ttl = 1h\n", AA_ERR_OPTION_UNKNOWN, "did you mean \"access_ttl\"?");
    check_file("access_ttl = 1h\n", AA_OK, "");
    check_file("access-ttl = 1h\n", AA_OK, "");
}

TEST(config, mistakes_of_the_file_are_told)
{
    check_file("port = 1\nport = 2\n", AA_ERR_OPTION_INVALID, "there twice");
    check_file("[server]\nport = 1\n", AA_ERR_OPTION_UNKNOWN, "[server]");
    check_file("port = 1\nthis is no line\n", AA_ERR_OPTION_INVALID, "line 2");
    check_file("port = 1\n  2\n", AA_ERR_OPTION_INVALID, "line 2");
    check_file("port = http\n", AA_ERR_OPTION_INVALID, "port (");
    check_file("# a comment\n; another\n\nport = 1\n", AA_OK, "");
}

TEST(config, a_file_that_was_named_must_be_there)
{
    struct aa_error err = AA_ERROR_INIT;
    struct variable environment[] = {{"AUTH_AGENT_CONFIG", "/nonexistent/b.conf"}, {NULL, NULL}};
    struct aa_config config;

    aa_config_init(&config);
    CHECK_ERR(finish(&config, "/nonexistent/a.conf", NULL, &err), AA_ERR_OPTION_INVALID);
    CHECK(strstr(err.message, "/nonexistent/a.conf") != NULL);
    aa_config_clear(&config);
    aa_config_init(&config);
    err = (struct aa_error)AA_ERROR_INIT;
    CHECK_ERR(finish(&config, NULL, environment, &err), AA_ERR_OPTION_INVALID);
    CHECK(strstr(err.message, "/nonexistent/b.conf") != NULL);
    aa_config_clear(&config);
}

/* The library's own limit would cut it in two and lose the second half. */
TEST(config, a_long_line_of_the_file_is_read_whole)
{
    struct aa_config config;
    char folder[64], path[128], text[2100] = "trusted_proxies = ";

    for (int i = 0; i < 200; i++)
        strcat(text, "10.0.0.1,");
    strcat(text, "10.9.9.9\n");
    write_file(folder, sizeof folder, path, sizeof path, text);
    aa_config_init(&config);
    CHECK_OK(finish(&config, path, NULL, NULL));
    CHECK_INT(strlen(aa_config_text(&config, AA_CONFIG_trusted_proxies)), 1808);
    aa_config_clear(&config);
    folder_remove(folder);
}

TEST(config, a_flag_is_found_under_both_spellings)
{
    CHECK_INT(aa_config_find(VIEW("master-key-file")), AA_CONFIG_master_key_file);
    CHECK_INT(aa_config_find(VIEW("master_key_file")), AA_CONFIG_master_key_file);
    CHECK_INT(aa_config_find(VIEW("master-key-fil")), -1);
    CHECK_INT(aa_config_find(VIEW("")), -1);
    CHECK_TEXT(aa_config_nearest(VIEW("databse")), "database");
}

TEST(config, every_option_can_be_found_and_is_in_the_help)
{
    struct aa_buf help;

    aa_buf_init(&help, 65536);
    aa_config_add_help(&help);
    CHECK_OK(aa_buf_check(&help, "help", NULL));
    for (int i = 0; i < AA_CONFIG_COUNT; i++) {
        char flag[64];

        CHECK_INT(aa_config_find(VIEW(aa_config_name((enum aa_config_id)i))), i);
        snprintf(flag, sizeof flag, "%s", aa_config_name((enum aa_config_id)i));
        for (char *c = flag; *c; c++)
            if (*c == '_')
                *c = '-';
        if (i != AA_CONFIG_master_key && i != AA_CONFIG_admin_token && i != AA_CONFIG_database_url)
            CHECK(strstr(aa_buf_text(&help), flag) != NULL);
    }
    CHECK(strstr(aa_buf_text(&help), "AUTH_AGENT_MASTER_KEY ") != NULL);
    CHECK(strstr(aa_buf_text(&help), "AUTH_AGENT_DATABASE_URL ") != NULL);
    CHECK(strstr(aa_buf_text(&help), "--admin-token") == NULL);
    CHECK(strstr(aa_buf_text(&help), "--database-url") == NULL);
    aa_buf_clear(&help);
}

/* Everybody on the machine can read a command line (ps). */
TEST(config, a_secret_is_refused_as_a_flag_and_taken_from_the_environment)
{
    struct variable environment[] = {{"AUTH_AGENT_ADMIN_TOKEN", "0123456789abcdef0123456789abcdef"}, {NULL, NULL}};
    struct aa_error err = AA_ERROR_INIT;
    struct aa_settings settings;
    struct aa_config config;

    aa_config_init(&config);
    CHECK_ERR(aa_config_set_flag(&config, AA_CONFIG_admin_token, "0123456789abcdef0123456789abcdef", &err),
              AA_ERR_OPTION_INVALID);
    CHECK(strstr(err.message, "0123456789") == NULL);
    CHECK_OK(finish(&config, NULL, environment, NULL));
    CHECK_OK(aa_config_fill_settings(&config, &settings, NULL));
    CHECK(settings.has_admin_digest);
    CHECK_VIEW(aa_config_shown(&config, AA_CONFIG_admin_token), "********");
    CHECK(aa_view_is_absent(aa_config_shown(&config, AA_CONFIG_master_key)));
    CHECK_VIEW(aa_config_shown(&config, AA_CONFIG_port), "8788");
    aa_config_clear(&config);
}

static const char password_url[] = "postgresql://ann:hunter2@db.example/auth";

TEST(config, a_database_url_goes_before_a_database_of_the_same_place_and_is_never_shown)
{
    struct variable environment[] = {
        {"AUTH_AGENT_DATABASE_URL", password_url}, {"AUTH_AGENT_DATABASE", "./other.db"}, {NULL, NULL}};
    struct aa_config config;
    struct aa_db_options options;
    struct aa_buf source;

    aa_config_init(&config);
    CHECK_OK(finish(&config, NULL, environment, NULL));
    options = aa_config_database(&config);
    CHECK_TEXT(options.url, password_url);
    CHECK_INT(options.pool_size, 8);
    CHECK_INT(options.statement_timeout_ms, 5000);
    CHECK(!options.no_prepared_statements && !options.synchronous_normal);
    CHECK_TEXT(aa_config_text(&config, AA_CONFIG_database), password_url);
    CHECK_TEXT(aa_config_text(&config, AA_CONFIG_master_key_file), "./var/master.key");
    CHECK_VIEW(aa_config_shown(&config, AA_CONFIG_database), "postgresql://********");
    CHECK_VIEW(aa_config_shown(&config, AA_CONFIG_database_url), "********");
    aa_buf_init(&source, 1024);
    aa_config_add_source(&source, &config, AA_CONFIG_database);
    CHECK_TEXT(aa_buf_text(&source), "AUTH_AGENT_DATABASE_URL");
    aa_buf_clear(&source);
    aa_config_clear(&config);
}

TEST(config, a_flag_that_names_a_database_goes_before_a_url_of_the_environment)
{
    struct variable environment[] = {{"AUTH_AGENT_DATABASE_URL", password_url},
                                     {"AUTH_AGENT_DATABASE_POOL", "3"},
                                     {"AUTH_AGENT_STATEMENT_TIMEOUT", "1m"},
                                     {"AUTH_AGENT_PREPARED_STATEMENTS", "off"},
                                     {NULL, NULL}};
    struct aa_config config;
    struct aa_db_options options;
    struct aa_buf source;

    aa_config_init(&config);
    set(&config, AA_CONFIG_database, "./mine.db");
    CHECK_OK(finish(&config, NULL, environment, NULL));
    options = aa_config_database(&config);
    CHECK_TEXT(options.url, "./mine.db");
    CHECK_INT(options.pool_size, 3);
    CHECK_INT(options.statement_timeout_ms, 60000);
    CHECK(options.no_prepared_statements);
    CHECK_VIEW(aa_config_shown(&config, AA_CONFIG_database), "./mine.db");
    aa_buf_init(&source, 1024);
    aa_config_add_source(&source, &config, AA_CONFIG_database);
    CHECK_TEXT(aa_buf_text(&source), "command line");
    aa_buf_clear(&source);
    aa_config_clear(&config);
}

TEST(config, an_address_without_a_password_may_stand_on_the_command_line)
{
    static const char *const refused[] = {"postgresql://ann:hunter2@db.example/auth", "postgres://:hunter2@/auth",
                                          "postgresql://db.example/auth?user=ann&password=hunter2"};
    struct aa_config config;

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct aa_error err = AA_ERROR_INIT;

        aa_config_init(&config);
        CHECK_ERR(aa_config_set_flag(&config, AA_CONFIG_database, refused[i], &err), AA_ERR_OPTION_INVALID);
        CHECK(strstr(err.message, "hunter2") == NULL);
    }
    aa_config_init(&config);
    set(&config, AA_CONFIG_database, "postgresql://ann@db.example:5433/auth?sslmode=verify-full");
    CHECK_OK(finish(&config, NULL, NULL, NULL));
    aa_config_clear(&config);
}

TEST(config, a_wrong_secret_is_not_repeated_in_the_message)
{
    struct variable environment[] = {{"AUTH_AGENT_MASTER_KEY", "hunter2hunter2"}, {NULL, NULL}};
    struct aa_error err = AA_ERROR_INIT;
    struct aa_config config;

    aa_config_init(&config);
    CHECK_ERR(finish(&config, NULL, environment, &err), AA_ERR_OPTION_INVALID);
    CHECK(strstr(err.message, "hunter2") == NULL);
    CHECK(strstr(err.message, "AUTH_AGENT_MASTER_KEY") != NULL);
    aa_config_clear(&config);
}

TEST(config, a_flag_may_be_given_once)
{
    struct aa_config config;

    aa_config_init(&config);
    set(&config, AA_CONFIG_port, "1");
    CHECK_ERR(aa_config_set_flag(&config, AA_CONFIG_port, "2", NULL), AA_ERR_OPTION_INVALID);
    aa_config_clear(&config);
}

TEST(config, plain_http_is_for_loopback_issuers_alone)
{
    static const char *const good[] = {"https://auth.example.com",
                                       "https://auth.example.com/tenant/1",
                                       "https://auth.example.com:8443",
                                       "http://localhost:8788",
                                       "http://127.0.0.1:9",
                                       "http://[::1]:9"};
    static const char *const bad[] = {"http://auth.example.com",
                                      "http://localhost.example.com",
                                      "http://127.0.0.1.example.com",
                                      "https://auth.example.com/",
                                      "https://auth.example.com/a/",
                                      "https://auth.example.com?x=1",
                                      "https://auth.example.com#x",
                                      "https://me@auth.example.com",
                                      "https://",
                                      "ftp://auth.example.com",
                                      "auth.example.com",
                                      "https://auth example.com",
                                      ""};
    struct aa_error err;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK_OK(try_flag(AA_CONFIG_issuer, good[i], &err));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (try_flag(AA_CONFIG_issuer, bad[i], &err) != AA_ERR_OPTION_INVALID)
            fail_msg("\"%s\" was taken as an issuer", bad[i]);
        CHECK(strstr(err.message, "issuer (command line) must be") != NULL);
    }
}

TEST(config, a_secure_issuer_makes_secure_cookies)
{
    struct aa_config config;
    struct aa_settings settings;

    aa_config_init(&config);
    set(&config, AA_CONFIG_issuer, "https://auth.example.com");
    CHECK_OK(finish(&config, NULL, NULL, NULL));
    CHECK_OK(aa_config_fill_settings(&config, &settings, NULL));
    CHECK(settings.issuer_secure);
    aa_config_clear(&config);
}

TEST(config, the_issuer_follows_the_port_unless_it_is_given)
{
    struct aa_config config;
    struct aa_error err;

    aa_config_init(&config);
    set(&config, AA_CONFIG_port, "9000");
    CHECK_OK(finish(&config, NULL, NULL, NULL));
    CHECK_TEXT(aa_config_text(&config, AA_CONFIG_issuer), "http://localhost:9000");
    aa_config_clear(&config);
    CHECK_ERR(try_flag(AA_CONFIG_port, "0", &err), AA_ERR_OPTION_INVALID);
    CHECK(strstr(err.message, "issuer must be given") != NULL);
}

struct sample {
    enum aa_config_id id;
    const char *text;
    enum aa_err wanted;
};

TEST(config, every_value_has_its_limits)
{
    static const struct sample samples[] = {
        {AA_CONFIG_port, "1", AA_OK},
        {AA_CONFIG_port, "65535", AA_OK},
        {AA_CONFIG_port, "65536", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_port, "-1", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_port, "80x", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_port, "", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_listen, "::1", AA_OK},
        {AA_CONFIG_listen, "0.0.0.0", AA_OK},
        {AA_CONFIG_listen, "localhost", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_listen, "127.0.0.1:80", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_access_ttl, "60", AA_OK},
        {AA_CONFIG_access_ttl, "59", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_access_ttl, "24h", AA_OK},
        {AA_CONFIG_access_ttl, "86401", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_access_ttl, "1w", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_access_ttl, "9223372036854775807d", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_refresh_grace, "0", AA_OK},
        {AA_CONFIG_refresh_grace, "h", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_code_ttl, "10m", AA_OK},
        {AA_CONFIG_code_ttl, "11m", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_registration, "off", AA_OK},
        {AA_CONFIG_registration, "maybe", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_synchronous, "normal", AA_OK},
        {AA_CONFIG_synchronous, "off", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_memory_map, "off", AA_OK},
        {AA_CONFIG_memory_map, "2GB", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_log_level, "debug", AA_OK},
        {AA_CONFIG_log_level, "loud", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_redirect_schemes, "", AA_OK},
        {AA_CONFIG_redirect_schemes, "cursor my-app+x.y", AA_OK},
        {AA_CONFIG_redirect_schemes, "javascript", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_redirect_schemes, "cursor DATA", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_redirect_schemes, "cursor https", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_redirect_schemes, "cursor:", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_redirect_schemes, "cursor ", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_client_document_hosts, "claude.ai vscode.dev", AA_OK},
        {AA_CONFIG_client_document_hosts, "localhost:8443", AA_OK},
        {AA_CONFIG_client_document_hosts, "127.0.0.1", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_client_document_hosts, "claude.ai:443", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_client_document_hosts, "", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_client_document_hosts, "claude.ai ", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_client_document_hosts, "claude.ai  vscode.dev", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_client_document_hosts, "https://claude.ai", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_client_document_hosts, "claude.ai:8443", AA_OK},
        {AA_CONFIG_client_document_hosts, "Claude.ai", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_client_document_hosts, "claude.ai.", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_client_document_hosts, "claude.ai?x", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_client_document_hosts, "claude.ai/oauth", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_client_document_hosts, "user@claude.ai", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_client_document_hosts, "*.claude.ai", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_client_document_hosts, "claude.ai,vscode.dev", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_client_documents, "off", AA_OK},
        {AA_CONFIG_client_documents, "maybe", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_ca_file, "/dev/null", AA_OK},
        {AA_CONFIG_ca_file, "/dev", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_ca_file, "/nowhere/certificates.pem", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_clients_max, "0", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_database, "", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_database_pool, "1", AA_OK},
        {AA_CONFIG_database_pool, "0", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_database_pool, "256", AA_OK},
        {AA_CONFIG_database_pool, "257", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_statement_timeout, "1s", AA_OK},
        {AA_CONFIG_statement_timeout, "0", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_statement_timeout, "11m", AA_ERR_OPTION_INVALID},
        {AA_CONFIG_prepared_statements, "auto", AA_OK},
        {AA_CONFIG_prepared_statements, "on", AA_ERR_OPTION_INVALID},
    };
    struct aa_error err;

    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        if (try_flag(samples[i].id, samples[i].text, &err) != samples[i].wanted)
            fail_msg("%s = \"%s\": %s", aa_config_name(samples[i].id), samples[i].text, err.message);
}

TEST(config, durations_have_units)
{
    int64_t number;
    const char *wanted;

    CHECK(aa_config_check_duration("90", 0, 1 << 30, &number, &wanted));
    CHECK_INT(number, 90);
    CHECK(aa_config_check_duration("90s", 0, 1 << 30, &number, &wanted));
    CHECK_INT(number, 90);
    CHECK(aa_config_check_duration("15m", 0, 1 << 30, &number, &wanted));
    CHECK_INT(number, 900);
    CHECK(aa_config_check_duration("30d", 0, 1 << 30, &number, &wanted));
    CHECK_INT(number, 2592000);
}

TEST(config, a_key_is_hexadecimal_or_base64url)
{
    uint8_t key[32];

    CHECK(aa_config_read_key(VIEW("00FFaa000000000000000000000000000000000000000000000000000000000f"), key));
    CHECK_INT(key[1], 255);
    CHECK_INT(key[31], 15);
    CHECK(aa_config_read_key(VIEW("_wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), key));
    CHECK_INT(key[0], 255);
    CHECK(!aa_config_read_key(VIEW("0g00000000000000000000000000000000000000000000000000000000000000"), key));
    CHECK(!aa_config_read_key(VIEW("_wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), key));
    CHECK(!aa_config_read_key(VIEW(""), key));
}

TEST(config, running_out_of_memory_is_an_ordinary_error)
{
    struct variable environment[] = {{"AUTH_AGENT_PORT", "2"}, {NULL, NULL}};
    enum aa_err rc = AA_ERR_NOMEM;
    size_t nth;

    for (nth = 1; nth < 500 && rc; nth++) {
        struct aa_config config;

        aa_config_init(&config);
        aa_mem_fail_at(nth, false);
        rc = finish(&config, NULL, environment, NULL);
        aa_mem_fail_at(0, false);
        if (rc)
            CHECK_ERR(rc, AA_ERR_NOMEM);
        aa_config_clear(&config);
    }
    CHECK(nth > 10 && nth < 500);
}
