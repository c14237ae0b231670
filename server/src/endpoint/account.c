#include "endpoint/account.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/url.h"
#include "domain/account.h"
#include "domain/servers.h"
#include "domain/texts.h"
#include "endpoint/client_view.h"
#include "endpoint/login.h"
#include "endpoint/logout.h"
#include "endpoint/page.h"
#include "endpoint/urls.h"
#include "endpoint/visit.h"
#include "oauth/scope.h"

#define PURPOSE "account"
#define TOKEN_MAX 64
#define TIME_MAX 64
#define WORDS_MAX (16 * AA_SCOPE_LEN_MAX) /* the shortest scope of all, "*:a", has the longest words */
#define ESCAPED 6                         /* bytes of the page for a byte of a text at most: &quot; */
#define ENTRY_MARKUP 2048                 /* bytes of the page for an entry, without its texts */
#define ENTRIES_MAX (768 * 1024)          /* bytes of the page for all of them; an answer has a MiB */

/* ---- one application ---- */

enum { SINCE, USED, WORDS, ENTRY_TEXTS };

struct entry {
    struct aa_buf texts[ENTRY_TEXTS];
    struct aa_template_value values[10];
};

static void init_entry(struct entry *entry)
{
    aa_buf_init(&entry->texts[SINCE], TIME_MAX);
    aa_buf_init(&entry->texts[USED], TIME_MAX);
    aa_buf_init(&entry->texts[WORDS], WORDS_MAX);
}

static void clear_entry(struct entry *entry)
{
    for (size_t i = 0; i < ENTRY_TEXTS; i++)
        aa_buf_clear(&entry->texts[i]);
}

/* "Read files, Change files": the scope itself where its name says nothing to people. */
static enum aa_err add_words(struct aa_buf *words, struct aa_view scope, struct aa_error *err)
{
    struct aa_scopes scopes;
    enum aa_err rc;

    rc = aa_scopes_parse(scope, &scopes, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < scopes.len; i++) {
        size_t start;

        if (i > 0)
            aa_buf_add_text(words, ", ");
        start = words->len;
        aa_scope_add_words(words, scopes.items[i]);
        if (words->len == start)
            aa_buf_add(words, scopes.items[i]);
    }
    return AA_OK;
}

static struct aa_view text_of(const struct entry *entry, size_t index)
{
    return entry->texts[index].len ? aa_buf_view(&entry->texts[index]) : AA_VIEW_ABSENT;
}

static enum aa_err build_entry(const struct aa_named_grant *grant, struct entry *entry, struct aa_error *err)
{
    const struct aa_client client = {.client_id = grant->client_id, .source = grant->client_source};
    enum aa_err rc;

    aa_text_add_time_words(&entry->texts[SINCE], grant->created_ms);
    if (grant->last_used_ms)
        aa_text_add_time_words(&entry->texts[USED], grant->last_used_ms);
    rc = add_words(&entry->texts[WORDS], grant->scope, err);
    for (size_t i = 0; !rc && i < ENTRY_TEXTS; i++)
        rc = aa_buf_check(&entry->texts[i], "the words for a grant", err);
    if (rc)
        return rc;
    entry->values[0] = (struct aa_template_value){.name = "grant_id", .text = grant->grant_id};
    entry->values[1] = (struct aa_template_value){.name = "client_host", .text = aa_client_verified_host(&client)};
    entry->values[2] = (struct aa_template_value){.name = "client_name", .text = grant->client_name};
    entry->values[3] = (struct aa_template_value){.name = "server_name", .text = grant->server_name};
    entry->values[4] = (struct aa_template_value){.name = "server_url", .text = grant->server_url};
    entry->values[5] = (struct aa_template_value){.name = "words", .text = text_of(entry, WORDS)};
    entry->values[6] = (struct aa_template_value){.name = "since", .text = text_of(entry, SINCE)};
    entry->values[7] = (struct aa_template_value){.name = "used", .text = text_of(entry, USED)};
    return AA_OK;
}

/* How much of the page it takes at most. */
static size_t size_of_entry(const struct entry *entry)
{
    size_t size = ENTRY_MARKUP;

    for (const struct aa_template_value *value = entry->values; value->name; value++)
        size += ESCAPED * value->text.len;
    return size;
}

/* ---- one browser ---- */

struct session_entry {
    struct aa_buf since;
    struct aa_template_value values[3];
};

static enum aa_err build_session(const struct aa_account_session *session, struct session_entry *entry,
                                 struct aa_error *err)
{
    enum aa_err rc;

    aa_text_add_time_words(&entry->since, session->since_ms);
    rc = aa_buf_check(&entry->since, "the time of a login", err);
    if (rc)
        return rc;
    entry->values[0] = (struct aa_template_value){.name = "session_since", .text = aa_buf_view(&entry->since)};
    entry->values[1] =
        (struct aa_template_value){.name = "is_present", .text = session->is_present ? AA_VIEW("1") : AA_VIEW_ABSENT};
    return AA_OK;
}

/* ---- the page ---- */

struct page {
    struct aa_account account;
    struct aa_buf action, logout_action, token, logout_token;
    struct entry entries[AA_ACCOUNT_LIST_MAX];
    const struct aa_template_value *entry_rows[AA_ACCOUNT_LIST_MAX];
    size_t entry_count;
    struct session_entry sessions[AA_ACCOUNT_LIST_MAX];
    const struct aa_template_value *session_rows[AA_ACCOUNT_LIST_MAX];
    size_t session_count;
};

static struct page *new_page(void)
{
    struct page *page = aa_mem_new(sizeof *page);

    if (!page)
        return NULL;
    aa_buf_init(&page->action, AA_URL_MAX + 64);
    aa_buf_init(&page->logout_action, AA_URL_MAX + 64);
    aa_buf_init(&page->token, TOKEN_MAX);
    aa_buf_init(&page->logout_token, TOKEN_MAX);
    for (size_t i = 0; i < AA_ACCOUNT_LIST_MAX; i++) {
        init_entry(&page->entries[i]);
        aa_buf_init(&page->sessions[i].since, TIME_MAX);
    }
    return page;
}

static void free_page(struct page *page)
{
    if (!page)
        return;
    aa_account_clear(&page->account);
    aa_buf_clear(&page->action);
    aa_buf_clear(&page->logout_action);
    aa_buf_wipe_clear(&page->token);
    aa_buf_wipe_clear(&page->logout_token);
    for (size_t i = 0; i < AA_ACCOUNT_LIST_MAX; i++) {
        clear_entry(&page->entries[i]);
        aa_buf_clear(&page->sessions[i].since);
    }
    aa_mem_free(page);
}

/* As many as are shown, and fit. */
static enum aa_err build_entries(struct page *page, struct aa_error *err)
{
    size_t size = 0;

    while (page->entry_count < page->account.grant_count && page->entry_count < AA_ACCOUNT_LIST_MAX) {
        struct entry *entry = &page->entries[page->entry_count];
        enum aa_err rc = build_entry(&page->account.grants[page->entry_count], entry, err);

        if (rc)
            return rc;
        size += size_of_entry(entry);
        if (size > ENTRIES_MAX)
            break;
        page->entry_rows[page->entry_count++] = entry->values;
    }
    return AA_OK;
}

static enum aa_err build_sessions(struct page *page, struct aa_error *err)
{
    while (page->session_count < page->account.session_count && page->session_count < AA_ACCOUNT_LIST_MAX) {
        struct session_entry *entry = &page->sessions[page->session_count];
        enum aa_err rc = build_session(&page->account.sessions[page->session_count], entry, err);

        if (rc)
            return rc;
        page->session_rows[page->session_count++] = entry->values;
    }
    return AA_OK;
}

static struct aa_view flag(bool on)
{
    return on ? AA_VIEW("1") : AA_VIEW_ABSENT;
}

static void answer_page(struct aa_visit *visit, const struct page *page)
{
    const struct aa_template_value values[] = {
        {.name = "action", .text = aa_buf_view(&page->action)},
        {.name = "logout_action", .text = aa_buf_view(&page->logout_action)},
        {.name = "csrf", .text = aa_buf_view(&page->token)},
        {.name = "logout_csrf", .text = aa_buf_view(&page->logout_token)},
        {.name = "user_email", .text = visit->person.user.email},
        {.name = "user_name", .text = visit->person.user.name},
        {.name = "has_grants", .text = flag(page->entry_count > 0)},
        {.name = "grants", .rows = page->entry_rows, .row_count = page->entry_count},
        {.name = "more_grants", .text = flag(page->account.grant_count > page->entry_count)},
        {.name = "sessions", .rows = page->session_rows, .row_count = page->session_count},
        {.name = "more_sessions", .text = flag(page->account.session_count > page->session_count)},
        {.name = "has_others", .text = flag(page->session_count > 1)},
        {.name = NULL},
    };

    aa_page_answer(visit->app, visit->request, visit->response, 200, "account.html", values);
}

static void show(struct aa_visit *visit)
{
    struct aa_error err = AA_ERROR_INIT;
    struct page *page = new_page();
    enum aa_err rc;

    rc = page ? aa_account_open(visit->app, &visit->person, &page->account, &err)
              : aa_fail(&err, AA_ERR_NOMEM, "out of memory for a person's account");
    if (!rc)
        rc = build_entries(page, &err);
    if (!rc)
        rc = build_sessions(page, &err);
    if (rc) {
        aa_visit_trouble(visit, rc, &err);
    } else {
        aa_path_of(visit->app, "/account", &page->action);
        aa_path_of(visit->app, "/logout", &page->logout_action);
        if (aa_visit_add_token(visit, PURPOSE, visit->session, &page->token) &&
            aa_visit_add_token(visit, AA_LOGOUT_PURPOSE, visit->session, &page->logout_token))
            answer_page(visit, page);
    }
    free_page(page);
}

void aa_account_get(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_visit visit;

    if (aa_visit_begin(&visit, app, request, response) && aa_visit_open_person(&visit)) {
        if (visit.has_person)
            show(&visit);
        else
            aa_visit_go(&visit, AA_LOGIN_FOR_ACCOUNT);
    }
    aa_visit_end(&visit);
}

/* ---- the buttons ---- */

/* Whatever became of it, the page shows how things are now. */
static void go_back(struct aa_visit *visit, enum aa_err rc, const struct aa_error *err)
{
    if (rc == AA_ERR_NOT_FOUND)
        aa_visit_go(visit, AA_LOGIN_FOR_ACCOUNT);
    else if (rc)
        aa_visit_trouble(visit, rc, err);
    else
        aa_visit_go(visit, "/account");
}

static void take_back(struct aa_visit *visit)
{
    struct aa_view grant_id = AA_VIEW_ABSENT, elsewhere = AA_VIEW_ABSENT;
    struct aa_error err = AA_ERROR_INIT;

    if (!aa_visit_get(visit, "grant", &grant_id) || !aa_visit_get(visit, "elsewhere", &elsewhere))
        return;
    if (!aa_view_is_absent(grant_id))
        go_back(visit, aa_account_remove_access(visit->app, &visit->person, grant_id, &err), &err);
    else if (aa_view_equal_text(elsewhere, "log_out"))
        go_back(visit, aa_account_log_out_elsewhere(visit->app, &visit->person, &err), &err);
    else
        aa_page_refuse(visit->app, visit->request, visit->response, 400, "Nothing was chosen",
                       "Please go back and choose what to take back.", NULL);
}

void aa_account_post(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_visit visit;

    if (aa_visit_begin(&visit, app, request, response) && aa_visit_open_person(&visit)) {
        if (!visit.has_person)
            aa_visit_go(&visit, AA_LOGIN_FOR_ACCOUNT);
        else if (aa_visit_check_token(&visit, PURPOSE, visit.session))
            take_back(&visit);
    }
    aa_visit_end(&visit);
}
