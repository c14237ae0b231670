/* A listener with a few routes, and a client that speaks raw bytes to it. */
#ifndef AA_TESTS_SERVER_SUPPORT_WEB_H
#define AA_TESTS_SERVER_SUPPORT_WEB_H

#include <pthread.h>

#include "http/listener.h"
#include "support/test.h"

#define WEB_BODY_MAX 1024 /* of POST /echo and POST /slow */
#define WEB_WIDE 14000

/* Routes:
 *   GET  /hello      "hello"
 *   GET  /seen/:id   what the handler saw, a line each
 *   POST /echo       the body, on the event thread
 *   POST /slow       the body, on a worker
 *   GET  /gate       waits until web_open_gate(), on a worker
 *   GET  /promoted   asks for a worker
 *   GET  /careless   sets a header that may not be sent
 *   GET  /wide       sets a header of WEB_WIDE bytes */
struct web {
    struct aa_listener *listener;
    struct aa_router router;
    int port;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int calls;   /* of handlers */
    int waiting; /* handlers at the gate */
    int queued;  /* requests for the gate or /promoted that the event thread has seen */
    bool is_open;
    long handler_thread, event_thread; /* of the last call */
    char log[256];
};

void web_start(struct web *w);
/* With options; address and port are filled in when unset, and so is the log. */
void web_start_with(struct web *w, struct aa_listener_options options);
void web_stop(struct web *w);
void web_open_gate(struct web *w);
void web_wait_waiting(struct web *w, int count);
void web_wait_queued(struct web *w, int count);
int web_calls(struct web *w);

/* A connected socket. */
int web_connect(const struct web *w);
int web_connect_from(const struct web *w, const char *to, const char *from); /* -1 when it is refused */
void web_send(int fd, const char *text);
/* False when the other side has gone. */
bool web_try_send(int fd, const void *data, size_t len);

struct web_answer {
    int status; /* 0: the connection ended without an answer */
    char head[16384];
    char body[65536];
};

/* Reads one answer; `to_head`: one without a body. Fails the test when nothing comes for a long time. */
void web_read(int fd, struct web_answer *answer, bool to_head);
/* True when the other side ends the connection, after any answers; false when it still stands after a long time. */
bool web_is_closed(int fd);
/* A new connection, one request, one answer; tells whether the connection was closed afterwards. */
int web_ask(const struct web *w, const char *request, struct web_answer *answer);
/* The value of a field of the answer; "" when it has none. Valid until the next call. */
const char *web_field(const struct web_answer *answer, const char *name);

#endif
