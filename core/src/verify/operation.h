/* What a request is about to do, as far as scopes are concerned: the MCP tools its JSON-RPC body calls.
 *
 * The body is the truth. Mcp-Method and Mcp-Name are only compared with it (MCP 2026-07-28, Streamable HTTP). What
 * cannot be read for certain is refused: two parsers that disagree about a body are how a tool policy is passed by. */
#ifndef AA_VERIFY_OPERATION_H
#define AA_VERIFY_OPERATION_H

#include "authagent/guard.h"
#include "verify/options.h"

struct aa_operation {
    enum aa_err code;               /* AA_OK, or why the request is refused whoever asks */
    const struct aa_scopes *scopes; /* all that is needed; points into the options or at `owned` */
    struct aa_scopes *owned;
};

bool aa_operation_wants_body(const struct aa_options *options, struct aa_view method);
/* Never fails: trouble is in operation->code. Clear it afterwards. The options outlive it. Nothing is allocated unless
 * a body is to be read. */
void aa_operation_read(const struct aa_options *options, const struct aa_guard_request *request,
                       struct aa_operation *operation);
void aa_operation_clear(struct aa_operation *operation);

#endif
