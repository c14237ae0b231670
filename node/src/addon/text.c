#include "addon/addon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UTF8_CHARACTER_MAX 4
#define MESSAGE_MAX 96

void addon_texts_init(struct addon_texts *texts)
{
    texts->used = 0;
    texts->heap_count = 0;
}

void addon_texts_clear(struct addon_texts *texts)
{
    explicit_bzero(texts->space, texts->used);
    for (size_t i = 0; i < texts->heap_count; i++) {
        explicit_bzero(texts->heap[i].data, texts->heap[i].size);
        free(texts->heap[i].data);
    }
    addon_texts_init(texts);
}

static napi_status refuse(napi_env env, const char *what, const char *must)
{
    char message[MESSAGE_MAX];

    snprintf(message, sizeof message, "%s must be %s", what, must);
    return addon_throw(env, "INVALID_ARGUMENT", message);
}

static napi_status to_heap(napi_env env, struct addon_texts *texts, napi_value value, struct aa_view *out)
{
    size_t len;
    char *data;

    TRY(napi_get_value_string_utf8(env, value, NULL, 0, &len));
    if (texts->heap_count == ADDON_TEXTS_MAX)
        return napi_generic_failure;
    data = malloc(len + 1);
    if (!data)
        return addon_throw(env, aa_err_name(AA_ERR_NOMEM), aa_err_text(AA_ERR_NOMEM));
    texts->heap[texts->heap_count].data = data;
    texts->heap[texts->heap_count].size = len + 1;
    texts->heap_count++;
    TRY(napi_get_value_string_utf8(env, value, data, len + 1, &len));
    *out = (struct aa_view){data, len};
    return napi_ok;
}

/* napi_get_value_string_utf8() cuts off without a word what does not fit, and at a character's border: up to three
 * bytes early. A text that comes this near the end of the space may have been cut and is read again. A path or a token
 * that lost its tail must never be judged. */
static bool may_be_cut(size_t len, size_t space)
{
    return len + UTF8_CHARACTER_MAX >= space;
}

static napi_status to_space(napi_env env, struct addon_texts *texts, napi_value value, struct aa_view *out)
{
    char *at = texts->space + texts->used;
    size_t space = ADDON_TEXT_SPACE - texts->used;
    size_t len;

    if (space <= UTF8_CHARACTER_MAX)
        return to_heap(env, texts, value, out);
    TRY(napi_get_value_string_utf8(env, value, at, space, &len));
    if (may_be_cut(len, space)) {
        explicit_bzero(at, len);
        return to_heap(env, texts, value, out);
    }
    texts->used += len + 1;
    *out = (struct aa_view){at, len};
    return napi_ok;
}

napi_status addon_text_get(napi_env env, struct addon_texts *texts, napi_value value, const char *what,
                           struct aa_view *out)
{
    napi_status status = to_space(env, texts, value, out);

    return status == napi_string_expected ? refuse(env, what, "a string") : status;
}

napi_status addon_is_nothing(napi_env env, napi_value value, bool *out)
{
    napi_valuetype type;

    TRY(napi_typeof(env, value, &type));
    *out = type == napi_undefined || type == napi_null;
    return napi_ok;
}

napi_status addon_text_get_optional(napi_env env, struct addon_texts *texts, napi_value value, const char *what,
                                    struct aa_view *out)
{
    napi_status status = to_space(env, texts, value, out);
    bool nothing;

    if (status != napi_string_expected)
        return status;
    TRY(addon_is_nothing(env, value, &nothing));
    if (!nothing)
        return refuse(env, what, "a string or undefined");
    *out = (struct aa_view){NULL, 0};
    return napi_ok;
}
