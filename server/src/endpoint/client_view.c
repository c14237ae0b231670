#include "endpoint/client_view.h"

#include "domain/client_document.h"

struct aa_view aa_client_verified_host(const struct aa_client *client)
{
    if (!aa_view_equal_text(client->source, "cimd") || aa_client_document_check_url(client->client_id, NULL))
        return AA_VIEW_ABSENT;
    return aa_client_document_site(client->client_id);
}
