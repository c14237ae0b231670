/* An HTTPS server with a certificate of its own making: a TLS front, and the server of support_http.h behind it. */
#ifndef AA_TESTS_CORE_SUPPORT_TLS_H
#define AA_TESTS_CORE_SUPPORT_TLS_H

#include "support_http.h"

struct tls_server;

/* The self-signed certificate is for this name ("IP:127.0.0.1", "DNS:other.example"). "/" is answered 200 with this
 * body, and the connection is closed. */
struct tls_server *tls_server_start(const char *name, const char *body);
void tls_server_stop(struct tls_server *server);
int tls_server_port(const struct tls_server *server);
/* The certificate, to be trusted or not. */
const char *tls_server_certificate(const struct tls_server *server);
/* What answers behind the front: other paths, other answers. */
struct http_server *tls_server_behind(const struct tls_server *server);
/* Requests that came through. */
int tls_server_hits(struct tls_server *server);
/* Connections to the front, those that came to no handshake too. */
int tls_server_connections(struct tls_server *server);

#endif
