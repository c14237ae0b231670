/* What a command of the command line is, and what it may use. */
#ifndef AA_MAIN_COMMAND_H
#define AA_MAIN_COMMAND_H

#include "main/config.h"

#define AA_ARGUMENTS_MAX 16
#define AA_COMMAND_OPTIONS_MAX 6

struct aa_command_option {
    const char *name;        /* "name": --name */
    const char *placeholder; /* NULL: it takes no value */
    const char *help;
};

struct aa_call { /* borrowed for the command's run */
    const struct aa_command *command;
    const struct aa_config *config;
    const char *arguments[AA_ARGUMENTS_MAX];
    size_t argument_count;
    const char *options[AA_COMMAND_OPTIONS_MAX]; /* "" for one without value; NULL: not given */
};

typedef enum aa_err (*aa_command_fn)(const struct aa_call *call, struct aa_error *err);

struct aa_command {
    const char *name;      /* "user add" */
    const char *arguments; /* "EMAIL"; "" for none */
    size_t argument_min, argument_max;
    const char *summary;
    struct aa_command_option options[AA_COMMAND_OPTIONS_MAX]; /* ended by a NULL name */
    bool shows_config;                                        /* --help lists the configuration too */
    aa_command_fn run;
};

extern const struct aa_command aa_commands[];
extern const size_t aa_command_count;

/* The option's value; NULL when it was not given. */
const char *aa_call_option(const struct aa_call *call, const char *name);

#define AA_OPTION_JSON                                                                                                 \
    {                                                                                                                  \
        "json", NULL, "print JSON"                                                                                     \
    }

enum aa_err aa_command_help(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_version(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_serve(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_init(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_config(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_user_add(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_user_list(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_user_passwd(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_user_unlock(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_user_disable(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_user_enable(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_server_add(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_server_list(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_server_show(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_server_remove(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_key_create(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_key_list(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_key_revoke(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_client_add(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_client_list(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_client_remove(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_audit_tail(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_audit_verify(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_audit_prune(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_audit_export(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_signing_key_list(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_signing_key_rotate(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_signing_key_remove(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_backup(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_restore(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_export(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_import_auth_agent(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_import(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_doctor(const struct aa_call *call, struct aa_error *err);
enum aa_err aa_command_migrate(const struct aa_call *call, struct aa_error *err);

#endif
