/* SPDX-License-Identifier: Apache-2.0
 * Hierarchical timer wheel: arm and cancel O(1), resolution about 1 ms, never fires early. Each
 * object embeds its timer; kinds are dispatched by engine/timer.c in one switch. Control thread. */
#ifndef NHI_BASE_WHEEL_H
#define NHI_BASE_WHEEL_H

#include "base/list.h"

typedef struct nhi_timer {
    nhi_list link;
    nhtb_time due; /* NHTB_NEVER when not armed */
    uint16_t kind; /* meaning given by engine/timer.c */
} nhi_timer;

#define NHI_WHEEL_BITS   6
#define NHI_WHEEL_SLOTS  (1u << NHI_WHEEL_BITS)
#define NHI_WHEEL_LEVELS 8 /* 64^8 ticks of 2^20 ns: far beyond any host's uptime */

typedef struct nhi_wheel {
    nhi_list slot[NHI_WHEEL_LEVELS][NHI_WHEEL_SLOTS];
    uint64_t occupied[NHI_WHEEL_LEVELS]; /* bit per non-empty slot */
    uint64_t tick;                       /* last tick processed */
    nhi_list due;                        /* expired, not yet popped */
    size_t armed;
} nhi_wheel;

void nhi_wheel_init(nhi_wheel *w);
void nhi_timer_init(nhi_timer *t, uint16_t kind);
static inline bool nhi_timer_armed(const nhi_timer *t)
{
    return t->due != NHTB_NEVER;
}
/** (Re)arms; NHTB_NEVER cancels. A due time in the past fires at the next pop. */
void nhi_wheel_arm(nhi_wheel *w, nhi_timer *t, nhtb_time due);
void nhi_wheel_cancel(nhi_wheel *w, nhi_timer *t);
/** A time not later than the earliest due timer (and not so early that the host spins), or
 *  NHTB_NEVER. */
nhtb_time nhi_wheel_deadline(const nhi_wheel *w);
/** The next expired timer (disarmed), or NULL. Call until NULL. A clock that jumps far ahead costs
 *  time per timer, not per tick. */
nhi_timer *nhi_wheel_pop(nhi_wheel *w, nhtb_time now);

#endif
