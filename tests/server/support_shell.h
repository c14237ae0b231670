/* The command line, run as a process of its own: exit status, standard output, standard error. */
#ifndef AA_TESTS_SERVER_SUPPORT_SHELL_H
#define AA_TESTS_SERVER_SUPPORT_SHELL_H

#include "support/test.h"

#define SHELL_OUTPUT_MAX 65536

struct shell {
    char folder[64];                                   /* the working directory of what is run */
    char database[96];                                 /* AUTH_AGENT_DATABASE */
    char out[SHELL_OUTPUT_MAX], err[SHELL_OUTPUT_MAX]; /* of the last command */
};

void shell_open(struct shell *s);
void shell_close(struct shell *s);
/* For a child: opens path in place of a descriptor, or ends. */
void shell_redirect(const char *path, int flags, int target);
/* `line` is split at spaces; `input` becomes standard input. Gives the exit status. */
int shell_run_with(struct shell *s, const char *input, const char *line);
int shell_run(struct shell *s, const char *line);
/* It worked and said nothing on standard error. */
void shell_succeeds(struct shell *s, const char *line);
/* It failed with that status and one line on standard error that holds `in_message`, and printed nothing. */
void shell_fails(struct shell *s, const char *line, int wanted, const char *in_message);
/* The member of the JSON object that was printed. */
void shell_member(struct shell *s, const char *name, char *out, size_t size);

/* A server that runs in the background. */
struct shell_server {
    int pid, port;
    int ready_end; /* where the ready line came from */
};

/* Starts `serve` on a free port of 127.0.0.1 and waits until it is ready. */
void shell_serve(struct shell *s, struct shell_server *server);
/* Sends the signal and waits; gives the exit status. Fails when it takes more than five seconds. */
int shell_stop(struct shell_server *server, int signal_number);
/* One HTTP/1.1 request on a connection of its own; gives the status, and the body in s->out. `extra` are header lines,
 * each ended by \r\n. */
int shell_http(struct shell *s, const struct shell_server *server, const char *method, const char *path,
               const char *extra, const char *body);

#endif
