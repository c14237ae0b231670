/* Where a person's new password comes from: typed at the terminal, standard input, or made up. Never the command line,
 * which everybody can read. */
#ifndef AA_MAIN_PASSWORDS_H
#define AA_MAIN_PASSWORDS_H

#include "main/command.h"

#define AA_PASSWORD_LINE_MAX 4096

/* Appends the password, as the call's options say (--generate-password, --password-stdin; otherwise it is asked for).
 * *is_new tells that it was made up and is to be printed. Wipe the buffer. */
AA_CHECK enum aa_err aa_password_obtain(const struct aa_call *call, const struct aa_app *app, struct aa_buf *password,
                                        bool *is_new, struct aa_error *err);

#endif
