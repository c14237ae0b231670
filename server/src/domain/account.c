#include "domain/account.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "domain/audit.h"
#include "domain/texts.h"
#include "oauth/scope.h"

#define GRANT_ID_MAX 256 /* bytes: of a longer one, which is none of ours, the audit is told that it was one */
#define COUNT_MAX 24     /* bytes: a number's digits */

/* ---- one client at one server ---- */

static void clear_access(struct aa_account_access *access)
{
    aa_mem_free(access->memory);
    aa_buf_clear(&access->scope);
    *access = (struct aa_account_access){0};
}

/* Moves its texts, which are borrowed from a row, into memory of its own. */
static enum aa_err keep_texts(struct aa_account_access *access, struct aa_error *err)
{
    struct aa_view *const texts[] = {&access->client_id, &access->client_name, &access->client_source,
                                     &access->server_id, &access->server_name, &access->server_url};
    size_t len = 0;
    char *at;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        len += texts[i]->len;
    at = access->memory = aa_mem_new(len + 1);
    if (!at)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory for what a person allowed");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (aa_view_is_absent(*texts[i]))
            continue;
        memcpy(at, texts[i]->data, texts[i]->len);
        texts[i]->data = at;
        at += texts[i]->len;
    }
    return AA_OK;
}

static struct aa_account_access *find_access(struct aa_account *account, const struct aa_named_access *row)
{
    for (size_t i = 0; i < account->access_count; i++) {
        struct aa_account_access *access = &account->accesses[i];

        if (aa_view_equal(access->client_id, row->client_id) && aa_view_equal(access->server_id, row->server_id))
            return access;
    }
    return NULL;
}

static enum aa_err add_access(struct aa_account *account, const struct aa_named_access *row, struct aa_error *err)
{
    struct aa_account_access *access = &account->accesses[account->access_count];
    enum aa_err rc;

    *access = (struct aa_account_access){
        .client_id = row->client_id,
        .client_name = row->client_name,
        .client_source = row->client_source,
        .server_id = row->server_id,
        .server_name = row->server_name,
        .server_url = row->server_url,
        .since_ms = row->created_ms,
    };
    aa_buf_init(&access->scope, AA_SCOPE_LEN_MAX);
    rc = keep_texts(access, err);
    if (!rc)
        account->access_count++;
    return rc;
}

/* ---- its scopes ---- */

struct scope_union {
    struct aa_scopes words;
    size_t len; /* of them all, with the spaces between */
    bool is_full;
};

/* What somebody wrote into the database by hand, or had imported, need not be a scope: people see it all the same,
 * unless it would rewrite the page. */
static struct aa_view shown_as(struct aa_view word)
{
    return !aa_scope_check(word, NULL) || aa_text_is_plain(word) ? word : AA_VIEW("?");
}

static void unite(struct scope_union *all, struct aa_view scope)
{
    while (!aa_view_is_absent(scope) && !all->is_full) {
        struct aa_view word;
        size_t len;

        aa_view_cut(scope, ' ', &word, &scope);
        if (word.len == 0)
            continue;
        word = shown_as(word);
        len = all->len + (all->len > 0) + word.len;
        if (aa_scopes_has(&all->words, word))
            continue;
        if (all->words.len == AA_SCOPE_COUNT_MAX || len > AA_SCOPE_LEN_MAX) {
            all->is_full = true;
        } else {
            all->words.items[all->words.len++] = word;
            all->len = len;
        }
    }
}

static enum aa_err add_scope(struct aa_account_access *access, struct aa_view scope, struct aa_error *err)
{
    struct scope_union all = {.len = 0};
    struct aa_buf joined;
    enum aa_err rc;

    if (scope.len == 0 || access->has_more_scopes || aa_view_equal(scope, aa_buf_view(&access->scope)))
        return AA_OK;
    unite(&all, aa_buf_view(&access->scope));
    unite(&all, scope);
    aa_buf_init(&joined, AA_SCOPE_LEN_MAX);
    aa_scopes_write(&all.words, &joined);
    rc = aa_buf_check(&joined, "the scopes of what a person allowed", err);
    if (rc) {
        aa_buf_clear(&joined);
        return rc;
    }
    aa_buf_clear(&access->scope);
    access->scope = joined;
    access->has_more_scopes = all.is_full;
    return AA_OK;
}

static enum aa_err merge(struct aa_account_access *access, const struct aa_named_access *row, struct aa_error *err)
{
    access->has_grant |= row->grants > 0;
    if (row->created_ms < access->since_ms)
        access->since_ms = row->created_ms;
    if (row->last_used_ms > access->used_ms)
        access->used_ms = row->last_used_ms;
    return add_scope(access, row->scope, err);
}

/* ---- what there is ---- */

void aa_account_clear(struct aa_account *account)
{
    for (size_t i = 0; i < account->access_count; i++)
        clear_access(&account->accesses[i]);
    account->access_count = account->session_count = 0;
    account->has_more_accesses = false;
}

struct opening {
    const struct aa_person *person;
    int64_t now_ms;
    struct aa_account *account;
};

/* To the last row, also when the list is full: those that come late may belong to what came early. */
static enum aa_err note_access(void *ctx, const void *record, struct aa_error *err)
{
    const struct opening *opening = ctx;
    const struct aa_named_access *row = record;
    struct aa_account *account = opening->account;
    struct aa_account_access *access = find_access(account, row);
    enum aa_err rc;

    if (!access && account->access_count == AA_ACCOUNT_LIST_MAX) {
        account->has_more_accesses = true;
        return AA_OK;
    }
    if (!access) {
        rc = add_access(account, row, err);
        if (rc)
            return rc;
        access = &account->accesses[account->access_count - 1];
    }
    return merge(access, row, err);
}

static enum aa_err note_session(void *ctx, const void *record, struct aa_error *err)
{
    const struct opening *opening = ctx;
    const struct aa_session *session = record;
    struct aa_account *account = opening->account;

    (void)err;
    account->sessions[account->session_count++] = (struct aa_account_session){
        .since_ms = session->created_ms,
        .is_present = aa_view_equal(session->session_digest, opening->person->session.session_digest)};
    return AA_OK;
}

static enum aa_err find_all(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct opening *opening = ctx;
    const struct aa_person *person = opening->person;
    enum aa_err rc;

    aa_account_clear(opening->account); /* the closure may run again */
    rc = aa_named_access_list(conn, person->user.user_id, note_access, opening, err);
    if (rc)
        return rc;
    return aa_session_list(conn, person->user.user_id, person->session.session_digest, opening->now_ms,
                           AA_ACCOUNT_LIST_MAX + 1, note_session, opening, err);
}

enum aa_err aa_account_open(struct aa_app *app, const struct aa_person *person, struct aa_account *out,
                            struct aa_error *err)
{
    struct opening opening = {person, aa_app_now_ms(app), out};
    enum aa_err rc = aa_db_read(app->db, find_all, &opening, err);

    if (rc)
        aa_account_clear(out);
    return rc;
}

/* ---- access that is removed ---- */

struct removal {
    const struct aa_app *app;
    const struct aa_person *person;
    struct aa_view server_id, client_id;
    int64_t now_ms;
    int64_t grants, consents; /* that were removed */
    struct aa_buf grant_id;   /* of the last */
};

static bool has_removed(const struct removal *removal)
{
    return removal->grants > 0 || removal->consents > 0;
}

static enum aa_err note_removed_grant(void *ctx, const void *record, struct aa_error *err)
{
    struct removal *removal = ctx;
    struct aa_view grant_id = ((const struct aa_grant *)record)->grant_id;

    removal->grants++;
    aa_buf_reset(&removal->grant_id);
    if (grant_id.len <= GRANT_ID_MAX)
        aa_buf_add(&removal->grant_id, grant_id);
    return aa_buf_check(&removal->grant_id, "the id of a grant", err);
}

static enum aa_err revoke_all(struct aa_conn *conn, struct removal *removal, struct aa_error *err)
{
    struct aa_view user_id = removal->person->user.user_id;
    enum aa_err rc;

    removal->grants = removal->consents = 0; /* the closure may run again */
    rc = aa_grant_revoke_at(conn, user_id, removal->client_id, removal->server_id, removal->now_ms, note_removed_grant,
                            removal, err);
    if (rc)
        return rc;
    return aa_consent_revoke(conn, user_id, removal->client_id, removal->server_id, removal->now_ms, &removal->consents,
                             err);
}

static enum aa_err note_removal(struct aa_conn *conn, const struct removal *removal, struct aa_error *err)
{
    struct aa_view user_id = removal->person->user.user_id;
    struct aa_audit_entry entry = {.event = AA_AUDIT_REVOKE,
                                   .actor = user_id,
                                   .user_id = user_id,
                                   .client_id = removal->client_id,
                                   .server_id = removal->server_id};
    struct aa_buf count, consents;
    enum aa_err rc;

    aa_buf_init(&count, COUNT_MAX);
    aa_buf_init(&consents, COUNT_MAX);
    aa_buf_add_int(&count, removal->grants);
    aa_buf_add_int(&consents, removal->consents);
    if (removal->consents > 0)
        entry.details[1] = (struct aa_audit_detail){"consents", aa_buf_view(&consents)};
    if (removal->grants == 1 && removal->grant_id.len > 0)
        entry.grant_id = aa_buf_view(&removal->grant_id);
    else
        entry.details[0] = (struct aa_audit_detail){"grants", aa_buf_view(&count)};
    rc = aa_buf_check(&count, "how many grants were removed", err);
    if (!rc)
        rc = aa_buf_check(&consents, "how many consents were removed", err);
    if (!rc)
        rc = aa_audit_note(removal->app, conn, &entry, err);
    aa_buf_clear(&count);
    aa_buf_clear(&consents);
    return rc;
}

static enum aa_err remove_access(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct removal *removal = ctx;
    enum aa_err rc;

    rc = aa_session_hold(conn, removal->person, removal->now_ms, err);
    if (!rc)
        rc = revoke_all(conn, removal, err);
    return rc || !has_removed(removal) ? rc : note_removal(conn, removal, err);
}

enum aa_err aa_account_remove_access(struct aa_app *app, const struct aa_person *person, struct aa_view server_id,
                                     struct aa_view client_id, struct aa_error *err)
{
    struct removal removal = {
        .app = app, .person = person, .server_id = server_id, .client_id = client_id, .now_ms = aa_app_now_ms(app)};
    enum aa_err rc;

    aa_buf_init(&removal.grant_id, GRANT_ID_MAX);
    rc = aa_db_write(app->db, remove_access, &removal, err);
    if (!rc && has_removed(&removal))
        aa_metrics_count(app->metrics, AA_COUNT_REVOCATIONS);
    aa_buf_clear(&removal.grant_id);
    return rc;
}

/* ---- sessions that are ended ---- */

struct leaving {
    const struct aa_app *app;
    const struct aa_person *person;
    int64_t now_ms;
};

static enum aa_err note_ended(struct aa_conn *conn, const struct leaving *leaving, int64_t ended, struct aa_error *err)
{
    struct aa_view user_id = leaving->person->user.user_id;
    struct aa_audit_entry entry = {.event = AA_AUDIT_LOGOUT, .actor = user_id, .user_id = user_id};
    struct aa_buf count;
    enum aa_err rc;

    aa_buf_init(&count, COUNT_MAX);
    aa_buf_add_int(&count, ended);
    entry.details[0] = (struct aa_audit_detail){"where", AA_VIEW("everywhere else")};
    entry.details[1] = (struct aa_audit_detail){"sessions", aa_buf_view(&count)};
    rc = aa_buf_check(&count, "how many sessions were ended", err);
    if (!rc)
        rc = aa_audit_note(leaving->app, conn, &entry, err);
    aa_buf_clear(&count);
    return rc;
}

/* The person is held first: of two browsers that do this to each other at once, one stays logged in. */
static enum aa_err end_others(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    const struct leaving *leaving = ctx;
    const struct aa_person *person = leaving->person;
    int64_t ended = 0;
    enum aa_err rc;

    rc = aa_session_hold(conn, person, leaving->now_ms, err);
    if (!rc)
        rc = aa_session_delete_others(conn, person->user.user_id, person->session.session_digest, leaving->now_ms,
                                      &ended, err);
    return rc || ended == 0 ? rc : note_ended(conn, leaving, ended, err);
}

enum aa_err aa_account_log_out_elsewhere(struct aa_app *app, const struct aa_person *person, struct aa_error *err)
{
    struct leaving leaving = {app, person, aa_app_now_ms(app)};

    return aa_db_write(app->db, end_others, &leaving, err);
}
