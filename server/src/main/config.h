/* The configuration: one table of options makes the flags, the AUTH_AGENT_… variables, the keys of the file and --help.
 *
 * A flag wins over the environment, that over the file, that over the default. An unknown flag or key is an error that
 * names the nearest one. (Unknown variables are not: the SDK's options share the prefix.) */
#ifndef AA_MAIN_CONFIG_H
#define AA_MAIN_CONFIG_H

#include "base/buf.h"
#include "db/db.h"
#include "domain/app.h"

#define AA_CONFIG_ENV_PREFIX "AUTH_AGENT_"
#define AA_CONFIG_FILE "auth-agent.conf" /* read from the working directory when it is there and none is named */

/* X(name) */
#define AA_CONFIG_OPTIONS(X)                                                                                           \
    X(issuer)                                                                                                          \
    X(listen)                                                                                                          \
    X(port)                                                                                                            \
    X(database)                                                                                                        \
    X(database_url)                                                                                                    \
    X(database_pool)                                                                                                   \
    X(statement_timeout)                                                                                               \
    X(prepared_statements)                                                                                             \
    X(master_key_file)                                                                                                 \
    X(master_key)                                                                                                      \
    X(admin_token)                                                                                                     \
    X(threads)                                                                                                         \
    X(workers)                                                                                                         \
    X(trusted_proxies)                                                                                                 \
    X(access_ttl)                                                                                                      \
    X(refresh_ttl)                                                                                                     \
    X(refresh_grace)                                                                                                   \
    X(code_ttl)                                                                                                        \
    X(auth_request_ttl)                                                                                                \
    X(session_ttl)                                                                                                     \
    X(unused_client_ttl)                                                                                               \
    X(clients_max)                                                                                                     \
    X(registration)                                                                                                    \
    X(client_documents)                                                                                                \
    X(client_document_hosts)                                                                                           \
    X(ca_file)                                                                                                         \
    X(iss_parameter)                                                                                                   \
    X(redirect_schemes)                                                                                                \
    X(synchronous)                                                                                                     \
    X(memory_map)                                                                                                      \
    X(audit_keep)                                                                                                      \
    X(log_level)                                                                                                       \
    X(log_format)                                                                                                      \
    X(access_log)                                                                                                      \
    X(metrics_listen)                                                                                                  \
    X(metrics_port)

enum aa_config_id {
#define AA_CONFIG_ID(name) AA_CONFIG_##name,
    AA_CONFIG_OPTIONS(AA_CONFIG_ID)
#undef AA_CONFIG_ID
        AA_CONFIG_COUNT
};

enum aa_config_source { AA_FROM_DEFAULT, AA_FROM_FILE, AA_FROM_ENVIRONMENT, AA_FROM_FLAG };

struct aa_config_value {
    char *text; /* owned; NULL: not set, and no default */
    enum aa_config_source source;
    int64_t number; /* of numbers, durations (seconds), booleans (0, 1) and choices (their place) */
};

struct aa_config {
    struct aa_config_value values[AA_CONFIG_COUNT];
    char *file; /* the file that was read; NULL: none */
};

/* Reads a variable of the environment; NULL when it is not set. */
typedef const char *(*aa_config_getenv_fn)(void *ctx, const char *name);

void aa_config_init(struct aa_config *config);
void aa_config_clear(struct aa_config *config); /* wipes */
/* The option a flag's name means ("--master-key-file" without the dashes in front; "-" and "_" are the same); -1 when
 * there is none. */
int aa_config_find(struct aa_view name);
/* The name of the option nearest to an unknown one. */
const char *aa_config_nearest(struct aa_view name);
const char *aa_config_name(enum aa_config_id id);
/* A flag of the command line. AA_ERR_OPTION_INVALID when it comes twice, or is a secret or holds a password: everybody
 * on the machine can read a command line. */
AA_CHECK enum aa_err aa_config_set_flag(struct aa_config *config, enum aa_config_id id, const char *text,
                                        struct aa_error *err);
/* After the flags: the file (`file` NULL: AUTH_AGENT_CONFIG, or AA_CONFIG_FILE if it is there), the environment and the
 * defaults; then checks everything. AA_OK, AA_ERR_OPTION_UNKNOWN, AA_ERR_OPTION_INVALID, AA_ERR_NOMEM; the message
 * names the option, where it came from and what it must be. */
AA_CHECK enum aa_err aa_config_finish(struct aa_config *config, const char *file, aa_config_getenv_fn getenv_fn,
                                      void *getenv_ctx, struct aa_error *err);

/* After aa_config_finish(). Texts are borrowed from the configuration; NULL when not set. `database` is the one in
 * force, also when it was database_url that named it; it may hold a password. */
const char *aa_config_text(const struct aa_config *config, enum aa_config_id id);
int64_t aa_config_number(const struct aa_config *config, enum aa_config_id id);
/* How the database in force is to be opened; what to do with it (migrate, must_exist, read_only) is left to the caller.
 */
struct aa_db_options aa_config_database(const struct aa_config *config);
/* Fills the rules' settings; they borrow from the configuration. */
AA_CHECK enum aa_err aa_config_fill_settings(const struct aa_config *config, struct aa_settings *out,
                                             struct aa_error *err);

/* For --help: a line or two for each option. */
void aa_config_add_help(struct aa_buf *out);
/* For `config`: what is in force. A secret shows only whether it is set, the address of a PostgreSQL database only that
 * it is one. */
struct aa_view aa_config_shown(const struct aa_config *config, enum aa_config_id id);
/* "default", "flag", "AUTH_AGENT_PORT", or the file's name. Appended. */
void aa_config_add_source(struct aa_buf *out, const struct aa_config *config, enum aa_config_id id);

#endif
