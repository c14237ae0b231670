/* Rows past their use. */
#include "store/record.h"

/* A spent code is kept this much longer than it could be used, so that a late replay still revokes what it issued. */
#define CODE_REPLAY_MS (INT64_C(3600) * 1000)

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
     "(SELECT token_key FROM access_tokens WHERE expires_ms <= $1 LIMIT $2)",
     0},
    {"DELETE FROM refresh_tokens WHERE token_key IN "
     "(SELECT token_key FROM refresh_tokens WHERE expires_ms <= $1 LIMIT $2)",
     0},
    {"DELETE FROM sessions WHERE session_digest IN (SELECT session_digest FROM sessions WHERE expires_ms <= $1 LIMIT "
     "$2)",
     0},
    {"DELETE FROM lockouts WHERE key IN "
     "(SELECT key FROM lockouts WHERE expires_ms <= $1 AND until_ms <= $1 LIMIT $2)",
     0},
    {"DELETE FROM clients WHERE client_id IN "
     "(SELECT client_id FROM clients WHERE expires_ms > 0 AND expires_ms <= $1 LIMIT $2)",
     0},
};

enum aa_err aa_store_sweep(struct aa_conn *c, int64_t now_ms, int64_t limit, int64_t *removed, struct aa_error *err)
{
    int64_t total = 0;

    for (size_t i = 0; i < sizeof sweeps / sizeof *sweeps && total < limit; i++) {
        int64_t changed = 0;
        enum aa_err rc = aa_store_run(
            c, sweeps[i].sql, AA_ARGS(AA_INT(now_ms - sweeps[i].kept_ms), AA_INT(limit - total)), &changed, err);

        if (rc)
            return rc;
        total += changed;
    }
    *removed = total;
    return AA_OK;
}
