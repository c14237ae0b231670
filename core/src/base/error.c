#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

struct entry {
    enum aa_err code;
    enum aa_err_class cls;
    const char *name;
    const char *text;
};

static const struct entry entries[] = {
#define ENTRY(name, number, cls, text) {AA_ERR_##name, AA_CLASS_##cls, #name, text},
    AA_ERR_TABLE(ENTRY)
#undef ENTRY
};

static const struct entry *find_entry(enum aa_err code)
{
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
        if (entries[i].code == code)
            return &entries[i];
    return NULL;
}

const char *aa_err_name(enum aa_err code)
{
    const struct entry *entry = find_entry(code);

    return entry ? entry->name : "UNKNOWN";
}

const char *aa_err_text(enum aa_err code)
{
    const struct entry *entry = find_entry(code);

    return entry ? entry->text : "Something went wrong";
}

enum aa_err_class aa_err_class_of(enum aa_err code)
{
    const struct entry *entry = find_entry(code);

    return entry ? entry->cls : AA_CLASS_INTERNAL;
}

enum aa_err aa_fail(struct aa_error *err, enum aa_err code, const char *format, ...)
{
    va_list arguments;

    if (!err || err->code != AA_OK)
        return code;
    err->code = code;
    va_start(arguments, format);
    vsnprintf(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    return code;
}
