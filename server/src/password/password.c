#include "password/password.h"

#include <argon2.h>
#include <pthread.h>

#include "base/error.h"

/* OWASP's Argon2id settings of least memory; RFC 9106 §4 allows trading memory for passes. */
#define MEMORY_KIB 19456
#define PASSES 2
#define LANES 1
#define HASH_LEN 32
#define PHC_MAX 128
#define AT_ONCE 4 /* hashes: 76 MiB, and never all the processors' time for long; others wait */

/* What a password is compared with when there is none: same settings, same time. */
static const char nobody[] =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/* ---- one place among few ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t left = PTHREAD_COND_INITIALIZER;
static int running;

static void enter(void)
{
    pthread_mutex_lock(&lock);
    while (running == AT_ONCE)
        pthread_cond_wait(&left, &lock);
    running++;
    pthread_mutex_unlock(&lock);
}

static void leave(void)
{
    pthread_mutex_lock(&lock);
    running--;
    pthread_cond_signal(&left);
    pthread_mutex_unlock(&lock);
}

/* ---- the hash ---- */

static enum aa_err fail(int rc, struct aa_error *err)
{
    if (rc == ARGON2_MEMORY_ALLOCATION_ERROR)
        return aa_fail(err, AA_ERR_NOMEM, "out of memory hashing a password");
    return aa_fail(err, AA_ERR_CRYPTO, "hashing a password failed: %s", argon2_error_message(rc));
}

enum aa_err aa_password_hash(struct aa_view password, struct aa_view salt, struct aa_buf *phc, struct aa_error *err)
{
    char text[PHC_MAX];
    int rc;

    if (password.len > AA_PASSWORD_MAX)
        return aa_fail(err, AA_ERR_TOO_LONG, "the password is longer than %d bytes", AA_PASSWORD_MAX);
    enter();
    rc = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password.data, password.len, salt.data, salt.len, HASH_LEN,
                               text, sizeof text);
    leave();
    if (rc != ARGON2_OK)
        return fail(rc, err);
    aa_buf_add_text(phc, text);
    return aa_buf_check(phc, "a password hash", err);
}

enum aa_err aa_password_check(struct aa_view password, struct aa_view phc, bool *matches, struct aa_error *err)
{
    bool is_possible = !aa_view_is_absent(phc) && phc.len < PHC_MAX && password.len <= AA_PASSWORD_MAX;
    size_t len = password.len <= AA_PASSWORD_MAX ? password.len : AA_PASSWORD_MAX;
    char text[PHC_MAX] = {0};
    int rc;

    if (is_possible)
        memcpy(text, phc.data, phc.len);
    enter();
    rc = argon2id_verify(is_possible ? text : nobody, password.data ? password.data : "", len);
    leave();
    if (rc != ARGON2_OK && rc != ARGON2_VERIFY_MISMATCH)
        return fail(rc, err);
    *matches = is_possible && rc == ARGON2_OK;
    return AA_OK;
}
