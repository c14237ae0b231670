/* An HTTPS server with a certificate of its own making: the openssl command does the TLS, a thread of ours the HTTP. */
#ifndef AA_TESTS_CORE_SUPPORT_TLS_H
#define AA_TESTS_CORE_SUPPORT_TLS_H

struct tls_server;

/* The self-signed certificate is for this name ("IP:127.0.0.1", "DNS:other.example"). Every request is answered 200
 * with this body, and the connection is closed. */
struct tls_server *tls_server_start(const char *name, const char *body);
void tls_server_stop(struct tls_server *server);
int tls_server_port(const struct tls_server *server);
/* The certificate, to be trusted or not. */
const char *tls_server_certificate(const struct tls_server *server);
/* Requests that came through. */
int tls_server_hits(struct tls_server *server);

#endif
