#include "domain/audit.h"

#include "base/buf.h"
#include "domain/audit_walk.h"

#define DETAIL_MAX (32 * 1024)

static const struct {
    const char *text;
    bool by_administrator;
} events[] = {
#define EVENT(id, text, by_administrator) {text, by_administrator},
    AA_AUDIT_EVENTS(EVENT)
#undef EVENT
};

/* A JSON object; nothing when there is no member. */
static void build_detail(struct aa_buf *out, const struct aa_audit_entry *entry,
                         const struct aa_audit_checkpoint *checkpoint)
{
    const char *before = "{";

    if (checkpoint) {
        aa_audit_add_checkpoint(out, checkpoint->sequence, checkpoint->hash);
        before = "";
    }
    for (size_t i = 0; i < AA_AUDIT_DETAILS_MAX; i++) {
        const struct aa_audit_detail *detail = &entry->details[i];

        if (!detail->name || aa_view_is_absent(detail->text))
            continue;
        aa_buf_add_format(out, "%s\"%s\":", before, detail->name);
        aa_buf_add_json_string(out, detail->text);
        before = ",";
    }
    if (out->len)
        aa_buf_add_char(out, '}');
}

static struct aa_audit_row row_of(const struct aa_app *app, const struct aa_audit_entry *entry)
{
    struct aa_audit_row row = {.time_ms = aa_app_now_ms(app),
                               .event = aa_view_of(events[entry->event].text),
                               .actor = entry->actor,
                               .user_id = entry->user_id,
                               .client_id = entry->client_id,
                               .server_id = entry->server_id,
                               .grant_id = entry->grant_id,
                               .address = app->who.address,
                               .request_id = aa_view_of(app->who.request_id)};

    if (aa_view_is_absent(row.actor) && events[entry->event].by_administrator)
        row.actor = app->who.administrator;
    return row;
}

/* checkpoint NULL: none is moved. */
static enum aa_err note(const struct aa_app *app, struct aa_conn *conn, const struct aa_audit_entry *entry,
                        const struct aa_audit_checkpoint *checkpoint, struct aa_error *err)
{
    struct aa_audit_row row = row_of(app, entry);
    struct aa_buf detail;
    enum aa_err rc;

    aa_buf_init(&detail, DETAIL_MAX);
    build_detail(&detail, entry, checkpoint);
    rc = aa_buf_check(&detail, "the detail of an audit row", err);
    if (!rc) {
        row.detail = detail.len ? aa_buf_view(&detail) : AA_VIEW_ABSENT;
        rc = checkpoint ? aa_audit_set_checkpoint(conn, checkpoint, &row, err) : aa_audit_append(conn, &row, err);
    }
    aa_buf_clear(&detail);
    return rc;
}

enum aa_err aa_audit_note(const struct aa_app *app, struct aa_conn *conn, const struct aa_audit_entry *entry,
                          struct aa_error *err)
{
    return note(app, conn, entry, NULL, err);
}

enum aa_err aa_audit_note_checkpoint(const struct aa_app *app, struct aa_conn *conn, const struct aa_audit_entry *entry,
                                     const struct aa_audit_checkpoint *checkpoint, struct aa_error *err)
{
    return note(app, conn, entry, checkpoint, err);
}
