#include "main/log.h"

#include <stdio.h>

#include "domain/texts.h"

#define LEVEL_INFO 1

static const char *name_of(int level)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};

    return names[level < 0 ? 0 : level > 3 ? 3 : level];
}

/* ---- the front of a line ---- */

static void begin_text(struct aa_buf *line, int64_t now_ms, int level, const char *request_id)
{
    aa_text_add_time(line, now_ms);
    aa_buf_add_format(line, " %s ", name_of(level));
    if (request_id && *request_id)
        aa_buf_add_format(line, "[%s] ", request_id);
}

static void begin_json(struct aa_buf *line, int64_t now_ms, int level, const char *request_id)
{
    aa_buf_add_text(line, "{\"time\":\"");
    aa_text_add_time(line, now_ms);
    aa_buf_add_format(line, "\",\"level\":\"%s\"", name_of(level));
    if (request_id && *request_id) {
        aa_buf_add_text(line, ",\"request_id\":");
        aa_buf_add_json_string(line, aa_view_of(request_id));
    }
}

/* ---- lines ---- */

void aa_log_add_message(struct aa_buf *line, const struct aa_log *log, int64_t now_ms, int level,
                        const char *request_id, const char *message)
{
    if (log->is_json) {
        begin_json(line, now_ms, level, request_id);
        aa_buf_add_text(line, ",\"message\":");
        aa_buf_add_json_string(line, aa_view_of(message));
        aa_buf_add_text(line, "}\n");
    } else {
        begin_text(line, now_ms, level, request_id);
        aa_buf_add_format(line, "%s\n", message);
    }
}

/* Milliseconds with three digits behind the point. */
static void add_duration(struct aa_buf *line, int64_t duration_us)
{
    long long us = duration_us > 0 ? duration_us : 0;

    aa_buf_add_format(line, "%lld.%03lld", us / 1000, us % 1000);
}

void aa_log_add_access(struct aa_buf *line, const struct aa_log *log, int64_t now_ms, const struct aa_access *access)
{
    if (log->is_json) {
        begin_json(line, now_ms, LEVEL_INFO, access->request_id);
        aa_buf_add_format(line, ",\"message\":\"request\",\"method\":\"%s\",\"route\":", access->method);
        aa_buf_add_json_string(line, aa_view_of(access->route));
        aa_buf_add_format(line, ",\"status\":%d,\"duration_ms\":", access->status);
        add_duration(line, access->duration_us);
        aa_buf_add_text(line, "}\n");
    } else {
        begin_text(line, now_ms, LEVEL_INFO, access->request_id);
        aa_buf_add_format(line, "%s %s %d ", access->method, access->route, access->status);
        add_duration(line, access->duration_us);
        aa_buf_add_text(line, " ms\n");
    }
}

/* ---- writing ---- */

static void write_line(struct aa_buf *line)
{
    fwrite(aa_buf_text(line), 1, line->len, stderr);
    aa_buf_clear(line);
}

void aa_log_message(const struct aa_log *log, int64_t now_ms, int level, const char *request_id, const char *message)
{
    struct aa_buf line;

    if (level < log->level)
        return;
    aa_buf_init(&line, AA_LOG_LINE_MAX);
    aa_log_add_message(&line, log, now_ms, level, request_id, message);
    write_line(&line);
}

void aa_log_access(const struct aa_log *log, int64_t now_ms, const struct aa_access *access)
{
    struct aa_buf line;

    if (LEVEL_INFO < log->level)
        return;
    aa_buf_init(&line, AA_LOG_LINE_MAX);
    aa_log_add_access(&line, log, now_ms, access);
    write_line(&line);
}
