#include "endpoint/resource_metadata.h"

#include "domain/app.h"
#include "endpoint/answer.h"
#include "endpoint/parameters.h"
#include "oauth/resource_metadata.h"
#include "store/store.h"

#define MAX_AGE "public, max-age=60" /* seconds: a renamed server or a new scope is seen soon */
#define SERVER_ID_MAX 128            /* bytes: longer than any of ours */

struct lookup {
    struct aa_view server_id;
    struct aa_server server;
};

static enum aa_err find_server(struct aa_conn *conn, void *ctx, struct aa_error *err)
{
    struct lookup *lookup = ctx;

    return aa_server_find(conn, lookup->server_id, &lookup->server, err);
}

/* Which server is meant: the path's last segment, or else the query's server_id. */
static enum aa_err read_server_id(const struct aa_request *request, struct aa_parameters *parameters,
                                  struct aa_view *server_id, struct aa_error *err)
{
    enum aa_err rc;

    *server_id = request->params[0];
    if (!aa_view_is_absent(*server_id))
        return AA_OK;
    rc = aa_parameters_read_query(parameters, request, err);
    return rc ? rc : aa_parameters_get(parameters, "server_id", SERVER_ID_MAX, server_id, err);
}

static void answer_missing(struct aa_response *response)
{
    aa_response_oauth_error(response, 404, "not_found", "There is no such server");
}

static void answer_document(struct aa_response *response, const struct aa_app *app, const struct aa_server *server,
                            const struct aa_scopes *scopes)
{
    aa_response_json(response, 200);
    aa_response_header_set(response, "Cache-Control", AA_VIEW(MAX_AGE));
    aa_resource_metadata_build(&response->body,
                               &(struct aa_resource_metadata){.resource = server->server_url,
                                                              .authorization_server = aa_view_of(app->settings.issuer),
                                                              .resource_name = server->server_name,
                                                              .scopes = scopes});
}

static enum aa_err answer_server(const struct aa_app *app, struct aa_view server_id, struct aa_response *response,
                                 struct aa_error *err)
{
    struct lookup lookup = {.server_id = server_id};
    struct aa_scopes scopes = {.len = 0};
    enum aa_err rc;

    rc = aa_db_read(app->db, find_server, &lookup, err);
    if (rc)
        return rc;
    rc = aa_scopes_parse(lookup.server.scopes, &scopes, err);
    if (!rc)
        answer_document(response, app, &lookup.server, &scopes);
    aa_record_clear(&lookup.server.memory);
    return rc ? AA_ERR_STORE : AA_OK;
}

void aa_resource_metadata_get(void *app, const struct aa_request *request, struct aa_response *response)
{
    struct aa_parameters parameters = {.json = NULL};
    struct aa_view server_id = AA_VIEW_ABSENT;
    struct aa_error err = AA_ERROR_INIT;
    enum aa_err rc;

    rc = read_server_id(request, &parameters, &server_id, &err);
    if (!rc)
        rc = aa_view_is_absent(server_id) ? AA_ERR_NOT_FOUND : answer_server(app, server_id, response, &err);
    if (rc == AA_ERR_NOT_FOUND)
        answer_missing(response);
    else if (rc)
        aa_answer_failure(app, request, response, rc, &(struct aa_refused)AA_REFUSED_INIT, &err);
    aa_parameters_clear(&parameters);
}
