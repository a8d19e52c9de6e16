/* SPDX-License-Identifier: Apache-2.0
 * CPU time of the control loop's callbacks: see cpu.h. Called by loop.c and jobs.c. */
#define _GNU_SOURCE
#include "cpu.h"

#include <stddef.h>
#include <time.h>

uint64_t cpu_begin(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void cpu_end(cpu_times *t, cpu_kind kind, uint64_t begun)
{
    const uint64_t took = cpu_begin() - begun;
    if (took > t->longest_ns[kind])
        t->longest_ns[kind] = took;
}

const char *cpu_name(unsigned kind)
{
    static const char *const NAMES[] = {
#define X(symbol, name) name,
        CPU_KINDS(X)
#undef X
    };
    return kind < CPU_KINDS_END ? NAMES[kind] : NULL;
}
