/* SPDX-License-Identifier: Apache-2.0
 * Signals are the control loop's: a thread that starts while all are blocked never gets one. */
#ifndef GATEWAY_SIGNALS_H
#define GATEWAY_SIGNALS_H

#include <signal.h>

/** Blocks all in the calling thread; before: NULL, or what signals_restore takes. */
static inline void signals_block(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

static inline void signals_restore(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

#endif
