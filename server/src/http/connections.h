/* Every open connection: how many there are, in all and from one address, and how long each may take.
 *
 * The HTTP library's own timeout counts idle time, so one byte now and then would hold a connection for ever. Here each
 * phase of a request has a deadline from its start; a connection that is past it is shut down, which the library sees
 * as its client going away. */
#ifndef AA_HTTP_CONNECTIONS_H
#define AA_HTTP_CONNECTIONS_H

#include <stdatomic.h>

#include "http/address.h"

struct aa_connections;

enum aa_phase {
    AA_PHASE_HEAD,   /* the head is coming: deadline_ms */
    AA_PHASE_BODY,   /* the body is coming: deadline_ms */
    AA_PHASE_WORK,   /* a handler has it: no limit here */
    AA_PHASE_ANSWER, /* the client reads the answer: idle_ms */
    AA_PHASE_IDLE,   /* between two requests: idle_ms, until the first byte of the next head */
    AA_PHASE_SHUT    /* past its deadline, waiting for the library to notice */
};

struct aa_connection {
    struct aa_connections *all;
    struct aa_connection *previous, *next; /* in its bucket */
    int fd;                                /* borrowed: open until aa_connections_remove() */
    struct aa_address address;
    struct aa_address customer;
    char address_text[AA_ADDRESS_TEXT_MAX];
    _Atomic int64_t state; /* phase and since when, in one word: see connections.c */
};

struct aa_connections_limits {
    int max, max_per_address; /* trusted proxies are many clients in one and count only towards `max` */
    int deadline_ms, idle_ms;
    const struct aa_address_blocks *trusted; /* borrowed */
};

/* Starts the thread that watches. AA_OK, AA_ERR_NOMEM, AA_ERR_THREAD. */
AA_CHECK enum aa_err aa_connections_new(const struct aa_connections_limits *limits, struct aa_connections **out,
                                        struct aa_error *err);
/* Every connection must have been removed. NULL is fine. */
void aa_connections_free(struct aa_connections *all);

/* May one more come from this address? */
AA_CHECK bool aa_connections_admits(struct aa_connections *all, const struct aa_address *address);
/* A connection in AA_PHASE_HEAD; NULL without memory. */
struct aa_connection *aa_connections_add(struct aa_connections *all, int fd, const struct aa_address *address);
/* Before the socket is closed: its number may be another's at once. NULL is fine. */
void aa_connections_remove(struct aa_connection *connection);

/* The clock of this phase begins. */
void aa_connection_enter(struct aa_connection *connection, enum aa_phase phase);
/* The request line is there: the head's clock begins unless it runs already. */
void aa_connection_begin_head(struct aa_connection *connection);

#endif
