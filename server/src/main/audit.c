/* audit tail, verify, export, prune */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "domain/audit_keep.h"
#include "domain/audit_verify.h"
#include "domain/texts.h"
#include "main/command.h"
#include "main/config_check.h"
#include "main/output.h"
#include "main/runtime.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define LINES 20
#define LINES_MAX 10000
#define LINE_MAX_LEN (256 * 1024) /* a row, every byte of it escaped */
#define PAGE 1000
#define HEX_LEN (2 * AA_SHA256_LEN)

/* ---- a row as a line ---- */

struct member {
    const char *name;
    struct aa_view text;
};

#define MEMBERS(row)                                                                                                   \
    {                                                                                                                  \
        {"actor", (row)->actor}, {"user_id", (row)->user_id}, {"client_id", (row)->client_id},                         \
            {"server_id", (row)->server_id}, {"grant_id", (row)->grant_id}, {"address", (row)->address},               \
        {                                                                                                              \
            "request_id", (row)->request_id                                                                            \
        }                                                                                                              \
    }

/* As the object it is; as a text if somebody made something else of it. */
static void add_detail(struct aa_buf *line, struct aa_view detail)
{
    struct aa_json *json = NULL;

    if (!aa_json_parse(detail, LINE_MAX_LEN, &json, NULL) && aa_json_is(json, AA_JSON_OBJECT) &&
        aa_view_find(detail, '\n') == SIZE_MAX)
        aa_buf_add(line, detail);
    else
        aa_buf_add_json_string(line, detail);
    aa_json_free(json);
}

static void add_json(struct aa_buf *line, const struct aa_audit_row *row)
{
    const struct member members[] = MEMBERS(row);

    aa_buf_add_format(line, "{\"chain\":%lld,\"sequence\":%lld,\"time_ms\":%lld,\"time\":\"", (long long)row->chain,
                      (long long)row->sequence, (long long)row->time_ms);
    aa_text_add_time(line, row->time_ms);
    aa_buf_add_text(line, "\",\"event\":");
    aa_buf_add_json_string(line, row->event);
    for (size_t i = 0; i < COUNT(members); i++) {
        if (aa_view_is_absent(members[i].text))
            continue;
        aa_buf_add_format(line, ",\"%s\":", members[i].name);
        aa_buf_add_json_string(line, members[i].text);
    }
    if (!aa_view_is_absent(row->detail)) {
        aa_buf_add_text(line, ",\"detail\":");
        add_detail(line, row->detail);
    }
    aa_buf_add_text(line, ",\"prev_hash\":\"");
    aa_buf_add_hex(line, row->prev_hash);
    aa_buf_add_text(line, "\",\"hash\":\"");
    aa_buf_add_hex(line, row->hash);
    aa_buf_add_text(line, "\"}\n");
}

/* For people: what was written by others is quoted, so that it cannot speak to a terminal. */
static void add_words(struct aa_buf *line, const struct aa_audit_row *row)
{
    const struct member members[] = MEMBERS(row);

    aa_text_add_time(line, row->time_ms);
    aa_buf_add_char(line, ' ');
    aa_buf_add(line, row->event);
    for (size_t i = 0; i < COUNT(members); i++) {
        if (aa_view_is_absent(members[i].text))
            continue;
        aa_buf_add_format(line, " %s=", members[i].name);
        aa_buf_add(line, members[i].text);
    }
    if (!aa_view_is_absent(row->detail)) {
        aa_buf_add_char(line, ' ');
        aa_buf_add(line, row->detail);
    }
    for (size_t i = 0; !line->bad && i < line->len; i++)
        if ((unsigned char)line->data[i] < 0x20 || line->data[i] == 0x7f)
            line->data[i] = '?';
    aa_buf_add_char(line, '\n');
}

/* ---- tail ---- */

struct tail {
    bool json;
    int64_t limit;
    struct aa_buf *lines; /* the newest first */
    size_t count;
    int64_t pruned; /* how many entries were, of all that ever were */
};

static enum aa_err keep_line(void *ctx, const void *record, struct aa_error *err)
{
    struct tail *tail = ctx;
    struct aa_buf *line = &tail->lines[tail->count];

    aa_buf_init(line, LINE_MAX_LEN);
    if (tail->json)
        add_json(line, record);
    else
        add_words(line, record);
    tail->count++;
    return aa_buf_check(line, "a line of the audit", err);
}

static enum aa_err note_pruned(void *ctx, const void *record, struct aa_error *err)
{
    (void)err;
    ((struct tail *)ctx)->pruned += ((const struct aa_audit_chain *)record)->pruned_sequence;
    return AA_OK;
}

static enum aa_err read_tail(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct tail *tail = ctx;
    enum aa_err rc;

    rc = aa_audit_tail(conn, tail->limit, keep_line, tail, err);
    return rc ? rc : aa_audit_chain_list(conn, note_pruned, tail, err);
}

static enum aa_err read_limit(const struct aa_call *call, int64_t *limit, struct aa_error *err)
{
    const char *text = aa_call_option(call, "lines"), *wanted = "";

    *limit = LINES;
    if (!text || aa_config_check_number(text, 1, LINES_MAX, limit, &wanted))
        return AA_OK;
    return aa_fail(err, AA_ERR_OPTION_INVALID, "--lines must be %s from 1 to %d", wanted, LINES_MAX);
}

/* Where nothing older is left. */
static enum aa_err print_beginning(const struct tail *tail, struct aa_error *err)
{
    struct aa_buf line;
    enum aa_err rc;

    if (tail->pruned == 0 || (int64_t)tail->count == tail->limit)
        return AA_OK;
    aa_buf_init(&line, 256);
    aa_buf_add_format(&line,
                      tail->json ? "{\"pruned\":%lld}\n" : "The audit begins here: %lld older entries were pruned.\n",
                      (long long)tail->pruned);
    rc = aa_buf_check(&line, "a line of the audit", err);
    if (!rc)
        rc = aa_output_write(aa_buf_view(&line), err);
    aa_buf_clear(&line);
    return rc;
}

static enum aa_err print_tail(const struct tail *tail, struct aa_error *err)
{
    enum aa_err rc = print_beginning(tail, err);

    for (size_t i = tail->count; !rc && i > 0; i--)
        rc = aa_output_write(aa_buf_view(&tail->lines[i - 1]), err);
    return rc;
}

static enum aa_err tail_audit(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    struct tail tail = {.json = aa_call_option(call, "json") != NULL};
    enum aa_err rc;

    rc = read_limit(call, &tail.limit, err);
    if (rc)
        return rc;
    tail.lines = aa_mem_new_array((size_t)tail.limit, sizeof *tail.lines);
    if (!tail.lines)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory for %lld lines", (long long)tail.limit);
    rc = aa_db_read(runtime->app.db, read_tail, &tail, err);
    if (!rc)
        rc = print_tail(&tail, err);
    for (size_t i = 0; i < tail.count; i++)
        aa_buf_clear(&tail.lines[i]);
    aa_mem_free(tail.lines);
    return rc;
}

enum aa_err aa_command_audit_tail(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, tail_audit, err);
}

/* ---- verify ---- */

static const struct aa_table_column chain_columns[] = {{"chain", AA_CELL_TEXT},
                                                       {"entries", AA_CELL_TEXT},
                                                       {"pruned", AA_CELL_TEXT},
                                                       {"pruned_at", AA_CELL_TIME},
                                                       {"head", AA_CELL_TEXT}};

static void add_number(struct aa_table *table, int64_t number)
{
    struct aa_buf text;

    aa_buf_init(&text, 24);
    aa_buf_add_int(&text, number);
    aa_table_add(table, aa_buf_view(&text));
    aa_buf_clear(&text);
}

static void add_chain(void *ctx, const struct aa_audit_chain *head, int64_t pruned_ms)
{
    struct aa_table *table = ctx;
    struct aa_buf hash;

    aa_buf_init(&hash, HEX_LEN);
    aa_buf_add_hex(&hash, head->hash);
    add_number(table, head->chain);
    add_number(table, head->sequence);
    add_number(table, head->pruned_sequence);
    aa_table_add_time(table, pruned_ms);
    aa_table_add(table, aa_buf_view(&hash));
    aa_buf_clear(&hash);
}

static enum aa_err fail_broken(const struct aa_audit_verdict *verdict, struct aa_error *err)
{
    if (verdict->broken_sequence == 0)
        return aa_fail(err, AA_ERR_STORE, "the audit is broken: chain %lld: %s", (long long)verdict->broken_chain,
                       verdict->broken);
    return aa_fail(err, AA_ERR_STORE, "the audit is broken: chain %lld, entry %lld: %s",
                   (long long)verdict->broken_chain, (long long)verdict->broken_sequence, verdict->broken);
}

static enum aa_err verify_audit(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    struct aa_audit_verdict verdict;
    struct aa_table table;
    enum aa_err rc;

    aa_table_init(&table, chain_columns, COUNT(chain_columns));
    rc = aa_audit_verify(runtime->app.db, add_chain, &table, &verdict, err);
    if (!rc && verdict.broken)
        rc = fail_broken(&verdict, err);
    if (!rc)
        rc = aa_buf_check(&table.cells, "the chains", err);
    if (!rc)
        rc = aa_table_print(&table, aa_call_option(call, "json"), err);
    aa_table_clear(&table);
    return rc;
}

enum aa_err aa_command_audit_verify(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, verify_audit, err);
}

/* ---- export ---- */

struct export
{
    struct aa_audit_head chains[AA_AUDIT_CHAINS_MAX];
    size_t chain_count;
    int64_t chain, sequence;                /* the last one written */
    int64_t wanted;                         /* the next one, at the latest */
    struct aa_buf lines;                    /* of one page */
    size_t rows;                            /* on it */
    int64_t gap_chain, gap_first, gap_last; /* the first rows that were not met; gap_first 0: none */
};

static enum aa_err note_chain(void *ctx, const void *record, struct aa_error *err)
{
    struct export *export = ctx;

    if (export->chain_count == COUNT(export->chains))
        return aa_fail(err, AA_ERR_STORE, "the audit has more chains than are ever written");
    /* One that is damaged is exported too. */
    (void)aa_audit_head_copy(record, &export->chains[export->chain_count++]);
    return AA_OK;
}

static enum aa_err read_chains(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_audit_chain_list(conn, note_chain, ctx, err);
}

/* It was pruned since the head was read, or removed by hand. What is there is written all the same: it may be the last
 * evidence. */
static void note_gap(struct export *export, int64_t next)
{
    if (export->gap_first > 0 || next <= export->wanted)
        return;
    export->gap_chain = export->chain;
    export->gap_first = export->wanted;
    export->gap_last = next - 1;
}

static enum aa_err check_gaps(const struct export *export, struct aa_error *err)
{
    if (export->gap_first == 0)
        return AA_OK;
    return aa_fail(
        err, AA_ERR_STORE,
        "the export is not whole: entries %lld to %lld of chain %lld are missing, perhaps pruned while it was "
        "written; see `audit verify`, and export again",
        (long long)export->gap_first, (long long)export->gap_last, (long long)export->gap_chain);
}

static enum aa_err add_export_row(void *ctx, const void *record, struct aa_error *err)
{
    struct export *export = ctx;
    const struct aa_audit_row *row = record;

    add_json(&export->lines, row);
    note_gap(export, row->sequence);
    export->sequence = row->sequence;
    export->wanted = row->sequence + 1;
    export->rows++;
    return aa_buf_check(&export->lines, "a page of the audit", err);
}

static enum aa_err read_page(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct export *export = ctx;

    return aa_audit_list(conn, export->chain, export->sequence, PAGE, add_export_row, export, err);
}

/* Never over a file that is there: it may be the last evidence. */
static enum aa_err open_file(const char *path, int *fd, struct aa_error *err)
{
    bool is_output = aa_view_equal_text(AA_VIEW("-"), path);

    *fd = is_output ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return *fd >= 0 ? AA_OK : aa_fail(err, AA_ERR_SYSTEM, "%s cannot be made: %s", path, strerror(errno));
}

static enum aa_err write_all(int fd, struct aa_view text, struct aa_error *err)
{
    while (text.len > 0) {
        ssize_t written = write(fd, text.data, text.len);

        if (written < 0 && errno != EINTR)
            return aa_fail(err, AA_ERR_SYSTEM, "the audit cannot be written: %s", strerror(errno));
        text = aa_view_from(text, written > 0 ? (size_t)written : 0);
    }
    return AA_OK;
}

/* A line of its own, before the chain's entries. */
static enum aa_err write_checkpoint(struct export *export, const struct aa_audit_head *head, int fd,
                                    struct aa_error *err)
{
    if (head->pruned_sequence == 0)
        return AA_OK;
    aa_buf_reset(&export->lines);
    aa_buf_add_format(&export->lines, "{\"chain\":%lld,\"pruned\":%lld,\"pruned_hash\":\"", (long long)head->chain,
                      (long long)head->pruned_sequence);
    aa_buf_add_hex(&export->lines, aa_view_make(head->pruned_hash, sizeof head->pruned_hash));
    aa_buf_add_format(&export->lines, "\",\"pruned_by\":%lld}\n", (long long)head->pruned_by);
    return write_all(fd, aa_buf_view(&export->lines), err);
}

static enum aa_err export_chain(struct aa_db *db, struct export *export, const struct aa_audit_head *head, int fd,
                                struct aa_error *err)
{
    enum aa_err rc;

    export->chain = head->chain;
    export->sequence = 0;
    export->wanted = head->pruned_sequence + 1;
    rc = write_checkpoint(export, head, fd, err);
    if (rc)
        return rc;
    do {
        aa_buf_reset(&export->lines);
        export->rows = 0;
        rc = aa_db_read(db, read_page, export, err);
        if (!rc)
            rc = write_all(fd, aa_buf_view(&export->lines), err);
    } while (!rc && export->rows == PAGE);
    note_gap(export, head->sequence + 1);
    return rc;
}

static enum aa_err close_file(int fd, enum aa_err rc, struct aa_error *err)
{
    if (fd == STDOUT_FILENO)
        return rc;
    if (!rc && fsync(fd))
        rc = aa_fail(err, AA_ERR_SYSTEM, "the audit cannot be written: %s", strerror(errno));
    if (close(fd) && !rc)
        rc = aa_fail(err, AA_ERR_SYSTEM, "the audit cannot be written: %s", strerror(errno));
    return rc;
}

static enum aa_err export_audit(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    struct export export = {.chain_count = 0};
    int fd = -1;
    enum aa_err rc;

    rc = aa_db_read(runtime->app.db, read_chains, &export, err);
    if (!rc)
        rc = open_file(call->arguments[0], &fd, err);
    if (rc)
        return rc;
    aa_buf_init(&export.lines, (size_t)PAGE * LINE_MAX_LEN);
    for (size_t i = 0; !rc && i < export.chain_count; i++)
        rc = export_chain(runtime->app.db, &export, &export.chains[i], fd, err);
    if (!rc)
        rc = check_gaps(&export, err);
    aa_buf_clear(&export.lines);
    return close_file(fd, rc, err);
}

enum aa_err aa_command_audit_export(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, export_audit, err);
}

/* ---- prune ---- */

static enum aa_err read_keep(const struct aa_call *call, int64_t *keep_s, struct aa_error *err)
{
    const char *text = aa_call_option(call, "keep"), *wanted = "";

    if (!text)
        return aa_fail(err, AA_ERR_OPTION_INVALID, "--keep is missing: how old may entries be that stay?");
    if (aa_config_check_duration(text, AA_AUDIT_KEEP_MIN_S, AA_AUDIT_KEEP_MAX_S, keep_s, &wanted))
        return AA_OK;
    return aa_fail(err, AA_ERR_OPTION_INVALID, "--keep must be %s, from 1d to 36500d", wanted);
}

static enum aa_err print_pruned(const struct aa_call *call, const struct aa_audit_prune *prune, struct aa_error *err)
{
    static const struct aa_table_column columns[] = {{"removed", AA_CELL_TEXT}, {"before", AA_CELL_TIME}};
    struct aa_table table;
    enum aa_err rc;

    aa_table_init(&table, columns, COUNT(columns));
    add_number(&table, prune->removed);
    aa_table_add_time(&table, prune->before_ms);
    rc = aa_table_print_one(&table, aa_call_option(call, "json") != NULL, err);
    aa_table_clear(&table);
    return rc;
}

static enum aa_err read_newest(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    return aa_audit_find_newest(conn, ctx, err);
}

/* By a clock that runs ahead all of it is old, today's entries too (domain/audit_keep.h). */
static enum aa_err check_clock(const struct aa_call *call, const struct aa_app *app, int64_t now_ms,
                               struct aa_error *err)
{
    int64_t newest_ms = 0;
    enum aa_err rc;

    rc = aa_db_read(app->db, read_newest, &newest_ms, err);
    if (rc || newest_ms == 0 || now_ms - newest_ms <= AA_AUDIT_DOUBT_MS || aa_call_option(call, "force"))
        return rc;
    return aa_fail(err, AA_ERR_OPTION_INVALID,
                   "the newest entry is more than a day old: if the clock is right, say so with --force");
}

static enum aa_err prune_audit(const struct aa_call *call, struct aa_runtime *runtime, struct aa_error *err)
{
    struct aa_audit_prune prune = {.is_done = false};
    int64_t keep_s = 0, now_ms;
    enum aa_err rc;

    rc = read_keep(call, &keep_s, err);
    if (rc)
        return rc;
    now_ms = aa_app_now_ms(&runtime->app);
    rc = check_clock(call, &runtime->app, now_ms, err);
    if (rc)
        return rc;
    prune.before_ms = prune.due_ms = now_ms - keep_s * 1000;
    while (!rc && !prune.is_done)
        rc = aa_audit_prune_step(&runtime->app, &prune, err);
    return rc ? rc : print_pruned(call, &prune, err);
}

enum aa_err aa_command_audit_prune(const struct aa_call *call, struct aa_error *err)
{
    return aa_command_with_runtime(call, prune_audit, err);
}
