/* One GET of a URL that a stranger named: the document behind a client_id (Client ID Metadata Documents §5, §8.6).
 *
 * https alone, without credentials, cookies, referer, proxy or redirects, the certificate checked. Whatever name the
 * URL has, a connection is only made to an address of the Internet: the address is judged as it is connected to, so
 * that a name that means something else a moment later (DNS rebinding) gains nothing. Size and time are bounded, for
 * the lookup of the name too. */
#ifndef AA_NET_FETCH_H
#define AA_NET_FETCH_H

#include "base/view.h"

struct aa_fetch_settings { /* texts are NUL-terminated */
    const char *ca_file;   /* NULL: libcurl's own default */
    int64_t connect_timeout_ms;
    int64_t timeout_ms;  /* for the whole */
    size_t body_max;     /* bytes, at least one */
    bool allow_loopback; /* this machine's own addresses too: only where the authorization server itself is on loopback
                            (§8.6) */
};

struct aa_fetched {
    char *memory; /* what the views point into */
    int status;
    struct aa_view content_type; /* absent: none was sent */
    struct aa_view body;
    int64_t max_age_s; /* by Cache-Control; 0: no-store or no-cache; -1: nothing was said, or nonsense */
};

/* Blocks; any thread, many at once. The program ignores SIGPIPE. An answer of whatever status is AA_OK: the caller
 * judges it, and clears it; the body of another than 200 is left out when it is longer than body_max, which is
 * AA_ERR_TOO_LONG for 200. Errors: AA_ERR_REMOTE_FORBIDDEN (no https URL, one with a user name, or a host without any
 * address that may be reached), AA_ERR_REMOTE_DNS, _UNREACHABLE, _TLS, _TIMEOUT, _PROTOCOL (no HTTP, or too much of
 * it), AA_ERR_NOMEM, AA_ERR_SYSTEM (no libcurl). No text of an error tells what address a name stands for. */
AA_CHECK enum aa_err aa_fetch(const struct aa_fetch_settings *settings, const char *url, struct aa_fetched *out,
                              struct aa_error *err);
void aa_fetched_clear(struct aa_fetched *fetched);

#endif
