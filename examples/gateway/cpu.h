/* SPDX-License-Identifier: Apache-2.0
 * What the longest callback of each kind cost the control loop, in CPU time of its thread: "show
 * statistics" tells. Commands and reloads are not among them. Control thread. */
#ifndef GATEWAY_CPU_H
#define GATEWAY_CPU_H

#include <stdint.h>

/** X(symbol, member of "show statistics") */
#define CPU_KINDS(X)                                                                               \
    X(CPU_PUMP, "longest_pump_us")                                                                 \
    X(CPU_TIMER, "longest_timer_us")                                                               \
    X(CPU_PORT500, "longest_port500_us")                                                           \
    X(CPU_WORKER, "longest_worker_us")                                                             \
    X(CPU_JOB, "longest_job_us")

typedef enum cpu_kind {
#define X(symbol, name) symbol,
    CPU_KINDS(X)
#undef X
        CPU_KINDS_END
} cpu_kind;

typedef struct cpu_times {
    uint64_t longest_ns[CPU_KINDS_END];
} cpu_times;

/** At a callback's start, and at its end with what the start gave. */
uint64_t cpu_begin(void);
void cpu_end(cpu_times *t, cpu_kind kind, uint64_t begun);
/** NULL after the last. */
const char *cpu_name(unsigned kind);

#endif
