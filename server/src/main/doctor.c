/* doctor: looks at everything and changes nothing. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/error.h"
#include "base/json.h"
#include "db/backup.h"
#include "domain/audit_keep.h"
#include "domain/directory.h"
#include "domain/keyring.h"
#include "domain/texts.h"
#include "main/command.h"
#include "main/master_key.h"
#include "main/output.h"
#include "net/http.h"
#include "store/audit.h"
#include "store/store.h"

#define LINE_MAX_LEN 2048
#define ISSUER_TIMEOUT_MS 5000
#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define KEY_AGE_MS (365 * DAY_MS)           /* a signing key older than that is worth replacing */
#define CLOCK_MIN_MS INT64_C(1735689600000) /* 2025: no clock of a machine that runs this is right before */
#define CLOCK_SLACK_MS 60000
#define SPACE_FAIL (INT64_C(16) * 1024 * 1024)
#define SPACE_WARN (INT64_C(256) * 1024 * 1024)

enum finding { FINDING_OK, FINDING_WARN, FINDING_FAIL, FINDING_COUNT };

struct doctor {
    const struct aa_config *config;
    struct aa_app app; /* opened for reading, if it can be */
    struct aa_db_facts facts;
    struct aa_error *err;
    enum aa_err rc; /* of writing the findings */
    int counts[FINDING_COUNT];
};

static void find(struct doctor *doctor, enum finding finding, const char *about, const char *format, ...)
    AA_PRINTF(4, 5);

static void find(struct doctor *doctor, enum finding finding, const char *about, const char *format, ...)
{
    static const char *const words[FINDING_COUNT] = {"ok", "warn", "fail"};
    char text[LINE_MAX_LEN], line[LINE_MAX_LEN + 64];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20)
            *c = ' ';
    snprintf(line, sizeof line, "%-5s %-14s %s\n", words[finding], about, text);
    doctor->counts[finding]++;
    if (!doctor->rc)
        doctor->rc = aa_output_write(aa_view_of(line), doctor->err);
}

static int64_t now_ms(void *ctx)
{
    struct timespec now;

    (void)ctx;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- files ---- */

/* What others may do with a file that should be its owner's alone. */
static void check_mode(struct doctor *doctor, const char *about, const char *path)
{
    struct stat file;

    if (stat(path, &file))
        return; /* told elsewhere, if it should be there */
    if (file.st_mode & S_IRWXO)
        find(doctor, FINDING_FAIL, about, "%s is open to everybody on this machine (mode %03o): chmod 600 it", path,
             file.st_mode & 0777U);
    else if (file.st_mode & S_IRWXG)
        find(doctor, FINDING_WARN, about, "%s is open to its group (mode %03o)", path, file.st_mode & 0777U);
    else
        find(doctor, FINDING_OK, about, "%s is its owner's alone", path);
}

static bool holds_secrets(const struct aa_config *config)
{
    static const enum aa_config_id secrets[] = {AA_CONFIG_master_key, AA_CONFIG_admin_token, AA_CONFIG_database};

    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        if (config->values[secrets[i]].text && config->values[secrets[i]].source == AA_FROM_FILE &&
            (secrets[i] != AA_CONFIG_database || aa_db_is_remote_url(config->values[secrets[i]].text)))
            return true;
    return false;
}

/* That its values are right was checked before this began. */
static void check_configuration(struct doctor *doctor)
{
    const char *file = doctor->config->file;

    if (file && holds_secrets(doctor->config))
        check_mode(doctor, "configuration", file);
    else
        find(doctor, FINDING_OK, "configuration", "%s", file ? file : "no file; flags, environment and defaults");
}

static void check_space(struct doctor *doctor, const char *path)
{
    struct statvfs system;
    int64_t free_bytes;

    if (statvfs(path, &system))
        return;
    free_bytes = (int64_t)system.f_bavail * (int64_t)system.f_frsize;
    find(doctor,
         free_bytes < SPACE_FAIL   ? FINDING_FAIL
         : free_bytes < SPACE_WARN ? FINDING_WARN
                                   : FINDING_OK,
         "disk", "%lld MiB are free where the database is", (long long)(free_bytes / (1024 * 1024)));
}

/* ---- clock ---- */

struct newest {
    int64_t time_ms;
};

static enum aa_err note_time(void *ctx, const void *record, struct aa_error *err)
{
    (void)err;
    ((struct newest *)ctx)->time_ms = ((const struct aa_audit_row *)record)->time_ms;
    return AA_OK;
}

static enum aa_err read_newest(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_audit_tail(conn, 1, note_time, ctx, err);
}

static void check_clock(struct doctor *doctor)
{
    struct newest newest = {0};
    int64_t now = now_ms(NULL);
    struct aa_buf text;

    if (doctor->app.db && aa_db_read(doctor->app.db, read_newest, &newest, NULL))
        newest.time_ms = 0;
    aa_buf_init(&text, 64);
    aa_text_add_time(&text, now);
    if (now < CLOCK_MIN_MS)
        find(doctor, FINDING_FAIL, "clock", "it says %s: that is long past", aa_buf_text(&text));
    else if (newest.time_ms > now + CLOCK_SLACK_MS)
        find(doctor, FINDING_FAIL, "clock", "it says %s, and the audit ends %lld s later: one of both clocks was wrong",
             aa_buf_text(&text), (long long)((newest.time_ms - now) / 1000));
    else
        find(doctor, FINDING_OK, "clock", "%s", aa_buf_text(&text));
    aa_buf_clear(&text);
}

/* ---- database ---- */

static void check_schema(struct doctor *doctor)
{
    const struct aa_db_facts *facts = &doctor->facts;

    if (facts->schema == facts->schema_known)
        find(doctor, FINDING_OK, "schema", "%lld, as this program wants it", (long long)facts->schema);
    else if (facts->schema > facts->schema_known)
        find(doctor, FINDING_FAIL, "schema", "%lld, made by a newer version; this program knows %lld",
             (long long)facts->schema, (long long)facts->schema_known);
    else
        find(doctor, FINDING_WARN, "schema", "%lld; this program brings it to %lld when it starts, or by `migrate`",
             (long long)facts->schema, (long long)facts->schema_known);
}

static void open_database(struct doctor *doctor)
{
    struct aa_db_options options = aa_config_database(doctor->config);
    struct aa_error why = AA_ERROR_INIT;

    options.must_exist = options.read_only = true;
    if (doctor->facts.schema == doctor->facts.schema_known && aa_db_open(&options, &doctor->app.db, &why))
        find(doctor, FINDING_FAIL, "database", "it cannot be opened: %s", why.message);
}

static void check_database(struct doctor *doctor)
{
    const char *url = aa_config_text(doctor->config, AA_CONFIG_database);
    struct aa_error why = AA_ERROR_INIT;
    enum aa_err rc;

    if (aa_view_equal_text(aa_view_of(url), ":memory:")) {
        find(doctor, FINDING_WARN, "database", "it is in memory: everything is gone when the server stops");
        return;
    }
    rc = aa_db_examine(url, true, &doctor->facts, &why);
    if (rc) {
        find(doctor, FINDING_FAIL, "database", "%s%s", why.message,
             rc == AA_ERR_NOT_FOUND ? "; `auth-agent-server init` makes one" : "");
        return;
    }
    if (doctor->facts.has_counts)
        find(doctor, FINDING_OK, "database", "%s, whole: %lld rows in %lld tables", doctor->facts.engine,
             (long long)doctor->facts.rows, (long long)doctor->facts.tables);
    else
        find(doctor, FINDING_OK, "database", "%s answers", doctor->facts.engine);
    if (doctor->facts.file) {
        check_mode(doctor, "database", doctor->facts.file);
        check_space(doctor, doctor->facts.file);
    }
    if (aa_config_number(doctor->config, AA_CONFIG_synchronous) == 1)
        find(doctor, FINDING_WARN, "database", "synchronous is normal: a power cut may lose the last answers");
    check_schema(doctor);
    open_database(doctor);
}

struct ends {
    int64_t now_ms, torn, future; /* chains; -1: none */
};

static enum aa_err look_at_ends(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct ends *ends = ctx;
    enum aa_err rc;

    rc = aa_audit_find_torn(conn, &ends->torn, err);
    return rc ? rc : aa_audit_find_future(conn, ends->now_ms + AA_AUDIT_DRIFT_MS, &ends->future, err);
}

static void check_audit(struct doctor *doctor)
{
    struct aa_error why = AA_ERROR_INIT;
    struct ends ends = {aa_app_now_ms(&doctor->app), -1, -1};

    if (aa_db_read(doctor->app.db, look_at_ends, &ends, &why))
        find(doctor, FINDING_FAIL, "audit", "%s", why.message);
    else if (ends.torn >= 0)
        find(doctor, FINDING_FAIL, "audit", "rows of chain %lld are missing; `audit verify` tells more",
             (long long)ends.torn);
    else if (ends.future >= 0)
        find(doctor, FINDING_WARN, "audit",
             "the first entry of chain %lld lies in the future: until then nothing of it is pruned",
             (long long)ends.future);
    else
        find(doctor, FINDING_OK, "audit", "its ends are there; `audit verify` looks at every row");
}

static enum aa_err count_untrue(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_grant_count_untrue(conn, ctx, err);
}

/* A token says of its person what its grant says: it would let in who was disabled. */
static void check_grants(struct doctor *doctor)
{
    struct aa_error why = AA_ERROR_INIT;
    int64_t untrue = 0;

    if (aa_db_read(doctor->app.db, count_untrue, &untrue, &why))
        find(doctor, FINDING_FAIL, "grants", "%s", why.message);
    else if (untrue > 0)
        find(
            doctor, FINDING_FAIL, "grants",
            "%lld do not say what their people's rows say: were triggers switched off, or are some missing? Until that "
            "is mended, `UPDATE grants SET user_disabled_ms = 1` keeps everybody out, and `UPDATE users SET "
            "disabled_ms "
            "= disabled_ms` lets in again who may",
            (long long)untrue);
    else
        find(doctor, FINDING_OK, "grants", "each says what its person's row says");
}

static void check_admin_token(struct doctor *doctor)
{
    struct aa_error why = AA_ERROR_INIT;
    bool exists = false;

    if (aa_admin_token_exists(&doctor->app, &exists, &why))
        find(doctor, FINDING_FAIL, "admin token", "%s", why.message);
    else if (exists)
        find(doctor, FINDING_OK, "admin token", "there is one");
    else
        find(doctor, FINDING_WARN, "admin token", "there is none, so the API registers nothing: `init` makes one");
}

/* ---- keys ---- */

struct keys {
    size_t count;
    int64_t newest_ms; /* when the newest one was made */
};

static enum aa_err note_key(void *ctx, const void *record, struct aa_error *err)
{
    const struct aa_signing_key *key = record;
    struct keys *keys = ctx;

    (void)err;
    keys->count++;
    if (key->created_ms > keys->newest_ms)
        keys->newest_ms = key->created_ms;
    return AA_OK;
}

static enum aa_err read_keys(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    *(struct keys *)ctx = (struct keys){0};
    return aa_signing_key_list(conn, note_key, ctx, err);
}

/* With keys in the database neither of the two makes anything. */
static enum aa_err open_keys(struct doctor *doctor, struct aa_error *why)
{
    struct aa_keyring *keyring = NULL;
    uint8_t master_key[32];
    enum aa_err rc;

    rc = aa_master_key_open(&doctor->app, doctor->config, master_key, why);
    if (!rc)
        rc = aa_keyring_open(&doctor->app, master_key, &keyring, why);
    aa_keyring_free(keyring);
    memset(master_key, 0, sizeof master_key);
    return rc;
}

static void check_keys(struct doctor *doctor)
{
    struct aa_error why = AA_ERROR_INIT;
    struct keys keys = {0};
    int64_t age_ms;

    if (aa_db_read(doctor->app.db, read_keys, &keys, &why)) {
        find(doctor, FINDING_FAIL, "signing keys", "%s", why.message);
        return;
    }
    if (keys.count == 0) {
        find(doctor, FINDING_WARN, "signing keys", "there are none yet: `init` or `serve` makes the first");
        return;
    }
    if (open_keys(doctor, &why)) {
        find(doctor, FINDING_FAIL, "master key", "%s", why.message);
        return;
    }
    find(doctor, FINDING_OK, "master key", "it opens the signing keys");
    age_ms = now_ms(NULL) - keys.newest_ms;
    find(doctor, age_ms > KEY_AGE_MS ? FINDING_WARN : FINDING_OK, "signing keys", "%zu; the newest is %lld days old%s",
         keys.count, (long long)(age_ms / DAY_MS), age_ms > KEY_AGE_MS ? ": `signing-key rotate` makes the next" : "");
}

static void check_key_file(struct doctor *doctor)
{
    const char *file = aa_config_text(doctor->config, AA_CONFIG_master_key_file);

    if (file && !aa_config_text(doctor->config, AA_CONFIG_master_key))
        check_mode(doctor, "master key", file);
}

/* ---- the issuer ---- */

struct asked {
    struct doctor *doctor;
    const char *issuer;
    bool is_done;
};

static void judge_answer(void *ctx, const struct aa_http_result *result)
{
    struct asked *asked = ctx;
    struct aa_json *document = NULL;

    asked->is_done = true;
    if (result->code)
        find(asked->doctor, FINDING_WARN, "issuer", "%s cannot be reached: %s", asked->issuer,
             result->detail ? result->detail : aa_err_text(result->code));
    else if (result->status != 200 || aa_json_parse(result->body, AA_HTTP_BODY_MAX, &document, NULL))
        find(asked->doctor, FINDING_FAIL, "issuer", "%s answers %d, and no metadata", asked->issuer, result->status);
    else if (!aa_view_equal_text(aa_json_text(aa_json_get(document, "issuer")), asked->issuer))
        find(asked->doctor, FINDING_FAIL, "issuer", "%s is answered by one that calls itself something else",
             asked->issuer);
    else
        find(asked->doctor, FINDING_OK, "issuer", "%s answers", asked->issuer);
    aa_json_free(document);
}

static enum aa_err ask_issuer(struct asked *asked, struct aa_http *http, struct aa_error *why)
{
    struct aa_http_request request = {.form = AA_VIEW_ABSENT};
    struct aa_buf url;
    enum aa_err rc;

    aa_buf_init(&url, LINE_MAX_LEN);
    aa_buf_add_format(&url, "%s/.well-known/oauth-authorization-server", asked->issuer);
    rc = aa_buf_check(&url, "the issuer", why);
    request.url = aa_buf_text(&url);
    if (!rc)
        rc = aa_http_start(http, &request, judge_answer, asked, why);
    while (!rc && !asked->is_done) {
        aa_http_wait(http, ISSUER_TIMEOUT_MS);
        aa_http_run(http);
    }
    aa_buf_clear(&url);
    return rc;
}

/* RFC 8414 puts the well-known part before a path; our issuers have none. */
static void check_issuer(struct doctor *doctor)
{
    struct aa_http_settings settings = {.connect_timeout_ms = ISSUER_TIMEOUT_MS, .timeout_ms = ISSUER_TIMEOUT_MS};
    struct asked asked = {doctor, aa_config_text(doctor->config, AA_CONFIG_issuer), false};
    struct aa_error why = AA_ERROR_INIT;
    struct aa_http *http = NULL;

    if (!aa_config_number(doctor->config, AA_CONFIG_issuer))
        find(doctor, FINDING_WARN, "issuer", "%s is http: only for programs on this machine", asked.issuer);
    if (aa_http_new(&settings, &http, &why) || ask_issuer(&asked, http, &why))
        find(doctor, FINDING_FAIL, "issuer", "%s", why.message);
    aa_http_free(http);
}

/* ---- all of it ---- */

static void examine(struct doctor *doctor)
{
    check_configuration(doctor);
    check_database(doctor);
    check_key_file(doctor);
    if (doctor->app.db) {
        check_keys(doctor);
        check_admin_token(doctor);
        check_audit(doctor);
        check_grants(doctor);
    }
    check_clock(doctor);
    check_issuer(doctor);
}

enum aa_err aa_command_doctor(const struct aa_call *call, struct aa_error *err)
{
    struct doctor doctor = {.config = call->config, .err = err};
    enum aa_err rc;

    doctor.app.now_ms = now_ms;
    doctor.app.random = aa_random_system;
    rc = aa_crypto_init(err);
    if (!rc)
        rc = aa_config_fill_settings(call->config, &doctor.app.settings, err);
    if (rc)
        return rc;
    examine(&doctor);
    aa_db_close(doctor.app.db);
    if (!doctor.rc && doctor.counts[FINDING_FAIL] > 0)
        return aa_fail(err, AA_ERR_SYSTEM, "%d of %d findings are failures", doctor.counts[FINDING_FAIL],
                       doctor.counts[FINDING_OK] + doctor.counts[FINDING_WARN] + doctor.counts[FINDING_FAIL]);
    return doctor.rc;
}
