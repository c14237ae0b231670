/* A tiny HTTP server on plain sockets, playing the authorization server: fixed answers per path, one thread a
 * connection, everything counted. */
#ifndef AA_TESTS_CORE_SUPPORT_HTTP_H
#define AA_TESTS_CORE_SUPPORT_HTTP_H

#include <stdbool.h>

struct http_server;

/* port 0: a free one. Fails the test when it cannot. */
struct http_server *http_server_start(int port);
/* Closes the listener and every connection. */
void http_server_stop(struct http_server *server);
int http_server_port(const struct http_server *server);

/* What a path is answered with: a status, a body, more header lines ("X: y\r\n") or NULL, after so many milliseconds.
 * Status 0: the body is the whole answer, byte for byte, and the connection is closed after it. The last setting of a
 * path holds. */
void http_server_set(struct http_server *server, const char *path, int status, const char *body, const char *headers,
                     int delay_ms);
/* The same for POSTed forms whose body begins with "token=<token>&": one answer per token, before the path's own. */
void http_server_set_token(struct http_server *server, const char *token, const char *body);
/* Answers to this path wait until it is let go. */
void http_server_hold(struct http_server *server, const char *path);
void http_server_let_go(struct http_server *server, const char *path);
/* Answers to this path are sent byte by byte, with so much time before each. */
void http_server_drip(struct http_server *server, const char *path, int ms);
/* Requests of the path that were received and not yet answered. */
int http_server_waiting(struct http_server *server, const char *path);
/* Requests a path has had; NULL: all. */
int http_server_hits(struct http_server *server, const char *path);
int http_server_connections(struct http_server *server);
/* Those that no end of which is closed yet. */
int http_server_open_connections(struct http_server *server);
/* The head and the body of the last request a path has had; copied, cut to what fits. */
void http_server_last(struct http_server *server, const char *path, char *head, int head_size, char *body,
                      int body_size);

#endif
