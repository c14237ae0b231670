#include "support_principal.h"

#include "base/json.h"

struct aa_principal *principal_of(const char *json)
{
    struct aa_claims claims = {0};
    struct aa_principal *principal;
    struct aa_json *document;

    CHECK_OK(aa_json_parse(VIEW(json), 65536, &document, NULL));
    CHECK_OK(aa_claims_read(document, &claims, NULL));
    CHECK_OK(aa_principal_new(&claims, document, VIEW("https://mcp.example.com/mcp"), &principal, NULL));
    aa_json_free(document);
    return principal;
}
