/* A lock for sections of some tens of nanoseconds: no system call when it is free, and a forked child can open it
 * again.
 *
 * Its holder never waits, allocates nothing large and calls nobody back, so whoever finds it taken spins a moment and
 * then gives up its turn. C11 atomics alone: verify has no threads of its own, and ThreadSanitizer understands them. */
#ifndef AA_VERIFY_LOCK_H
#define AA_VERIFY_LOCK_H

#include <stdatomic.h>
#include <threads.h>

struct aa_lock {
    atomic_bool taken;
};

#define AA_LOCK_SPINS 64

static inline void aa_lock_take(struct aa_lock *lock)
{
    unsigned spins = 0;

    while (atomic_exchange_explicit(&lock->taken, true, memory_order_acquire)) {
        if (++spins % AA_LOCK_SPINS == 0)
            thrd_yield();
    }
}

static inline void aa_lock_drop(struct aa_lock *lock)
{
    atomic_store_explicit(&lock->taken, false, memory_order_release);
}

#endif
