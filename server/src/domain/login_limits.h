/* What slows the guessing of passwords down: failures, counted in the store's lock-outs and so by all processes.
 *
 *   a browser in which the person logged in before (device.h)   counts for itself: its cookie
 *   any other, a stranger                                       for the account at this address, and for the account
 *                                                               wherever strangers try it
 *   either                                                      for the address, whatever the account
 *
 * Many addresses together so have one brake, which keeps the owner out of no browser that is known. One of these whose
 * own count is exceeded is a stranger's for as long.
 *
 * A try is counted before the password is looked at, so that parallel guesses cannot slip in between; a good one takes
 * its count back. Accounts are counted by what was typed: those that nobody has are no different. */
#ifndef AA_DOMAIN_LOGIN_LIMITS_H
#define AA_DOMAIN_LOGIN_LIMITS_H

#include "crypto/crypto.h"
#include "store/store.h"

/* In the order in which their rows are locked: always the same, or two tries would wait for each other. */
enum aa_login_limit_kind {
    AA_LIMIT_BROWSER,
    AA_LIMIT_HERE, /* the account at this address */
    AA_LIMIT_STRANGERS,
    AA_LIMIT_ADDRESS,
    AA_LOGIN_LIMITS
};

struct aa_login_limit {
    bool applies; /* to this try */
    uint8_t key[AA_SHA256_LEN];
    int64_t begins_until_ms; /* of the lock-out that begins if this try fails; 0: none does */
};

struct aa_login_limits {
    int64_t now_ms;
    struct aa_login_limit limits[AA_LOGIN_LIMITS];
    int64_t until_ms; /* of the longest lock-out there is; 0: none, and the try is counted */
};

struct aa_login_source {   /* borrowed */
    struct aa_view peer;   /* the address's rate key */
    struct aa_view device; /* the id of the cookie of a known browser; absent: a stranger */
};

/* R */
AA_CHECK enum aa_err aa_login_limits_init(struct aa_login_limits *limits, struct aa_conn *conn, struct aa_view email,
                                          const struct aa_login_source *source, int64_t now_ms, struct aa_error *err);
/* W: counts the try, unless there is a lock-out. */
AA_CHECK enum aa_err aa_login_limits_begin(struct aa_login_limits *limits, struct aa_conn *conn, struct aa_error *err);
/* W: the try was good. */
AA_CHECK enum aa_err aa_login_limits_take_back(const struct aa_login_limits *limits, struct aa_conn *conn,
                                               struct aa_error *err);
/* What the limit counts, for the audit; absent for those of one address. */
struct aa_view aa_login_limit_name(enum aa_login_limit_kind kind);

/* For the administrator: the failures of strangers, and until when none is let in (0 or past: they are). */
struct aa_strangers {
    int64_t failures, until_ms;
};
/* R */
AA_CHECK enum aa_err aa_login_limits_find(struct aa_conn *conn, struct aa_view email, struct aa_strangers *out,
                                          struct aa_error *err);
/* W: forgets every failure at this account, of whomever and wherever. */
AA_CHECK enum aa_err aa_login_limits_clear(struct aa_conn *conn, struct aa_view email, struct aa_error *err);

#endif
