/* The guard's options: one JSON object, the environment behind it, defaults behind that; all checked before anything
 * starts. */
#ifndef AA_VERIFY_OPTIONS_H
#define AA_VERIFY_OPTIONS_H

#include "base/buf.h"
#include "oauth/scope.h"

#define AA_OPTIONS_MAX (256 * 1024) /* bytes of the JSON object */
#define AA_OPTION_ENV_PREFIX "AUTH_AGENT_"

enum aa_mode { AA_MODE_INTROSPECTION, AA_MODE_JWT };

struct aa_tool {
    struct aa_view name;
    struct aa_scopes scopes; /* what a call needs, required_scopes among them */
};

struct aa_option_block; /* memory of the texts below */

struct aa_options { /* every text is NUL-terminated behind its view */
    struct aa_view server_id, api_key, auth_server, resource, introspection_endpoint, jwks_uri, resource_name, ca_file,
        proxy;
    struct aa_scopes required_scopes, scopes_supported;
    bool has_scopes_supported;
    struct aa_view *public_paths;
    size_t public_path_count;
    struct aa_tool *tools; /* sorted by name */
    size_t tool_count;
    int64_t cache_ttl_ms, connect_timeout_ms, timeout_ms, cache_size, max_body;
    enum aa_mode mode;
    bool check_audience;
    struct aa_option_block *blocks;
};

/* Reads a variable of the environment; NULL when it is not set. Passed in: verify reads no environment. */
typedef const char *(*aa_getenv_fn)(void *ctx, const char *name);

/* AA_OK, AA_ERR_OPTION_UNKNOWN, AA_ERR_OPTION_INVALID, AA_ERR_OPTION_MISSING or AA_ERR_NOMEM; the message names the
 * option and what it must be, never the value of a secret. On success clear with aa_options_clear(), which wipes the
 * secrets. */
AA_CHECK enum aa_err aa_options_read(struct aa_view json, aa_getenv_fn getenv_fn, void *getenv_ctx,
                                     struct aa_options *out, struct aa_error *err);
void aa_options_clear(struct aa_options *options);
/* The tool of that name, or NULL. */
const struct aa_tool *aa_options_find_tool(const struct aa_options *options, struct aa_view name);
bool aa_options_is_public(const struct aa_options *options, struct aa_view path);

#endif
