#include "net/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "authagent/guard.h"
#include "verify/lock.h"

#define LINE_MAX_LEN 512

static struct aa_lock sink_lock;
static aa_log_fn sink;
static void *sink_ctx;

static void write_stderr(int level, const char *message)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};

    if (level < AA_LOG_WARNING)
        return;
    fprintf(stderr, "auth-agent: %s: %s\n", names[level], message);
}

void aa_guard_set_log(aa_log_fn log, void *ctx)
{
    aa_lock_take(&sink_lock);
    sink = log;
    sink_ctx = ctx;
    aa_lock_drop(&sink_lock);
}

/* Parts of a line may come from a peer: it must not be able to begin a line of its own. */
static void make_printable(char *line)
{
    for (; *line; line++) {
        if ((unsigned char)*line < 0x20 || *line == 0x7F)
            *line = '?';
    }
}

void aa_log(int level, const char *format, ...)
{
    char line[LINE_MAX_LEN];
    aa_log_fn log;
    va_list args;
    void *ctx;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    make_printable(line);
    aa_lock_take(&sink_lock);
    log = sink;
    ctx = sink_ctx;
    aa_lock_drop(&sink_lock);
    if (log)
        log(ctx, level, line);
    else
        write_stderr(level, line);
}

void aa_log_lock(void)
{
    aa_lock_take(&sink_lock);
}

void aa_log_unlock(void)
{
    aa_lock_drop(&sink_lock);
}
