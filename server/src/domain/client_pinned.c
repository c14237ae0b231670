#include "domain/client_pinned.h"

/* As published in September 2026. Each redirect URI is the publisher's own site or a loopback, so that a copy that has
 * become stale sends nobody to a stranger. */
static const struct {
    const char *client_id, *client_name, *redirect_uris;
    const char *jwks_uri; /* NULL: it has no keys */
} documents[] = {
    {"https://claude.ai/oauth/claude-code-client-metadata", "Claude Code",
     "\"http://localhost/callback\",\"http://127.0.0.1/callback\"", NULL},
    {"https://claude.ai/oauth/mcp-oauth-client-metadata", "Claude", "\"https://claude.ai/api/mcp/auth_callback\"",
     NULL},
    {"https://chatgpt.com/oauth/client.json", "ChatGPT", "\"https://chatgpt.com/connector_platform_oauth_redirect\"",
     "https://chatgpt.com/oauth/jwks.json"},
    {"https://chatgpt.com/oauth/codex/client.json", "Codex",
     "\"http://127.0.0.1/callback\",\"http://localhost/callback\"", NULL},
    {"https://vscode.dev/oauth/client-metadata.json", "Visual Studio Code",
     "\"http://127.0.0.1:33418/\",\"https://vscode.dev/redirect\"", NULL},
    {"https://zed.dev/oauth/client-metadata.json", "Zed", "\"http://127.0.0.1/callback\"", NULL},
    {"https://opencode.ai/oauth/opencode/client.json", "OpenCode",
     "\"http://127.0.0.1/callback\",\"http://localhost/callback\"", NULL},
};

#define COUNT (sizeof documents / sizeof *documents)

/* COUNT when it is none of them. */
static size_t find(struct aa_view client_id)
{
    size_t i = 0;

    while (i < COUNT && !aa_view_equal_text(client_id, documents[i].client_id))
        i++;
    return i;
}

bool aa_client_pinned_has(struct aa_view client_id)
{
    return find(client_id) < COUNT;
}

bool aa_client_pinned_add(struct aa_view client_id, struct aa_buf *document)
{
    size_t i = find(client_id);

    if (i == COUNT)
        return false;
    aa_buf_add_format(document,
                      "{\"client_id\":\"%s\",\"client_name\":\"%s\",\"redirect_uris\":[%s],"
                      "\"grant_types\":[\"authorization_code\",\"refresh_token\"],\"response_types\":[\"code\"],"
                      "\"token_endpoint_auth_method\":\"none\"",
                      documents[i].client_id, documents[i].client_name, documents[i].redirect_uris);
    if (documents[i].jwks_uri)
        aa_buf_add_format(document,
                          ",\"token_endpoint_auth_methods_supported\":[\"none\",\"private_key_jwt\"],"
                          "\"jwks_uri\":\"%s\"",
                          documents[i].jwks_uri);
    aa_buf_add_char(document, '}');
    return true;
}
