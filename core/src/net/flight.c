#include "net/core.h"

#include "base/error.h"
#include "base/mem.h"
#include "net/clock.h"
#include "net/log.h"
#include "oauth/introspection.h"
#include "verify/local.h"
#include "verify/policy.h"

#define LOG_PAUSE_MS 60000
#define FORM_MAX (4 * 8192 + 64) /* a token of the largest size, every byte escaped, and the names */
#define FOREVER_MS 60000

/* ---- the table ------------------------------------------------------------------------------------------------- */

static struct aa_flight **bucket_of(struct aa_io *io, const struct aa_cache_key *key)
{
    return &io->buckets[key->bytes[0] & (AA_FLIGHT_BUCKETS - 1)];
}

static struct aa_flight *find(struct aa_io *io, const struct aa_cache_key *key)
{
    struct aa_flight *flight = *bucket_of(io, key);

    while (flight && memcmp(flight->key.bytes, key->bytes, AA_CACHE_KEY_LEN) != 0)
        flight = flight->bucket_next;
    return flight;
}

static void link_flight(struct aa_io *io, struct aa_flight *flight)
{
    struct aa_flight **bucket = bucket_of(io, &flight->key);

    flight->bucket_next = *bucket;
    *bucket = flight;
    flight->prev = io->flights_tail;
    if (io->flights_tail)
        io->flights_tail->next = flight;
    else
        io->flights = flight;
    io->flights_tail = flight;
    io->flight_count++;
}

static void unlink_flight(struct aa_io *io, struct aa_flight *flight)
{
    struct aa_flight **link = bucket_of(io, &flight->key);

    while (*link != flight)
        link = &(*link)->bucket_next;
    *link = flight->bucket_next;
    if (flight->prev)
        flight->prev->next = flight->next;
    else
        io->flights = flight->next;
    if (flight->next)
        flight->next->prev = flight->prev;
    else
        io->flights_tail = flight->prev;
    io->flight_count--;
}

static void free_flight(struct aa_flight *flight)
{
    aa_mem_wipe_free(flight->token, flight->token_len);
    aa_mem_free(flight);
}

/* ---- landing --------------------------------------------------------------------------------------------------- */

/* The reason of such a refusal stands nowhere else: the answer does not tell it to whoever sent the token. */
static void log_misdirected(struct aa_io *io, enum aa_err code, struct aa_now now)
{
    struct aa_identity *identity = aa_verifier_identity(&io->guard->verifier);

    if (code != AA_ERR_TOKEN_AUDIENCE && code != AA_ERR_TOKEN_ISSUER)
        return;
    if (io->misdirected_logged && now.mono_ms - io->misdirected_logged_ms < LOG_PAUSE_MS)
        return;
    io->misdirected_logged = true;
    io->misdirected_logged_ms = now.mono_ms;
    aa_log(AA_LOG_WARNING, "a token was refused: %s is not %.*s",
           code == AA_ERR_TOKEN_AUDIENCE ? "its audience" : "its issuer",
           AA_VIEW_ARGS(code == AA_ERR_TOKEN_AUDIENCE ? aa_identity_resource(identity)
                                                      : io->guard->verifier.options.auth_server));
}

/* An answer whose exp has passed already is worth no more than a refusal. */
static void refuse_expired(struct aa_facts *facts, struct aa_now now)
{
    if (facts->code || !facts->principal->has_exp || now.wall_s < facts->principal->exp_s)
        return;
    aa_facts_clear(facts);
    facts->code = AA_ERR_TOKEN_EXPIRED;
}

/* Remembers the facts, answers everybody who waited for them, ends the flight. Takes over the facts. */
static void land(struct aa_flight *flight, struct aa_facts *facts)
{
    struct aa_io *io = flight->io;
    struct aa_verifier *verifier = &io->guard->verifier;
    struct aa_waiter *waiter = aa_waiters_take_all(&flight->waiters);
    struct aa_now now = aa_clock_now();

    refuse_expired(facts, now);
    aa_cache_put(verifier->cache, &flight->key, facts, now);
    unlink_flight(io, flight);
    free_flight(flight);
    while (waiter) {
        struct aa_waiter *next = waiter->next;
        struct aa_facts copy = aa_facts_copy(facts);
        struct aa_verdict verdict;

        aa_verifier_judge(verifier, &copy, &waiter->request, now, &verdict);
        log_misdirected(io, verdict.code, now);
        aa_io_deliver(io, waiter, &verdict);
        waiter = next;
    }
    aa_facts_clear(facts);
}

static void land_refused(struct aa_flight *flight, enum aa_err code)
{
    struct aa_facts facts = {code, NULL};

    land(flight, &facts);
}

/* ---- what the authorization server said ------------------------------------------------------------------------- */

static void read_active(struct aa_io *io, const struct aa_introspection *introspection, struct aa_facts *facts)
{
    struct aa_identity *identity = aa_verifier_identity(&io->guard->verifier);

    if (!introspection->active) {
        facts->code = AA_ERR_TOKEN_INACTIVE;
        return;
    }
    facts->code = aa_principal_new(&introspection->claims, introspection->document, aa_identity_resource(identity),
                                   &facts->principal, NULL);
}

static void read_answer(struct aa_io *io, struct aa_view body, struct aa_facts *facts)
{
    struct aa_introspection introspection;
    struct aa_error err = AA_ERROR_INIT;

    facts->code = aa_introspection_parse(body, &introspection, &err);
    if (facts->code) {
        aa_log(AA_LOG_WARNING, "the introspection answer is unusable: %s", err.message);
        return;
    }
    read_active(io, &introspection, facts);
    aa_introspection_clear(&introspection);
}

/* The one line an operator must see, and not a thousand of it. */
static void log_credentials(struct aa_io *io, int status)
{
    struct aa_now now = aa_clock_now();

    if (io->credentials_logged && now.mono_ms - io->credentials_logged_ms < LOG_PAUSE_MS)
        return;
    io->credentials_logged = true;
    io->credentials_logged_ms = now.mono_ms;
    aa_log(AA_LOG_ERROR,
           "the authorization server refused server_id and api_key (status %d): every request is answered 503 until "
           "they are right",
           status);
}

static void read_status(struct aa_io *io, const struct aa_http_result *result, struct aa_facts *facts)
{
    if (result->status == 200) {
        read_answer(io, result->body, facts);
        return;
    }
    if (result->status == 401 || result->status == 403) {
        facts->code = AA_ERR_REMOTE_CREDENTIALS;
        log_credentials(io, result->status);
        return;
    }
    facts->code = AA_ERR_REMOTE_STATUS;
    aa_log(AA_LOG_WARNING, "introspection was answered with status %d", result->status);
}

static bool is_transport(enum aa_err code)
{
    return code == AA_ERR_REMOTE_UNREACHABLE || code == AA_ERR_REMOTE_DNS || code == AA_ERR_REMOTE_TLS ||
           code == AA_ERR_REMOTE_TIMEOUT;
}

static void note_failure(struct aa_io *io, const struct aa_http_result *result)
{
    if (!aa_breaker_failed(&io->breaker, aa_clock_now().mono_ms))
        return;
    atomic_fetch_add_explicit(&io->guard->breaker_opened, 1, memory_order_relaxed);
    aa_log(AA_LOG_ERROR, "the authorization server does not answer (%s): not asking it for a while", result->detail);
}

static void note_success(struct aa_io *io)
{
    if (aa_breaker_is_open(&io->breaker))
        aa_log(AA_LOG_INFO, "the authorization server answers again");
    aa_breaker_succeeded(&io->breaker);
}

static void introspected(void *ctx, const struct aa_http_result *result)
{
    struct aa_flight *flight = ctx;
    struct aa_io *io = flight->io;
    struct aa_facts facts = {result->code, NULL};

    io->call_count--;
    io->news = true;
    if (is_transport(result->code))
        note_failure(io, result);
    else
        note_success(io);
    if (!result->code)
        read_status(io, result, &facts);
    if (aa_err_class_of(facts.code) == AA_CLASS_REMOTE)
        atomic_fetch_add_explicit(&io->guard->remote_errors, 1, memory_order_relaxed);
    land(flight, &facts);
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

static enum aa_err call(struct aa_flight *flight, struct aa_view endpoint)
{
    struct aa_io *io = flight->io;
    struct aa_http_request request = {
        .url = endpoint.data,
        .basic_user = aa_buf_text(&io->guard->basic_user),
        .basic_password = aa_buf_text(&io->guard->basic_password),
    };
    struct aa_buf form;
    enum aa_err rc;

    aa_buf_init(&form, FORM_MAX);
    aa_buf_add_text(&form, "token=");
    aa_buf_add_percent(&form, aa_view_make(flight->token, flight->token_len));
    aa_buf_add_text(&form, "&token_type_hint=access_token");
    rc = aa_buf_check(&form, "the introspection request", NULL);
    request.form = aa_buf_view(&form);
    if (!rc)
        rc = aa_http_start(io->http, &request, introspected, flight, NULL);
    aa_buf_wipe_clear(&form);
    return rc;
}

static void introspect(struct aa_flight *flight, struct aa_now now)
{
    struct aa_io *io = flight->io;
    struct aa_view endpoint = aa_learn_introspection_endpoint(io);
    enum aa_err rc;

    if (aa_view_is_absent(endpoint)) {
        if (aa_learn_is_hopeless(io, AA_LEARN_METADATA))
            land_refused(flight, aa_learn_reason(io, AA_LEARN_METADATA));
        return;
    }
    if (io->call_count >= AA_CALLS_MAX)
        return;
    if (!aa_breaker_allows(&io->breaker, now.mono_ms)) {
        land_refused(flight, AA_ERR_REMOTE_BREAKER);
        return;
    }
    rc = call(flight, endpoint);
    if (rc) {
        aa_breaker_unused(&io->breaker);
        land_refused(flight, rc);
        return;
    }
    flight->state = AA_FLIGHT_CALLS;
    io->call_count++;
    atomic_fetch_add_explicit(&io->guard->introspections, 1, memory_order_relaxed);
}

/* ---- the signature first ---------------------------------------------------------------------------------------- */

enum next_step { LANDED, WAIT, ASK };

/* A key id that is not in the set: the keys may have been rotated. They are fetched once, if the cool-down allows;
 * after that a server that can be asked is asked. */
static enum next_step seek_key(struct aa_flight *flight, struct aa_now now)
{
    struct aa_io *io = flight->io;

    if (!flight->keys_tried && aa_learn_want_keys(io, now)) {
        flight->keys_tried = true;
        flight->keys_round = io->keys_round + 1;
        return WAIT;
    }
    if (io->guard->verifier.options.mode != AA_MODE_JWT)
        return ASK;
    /* A set that could not be fetched anew says nothing about a key that is missing in the old one: 503, not 401. */
    land_refused(flight,
                 io->lessons[AA_LEARN_KEYS].failed ? aa_learn_reason(io, AA_LEARN_KEYS) : AA_ERR_TOKEN_KEY_UNKNOWN);
    return LANDED;
}

static enum next_step check_signature(struct aa_flight *flight, const struct aa_jwks *jwks, struct aa_now now)
{
    struct aa_verifier *verifier = &flight->io->guard->verifier;
    struct aa_view resource = aa_identity_resource(aa_verifier_identity(verifier));
    struct aa_facts facts;

    switch (aa_local_check(&verifier->options, jwks, resource, aa_view_make(flight->token, flight->token_len), now,
                           &facts)) {
    case AA_LOCAL_NOT_JWT:
        return ASK;
    case AA_LOCAL_KEY_UNKNOWN:
        return seek_key(flight, now);
    case AA_LOCAL_GOOD:
        if (verifier->options.mode != AA_MODE_JWT)
            return ASK;
        break;
    case AA_LOCAL_REFUSED:
        break;
    }
    land(flight, &facts);
    return LANDED;
}

static enum next_step without_keys(struct aa_flight *flight)
{
    struct aa_io *io = flight->io;
    enum aa_lesson lesson = aa_view_is_absent(aa_learn_jwks_uri(io)) ? AA_LEARN_METADATA : AA_LEARN_KEYS;

    if (io->guard->verifier.options.mode != AA_MODE_JWT)
        return ASK;
    if (!aa_learn_is_hopeless(io, lesson))
        return WAIT;
    land_refused(flight, aa_learn_reason(io, lesson));
    return LANDED;
}

static enum next_step check_locally(struct aa_flight *flight, struct aa_now now)
{
    struct aa_jwks *jwks;
    enum next_step step;

    if (flight->keys_tried && flight->io->keys_round < flight->keys_round)
        return WAIT;
    jwks = aa_keys_take(&flight->io->guard->verifier.keys);
    if (!jwks)
        return without_keys(flight);
    step = check_signature(flight, jwks, now);
    aa_jwks_release(jwks);
    return step;
}

static void advance(struct aa_flight *flight, struct aa_now now)
{
    if (!flight->checked) {
        enum next_step step = check_locally(flight, now);

        if (step != ASK)
            return;
        flight->checked = true;
    }
    introspect(flight, now);
}

void aa_flights_advance(struct aa_io *io)
{
    struct aa_now now = aa_clock_now();
    struct aa_flight *flight;
    struct aa_flight *next;

    if (!io->news)
        return;
    io->news = false;
    for (flight = io->flights; flight; flight = next) {
        next = flight->next;
        if (flight->state == AA_FLIGHT_WAITS)
            advance(flight, now);
    }
}

/* ---- taking off ------------------------------------------------------------------------------------------------ */

static struct aa_flight *take_off(struct aa_io *io, const struct aa_question *question, struct aa_now now)
{
    struct aa_flight *flight;

    if (io->flight_count >= AA_FLIGHTS_MAX)
        return NULL;
    flight = aa_mem_new(sizeof *flight);
    if (!flight)
        return NULL;
    flight->token = aa_mem_copy_text(question->token.data, question->token.len);
    if (!flight->token) {
        aa_mem_free(flight);
        return NULL;
    }
    flight->token_len = question->token.len;
    flight->io = io;
    flight->key = question->key;
    flight->deadline_ms = now.mono_ms + io->guard->verifier.options.timeout_ms;
    aa_waiters_init(&flight->waiters);
    link_flight(io, flight);
    return flight;
}

void aa_flight_join(struct aa_io *io, struct aa_waiter *waiter, const struct aa_question *question, struct aa_now now)
{
    struct aa_flight *flight = find(io, &question->key);

    atomic_fetch_add_explicit(&io->guard->misses, 1, memory_order_relaxed);
    if (flight) {
        atomic_fetch_add_explicit(&io->guard->joined, 1, memory_order_relaxed);
        aa_waiters_add(&flight->waiters, waiter);
        return;
    }
    flight = take_off(io, question, now);
    if (!flight) {
        aa_io_refuse(io, waiter,
                     AA_ERR_REMOTE_TIMEOUT); /* too many are waiting, or no memory: it would not be its turn in time */
        return;
    }
    aa_waiters_add(&flight->waiters, waiter);
    advance(flight, now);
}

/* Calls have a time limit of their own; this one is for those that never got as far. */
int64_t aa_flights_expire(struct aa_io *io, struct aa_now now)
{
    struct aa_flight *flight;
    struct aa_flight *next;

    for (flight = io->flights; flight; flight = next) { /* oldest first */
        next = flight->next;
        if (now.mono_ms < flight->deadline_ms)
            return flight->deadline_ms - now.mono_ms;
        if (flight->state == AA_FLIGHT_WAITS)
            land_refused(flight, AA_ERR_REMOTE_TIMEOUT);
    }
    return FOREVER_MS;
}

void aa_flights_free(struct aa_io *io)
{
    while (io->flights)
        land_refused(io->flights, AA_ERR_CLOSED);
}
