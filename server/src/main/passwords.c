#include "main/passwords.h"

#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "base/error.h"

#define GENERATED_LEN 20 /* of 62 letters: 119 bits */

static enum aa_err read_line(struct aa_buf *line, struct aa_error *err)
{
    int c;

    while ((c = getc(stdin)) != EOF && c != '\n')
        aa_buf_add_char(line, (char)c);
    if (line->len > 0 && line->data[line->len - 1] == '\r')
        line->len--;
    if (c == EOF && line->len == 0)
        return aa_fail(err, AA_ERR_OPTION_MISSING, "no password was given on standard input");
    return aa_buf_check(line, "the password", err);
}

static enum aa_err ask_once(const char *prompt, struct aa_buf *line, struct aa_error *err)
{
    struct termios shown, hidden;
    enum aa_err rc;

    if (tcgetattr(STDIN_FILENO, &shown))
        return aa_fail(err, AA_ERR_SYSTEM, "the terminal cannot be asked for a password");
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    fprintf(stderr, "%s: ", prompt);
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden))
        return aa_fail(err, AA_ERR_SYSTEM, "the terminal's echo cannot be switched off");
    rc = read_line(line, err);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputc('\n', stderr);
    return rc;
}

static enum aa_err ask_twice(struct aa_buf *password, struct aa_error *err)
{
    struct aa_buf again;
    enum aa_err rc;

    aa_buf_init(&again, AA_PASSWORD_LINE_MAX);
    rc = ask_once("Password", password, err);
    if (!rc)
        rc = ask_once("Again", &again, err);
    if (!rc && !aa_ct_equal(aa_buf_view(password), aa_buf_view(&again)))
        rc = aa_fail(err, AA_ERR_OPTION_INVALID, "the two passwords differ");
    aa_buf_wipe_clear(&again);
    return rc;
}

enum aa_err aa_password_obtain(const struct aa_call *call, const struct aa_app *app, struct aa_buf *password,
                               bool *is_new, struct aa_error *err)
{
    bool from_stdin = aa_call_option(call, "password-stdin") != NULL;

    *is_new = aa_call_option(call, "generate-password") != NULL;
    if (*is_new && from_stdin)
        return aa_fail(err, AA_ERR_OPTION_INVALID, "--password-stdin and --generate-password exclude each other");
    if (*is_new) {
        if (aa_random_alnum(app->random, app->ctx, GENERATED_LEN, password))
            return aa_fail(err, AA_ERR_RANDOM, "no random characters for a password");
        return AA_OK;
    }
    return from_stdin || !isatty(STDIN_FILENO) ? read_line(password, err) : ask_twice(password, err);
}
