/* SPDX-License-Identifier: Apache-2.0
 * Atomics of libnhtb: C11, or plain memory on a single core without threads (NHTB_SINGLE_CORE).
 * Only these wrappers are used, so every cross-thread access can be found by grep nhi_a. */
#ifndef NHI_BASE_ATOMIC_H
#define NHI_BASE_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#if defined(NHTB_SINGLE_CORE)
#define NHI_ATOMIC(type)      type
#define nhi_a_load(p)         (*(p))
#define nhi_a_load_acq(p)     (*(p))
#define nhi_a_store(p, v)     ((void)(*(p) = (v)))
#define nhi_a_store_rel(p, v) ((void)(*(p) = (v)))
/* Returns the old value; a statement expression, so that ignoring it is no warning. */
#define nhi_a_add(p, v)                                                                            \
    __extension__({                                                                                \
        __typeof__(p) nhi_at = (p);                                                                \
        __typeof__(*nhi_at) nhi_old = *nhi_at;                                                     \
        *nhi_at = nhi_old + (v);                                                                   \
        nhi_old;                                                                                   \
    })
#define nhi_a_swap(p, v)                                                                           \
    __extension__({                                                                                \
        __typeof__(p) nhi_at = (p);                                                                \
        __typeof__(*nhi_at) nhi_old = *nhi_at;                                                     \
        *nhi_at = (v);                                                                             \
        nhi_old;                                                                                   \
    })
#define nhi_a_or(p, v)                                                                             \
    __extension__({                                                                                \
        __typeof__(p) nhi_at = (p);                                                                \
        __typeof__(*nhi_at) nhi_old = *nhi_at;                                                     \
        *nhi_at = nhi_old | (v);                                                                   \
        nhi_old;                                                                                   \
    })
#define nhi_a_fence() ((void)0)
#define nhi_a_cas_ptr(p, expected, desired)                                                        \
    (*(p) == *(expected) ? (*(p) = (desired), true) : (*(expected) = *(p), false))
#else
#include <stdatomic.h>
#define NHI_ATOMIC(type)      _Atomic(type)
#define nhi_a_load(p)         atomic_load_explicit((p), memory_order_relaxed)
#define nhi_a_load_acq(p)     atomic_load_explicit((p), memory_order_acquire)
#define nhi_a_store(p, v)     atomic_store_explicit((p), (v), memory_order_relaxed)
#define nhi_a_store_rel(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define nhi_a_add(p, v)       atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define nhi_a_or(p, v)        atomic_fetch_or_explicit((p), (v), memory_order_acq_rel)
#define nhi_a_fence()         atomic_thread_fence(memory_order_seq_cst)
#define nhi_a_cas_ptr(p, expected, desired)                                                        \
    atomic_compare_exchange_weak_explicit((p), (expected), (desired), memory_order_acq_rel,        \
                                          memory_order_acquire)
#define nhi_a_swap(p, v) atomic_exchange_explicit((p), (v), memory_order_acq_rel)
#endif

#endif
