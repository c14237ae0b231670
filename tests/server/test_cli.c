/* The command line, run as a process of its own: exit status, standard output, standard error. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "main/cli.h"
#include "support_store.h"

#define ARGUMENTS_MAX 16
#define OUTPUT_MAX 65536

struct shell {
    char folder[64];
    char database[96];
    char out[OUTPUT_MAX], err[OUTPUT_MAX];
};

static void shell_open(struct shell *s)
{
    memset(s, 0, sizeof *s);
    folder_make(s->folder, sizeof s->folder);
    snprintf(s->database, sizeof s->database, "%s/var/auth-agent.db", s->folder);
    setenv("AUTH_AGENT_DATABASE", s->database, 1);
}

static void shell_close(struct shell *s)
{
    unsetenv("AUTH_AGENT_DATABASE");
    folder_remove(s->folder);
}

static void redirect(const char *path, int flags, int target)
{
    int fd = open(path, flags, 0600);

    if (fd < 0 || dup2(fd, target) < 0)
        _exit(99);
    close(fd);
}

static void read_back(const char *path, char *out)
{
    FILE *file = fopen(path, "r");
    size_t len;

    CHECK(file != NULL);
    len = fread(out, 1, OUTPUT_MAX - 1, file);
    out[len] = '\0';
    fclose(file);
    unlink(path);
}

/* `line` is split at single spaces; `input` becomes standard input. Gives the exit status. */
static int run_with(struct shell *s, const char *input, const char *line)
{
    char words[1024], in[96], out[96], err[96], program[] = "auth-agent-server";
    char *argv[ARGUMENTS_MAX + 1] = {program};
    int argc = 1, status = -1;
    FILE *file;
    pid_t child;

    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word && argc < ARGUMENTS_MAX; word = strtok(NULL, " "))
        argv[argc++] = word;
    snprintf(in, sizeof in, "%s/in", s->folder);
    snprintf(out, sizeof out, "%s/out", s->folder);
    snprintf(err, sizeof err, "%s/err", s->folder);
    file = fopen(in, "w");
    CHECK(file != NULL);
    fputs(input, file);
    fclose(file);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        redirect(in, O_RDONLY, STDIN_FILENO);
        redirect(out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
        redirect(err, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
        alarm(60);
        if (chdir(s->folder))
            _exit(99);
        exit(aa_cli_run(argc, argv));
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    unlink(in);
    read_back(out, s->out);
    read_back(err, s->err);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int run(struct shell *s, const char *line)
{
    return run_with(s, "", line);
}

/* It worked and said nothing on standard error. */
static void succeeds(struct shell *s, const char *line)
{
    int status = run(s, line);

    if (status || s->err[0])
        fail_msg("%s: %d, %s", line, status, s->err);
}

/* It failed with that status and one line on standard error that holds `in_message`, and printed nothing. */
static void fails(struct shell *s, const char *line, int wanted, const char *in_message)
{
    int status = run(s, line);

    if (status != wanted || !strstr(s->err, in_message))
        fail_msg("%s: %d, %s", line, status, s->err);
    CHECK_TEXT(s->out, "");
    CHECK(strchr(s->err, '\n') == s->err + strlen(s->err) - 1);
    CHECK(strncmp(s->err, "auth-agent-server: ", 19) == 0);
}

/* The member of the JSON object that was printed. */
static void member(struct shell *s, const char *name, char *out, size_t size)
{
    struct aa_json *json = NULL;

    CHECK_OK(aa_json_parse(VIEW(s->out), OUTPUT_MAX, &json, NULL));
    snprintf(out, size, "%.*s", AA_VIEW_ARGS(aa_json_text(aa_json_get(json, name))));
    aa_json_free(json);
}

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
    succeeds(&s, "init");
    CHECK(strstr(s.out, "adm_") != NULL);
    snprintf(key, sizeof key, "%s.key", s.database);
    CHECK_INT(mode_of(s.database), 0600);
    CHECK_INT(mode_of(key), 0600);
    succeeds(&s, "init");
    CHECK(strstr(s.out, "adm_") == NULL);
    CHECK(strstr(s.out, "set up before") != NULL);
    succeeds(&s, "init --json");
    CHECK(strstr(s.out, "adm_") == NULL);
    succeeds(&s, "init --new-admin-token --json");
    member(&s, "admin_token", token, sizeof token);
    CHECK(strncmp(token, "adm_", 4) == 0);
    succeeds(&s, "init --new-admin-token --json");
    member(&s, "admin_token", again, sizeof again);
    CHECK(strcmp(token, again) != 0);
    shell_close(&s);
}

TEST(cli, the_master_key_is_never_replaced_by_a_new_one)
{
    struct shell s;
    char key[128];

    shell_open(&s);
    succeeds(&s, "init");
    snprintf(key, sizeof key, "%s.key", s.database);
    CHECK_INT(unlink(key), 0);
    fails(&s, "init", 2, "is missing");
    CHECK(access(key, F_OK) != 0);
    shell_close(&s);
}

TEST(cli, a_master_key_others_may_read_is_refused)
{
    struct shell s;
    char key[128];

    shell_open(&s);
    succeeds(&s, "init");
    snprintf(key, sizeof key, "%s.key", s.database);
    CHECK_INT(chmod(key, 0644), 0);
    fails(&s, "init", 2, "chmod 600");
    CHECK_INT(chmod(key, 0600), 0);
    succeeds(&s, "init");
    shell_close(&s);
}

TEST(cli, another_master_key_is_told)
{
    struct shell s;

    shell_open(&s);
    setenv("AUTH_AGENT_MASTER_KEY", "00000000000000000000000000000000000000000000000000000000000000aa", 1);
    succeeds(&s, "init");
    setenv("AUTH_AGENT_MASTER_KEY", "00000000000000000000000000000000000000000000000000000000000000bb", 1);
    CHECK_INT(run(&s, "init"), 1);
    CHECK(strstr(s.err, "master key") != NULL);
    CHECK(strstr(s.err, "00000000") == NULL);
    unsetenv("AUTH_AGENT_MASTER_KEY");
    shell_close(&s);
}

TEST(cli, without_a_database_other_commands_say_what_makes_one)
{
    struct shell s;

    shell_open(&s);
    fails(&s, "user list", 1, "`auth-agent-server init` makes one");
    CHECK(access(s.database, F_OK) != 0);
    shell_close(&s);
}

TEST(cli, people_are_added_listed_disabled_and_given_new_passwords)
{
    struct shell s;
    char id[64], password[64];

    shell_open(&s);
    succeeds(&s, "init");
    CHECK_INT(run_with(&s, "correct horse battery\n", "user add ann@example.com --name Ann --password-stdin --json"),
              0);
    member(&s, "user_id", id, sizeof id);
    CHECK(strncmp(id, "usr_", 4) == 0);
    CHECK(strstr(s.out, "horse") == NULL);
    succeeds(&s, "user add bob@example.com --generate-password --json");
    member(&s, "password", password, sizeof password);
    CHECK_INT(strlen(password), 20);
    succeeds(&s, "user list");
    CHECK(strstr(s.out, "ann@example.com") && strstr(s.out, "bob@example.com") && strstr(s.out, id));
    CHECK(strstr(s.out, "argon2") == NULL);
    succeeds(&s, "user disable ann@example.com");
    succeeds(&s, "user list --json");
    CHECK(strstr(s.out, "disabled_at") != NULL);
    succeeds(&s, "user enable ann@example.com");
    succeeds(&s, "user list --json");
    CHECK(strstr(s.out, "disabled_at") == NULL);
    CHECK_INT(run_with(&s, "another password\n", "user passwd ann@example.com"), 0);
    CHECK_TEXT(s.out, "");
    shell_close(&s);
}

TEST(cli, what_is_wrong_with_a_person_is_told)
{
    struct shell s;

    shell_open(&s);
    succeeds(&s, "init");
    CHECK_INT(run_with(&s, "correct horse battery\n", "user add ann@example.com"), 0);
    CHECK_INT(run_with(&s, "correct horse battery\n", "user add ANN@example.com"), 1);
    CHECK(strstr(s.err, "taken") != NULL);
    CHECK_INT(run_with(&s, "short\n", "user add bob@example.com"), 1);
    CHECK(strstr(s.err, "8 characters") != NULL);
    CHECK(strstr(s.err, "short") == NULL);
    fails(&s, "user add bob@example.com", 2, "no password");
    fails(&s, "user add bob --generate-password", 1, "e-mail");
    fails(&s, "user add bob@example.com --generate-password --password-stdin", 2, "exclude");
    fails(&s, "user passwd nobody@example.com --generate-password", 1, "no person");
    fails(&s, "user disable nobody@example.com", 1, "no person");
    fails(&s, "user add", 2, "needs EMAIL");
    shell_close(&s);
}

/* Everybody on the machine can read a command line. */
TEST(cli, there_is_no_way_to_give_a_password_as_an_argument)
{
    struct shell s;

    shell_open(&s);
    succeeds(&s, "init");
    fails(&s, "user add ann@example.com --password hunter2hunter2", 2, "unknown option --password");
    fails(&s, "user add ann@example.com hunter2hunter2", 2, "too many arguments");
    shell_close(&s);
}

TEST(cli, servers_and_keys_are_made_shown_and_removed)
{
    struct shell s;
    char server_id[64], key_id[64], secret[128], line[256];

    shell_open(&s);
    succeeds(&s, "init");
    succeeds(&s, "server add http://localhost:8001/mcp --name Files --scopes files:read,files:write --json");
    member(&s, "server_id", server_id, sizeof server_id);
    CHECK(strncmp(server_id, "srv_", 4) == 0);
    CHECK(strstr(s.out, "[\"files:read\", \"files:write\"]") != NULL);
    fails(&s, "server add http://LOCALHOST:8001/mcp", 1, "registered already");
    fails(&s, "server add http://mcp.example.com", 1, "server_url");
    succeeds(&s, "server list");
    CHECK(strstr(s.out, server_id) != NULL);
    snprintf(line, sizeof line, "server show %s", server_id);
    succeeds(&s, line);
    CHECK(strstr(s.out, "http://localhost:8001/mcp") != NULL);
    snprintf(line, sizeof line, "key create %s --name Production --json", server_id);
    succeeds(&s, line);
    member(&s, "key_id", key_id, sizeof key_id);
    member(&s, "key_secret", secret, sizeof secret);
    CHECK(strncmp(secret, key_id, strlen(key_id)) == 0);
    snprintf(line, sizeof line, "key list %s", server_id);
    succeeds(&s, line);
    CHECK(strstr(s.out, key_id) && !strstr(s.out, secret));
    snprintf(line, sizeof line, "key revoke %s", key_id);
    succeeds(&s, line);
    snprintf(line, sizeof line, "key list %s --json", server_id);
    succeeds(&s, line);
    CHECK(strstr(s.out, "revoked_at") != NULL);
    fails(&s, "key revoke sk_nothing", 1, "no key");
    fails(&s, "key create srv_nothing", 1, "no server");
    fails(&s, "key list srv_nothing", 1, "no server");
    snprintf(line, sizeof line, "server remove %s", server_id);
    succeeds(&s, line);
    snprintf(line, sizeof line, "server show %s", server_id);
    fails(&s, line, 1, "no server");
    succeeds(&s, "server list --json");
    CHECK_TEXT(s.out, "[]\n");
    shell_close(&s);
}

TEST(cli, clients_are_made_listed_and_removed)
{
    struct shell s;
    char client_id[64], line[256];

    shell_open(&s);
    succeeds(&s, "init");
    succeeds(&s, "client add http://localhost/callback https://a.example/cb --name Tool --json");
    member(&s, "client_id", client_id, sizeof client_id);
    CHECK(strncmp(client_id, "cl_", 3) == 0);
    succeeds(&s, "client list --json");
    CHECK(strstr(s.out, "[\"http://localhost/callback\", \"https://a.example/cb\"]") != NULL);
    fails(&s, "client add javascript:alert(1)", 1, "redirect URI 1");
    fails(&s, "client add", 2, "needs REDIRECT_URI");
    snprintf(line, sizeof line, "client remove %s", client_id);
    succeeds(&s, line);
    fails(&s, line, 1, "no client");
    shell_close(&s);
}

TEST(cli, unknown_words_name_the_nearest)
{
    struct shell s;

    shell_open(&s);
    fails(&s, "srve", 2, "did you mean \"serve\"?");
    fails(&s, "user ad x@example.com", 2, "did you mean \"user add\"?");
    fails(&s, "config --prot 1", 2, "did you mean --port?");
    fails(&s, "user list --jsn", 2, "did you mean --json?");
    fails(&s, "config --port", 2, "needs a value");
    fails(&s, "config --port 1 --port 2", 2, "twice");
    fails(&s, "config --json=yes", 2, "takes no value");
    fails(&s, "config --admin-token 0123456789abcdef0123456789abcdef", 2, "secret");
    shell_close(&s);
}

TEST(cli, the_configuration_is_shown_with_where_it_comes_from_and_without_secrets)
{
    struct shell s;

    shell_open(&s);
    setenv("AUTH_AGENT_ADMIN_TOKEN", "0123456789abcdef0123456789abcdef", 1);
    succeeds(&s, "config --port=9000 --access-ttl 2h");
    CHECK(strstr(s.out, "http://localhost:9000") != NULL);
    CHECK(strstr(s.out, "AUTH_AGENT_DATABASE") != NULL);
    CHECK(strstr(s.out, "command line") != NULL);
    CHECK(strstr(s.out, "********") != NULL);
    CHECK(strstr(s.out, "0123456789") == NULL);
    succeeds(&s, "config --json");
    CHECK(strstr(s.out, "{\"option\": \"port\", \"value\": \"8788\", \"from\": \"default\"}") != NULL);
    unsetenv("AUTH_AGENT_ADMIN_TOKEN");
    fails(&s, "config --issuer http://auth.example.com", 2, "issuer (command line) must be an https URL");
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
    succeeds(&s, "config");
    CHECK(strstr(s.out, "9001") && strstr(s.out, "auth-agent.conf"));
    shell_close(&s);
}

TEST(cli, every_command_has_its_help)
{
    static const char *const commands[] = {"serve",       "init",          "config",        "user add",   "user list",
                                           "user passwd", "user disable",  "user enable",   "server add", "server list",
                                           "server show", "server remove", "key create",    "key list",   "key revoke",
                                           "client add",  "client list",   "client remove", "version",    "help"};
    struct shell s;
    char line[128], usage[128];

    shell_open(&s);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        snprintf(usage, sizeof usage, "usage: auth-agent-server %s", commands[i]);
        snprintf(line, sizeof line, "%s --help", commands[i]);
        succeeds(&s, line);
        CHECK(strncmp(s.out, usage, strlen(usage)) == 0);
        snprintf(line, sizeof line, "help %s", commands[i]);
        succeeds(&s, line);
        CHECK(strncmp(s.out, usage, strlen(usage)) == 0);
    }
    succeeds(&s, "help");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        CHECK(strstr(s.out, commands[i]) != NULL);
    succeeds(&s, "--help");
    succeeds(&s, "serve --help");
    CHECK(strstr(s.out, "--refresh-grace") != NULL);
    succeeds(&s, "--version");
    CHECK(strncmp(s.out, "auth-agent-server ", 18) == 0);
    CHECK_INT(run(&s, ""), 2);
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
        redirect("/dev/full", O_WRONLY, STDOUT_FILENO);
        redirect("/dev/null", O_WRONLY, STDERR_FILENO);
        exit(aa_cli_run(2, argv));
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 1);
    shell_close(&s);
}
