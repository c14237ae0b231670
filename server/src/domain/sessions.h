/* A person's login in one browser. The cookie's secret is the browser's alone; the store keeps its digest. */
#ifndef AA_DOMAIN_SESSIONS_H
#define AA_DOMAIN_SESSIONS_H

#include "base/buf.h"
#include "domain/app.h"
#include "store/store.h"

struct aa_person { /* who is logged in; clear with aa_person_clear() */
    struct aa_session session;
    struct aa_user user;
};
void aa_person_clear(struct aa_person *person);

/* Who the cookie belongs to: AA_ERR_NOT_FOUND for nobody (no cookie, unknown, expired, the person is disabled). */
AA_CHECK enum aa_err aa_session_open(struct aa_app *app, struct aa_view cookie, struct aa_person *out,
                                     struct aa_error *err);
/* Inside a write: the same person, session and right as when it was opened, or AA_ERR_NOT_FOUND; between a page and its
 * answer people log out or are disabled. Who is about to disable them waits until this transaction ends. */
AA_CHECK enum aa_err aa_session_hold(struct aa_conn *conn, const struct aa_person *person, int64_t now_ms,
                                     struct aa_error *err);
/* Begins a session after a login and ends the one `old_cookie` names: the id always changes with the person (session
 * fixation). Appends the new cookie's value. */
AA_CHECK enum aa_err aa_session_begin(struct aa_app *app, struct aa_view user_id, struct aa_view old_cookie,
                                      struct aa_buf *cookie, struct aa_error *err);
AA_CHECK enum aa_err aa_session_end(struct aa_app *app, struct aa_view cookie, struct aa_error *err);

#endif
