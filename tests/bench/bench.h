/* SPDX-License-Identifier: Apache-2.0
 * nhtb-bench: what the measurements share. One thread, one CPU; costs are the thread's CPU time, so
 * a busy machine disturbs them only through its caches. Each case prints its own rows. */
#ifndef NHTB_TESTS_BENCH_H
#define NHTB_TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <nhtb/nhtb.h>

#include "bench/bare.h"

enum { BENCH_SAMPLES_MIN = 5, BENCH_SAMPLES_MAX = 2000 };

typedef struct bench {
    bool json;
    double seconds; /* CPU time per case, roughly; at least BENCH_SAMPLES_MIN pairs are taken */
    unsigned rows;  /* printed */
} bench;

typedef struct bench_case {
    const char *name; /* its rows start with it */
    const char *what;
    void (*run)(bench *b, const struct bench_case *c);
    const char *vendor; /* openssl, mbedtls, ipsecmb or NULL */
    unsigned size, arg;
    const bare_alg *alg; /* data plane */
} bench_case;

/* ---- report.c ---- */

typedef struct bench_series {
    double v[BENCH_SAMPLES_MAX];
    size_t n;
} bench_series;

/** Full when it returns false. */
bool bench_add(bench_series *s, double v);

typedef enum bench_ratio {
    BENCH_RATE, /* base / value of times: our rate over the base's rate; 1 is as fast as the base */
    BENCH_COST  /* value / base: how many times the base it costs */
} bench_ratio;

typedef struct bench_row {
    const char *name, *detail; /* printed as "name" or "name.detail" */
    const char *unit;
    const bench_series *value;
    const char *base_name; /* NULL: no base */
    const bench_series *base;
    bench_ratio ratio;
} bench_row;

double bench_median(const bench_series *s);
void bench_begin(const bench *b);
void bench_print(bench *b, const bench_row *r);
/** A row of one counted value. */
void bench_count(bench *b, const char *name, const char *detail, const char *unit, double v);
void bench_end(const bench *b);
/** Says what is wrong and ends the program with status 1: a figure of wrong work is no figure. */
void bench_must(bool ok, const char *what);
double bench_cpu_ns(void);
/** Fixed seed each run (xorshift64*); state must not be 0. */
uint64_t bench_random(uint64_t *state);
void bench_shuffle(uint32_t *v, size_t n, uint64_t *state);

/* ---- heap.c: what is allocated, by whom ---- */

typedef struct bench_heap {
    uint64_t hook_calls;              /* nhtb_host.alloc */
    uint64_t vendor_calls;            /* malloc and its kin outside the hooks */
    int64_t hook_bytes, vendor_bytes; /* live now; the vendor's as malloc_usable_size has them */
} bench_heap;

/** What is allocated and freed from now on goes to this account; returns the one used before. */
bench_heap *bench_heap_use(bench_heap *account);
/** False where libc's allocator cannot be watched; vendor_* stay 0 then. */
bool bench_heap_sees_vendor(void);
/** Host hooks that count. Its random numbers are the same each run, so it is for measuring only. */
nhtb_host bench_host(void);

/* ---- cases ---- */

void bench_datapath(bench *b, const bench_case *c); /* arg: bench_way */
void bench_routes(bench *b, const bench_case *c);   /* arg: bench_way */
void bench_quiet(bench *b, const bench_case *c);
void bench_lpm(bench *b, const bench_case *c); /* arg: number of routes */
void bench_ike(bench *b, const bench_case *c); /* arg: number of set-ups */
void bench_cookie(bench *b, const bench_case *c);
void bench_churn(bench *b, const bench_case *c);
void bench_growth(bench *b, const bench_case *c);  /* set-ups beside few and many tunnels */
void bench_tunnels(bench *b, const bench_case *c); /* arg: number of tunnels */
void bench_flap(bench *b, const bench_case *c);    /* arg: number of routes */
void bench_memory(bench *b, const bench_case *c);  /* arg: number of tunnels */

#endif
