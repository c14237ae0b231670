#include "domain/app.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"

#define ID_RANDOM_LEN 16 /* of 62 letters: 95 bits */
#define LOG_LINE_MAX 512

void aa_settings_init(struct aa_settings *settings)
{
    *settings = (struct aa_settings){
        .issuer = "http://localhost:8788",
        .access_ttl_s = 3600,
        .refresh_ttl_s = 30 * 24 * 3600,
        .refresh_grace_s = 60,
        .code_ttl_s = 60,
        .auth_request_ttl_s = 600,
        .session_ttl_s = 14 * 24 * 3600,
        .unused_client_ttl_s = 3600,
        .clients_max = 100000,
        .registration = true,
        .client_documents = true,
        .iss_parameter = true,
        .redirect_schemes = "cursor vscode vscode-insiders claude windsurf zed",
    };
}

bool aa_download_is_trouble(const struct aa_download *download)
{
    int status = download->status;

    return status >= 500 || status == 401 || status == 403 || status == 408 || status == 429;
}

bool aa_download_is_unreachable(enum aa_err rc)
{
    return aa_err_class_of(rc) == AA_CLASS_REMOTE || rc == AA_ERR_SYSTEM;
}

enum aa_err aa_app_fetch(const struct aa_app *app, const char *url, struct aa_download *out, struct aa_error *err)
{
    return app->fetch ? app->fetch(app->ctx, url, out, err)
                      : aa_fail(err, AA_ERR_SYSTEM, "nothing can be fetched here");
}

int64_t aa_app_now_ms(const struct aa_app *app)
{
    return app->now_ms(app->ctx);
}

enum aa_err aa_app_random(const struct aa_app *app, void *out, size_t len)
{
    return app->random(app->ctx, out, len);
}

enum aa_err aa_app_new_id(const struct aa_app *app, const char *prefix, struct aa_buf *out, struct aa_error *err)
{
    enum aa_err rc;

    aa_buf_add_text(out, prefix);
    rc = aa_random_alnum(app->random, app->ctx, ID_RANDOM_LEN, out);
    if (rc)
        return aa_fail(err, rc, "no random characters for an id");
    return aa_buf_check(out, "an id", err);
}

void aa_app_log(const struct aa_app *app, int level, const char *request_id, const char *format, ...)
{
    char line[LOG_LINE_MAX];
    va_list arguments;

    if (!app->log)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    /* What came from outside must not be able to forge a line of its own or speak to a terminal. */
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    app->log(app->ctx, level, request_id ? request_id : app->who.request_id, line);
}
