/* The guard's decision, in the order of the failure table: answers at once, or says what must be learnt first. Never
 * waits.
 *
 * Any thread may call; what is shared is immutable, atomic or behind short locks. */
#ifndef AA_VERIFY_VERIFIER_H
#define AA_VERIFY_VERIFIER_H

#include "verify/cache.h"
#include "verify/identity.h"
#include "verify/keys.h"
#include "verify/operation.h"
#include "verify/token_key.h"

struct aa_verifier {
    struct aa_options options;
    struct aa_cache *cache;
    struct aa_keys keys;
    struct aa_token_scope token_scope;
    _Atomic(struct aa_identity *) identity; /* set once */
};

/* Takes over the options. AA_OK, AA_ERR_NOMEM, AA_ERR_RANDOM, AA_ERR_CRYPTO; the options are the verifier's in any
 * case. */
AA_CHECK enum aa_err aa_verifier_init(struct aa_verifier *verifier, struct aa_options *options, struct aa_error *err);
void aa_verifier_clear(struct aa_verifier *verifier);
struct aa_identity *aa_verifier_identity(struct aa_verifier *verifier); /* NULL while it is not known */
/* Publishes what was learnt of ourselves; the first one stays. AA_OK or why the resource cannot be one. */
AA_CHECK enum aa_err aa_verifier_learn_identity(struct aa_verifier *verifier, struct aa_view resource,
                                                struct aa_view name, struct aa_error *err);

enum aa_need {
    AA_NEED_NOTHING,  /* the verdict stands */
    AA_NEED_IDENTITY, /* our own resource identifier must be learnt first */
    AA_NEED_TOKEN     /* the token under `key` must be asked about */
};

struct aa_question {
    enum aa_need need;
    struct aa_view token; /* borrowed from the request */
    struct aa_cache_key key;
};

/* Fills the verdict; AA_VERDICT_PENDING when question->need says so. Nothing is allocated on a cache hit (tool policies
 * aside). */
void aa_verifier_ask(struct aa_verifier *verifier, const struct aa_guard_request *request, struct aa_now now,
                     struct aa_verdict *verdict, struct aa_question *question);
struct aa_asker aa_asker_of(const struct aa_guard_request *request);
/* The verdict on facts: cached or just learnt. Takes over the facts. */
void aa_verifier_judge(struct aa_verifier *verifier, struct aa_facts *facts, const struct aa_guard_request *request,
                       struct aa_now now, struct aa_verdict *verdict);
void aa_verifier_refuse(struct aa_verifier *verifier, enum aa_err code, const struct aa_scopes *scopes,
                        struct aa_asker asker, struct aa_verdict *verdict);
/* Per-route demands: see aa_guard_check_scopes(). */
void aa_verifier_check_scopes(struct aa_verifier *verifier, struct aa_principal *principal, struct aa_view scopes,
                              struct aa_verdict *verdict);

#endif
