#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "main/cli.h"
#include "main/command.h"
#include "support_shell.h"

static int mode_of(const char *path)
{
    struct stat facts;

    CHECK_INT(stat(path, &facts), 0);
    return (int)(facts.st_mode & 0777);
}

TEST(cli, init_makes_everything_once_and_shows_the_token_once)
{
    struct shell s;
    char key[128], token[128], again[128];

    shell_open(&s);
    shell_succeeds(&s, "init");
    CHECK(strstr(s.out, "adm_") != NULL);
    snprintf(key, sizeof key, "%s.key", s.database);
    CHECK_INT(mode_of(s.database), 0600);
    CHECK_INT(mode_of(key), 0600);
    shell_succeeds(&s, "init");
    CHECK(strstr(s.out, "adm_") == NULL);
    CHECK(strstr(s.out, "set up before") != NULL);
    shell_succeeds(&s, "init --json");
    CHECK(strstr(s.out, "adm_") == NULL);
    shell_succeeds(&s, "init --new-admin-token --json");
    shell_member(&s, "admin_token", token, sizeof token);
    CHECK(strncmp(token, "adm_", 4) == 0);
    shell_succeeds(&s, "init --new-admin-token --json");
    shell_member(&s, "admin_token", again, sizeof again);
    CHECK(strcmp(token, again) != 0);
    shell_close(&s);
}

TEST(cli, the_master_key_is_never_replaced_by_a_new_one)
{
    struct shell s;
    char key[128];

    shell_open(&s);
    shell_succeeds(&s, "init");
    snprintf(key, sizeof key, "%s.key", s.database);
    CHECK_INT(unlink(key), 0);
    shell_fails(&s, "init", 2, "is missing");
    CHECK(access(key, F_OK) != 0);
    shell_close(&s);
}

TEST(cli, a_master_key_others_may_read_is_refused)
{
    struct shell s;
    char key[128];

    shell_open(&s);
    shell_succeeds(&s, "init");
    snprintf(key, sizeof key, "%s.key", s.database);
    CHECK_INT(chmod(key, 0644), 0);
    shell_fails(&s, "init", 2, "chmod 600");
    CHECK_INT(chmod(key, 0600), 0);
    shell_succeeds(&s, "init");
    shell_close(&s);
}

TEST(cli, another_master_key_is_told)
{
    struct shell s;

    shell_open(&s);
    setenv("AUTH_AGENT_MASTER_KEY", "00000000000000000000000000000000000000000000000000000000000000aa", 1);
    shell_succeeds(&s, "init");
    setenv("AUTH_AGENT_MASTER_KEY", "00000000000000000000000000000000000000000000000000000000000000bb", 1);
    CHECK_INT(shell_run(&s, "init"), 1);
    CHECK(strstr(s.err, "master key") != NULL);
    CHECK(strstr(s.err, "00000000") == NULL);
    unsetenv("AUTH_AGENT_MASTER_KEY");
    shell_close(&s);
}

TEST(cli, without_a_database_other_commands_say_what_makes_one)
{
    struct shell s;

    shell_open(&s);
    shell_fails(&s, "user list", 1, "`auth-agent-server init` makes one");
    CHECK(access(s.database, F_OK) != 0);
    shell_close(&s);
}

TEST(cli, people_are_added_listed_disabled_and_given_new_passwords)
{
    struct shell s;
    char id[64], password[64];

    shell_open(&s);
    shell_succeeds(&s, "init");
    CHECK_INT(
        shell_run_with(&s, "correct horse battery\n", "user add ann@example.com --name Ann --password-stdin --json"),
        0);
    shell_member(&s, "user_id", id, sizeof id);
    CHECK(strncmp(id, "usr_", 4) == 0);
    CHECK(strstr(s.out, "horse") == NULL);
    shell_succeeds(&s, "user add bob@example.com --generate-password --json");
    shell_member(&s, "password", password, sizeof password);
    CHECK_INT(strlen(password), 20);
    shell_succeeds(&s, "user list");
    CHECK(strstr(s.out, "ann@example.com") && strstr(s.out, "bob@example.com") && strstr(s.out, id));
    CHECK(strstr(s.out, "argon2") == NULL);
    shell_succeeds(&s, "user disable ann@example.com");
    shell_succeeds(&s, "user list --json");
    CHECK(strstr(s.out, "disabled_at") != NULL);
    shell_succeeds(&s, "user enable ann@example.com");
    shell_succeeds(&s, "user list --json");
    CHECK(strstr(s.out, "disabled_at") == NULL);
    CHECK_INT(shell_run_with(&s, "another password\n", "user passwd ann@example.com"), 0);
    CHECK_TEXT(s.out, "");
    shell_close(&s);
}

TEST(cli, failed_logins_at_an_account_are_shown_and_forgotten)
{
    struct shell s;
    char failures[16];

    shell_open(&s);
    shell_succeeds(&s, "init");
    shell_succeeds(&s, "user add ann@example.com --generate-password");
    shell_succeeds(&s, "user unlock ann@example.com --status");
    CHECK(strstr(s.out, "ann@example.com") && strstr(s.out, "failures"));
    shell_succeeds(&s, "audit tail");
    CHECK(strstr(s.out, "by hand") == NULL);
    shell_succeeds(&s, "user unlock ann@example.com --json");
    shell_member(&s, "failures", failures, sizeof failures);
    CHECK_TEXT(failures, "0");
    shell_succeeds(&s, "audit tail");
    CHECK(strstr(s.out, "by hand") != NULL);
    shell_fails(&s, "user unlock nobody@example.com", 1, "no person");
    shell_fails(&s, "user unlock", 2, "needs EMAIL");
    shell_succeeds(&s, "user unlock --help");
    CHECK(strstr(s.out, "--status") != NULL);
    shell_close(&s);
}

TEST(cli, what_is_wrong_with_a_person_is_told)
{
    struct shell s;

    shell_open(&s);
    shell_succeeds(&s, "init");
    CHECK_INT(shell_run_with(&s, "correct horse battery\n", "user add ann@example.com"), 0);
    CHECK_INT(shell_run_with(&s, "correct horse battery\n", "user add ANN@example.com"), 1);
    CHECK(strstr(s.err, "taken") != NULL);
    CHECK_INT(shell_run_with(&s, "short\n", "user add bob@example.com"), 1);
    CHECK(strstr(s.err, "8 characters") != NULL);
    CHECK(strstr(s.err, "short") == NULL);
    shell_fails(&s, "user add bob@example.com", 2, "no password");
    shell_fails(&s, "user add bob --generate-password", 1, "e-mail");
    shell_fails(&s, "user add bob@example.com --generate-password --password-stdin", 2, "exclude");
    shell_fails(&s, "user passwd nobody@example.com --generate-password", 1, "no person");
    shell_fails(&s, "user disable nobody@example.com", 1, "no person");
    shell_fails(&s, "user add", 2, "needs EMAIL");
    shell_close(&s);
}

/* Everybody on the machine can read a command line. */
TEST(cli, there_is_no_way_to_give_a_password_as_an_argument)
{
    struct shell s;

    shell_open(&s);
    shell_succeeds(&s, "init");
    shell_fails(&s, "user add ann@example.com --password hunter2hunter2", 2, "unknown option --password");
    shell_fails(&s, "user add ann@example.com hunter2hunter2", 2, "too many arguments");
    shell_close(&s);
}

TEST(cli, servers_and_keys_are_made_shown_and_removed)
{
    struct shell s;
    char server_id[64], key_id[64], secret[128], line[256];

    shell_open(&s);
    shell_succeeds(&s, "init");
    shell_succeeds(&s, "server add http://localhost:8001/mcp --name Files --scopes files:read,files:write --json");
    shell_member(&s, "server_id", server_id, sizeof server_id);
    CHECK(strncmp(server_id, "srv_", 4) == 0);
    CHECK(strstr(s.out, "[\"files:read\", \"files:write\"]") != NULL);
    shell_fails(&s, "server add http://LOCALHOST:8001/mcp", 1, "registered already");
    shell_fails(&s, "server add http://mcp.example.com", 1, "server_url");
    shell_succeeds(&s, "server list");
    CHECK(strstr(s.out, server_id) != NULL);
    snprintf(line, sizeof line, "server show %s", server_id);
    shell_succeeds(&s, line);
    CHECK(strstr(s.out, "http://localhost:8001/mcp") != NULL);
    snprintf(line, sizeof line, "key create %s --name Production --json", server_id);
    shell_succeeds(&s, line);
    shell_member(&s, "key_id", key_id, sizeof key_id);
    shell_member(&s, "key_secret", secret, sizeof secret);
    CHECK(strncmp(secret, key_id, strlen(key_id)) == 0);
    snprintf(line, sizeof line, "key list %s", server_id);
    shell_succeeds(&s, line);
    CHECK(strstr(s.out, key_id) && !strstr(s.out, secret));
    snprintf(line, sizeof line, "key revoke %s", key_id);
    shell_succeeds(&s, line);
    snprintf(line, sizeof line, "key list %s --json", server_id);
    shell_succeeds(&s, line);
    CHECK(strstr(s.out, "revoked_at") != NULL);
    shell_fails(&s, "key revoke sk_nothing", 1, "no key");
    shell_fails(&s, "key create srv_nothing", 1, "no server");
    shell_fails(&s, "key list srv_nothing", 1, "no server");
    snprintf(line, sizeof line, "server remove %s", server_id);
    shell_succeeds(&s, line);
    snprintf(line, sizeof line, "server show %s", server_id);
    shell_fails(&s, line, 1, "no server");
    shell_succeeds(&s, "server list --json");
    CHECK_TEXT(s.out, "[]\n");
    shell_close(&s);
}

TEST(cli, clients_are_made_listed_and_removed)
{
    struct shell s;
    char client_id[64], line[256];

    shell_open(&s);
    shell_succeeds(&s, "init");
    shell_succeeds(&s, "client add http://localhost/callback https://a.example/cb --name Tool --json");
    shell_member(&s, "client_id", client_id, sizeof client_id);
    CHECK(strncmp(client_id, "cl_", 3) == 0);
    shell_succeeds(&s, "client list --json");
    CHECK(strstr(s.out, "[\"http://localhost/callback\", \"https://a.example/cb\"]") != NULL);
    shell_fails(&s, "client add javascript:alert(1)", 1, "redirect URI 1");
    shell_fails(&s, "client add", 2, "needs REDIRECT_URI");
    snprintf(line, sizeof line, "client remove %s", client_id);
    shell_succeeds(&s, line);
    shell_fails(&s, line, 1, "no client");
    shell_close(&s);
}

TEST(cli, unknown_words_name_the_nearest)
{
    struct shell s;

    shell_open(&s);
    shell_fails(&s, "srve", 2, "did you mean \"serve\"?");
    shell_fails(&s, "user ad x@example.com", 2, "did you mean \"user add\"?");
    shell_fails(&s, "config --prot 1", 2, "did you mean --port?");
    shell_fails(&s, "user list --jsn", 2, "did you mean --json?");
    shell_fails(&s, "config --port", 2, "needs a value");
    shell_fails(&s, "config --port 1 --port 2", 2, "twice");
    shell_fails(&s, "config --json=yes", 2, "takes no value");
    shell_fails(&s, "config --admin-token 0123456789abcdef0123456789abcdef", 2, "secret");
    shell_close(&s);
}

TEST(cli, the_configuration_is_shown_with_where_it_comes_from_and_without_secrets)
{
    struct shell s;

    shell_open(&s);
    setenv("AUTH_AGENT_ADMIN_TOKEN", "0123456789abcdef0123456789abcdef", 1);
    shell_succeeds(&s, "config --port=9000 --access-ttl 2h");
    CHECK(strstr(s.out, "http://localhost:9000") != NULL);
    CHECK(strstr(s.out, "AUTH_AGENT_DATABASE") != NULL);
    CHECK(strstr(s.out, "command line") != NULL);
    CHECK(strstr(s.out, "********") != NULL);
    CHECK(strstr(s.out, "0123456789") == NULL);
    shell_succeeds(&s, "config --json");
    CHECK(strstr(s.out, "{\"option\": \"port\", \"value\": \"8788\", \"from\": \"default\"}") != NULL);
    unsetenv("AUTH_AGENT_ADMIN_TOKEN");
    shell_fails(&s, "config --issuer http://auth.example.com", 2, "issuer (command line) must be an https URL");
    shell_close(&s);
}

TEST(cli, a_file_in_the_working_directory_is_read)
{
    struct shell s;
    char path[128];
    FILE *file;

    shell_open(&s);
    snprintf(path, sizeof path, "%s/auth-agent.conf", s.folder);
    file = fopen(path, "w");
    CHECK(file != NULL);
    fputs("port = 9001\n", file);
    fclose(file);
    shell_succeeds(&s, "config");
    CHECK(strstr(s.out, "9001") && strstr(s.out, "auth-agent.conf"));
    shell_close(&s);
}

TEST(cli, every_command_has_its_help)
{
    struct shell s;
    char line[128], usage[128];

    shell_open(&s);
    for (size_t i = 0; i < aa_command_count; i++) {
        snprintf(usage, sizeof usage, "usage: auth-agent-server %s", aa_commands[i].name);
        snprintf(line, sizeof line, "%s --help", aa_commands[i].name);
        shell_succeeds(&s, line);
        CHECK(strncmp(s.out, usage, strlen(usage)) == 0);
        snprintf(line, sizeof line, "help %s", aa_commands[i].name);
        shell_succeeds(&s, line);
        CHECK(strncmp(s.out, usage, strlen(usage)) == 0);
    }
    shell_succeeds(&s, "help");
    for (size_t i = 0; i < aa_command_count; i++)
        CHECK(strstr(s.out, aa_commands[i].name) != NULL);
    shell_succeeds(&s, "--help");
    shell_succeeds(&s, "serve --help");
    CHECK(strstr(s.out, "--refresh-grace") != NULL);
    shell_succeeds(&s, "--version");
    CHECK(strncmp(s.out, "auth-agent-server ", 18) == 0);
    CHECK_INT(shell_run(&s, ""), 2);
    CHECK(strncmp(s.out, "usage:", 6) == 0);
    shell_close(&s);
}

TEST(cli, what_cannot_be_written_is_a_failure)
{
    struct shell s;
    char program[] = "auth-agent-server", word[] = "version";
    char *argv[] = {program, word, NULL};
    int status = -1;
    pid_t child;

    shell_open(&s);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        shell_redirect("/dev/full", O_WRONLY, STDOUT_FILENO);
        shell_redirect("/dev/null", O_WRONLY, STDERR_FILENO);
        exit(aa_cli_run(2, argv));
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 1);
    shell_close(&s);
}
