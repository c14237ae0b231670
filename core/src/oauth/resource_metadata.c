#include "oauth/resource_metadata.h"

static const struct aa_view OFFLINE_ACCESS = {"offline_access", 14};

/* offline_access speaks to the authorization server, not to a resource; clients that copy scopes_supported into their
 * request would ask every person for it. */
static void add_scopes(struct aa_buf *buf, const struct aa_scopes *scopes)
{
    bool first = true;

    for (size_t i = 0; scopes && i < scopes->len; i++) {
        if (aa_view_equal(scopes->items[i], OFFLINE_ACCESS))
            continue;
        aa_buf_add_text(buf, first ? ",\"scopes_supported\":[" : ",");
        aa_buf_add_json_string(buf, scopes->items[i]);
        first = false;
    }
    if (!first)
        aa_buf_add_char(buf, ']');
}

void aa_resource_metadata_build(struct aa_buf *buf, const struct aa_resource_metadata *metadata)
{
    aa_buf_add_text(buf, "{\"resource\":");
    aa_buf_add_json_string(buf, metadata->resource);
    aa_buf_add_text(buf, ",\"authorization_servers\":[");
    aa_buf_add_json_string(buf, metadata->authorization_server);
    aa_buf_add_char(buf, ']');
    add_scopes(buf, metadata->scopes);
    aa_buf_add_text(buf, ",\"bearer_methods_supported\":[\"header\"]");
    if (!aa_view_is_absent(metadata->resource_name)) {
        aa_buf_add_text(buf, ",\"resource_name\":");
        aa_buf_add_json_string(buf, metadata->resource_name);
    }
    aa_buf_add_char(buf, '}');
}
