#include "support_document.h"

#include <stdio.h>

#include "base/error.h"
#include "store/audit.h"
#include "store/store.h"

const char document_good[] =
    "{\"client_id\":\"" DOCUMENT_ID "\",\"client_name\":\"Example client\",\"redirect_uris\":[\"" DOCUMENT_URI
    "\",\"http://127.0.0.1/callback\"],\"token_endpoint_auth_method\":\"none\","
    "\"grant_types\":[\"authorization_code\",\"refresh_token\"]}";

struct document_site document_site;

enum aa_err document_play(void *ctx, const char *url, struct aa_download *out, struct aa_error *err)
{
    (void)ctx;
    document_site.calls++;
    snprintf(document_site.url, sizeof document_site.url, "%s", url);
    if (document_site.rc)
        return aa_fail(err, document_site.rc, "as the test has it");
    out->status = document_site.status;
    out->max_age_s = document_site.max_age_s;
    aa_buf_add_text(&out->content_type, document_site.type);
    aa_buf_add_text(&out->body, document_site.body);
    return out->content_type.bad ? out->content_type.bad : aa_buf_check(&out->body, "a document", err);
}

void document_answer(int status, const char *type, const char *body)
{
    document_site.rc = AA_OK;
    document_site.status = status;
    document_site.type = type;
    document_site.body = body;
    document_site.max_age_s = -1;
}

void document_open(struct site *site)
{
    site_open(site);
    site->f.app.fetch = document_play;
    memset(&document_site, 0, sizeof document_site);
    document_answer(200, "application/json", document_good);
}

struct query document_query(struct site *site, const char *client_id)
{
    struct query q = query_for(site, DOCUMENT_URI);

    query_set(&q, "client_id", client_id);
    return q;
}

static void ask_at(struct site *site, struct browser *b, const char *client_id, const char *redirect_uri)
{
    struct query q = document_query(site, client_id);

    query_set(&q, "redirect_uri", redirect_uri);
    browser_open(b, site);
    browser_authorize(b, &q);
}

void document_ask(struct site *site, struct browser *b, const char *client_id)
{
    ask_at(site, b, client_id, DOCUMENT_URI);
}

void document_ask_for_claude(struct site *site, struct browser *b)
{
    ask_at(site, b, CLAUDE_ID, "http://localhost:3118/callback");
}

void document_check_let_in(struct site *site)
{
    struct browser b;

    document_ask(site, &b, DOCUMENT_ID);
    CHECK_INT(b.status, 303);
    CHECK_INT(strncmp(b.location, "/login?request=", 15), 0);
}

void document_check_told(struct site *site, int status, const char *sentence)
{
    struct browser b;

    document_ask(site, &b, DOCUMENT_ID);
    browser_check_page(&b, status);
    if (!browser_shows(&b, sentence))
        fail_msg("%s is not on the page:\n%s", sentence, b.page);
}

void document_check_refused(struct site *site, const char *sentence)
{
    document_check_told(site, 400, sentence);
}

static enum aa_err mark_used(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_client_mark_used(conn, VIEW(DOCUMENT_ID), *(int64_t *)ctx, err);
}

/* Somebody has allowed it something. */
void document_use(struct site *site)
{
    CHECK_OK(aa_db_write(site->f.app.db, mark_used, &site->f.now_ms, NULL));
}

struct counted {
    const char *event;
    int count;
};

static enum aa_err count_event(void *ctx, const void *record, struct aa_error *err)
{
    const struct aa_audit_row *row = record;
    struct counted *counted = ctx;

    (void)err;
    counted->count += aa_view_equal_text(row->event, counted->event) && aa_view_equal_text(row->client_id, DOCUMENT_ID);
    return AA_OK;
}

static enum aa_err read_audit(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_audit_tail(conn, 1000, count_event, ctx, err);
}

/* Rows of the audit about this client. */
int document_count_events(struct site *site, const char *event)
{
    struct counted counted = {event, 0};

    CHECK_OK(aa_db_read(site->f.app.db, read_audit, &counted, NULL));
    return counted.count;
}
