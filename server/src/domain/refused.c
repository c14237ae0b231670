#include "domain/refused.h"

static const char *const names[] = {"",
#define AA_OAUTH_NAME(name, text) text,
                                    AA_OAUTH_ERROR_TABLE(AA_OAUTH_NAME)
#undef AA_OAUTH_NAME
};

const char *aa_oauth_error_name(enum aa_oauth_error error)
{
    return names[error];
}

enum aa_err aa_refuse(struct aa_refused *refused, enum aa_oauth_error error, const char *description)
{
    if (refused->error == AA_OAUTH_NONE) {
        refused->error = error;
        refused->description = description;
    }
    return AA_ERR_REQUEST_MALFORMED;
}
