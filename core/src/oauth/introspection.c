#include "oauth/introspection.h"

#include "base/error.h"

struct answer {
    bool active;
};

static const struct aa_json_field fields[] = {
    {"active", AA_FIELD_BOOL, offsetof(struct answer, active), true, 0},
};

/* A token that is not active has no claims: RFC 7662 §2.2 says the answer SHOULD NOT hold more, so nothing more is
 * read.
 */
static enum aa_err read(const struct aa_json *document, struct aa_introspection *introspection, struct aa_error *err)
{
    struct answer answer = {false};
    enum aa_err rc = aa_json_read(document, fields, 1, &answer, err);

    if (!rc && answer.active)
        rc = aa_claims_read(document, &introspection->claims, err);
    introspection->active = answer.active;
    return rc;
}

enum aa_err aa_introspection_parse(struct aa_view text, struct aa_introspection *out, struct aa_error *err)
{
    struct aa_introspection introspection = {.active = false};
    struct aa_error why = AA_ERROR_INIT;
    enum aa_err rc;

    rc = aa_json_parse(text, AA_INTROSPECTION_MAX, &introspection.document, &why);
    if (!rc)
        rc = read(introspection.document, &introspection, &why);
    if (rc) {
        aa_introspection_clear(&introspection);
        rc = rc == AA_ERR_NOMEM ? rc : AA_ERR_REMOTE_PROTOCOL;
        return aa_fail(err, rc, "%s", why.message);
    }
    *out = introspection;
    return AA_OK;
}

void aa_introspection_clear(struct aa_introspection *introspection)
{
    aa_json_free(introspection->document);
    *introspection = (struct aa_introspection){.active = false};
}
