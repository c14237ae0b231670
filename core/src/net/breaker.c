#include "net/breaker.h"

bool aa_breaker_allows(struct aa_breaker *breaker, int64_t now_ms)
{
    if (breaker->pause_ms == 0)
        return true;
    if (breaker->probing || now_ms < breaker->probe_at_ms)
        return false;
    breaker->probing = true;
    return true;
}

void aa_breaker_succeeded(struct aa_breaker *breaker)
{
    *breaker = (struct aa_breaker){0};
}

void aa_breaker_unused(struct aa_breaker *breaker)
{
    breaker->probing = false;
}

bool aa_breaker_is_open(const struct aa_breaker *breaker)
{
    return breaker->pause_ms != 0;
}

static bool open_for(struct aa_breaker *breaker, int64_t pause_ms, int64_t now_ms)
{
    breaker->pause_ms = pause_ms < AA_BREAKER_PAUSE_MAX_MS ? pause_ms : AA_BREAKER_PAUSE_MAX_MS;
    breaker->probe_at_ms = now_ms + breaker->pause_ms;
    breaker->probing = false;
    return true;
}

/* Calls that were under way when it opened fail too; only the probe's failure makes the pause longer. */
bool aa_breaker_failed(struct aa_breaker *breaker, int64_t now_ms)
{
    if (breaker->pause_ms) {
        if (breaker->probing)
            open_for(breaker, 2 * breaker->pause_ms, now_ms);
        return false;
    }
    if (++breaker->failures < AA_BREAKER_FAILURES)
        return false;
    return open_for(breaker, AA_BREAKER_PAUSE_MS, now_ms);
}
