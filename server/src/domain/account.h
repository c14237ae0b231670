/* What a person sees and takes back by themselves: which applications they allowed, where they are logged in. */
#ifndef AA_DOMAIN_ACCOUNT_H
#define AA_DOMAIN_ACCOUNT_H

#include "domain/sessions.h"

#define AA_ACCOUNT_LIST_MAX 100 /* of either list: a page has an end */

struct aa_account_session {
    int64_t since_ms;
    bool is_present; /* the one that asks */
};

struct aa_account {                                        /* clear with aa_account_clear() */
    struct aa_named_grant grants[AA_ACCOUNT_LIST_MAX + 1]; /* one more than is shown tells that there are more */
    size_t grant_count;
    struct aa_account_session sessions[AA_ACCOUNT_LIST_MAX + 1]; /* the present one is the first */
    size_t session_count;
};
void aa_account_clear(struct aa_account *account);

/* Fills *out, which begins zeroed. */
AA_CHECK enum aa_err aa_account_open(struct aa_app *app, const struct aa_person *person, struct aa_account *out,
                                     struct aa_error *err);
/* Ends what an application has by that grant: every token of it, and the remembered consent, so that it asks again. A
 * grant of somebody else, or one that is gone, is left as it is, and nobody is told. AA_ERR_NOT_FOUND when the person
 * is no longer logged in. */
AA_CHECK enum aa_err aa_account_remove_access(struct aa_app *app, const struct aa_person *person,
                                              struct aa_view grant_id, struct aa_error *err);
/* Ends all of the person's sessions but this one. AA_ERR_NOT_FOUND as above. */
AA_CHECK enum aa_err aa_account_log_out_elsewhere(struct aa_app *app, const struct aa_person *person,
                                                  struct aa_error *err);

#endif
