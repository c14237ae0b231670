#include "endpoint/client_view.h"

#include "base/url.h"

struct aa_view aa_client_verified_host(const struct aa_client *client)
{
    struct aa_url url;

    if (!aa_view_equal_text(client->source, "cimd") || aa_url_parse(client->client_id, &url, NULL) ||
        !aa_url_is_scheme(&url, "https"))
        return AA_VIEW_ABSENT;
    return url.host;
}
