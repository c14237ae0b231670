/* The floor for the authorization server's figures: the same listener, the same request parsing, and a handler that
 * answers POST /introspect with a constant. What it does not do is what introspection costs. Usage: constant_server
 * PORT THREADS; ends on SIGTERM. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/listener.h"

static void answer(void *app, const struct aa_request *request, struct aa_response *response)
{
    (void)app;
    (void)request;
    aa_response_json(response, 200);
    aa_buf_add_text(&response->body,
                    "{\"active\":true,\"scope\":\"files:read "
                    "files:write\",\"client_id\":\"cl_0123456789abcdef\",\"username\":\"person@example.com\","
                    "\"token_type\":\"Bearer\",\"exp\":1893456000,\"iat\":1893452400,\"sub\":\"usr_0123456789abcdef\","
                    "\"aud\":\"http://127.0.0.1:9/mcp\","
                    "\"iss\":\"http://127.0.0.1:8788\",\"jti\":\"0123456789abcdef0123\"}");
}

int main(int argc, char **argv)
{
    static const struct aa_route routes[] = {
        {.method = AA_METHOD_POST, .pattern = "/introspect", .handler = answer, .body_max = 16384}};
    struct aa_listener_options options = {.address = "127.0.0.1"};
    struct aa_router router = {.routes = routes, .count = 1};
    struct aa_listener *listener;
    struct aa_error err = AA_ERROR_INIT;
    sigset_t signals;
    int signal_number;

    if (argc != 3) {
        fputs("usage: constant_server PORT THREADS\n", stderr);
        return 2;
    }
    options.port = (int)strtol(argv[1], NULL, 10);
    options.threads = (int)strtol(argv[2], NULL, 10);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    if (aa_listener_start(&options, &router, &listener, &err)) {
        fprintf(stderr, "constant_server: %s\n", err.message);
        return 1;
    }
    printf("%d\n", aa_listener_port(listener));
    fflush(stdout);
    sigwait(&signals, &signal_number);
    aa_listener_stop(listener, 1000);
    return 0;
}
