/* What a person sees and takes back by themselves: which applications they allowed, where they are logged in. */
#ifndef AA_DOMAIN_ACCOUNT_H
#define AA_DOMAIN_ACCOUNT_H

#include "domain/sessions.h"

#define AA_ACCOUNT_LIST_MAX 100 /* of either list: a page has an end */

/* One client at one server, whatever grants and consents of the person's stand behind it. */
struct aa_account_access {
    char *memory; /* of the texts that follow */
    struct aa_view client_id, client_name, client_source, server_id, server_name, server_url;
    struct aa_buf scope; /* of all of them, separated by spaces; may hold words that are no scopes, but plain text */
    bool has_more_scopes;
    bool has_grant; /* without one the client has no access now, but a consent is remembered */
    int64_t since_ms, used_ms;
};

struct aa_account_session {
    int64_t since_ms;
    bool is_present; /* the one that asks */
};

struct aa_account {                                         /* clear with aa_account_clear() */
    struct aa_account_access accesses[AA_ACCOUNT_LIST_MAX]; /* those used last first */
    size_t access_count;
    bool has_more_accesses;
    struct aa_account_session sessions[AA_ACCOUNT_LIST_MAX + 1]; /* one more than is shown tells that there are more;
                                                                    the present one is the first */
    size_t session_count;
};
void aa_account_clear(struct aa_account *account);

/* Fills *out, which begins zeroed. */
AA_CHECK enum aa_err aa_account_open(struct aa_app *app, const struct aa_person *person, struct aa_account *out,
                                     struct aa_error *err);
/* Ends what a client has at a server in the person's name: all grants with every token of them, and the remembered
 * consents, so that it asks again. Nothing to end is fine. AA_ERR_NOT_FOUND when the person is no longer logged in. */
AA_CHECK enum aa_err aa_account_remove_access(struct aa_app *app, const struct aa_person *person,
                                              struct aa_view server_id, struct aa_view client_id, struct aa_error *err);
/* Ends all of the person's sessions but this one. AA_ERR_NOT_FOUND as above. */
AA_CHECK enum aa_err aa_account_log_out_elsewhere(struct aa_app *app, const struct aa_person *person,
                                                  struct aa_error *err);

#endif
