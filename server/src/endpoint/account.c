#include "endpoint/account.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/url.h"
#include "domain/account.h"
#include "domain/key_cache.h"
#include "domain/servers.h"
#include "domain/texts.h"
#include "endpoint/client_auth.h"
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
#define NUMBER_MAX 24                     /* bytes: of an entry on the page */
#define IDS_MAX (AA_SERVER_ID_MAX + 1 + AA_CLIENT_ID_MAX)
#define ESCAPED 6                /* bytes of the page for a byte of a text at most: &quot; */
#define ENTRY_MARKUP 2048        /* bytes of the page for an entry, without its texts */
#define ENTRIES_MAX (768 * 1024) /* bytes of the page for all of them; an answer has a MiB */

/* ---- one application ---- */

enum { NUMBER, IDS, SINCE, USED, WORDS, ENTRY_TEXTS };
static const size_t text_sizes[ENTRY_TEXTS] = {NUMBER_MAX, IDS_MAX, TIME_MAX, TIME_MAX, WORDS_MAX};

struct entry {
    struct aa_view host; /* that vouches for the client; absent when none does */
    struct aa_buf texts[ENTRY_TEXTS];
    struct aa_template_value values[12];
};

static void init_entry(struct entry *entry)
{
    for (size_t i = 0; i < ENTRY_TEXTS; i++)
        aa_buf_init(&entry->texts[i], text_sizes[i]);
}

static void clear_entry(struct entry *entry)
{
    for (size_t i = 0; i < ENTRY_TEXTS; i++)
        aa_buf_clear(&entry->texts[i]);
}

static bool is_id(struct aa_view id, size_t max)
{
    return id.len > 0 && id.len <= max && aa_view_is_printable_ascii(id) && aa_view_find(id, ' ') == SIZE_MAX;
}

/* What the button sends. None for ids that no client could send either: somebody wrote them into the database. */
static void add_ids(struct aa_buf *ids, const struct aa_account_access *access)
{
    if (!is_id(access->server_id, AA_SERVER_ID_MAX) || !is_id(access->client_id, AA_CLIENT_ID_MAX))
        return;
    aa_buf_add(ids, access->server_id);
    aa_buf_add_char(ids, ' ');
    aa_buf_add(ids, access->client_id);
}

/* "Read files, Change files": the scope itself where its name says nothing to people. */
static void add_words(struct aa_buf *words, const struct aa_account_access *access)
{
    struct aa_view scope, rest = aa_buf_view(&access->scope);

    while (rest.len > 0) {
        size_t start;

        aa_view_cut(rest, ' ', &scope, &rest);
        if (words->len > 0)
            aa_buf_add_text(words, ", ");
        start = words->len;
        aa_scope_add_words(words, scope);
        if (words->len == start)
            aa_buf_add(words, scope);
    }
    if (access->has_more_scopes)
        aa_buf_add_text(words, words->len > 0 ? " and more" : "More than can be shown here");
}

static enum aa_err add_texts(struct entry *entry, const struct aa_account_access *access, size_t number,
                             struct aa_error *err)
{
    struct aa_buf *texts = entry->texts;
    enum aa_err rc = AA_OK;

    aa_buf_add_int(&texts[NUMBER], (int64_t)number);
    add_ids(&texts[IDS], access);
    aa_text_add_time_words(&texts[SINCE], access->since_ms);
    if (access->used_ms)
        aa_text_add_time_words(&texts[USED], access->used_ms);
    add_words(&texts[WORDS], access);
    for (size_t i = 0; !rc && i < ENTRY_TEXTS; i++)
        rc = aa_buf_check(&texts[i], "the words for what a person allowed", err);
    return rc;
}

static struct aa_view text_of(const struct entry *entry, size_t index)
{
    return entry->texts[index].len ? aa_buf_view(&entry->texts[index]) : AA_VIEW_ABSENT;
}

static struct aa_view flag(bool on)
{
    return on ? AA_VIEW("1") : AA_VIEW_ABSENT;
}

static struct aa_view host_of(const struct aa_account_access *access)
{
    const struct aa_client client = {.client_id = access->client_id, .source = access->client_source};

    return aa_client_verified_host(&client);
}

static bool look_alike(const struct aa_account *account, const struct entry *entries, size_t one, size_t other)
{
    const struct aa_account_access *a = &account->accesses[one], *b = &account->accesses[other];

    return aa_view_equal(a->server_id, b->server_id) && aa_view_equal(entries[one].host, entries[other].host) &&
           (entries[one].host.len > 0 || aa_view_equal(a->client_name, b->client_name));
}

/* Another entry has the same heading: only the client's id tells them apart. */
static bool has_double(const struct aa_account *account, const struct entry *entries, size_t index)
{
    for (size_t i = 0; i < account->access_count; i++)
        if (i != index && look_alike(account, entries, i, index))
            return true;
    return false;
}

/* Of `entries`, which know their hosts. */
static enum aa_err build_entry(const struct aa_account *account, struct entry *entries, size_t index,
                               struct aa_error *err)
{
    struct entry *entry = &entries[index];
    const struct aa_account_access *access = &account->accesses[index];
    enum aa_err rc = add_texts(entry, access, index + 1, err);

    if (rc)
        return rc;
    entry->values[0] = (struct aa_template_value){.name = "number", .text = text_of(entry, NUMBER)};
    entry->values[1] = (struct aa_template_value){.name = "ids", .text = text_of(entry, IDS)};
    entry->values[2] = (struct aa_template_value){.name = "client_host", .text = entry->host};
    entry->values[3] = (struct aa_template_value){.name = "client_name", .text = access->client_name};
    entry->values[4] = (struct aa_template_value){
        .name = "client_id", .text = has_double(account, entries, index) ? access->client_id : AA_VIEW_ABSENT};
    entry->values[5] = (struct aa_template_value){.name = "server_name", .text = access->server_name};
    entry->values[6] = (struct aa_template_value){.name = "server_url", .text = access->server_url};
    entry->values[7] = (struct aa_template_value){.name = "words", .text = text_of(entry, WORDS)};
    entry->values[8] = (struct aa_template_value){.name = "since", .text = text_of(entry, SINCE)};
    entry->values[9] = (struct aa_template_value){.name = "used", .text = text_of(entry, USED)};
    entry->values[10] = (struct aa_template_value){.name = "has_access", .text = flag(access->has_grant)};
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

/* ---- what has just happened ---- */

#define DONE_REMOVED "removed"
#define DONE_LOGGED_OUT "logged_out"

/* Only words of ours come back from the address. */
static const struct {
    const char *word, *sentence;
} deeds[] = {
    {DONE_REMOVED, "Access was removed."},
    {DONE_LOGGED_OUT, "You are logged out everywhere else."},
};

static struct aa_view find_deed(struct aa_view word)
{
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++)
        if (aa_view_equal_text(word, deeds[i].word))
            return aa_view_of(deeds[i].sentence);
    return AA_VIEW_ABSENT;
}

/* ---- the page ---- */

struct page {
    struct aa_account account;
    struct aa_view done; /* what has just happened, in words; absent: nothing */
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

/* As many as fit. */
static enum aa_err build_entries(struct page *page, struct aa_error *err)
{
    size_t size = 0;

    for (size_t i = 0; i < page->account.access_count; i++)
        page->entries[i].host = host_of(&page->account.accesses[i]);
    while (page->entry_count < page->account.access_count) {
        struct entry *entry = &page->entries[page->entry_count];
        enum aa_err rc = build_entry(&page->account, page->entries, page->entry_count, err);

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

static void answer_page(struct aa_visit *visit, const struct page *page)
{
    const struct aa_template_value values[] = {
        {.name = "action", .text = aa_buf_view(&page->action)},
        {.name = "logout_action", .text = aa_buf_view(&page->logout_action)},
        {.name = "csrf", .text = aa_buf_view(&page->token)},
        {.name = "logout_csrf", .text = aa_buf_view(&page->logout_token)},
        {.name = "user_email", .text = visit->person.user.email},
        {.name = "user_name", .text = visit->person.user.name},
        {.name = "done", .text = page->done},
        {.name = "has_accesses", .text = flag(page->entry_count > 0)},
        {.name = "accesses", .rows = page->entry_rows, .row_count = page->entry_count},
        {.name = "more_accesses",
         .text = flag(page->account.has_more_accesses || page->account.access_count > page->entry_count)},
        {.name = "sessions", .rows = page->session_rows, .row_count = page->session_count},
        {.name = "more_sessions", .text = flag(page->account.session_count > page->session_count)},
        {.name = "has_others", .text = flag(page->session_count > 1)},
        {.name = NULL},
    };

    aa_page_answer(visit->app, visit->request, visit->response, 200, "account.html", values);
}

static enum aa_err build(struct aa_visit *visit, struct page *page, struct aa_error *err)
{
    enum aa_err rc;

    aa_path_of(visit->app, "/account", &page->action);
    aa_path_of(visit->app, "/logout", &page->logout_action);
    rc = aa_account_open(visit->app, &visit->person, &page->account, err);
    if (!rc)
        rc = build_entries(page, err);
    return rc ? rc : build_sessions(page, err);
}

static void show(struct aa_visit *visit, struct aa_view done)
{
    struct aa_error err = AA_ERROR_INIT;
    struct page *page = new_page();
    enum aa_err rc;

    if (!page) {
        rc = aa_fail(&err, AA_ERR_NOMEM, "out of memory for a person's account");
        aa_visit_trouble(visit, rc, &err);
        return;
    }
    page->done = find_deed(done);
    rc = build(visit, page, &err);
    if (aa_view_equal_text(done, DONE_LOGGED_OUT) && page->session_count > 1) /* a link may say so at any time */
        page->done = AA_VIEW_ABSENT;
    if (rc)
        aa_visit_trouble(visit, rc, &err);
    else if (aa_visit_add_token(visit, PURPOSE, visit->session, &page->token) &&
             aa_visit_add_token(visit, AA_LOGOUT_PURPOSE, visit->session, &page->logout_token))
        answer_page(visit, page);
    free_page(page);
}

void aa_account_get(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_visit visit;
    struct aa_view done = AA_VIEW_ABSENT;

    if (aa_visit_begin_for_account(&visit, app, request, response) && aa_visit_get(&visit, "done", &done) &&
        aa_visit_open_person(&visit)) {
        if (visit.has_person)
            show(&visit, done);
        else
            aa_visit_go(&visit, AA_LOGIN_FOR_ACCOUNT);
    }
    aa_visit_end(&visit);
}

/* ---- the buttons ---- */

/* The page shows how things are now; whether somebody else was quicker makes no difference to them. */
static void go_back(struct aa_visit *visit, enum aa_err rc, const char *done, const struct aa_error *err)
{
    if (rc == AA_ERR_NOT_FOUND)
        aa_visit_go(visit, AA_LOGIN_FOR_ACCOUNT);
    else if (rc)
        aa_visit_trouble(visit, rc, err);
    else
        aa_visit_go(visit, done);
}

/* "SERVER_ID CLIENT_ID", as the button says it. */
static void remove_access(struct aa_visit *visit, struct aa_view ids)
{
    struct aa_view server_id, client_id;
    struct aa_error err = AA_ERROR_INIT;

    aa_view_cut(ids, ' ', &server_id, &client_id);
    if (is_id(server_id, AA_SERVER_ID_MAX) && is_id(client_id, AA_CLIENT_ID_MAX))
        go_back(visit, aa_account_remove_access(visit->app, &visit->person, server_id, client_id, &err),
                "/account?done=" DONE_REMOVED, &err);
    else
        aa_visit_refuse(visit, 400, "This button is not from here", "Please open the page again and try once more.");
}

static void log_out_elsewhere(struct aa_visit *visit)
{
    struct aa_error err = AA_ERROR_INIT;

    go_back(visit, aa_account_log_out_elsewhere(visit->app, &visit->person, &err), "/account?done=" DONE_LOGGED_OUT,
            &err);
}

static void take_back(struct aa_visit *visit)
{
    struct aa_view access = AA_VIEW_ABSENT, elsewhere = AA_VIEW_ABSENT;

    if (!aa_visit_get(visit, "access", &access) || !aa_visit_get(visit, "elsewhere", &elsewhere))
        return;
    if (!aa_view_is_absent(access))
        remove_access(visit, access);
    else if (aa_view_equal_text(elsewhere, "log_out"))
        log_out_elsewhere(visit);
    else
        aa_visit_refuse(visit, 400, "Nothing was chosen", "Please open the page again and choose what to take back.");
}

void aa_account_post(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_visit visit;

    if (aa_visit_begin_for_account(&visit, app, request, response) && aa_visit_open_person(&visit)) {
        if (!visit.has_person)
            aa_visit_go(&visit, AA_LOGIN_FOR_ACCOUNT);
        else if (aa_visit_check_token(&visit, PURPOSE, visit.session))
            take_back(&visit);
    }
    aa_visit_end(&visit);
}
