/* The token in every form (CSRF): an HMAC of what the form belongs to, under a key that lives in the store, so that any
 * process of ours can check it and a restart breaks no open page. Nothing of it is kept. */
#ifndef AA_DOMAIN_FORM_TOKEN_H
#define AA_DOMAIN_FORM_TOKEN_H

#include "base/buf.h"
#include "domain/app.h"

/* Loads app->form_key, making it the first time. */
AA_CHECK enum aa_err aa_form_key_open(struct aa_app *app, struct aa_error *err);
/* Appends the token of a form: `purpose` names the page, `cookie` is the browser's secret, `subject` the transaction or
 * absent. */
AA_CHECK enum aa_err aa_form_token_add(const struct aa_app *app, const char *purpose, struct aa_view cookie,
                                       struct aa_view subject, struct aa_buf *out, struct aa_error *err);
/* *good tells whether it is that token. */
AA_CHECK enum aa_err aa_form_token_check(const struct aa_app *app, const char *purpose, struct aa_view cookie,
                                         struct aa_view subject, struct aa_view token, bool *good,
                                         struct aa_error *err);

#endif
