/* Rows past their use. */
#include "store/record.h"

#define SWEEP_LOCK INT64_C(4702111234474983746) /* any number, and always the same one */

/* A spent code is kept this much longer than it could be used, so that a late replay still revokes what it issued. */
#define CODE_REPLAY_MS (INT64_C(3600) * 1000)

/* Servers' clocks differ a little: to one that is behind, an assertion is still good. */
#define ASSERTION_KEPT_MS (INT64_C(300) * 1000)

/* Access tokens all live equally long, so they expire in the order of their keys, which begin with the time of issue:
 * the oldest are looked at, this many for each that may go. Should access_ttl have been shortened, those of the longer
 * time stand in front, and the others are removed when these have gone: a day later at most. */
#define LOOKED_AT "10"

/* $1: the time up to which rows are past their use; $2: how many may go. */
static const struct {
    const char *sql;
    int64_t kept_ms; /* how long after its expiry a row stays */
} sweeps[] = {
    {"DELETE FROM auth_requests WHERE request_digest IN "
     "(SELECT request_digest FROM auth_requests WHERE expires_ms <= $1 LIMIT $2)",
     0},
    {"DELETE FROM codes WHERE code_key IN (SELECT code_key FROM codes WHERE expires_ms <= $1 LIMIT $2)",
     CODE_REPLAY_MS},
    {"DELETE FROM access_tokens WHERE token_key IN "
     "(SELECT token_key FROM (SELECT token_key, expires_ms FROM access_tokens ORDER BY token_key "
     "LIMIT " LOOKED_AT " * $2) AS oldest WHERE expires_ms <= $1 LIMIT $2)",
     0},
    {"DELETE FROM refresh_tokens WHERE token_key IN "
     "(SELECT token_key FROM refresh_tokens WHERE expires_ms <= $1 LIMIT $2)",
     0},
    {"DELETE FROM client_assertions WHERE assertion_digest IN "
     "(SELECT assertion_digest FROM client_assertions WHERE expires_ms <= $1 LIMIT $2)",
     ASSERTION_KEPT_MS},
    {"DELETE FROM sessions WHERE session_digest IN (SELECT session_digest FROM sessions WHERE expires_ms <= $1 LIMIT "
     "$2)",
     0},
    /* These two may be extended, or come into use, while the statement waits for their rows: it looks again. */
    {"DELETE FROM lockouts WHERE key IN "
     "(SELECT key FROM lockouts WHERE expires_ms <= $1 AND until_ms <= $1 LIMIT $2) "
     "AND expires_ms <= $1 AND until_ms <= $1",
     0},
    {"DELETE FROM signing_keys WHERE kid IN "
     "(SELECT kid FROM signing_keys WHERE retired_ms > 0 AND retired_ms <= $1 LIMIT $2)",
     AA_SIGNING_KEY_KEPT_MS},
    {"DELETE FROM clients WHERE client_id IN "
     "(SELECT client_id FROM clients WHERE expires_ms > 0 AND expires_ms <= $1 LIMIT $2) "
     "AND expires_ms > 0 AND expires_ms <= $1",
     0},
};

static enum aa_err sweep(struct aa_conn *c, int64_t now_ms, int64_t limit, int64_t *removed, struct aa_error *err)
{
    for (size_t i = 0; i < sizeof sweeps / sizeof *sweeps && *removed < limit; i++) {
        int64_t changed = 0;
        enum aa_err rc = aa_store_run(
            c, sweeps[i].sql, AA_ARGS(AA_INT(now_ms - sweeps[i].kept_ms), AA_INT(limit - *removed)), &changed, err);

        if (rc)
            return rc;
        *removed += changed;
    }
    return AA_OK;
}

/* One process sweeps at a time: two would wait for each other's rows. */
enum aa_err aa_store_sweep(struct aa_conn *c, int64_t now_ms, int64_t limit, int64_t *removed, struct aa_error *err)
{
    int64_t total = 0;
    bool is_ours = false;
    enum aa_err rc;

    rc = aa_conn_try_lock(c, SWEEP_LOCK, &is_ours, err);
    if (!rc && is_ours)
        rc = sweep(c, now_ms, limit, &total, err);
    if (!rc)
        *removed = total;
    return rc;
}
