/* The table of commands. */
#include "main/command.h"

#define NO_OPTIONS                                                                                                     \
    {                                                                                                                  \
        {                                                                                                              \
            NULL, NULL, NULL                                                                                           \
        }                                                                                                              \
    }
#define JSON_ONLY                                                                                                      \
    {                                                                                                                  \
        AA_OPTION_JSON                                                                                                 \
    }
#define PASSWORD_OPTIONS                                                                                               \
    {"password-stdin", NULL, "read the password from standard input (one line)"},                                      \
    {                                                                                                                  \
        "generate-password", NULL, "make one up and print it"                                                          \
    }

/* In the order in which --help lists them; of two whose names begin alike, the longer one stands first. */
const struct aa_command aa_commands[] = {
    {"serve", "", 0, 0, "run the server until SIGTERM or SIGINT", NO_OPTIONS, true, aa_command_serve},
    {"init",
     "",
     0,
     0,
     "make the database, its keys and the administrator's token (printed once)",
     {{"new-admin-token", NULL, "replace the administrator's token and print the new one"}, AA_OPTION_JSON},
     false,
     aa_command_init},
    {"user add",
     "EMAIL",
     1,
     1,
     "add a person",
     {{"name", "NAME", "what to call them"}, PASSWORD_OPTIONS, AA_OPTION_JSON},
     false,
     aa_command_user_add},
    {"user list", "", 0, 0, "list people", JSON_ONLY, false, aa_command_user_list},
    {"user passwd",
     "EMAIL",
     1,
     1,
     "set a new password; ends the person's sessions",
     {PASSWORD_OPTIONS, AA_OPTION_JSON},
     false,
     aa_command_user_passwd},
    {"user disable", "EMAIL", 1, 1, "keep a person out: sessions end, grants are revoked", NO_OPTIONS, false,
     aa_command_user_disable},
    {"user enable", "EMAIL", 1, 1, "let a disabled person in again", NO_OPTIONS, false, aa_command_user_enable},
    {"server add",
     "URL",
     1,
     1,
     "register an MCP server",
     {{"name", "NAME", "what people see (default: its host)"},
      {"scopes", "LIST", "its scopes, separated by spaces or commas"},
      {"owner", "USER_ID", "the person it belongs to"},
      AA_OPTION_JSON},
     false,
     aa_command_server_add},
    {"server list", "", 0, 0, "list registered servers", JSON_ONLY, false, aa_command_server_list},
    {"server show", "SERVER_ID", 1, 1, "show one", JSON_ONLY, false, aa_command_server_show},
    {"server remove", "SERVER_ID", 1, 1, "remove one with its keys; its grants are revoked", NO_OPTIONS, false,
     aa_command_server_remove},
    {"key create",
     "SERVER_ID",
     1,
     1,
     "make an API key for a server (printed once)",
     {{"name", "NAME", "what it is for (default \"key\")"}, AA_OPTION_JSON},
     false,
     aa_command_key_create},
    {"key list", "SERVER_ID", 1, 1, "list a server's keys", JSON_ONLY, false, aa_command_key_list},
    {"key revoke", "KEY_ID", 1, 1, "revoke a key", NO_OPTIONS, false, aa_command_key_revoke},
    {"client add",
     "REDIRECT_URI …",
     1,
     10,
     "register a client by hand",
     {{"name", "NAME", "what people see"}, {"scope", "LIST", "scopes it may ask for"}, AA_OPTION_JSON},
     false,
     aa_command_client_add},
    {"client list", "", 0, 0, "list clients", JSON_ONLY, false, aa_command_client_list},
    {"client remove", "CLIENT_ID", 1, 1, "remove one; its grants are revoked", NO_OPTIONS, false,
     aa_command_client_remove},
    {"backup",
     "FILE",
     1,
     1,
     "copy a SQLite database, which may be in use, and check the copy",
     {{"force", NULL, "replace the file if it is there"}, AA_OPTION_JSON},
     false,
     aa_command_backup},
    {"restore",
     "FILE",
     1,
     1,
     "put a backup in place of the database; the old one is kept beside it",
     {{"force", NULL, "also when there is a database already"}, AA_OPTION_JSON},
     false,
     aa_command_restore},
    {"migrate",
     "",
     0,
     0,
     "bring the database to the schema of this version",
     {{"status", NULL, "only tell which it has"}, AA_OPTION_JSON},
     false,
     aa_command_migrate},
    {"config", "", 0, 0, "print the configuration in force, and where it comes from", JSON_ONLY, true,
     aa_command_config},
    {"version", "", 0, 0, "print the version", NO_OPTIONS, false, aa_command_version},
    {"help", "[COMMAND]", 0, 2, "print this, or a command's own help", NO_OPTIONS, false, aa_command_help},
};

const size_t aa_command_count = sizeof aa_commands / sizeof *aa_commands;
