#include "main/cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "main/command.h"
#include "main/output.h"
#include "verify/nearest.h"

#define PROGRAM "auth-agent-server"
#define STATUS_FAILED 1
#define STATUS_USAGE 2
#define HELP_MAX 65536

const char *aa_call_option(const struct aa_call *call, const char *name)
{
    for (size_t i = 0; i < AA_COMMAND_OPTIONS_MAX && call->command->options[i].name; i++)
        if (aa_view_equal_text(aa_view_of(name), call->command->options[i].name))
            return call->options[i];
    return NULL;
}

/* ---- help ---- */

static void add_general_help(struct aa_buf *out)
{
    aa_buf_add_text(out, "usage: " PROGRAM " COMMAND [OPTION …]\n\n");
    for (size_t i = 0; i < aa_command_count; i++)
        aa_buf_add_format(out, "  %-18s %s\n", aa_commands[i].name, aa_commands[i].summary);
    aa_buf_add_text(out, "\n`" PROGRAM " COMMAND --help` tells more; `" PROGRAM
                         " serve --help` lists the configuration, which every command takes.\n");
}

static void add_option_help(struct aa_buf *out, const char *name, const char *placeholder, const char *help)
{
    struct aa_buf left;

    aa_buf_init(&left, 128);
    aa_buf_add_format(&left, "--%s%s%s", name, placeholder ? " " : "", placeholder ? placeholder : "");
    aa_buf_add_format(out, "  %-28s %s\n", aa_buf_text(&left), help);
    aa_buf_clear(&left);
}

static void add_command_help(struct aa_buf *out, const struct aa_command *command)
{
    aa_buf_add_format(out, "usage: " PROGRAM " %s%s%s [OPTION …]\n\n%s\n\n", command->name,
                      *command->arguments ? " " : "", command->arguments, command->summary);
    for (size_t i = 0; i < AA_COMMAND_OPTIONS_MAX && command->options[i].name; i++)
        add_option_help(out, command->options[i].name, command->options[i].placeholder, command->options[i].help);
    add_option_help(out, "config", "FILE", "configuration file (default ./" AA_CONFIG_FILE " if it is there)");
    if (!command->shows_config) {
        add_option_help(out, "database", "PATH", "and every other option of `" PROGRAM " serve --help`");
        return;
    }
    aa_buf_add_text(
        out, "\nThe configuration, as flags, as AUTH_AGENT_… variables (AUTH_AGENT_PORT) or as lines of the file "
             "(port = 8788); the first of\nthese that says something wins. Secrets are taken from the "
             "environment or the file alone.\n\n");
    aa_config_add_help(out);
}

static enum aa_err print_help(const struct aa_command *command, struct aa_error *err)
{
    struct aa_buf out;
    enum aa_err rc;

    aa_buf_init(&out, HELP_MAX);
    if (command)
        add_command_help(&out, command);
    else
        add_general_help(&out);
    rc = aa_buf_check(&out, "the help", err);
    if (!rc)
        rc = aa_output_write(aa_buf_view(&out), err);
    aa_buf_clear(&out);
    return rc;
}

enum aa_err aa_command_version(const struct aa_call *call, struct aa_error *err)
{
    (void)call;
    return aa_output_write(AA_VIEW(PROGRAM " " AA_VERSION "\n"), err);
}

/* ---- finding the command ---- */

/* How many words of argv are the command's name; 0 when they are not. */
static size_t match_words(const char *name, size_t count, const char *const *words)
{
    struct aa_view rest = aa_view_of(name), word;
    size_t used = 0;

    while (rest.len > 0) {
        aa_view_cut(rest, ' ', &word, &rest);
        if (used == count || !aa_view_equal_text(word, words[used]))
            return 0;
        used++;
    }
    return used;
}

static const struct aa_command *find_command(size_t count, const char *const *words, size_t *used)
{
    for (size_t i = 0; i < aa_command_count; i++) {
        *used = match_words(aa_commands[i].name, count, words);
        if (*used)
            return &aa_commands[i];
    }
    return NULL;
}

static const char *nearest_command(struct aa_view given)
{
    const char *nearest = aa_commands[0].name;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < aa_command_count; i++) {
        size_t distance = aa_edit_distance(given, aa_view_of(aa_commands[i].name));

        if (distance < least) {
            least = distance;
            nearest = aa_commands[i].name;
        }
    }
    return nearest;
}

static enum aa_err fail_unknown(size_t count, const char *const *words, struct aa_error *err)
{
    struct aa_buf given;

    aa_buf_init(&given, 128);
    aa_buf_add_text(&given, words[0]);
    if (count > 1 && words[1][0] != '-') {
        aa_buf_add_char(&given, ' ');
        aa_buf_add_text(&given, words[1]);
    }
    aa_fail(err, AA_ERR_OPTION_UNKNOWN, "there is no command \"%s\"; did you mean \"%s\"?", aa_buf_text(&given),
            nearest_command(aa_buf_view(&given)));
    aa_buf_clear(&given);
    return AA_ERR_OPTION_UNKNOWN;
}

enum aa_err aa_command_help(const struct aa_call *call, struct aa_error *err)
{
    const struct aa_command *command;
    size_t used;

    if (call->argument_count == 0)
        return print_help(NULL, err);
    command = find_command(call->argument_count, call->arguments, &used);
    if (!command)
        return fail_unknown(call->argument_count, call->arguments, err);
    return print_help(command, err);
}

/* ---- reading the arguments ---- */

struct parse {
    struct aa_call *call;
    struct aa_config *config;
    const char *file; /* --config */
    bool wants_help;
    int argc, at;
    char **argv;
};

/* The value of "--name=value", or the next argument. */
static enum aa_err take_value(struct parse *parse, struct aa_view name, bool has_value, struct aa_view value,
                              const char **out, struct aa_error *err)
{
    if (has_value) {
        *out = value.data; /* the end of an argument: it has its NUL */
        return AA_OK;
    }
    if (parse->at + 1 >= parse->argc)
        return aa_fail(err, AA_ERR_OPTION_INVALID, "--%.*s needs a value", AA_VIEW_ARGS(name));
    *out = parse->argv[++parse->at];
    return AA_OK;
}

static int find_option(const struct aa_command *command, struct aa_view name)
{
    for (int i = 0; i < AA_COMMAND_OPTIONS_MAX && command->options[i].name; i++)
        if (aa_view_equal_text(name, command->options[i].name))
            return i;
    return -1;
}

static enum aa_err take_option(struct parse *parse, int index, struct aa_view name, bool has_value,
                               struct aa_view value, struct aa_error *err)
{
    const char **target = &parse->call->options[index];

    if (*target)
        return aa_fail(err, AA_ERR_OPTION_INVALID, "--%.*s is there twice", AA_VIEW_ARGS(name));
    if (parse->call->command->options[index].placeholder)
        return take_value(parse, name, has_value, value, target, err);
    if (has_value)
        return aa_fail(err, AA_ERR_OPTION_INVALID, "--%.*s takes no value", AA_VIEW_ARGS(name));
    *target = "";
    return AA_OK;
}

static const char *nearest_option(const struct aa_command *command, struct aa_view name)
{
    const char *nearest = aa_config_nearest(name);
    size_t least = aa_edit_distance(name, aa_view_of(nearest));

    for (size_t i = 0; i < AA_COMMAND_OPTIONS_MAX && command->options[i].name; i++) {
        size_t distance = aa_edit_distance(name, aa_view_of(command->options[i].name));

        if (distance <= least) {
            least = distance;
            nearest = command->options[i].name;
        }
    }
    return nearest;
}

static enum aa_err take_flag(struct parse *parse, struct aa_view flag, struct aa_error *err)
{
    struct aa_view name, value;
    bool has_value = aa_view_cut(flag, '=', &name, &value);
    int index = find_option(parse->call->command, name), id = aa_config_find(name);
    const char *text = NULL;
    enum aa_err rc;

    if (aa_view_equal_text(name, "help")) {
        parse->wants_help = true;
        return AA_OK;
    }
    if (index >= 0)
        return take_option(parse, index, name, has_value, value, err);
    if (aa_view_equal_text(name, "config"))
        return take_value(parse, name, has_value, value, &parse->file, err);
    if (id < 0)
        return aa_fail(err, AA_ERR_OPTION_UNKNOWN, "unknown option --%.*s; did you mean --%s?", AA_VIEW_ARGS(name),
                       nearest_option(parse->call->command, name));
    rc = take_value(parse, name, has_value, value, &text, err);
    return rc ? rc : aa_config_set_flag(parse->config, (enum aa_config_id)id, text, err);
}

/* The long name of "-n" and the like; NULL when it is none of ours. */
static const char *long_name(struct aa_view argument)
{
    static const struct {
        const char *letter, *name;
    } letters[] = {{"-h", "help"}, {"-n", "lines"}};

    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (aa_view_equal_text(argument, letters[i].letter))
            return letters[i].name;
    return NULL;
}

static enum aa_err take_argument(struct parse *parse, const char *argument, struct aa_error *err)
{
    struct aa_call *call = parse->call;

    if (call->argument_count == call->command->argument_max)
        return aa_fail(err, AA_ERR_OPTION_INVALID, "too many arguments: \"%s\"", argument);
    call->arguments[call->argument_count++] = argument;
    return AA_OK;
}

static enum aa_err parse_arguments(struct parse *parse, struct aa_error *err)
{
    bool only_arguments = false;
    enum aa_err rc = AA_OK;

    for (; !rc && parse->at < parse->argc; parse->at++) {
        const char *argument = parse->argv[parse->at], *name = long_name(aa_view_of(argument));

        if (!only_arguments && aa_view_equal_text(aa_view_of(argument), "--"))
            only_arguments = true;
        else if (!only_arguments && name)
            rc = take_flag(parse, aa_view_of(name), err);
        else if (!only_arguments && aa_view_has_prefix(aa_view_of(argument), AA_VIEW("--")))
            rc = take_flag(parse, aa_view_of(argument + 2), err);
        else
            rc = take_argument(parse, argument, err);
    }
    if (!rc && !parse->wants_help && parse->call->argument_count < parse->call->command->argument_min)
        rc = aa_fail(err, AA_ERR_OPTION_MISSING, "%s needs %s", parse->call->command->name,
                     parse->call->command->arguments);
    return rc;
}

/* ---- running ---- */

static const char *read_environment(void *ctx, const char *name)
{
    (void)ctx;
    return getenv(name);
}

static int tell(enum aa_err rc, const struct aa_error *err)
{
    if (!rc)
        return EXIT_SUCCESS;
    fprintf(stderr, PROGRAM ": %s\n", err->message[0] ? err->message : aa_err_text(rc));
    return aa_err_class_of(rc) == AA_CLASS_CONFIG ? STATUS_USAGE : STATUS_FAILED;
}

static int run(const struct aa_command *command, int argc, char **argv, int at)
{
    struct aa_error err = AA_ERROR_INIT;
    struct aa_config config;
    struct aa_call call = {.command = command, .config = &config};
    struct parse parse = {.call = &call, .config = &config, .argc = argc, .at = at, .argv = argv};
    bool is_about_itself = command->run == aa_command_help || command->run == aa_command_version;
    enum aa_err rc;

    aa_config_init(&config);
    rc = parse_arguments(&parse, &err);
    if (!rc && parse.wants_help)
        rc = print_help(command, &err);
    else if (!rc && !is_about_itself)
        rc = aa_config_finish(&config, parse.file, read_environment, NULL, &err);
    if (!rc && !parse.wants_help)
        rc = command->run(&call, &err);
    aa_config_clear(&config);
    return tell(rc, &err);
}

/* "--help" and "--version" in place of a command. */
static const char *command_alias(const char *word)
{
    static const struct {
        const char *alias, *command;
    } aliases[] = {{"--help", "help"}, {"-h", "help"}, {"--version", "version"}, {"-V", "version"}};

    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (aa_view_equal_text(aa_view_of(word), aliases[i].alias))
            return aliases[i].command;
    return word;
}

int aa_cli_run(int argc, char **argv)
{
    const char *words[2] = {NULL, NULL};
    struct aa_error err = AA_ERROR_INIT;
    const struct aa_command *command;
    size_t count = 0, used = 0;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error, like a full disk */
    for (int i = 1; i < argc && count < 2; i++)
        words[count++] = i == 1 ? command_alias(argv[i]) : argv[i];
    if (count == 0) {
        if (print_help(NULL, &err))
            return tell(AA_ERR_SYSTEM, &err);
        return STATUS_USAGE;
    }
    command = find_command(count, words, &used);
    if (!command)
        return tell(fail_unknown(count, words, &err), &err);
    return run(command, argc, argv, 1 + (int)used);
}
