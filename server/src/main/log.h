/* The log: a line on standard error for each thing that happened. */
#ifndef AA_MAIN_LOG_H
#define AA_MAIN_LOG_H

#include "base/buf.h"
#include "http/listener.h"

#define AA_LOG_LINE_MAX 2048

struct aa_log {
    int level; /* what is below is not written; base/level.h */
    bool is_json;
};

/* Append the line, with its end, whatever the level. `request_id` NULL or empty: it belongs to no request. */
void aa_log_add_message(struct aa_buf *line, const struct aa_log *log, int64_t now_ms, int level,
                        const char *request_id, const char *message);
void aa_log_add_access(struct aa_buf *line, const struct aa_log *log, int64_t now_ms, const struct aa_access *access);

/* The same, written to standard error in one piece, so that lines of many threads do not mix. */
void aa_log_message(const struct aa_log *log, int64_t now_ms, int level, const char *request_id, const char *message);
void aa_log_access(const struct aa_log *log, int64_t now_ms, const struct aa_access *access);

#endif
