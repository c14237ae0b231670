/* The command line: one table of commands. */
#ifndef AA_MAIN_CLI_H
#define AA_MAIN_CLI_H

/* Runs `auth-agent-server COMMAND …`; returns the exit status: 0, 1 (it failed: one line on standard error) or 2 (it
 * was asked wrongly). */
int aa_cli_run(int argc, char **argv);

#endif
