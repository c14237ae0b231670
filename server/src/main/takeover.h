/* Rows of the older service, one after the other: import_auth_agent.c's part of main/. */
#ifndef AA_MAIN_TAKEOVER_H
#define AA_MAIN_TAKEOVER_H

#include "domain/app.h"
#include "main/old_tables.h"

enum aa_outcome { AA_TAKEN, AA_THERE_ALREADY, AA_LEFT_OUT, AA_OUTCOME_COUNT };

enum aa_subject { AA_TAKE_SERVERS, AA_TAKE_KEYS, AA_TAKE_CLIENTS, AA_TAKE_PEOPLE, AA_TAKE_APPROVALS, AA_SUBJECT_COUNT };

struct aa_takeover {
    struct aa_app *app;
    struct aa_old_tables tables;
    int64_t counts[AA_SUBJECT_COUNT][AA_OUTCOME_COUNT];
    int64_t asked_each_time; /* approvals of programs on people's computers */
    struct aa_buf reasons;   /* lines: what was left out, and why */
};

/* Counts what became of a row. What is wrong with the row itself is noted and passed over; anything else is returned.
 */
AA_CHECK enum aa_err aa_takeover_note(struct aa_takeover *takeover, enum aa_subject subject, struct aa_view what,
                                      enum aa_err rc, const struct aa_error *why, struct aa_error *err);
/* A time where nothing hangs on it. */
int64_t aa_takeover_time(const struct aa_json *row, const char *column, int64_t otherwise);
/* For aa_old_list(): ctx is a buffer to which the word is appended, behind a space. */
bool aa_takeover_add_word(void *ctx, struct aa_view word);

AA_CHECK enum aa_err aa_take_server(struct aa_takeover *takeover, const struct aa_json *row, struct aa_error *err);
AA_CHECK enum aa_err aa_take_key(struct aa_takeover *takeover, const struct aa_json *row, struct aa_error *err);
AA_CHECK enum aa_err aa_take_client(struct aa_takeover *takeover, const struct aa_json *row, struct aa_error *err);
AA_CHECK enum aa_err aa_take_approval(struct aa_takeover *takeover, const struct aa_json *row, struct aa_error *err);

#endif
