/* SPDX-License-Identifier: Apache-2.0
 * Rows as a table or JSON, medians, the clock and the generator of nhtb-bench. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/bench.h"

bool bench_add(bench_series *s, double v)
{
    if (s->n < BENCH_SAMPLES_MAX)
        s->v[s->n++] = v;
    return s->n < BENCH_SAMPLES_MAX;
}

double bench_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

uint64_t bench_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

void bench_shuffle(uint32_t *v, size_t n, uint64_t *state)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)(bench_random(state) % i);
        uint32_t keep = v[i - 1];
        v[i - 1] = v[j];
        v[j] = keep;
    }
}

void bench_must(bool ok, const char *what)
{
    if (ok)
        return;
    fflush(stdout);
    fprintf(stderr, "nhtb-bench: %s\n", what);
    exit(1);
}

/* ---- medians ---- */

typedef struct spread {
    double median, min, max;
} spread;

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static spread spread_of(const double *v, size_t n)
{
    static double sorted[BENCH_SAMPLES_MAX];
    memcpy(sorted, v, n * sizeof *v);
    qsort(sorted, n, sizeof *sorted, ascending);
    return (spread){n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2, sorted[0],
                    sorted[n - 1]};
}

double bench_median(const bench_series *s)
{
    return spread_of(s->v, s->n).median;
}

/* Of neighbours in time: what disturbs the machine disturbs both. */
static spread ratio_of(const bench_row *r)
{
    static double v[BENCH_SAMPLES_MAX];
    size_t n = r->value->n < r->base->n ? r->value->n : r->base->n;
    for (size_t i = 0; i < n; i++)
        v[i] = r->ratio == BENCH_RATE ? r->base->v[i] / r->value->v[i]
                                      : r->value->v[i] / r->base->v[i];
    return spread_of(v, n);
}

/* ---- output ---- */

void bench_begin(const bench *b)
{
    if (b->json)
        printf("{\"program\":\"nhtb-bench\",\"format\":1,\"version\":\"%s\",\"rows\":[",
               nhtb_version());
    else
        printf("%-34s %-12s %10s %10s %10s %4s  %10s %7s %7s %7s  %s\n", "row", "unit", "median",
               "min", "max", "n", "base", "ratio", "min", "max", "against");
}

static void print_json(const bench *b, const bench_row *r, const char *name, spread v)
{
    printf("%s\n{\"name\":\"%s\",\"unit\":\"%s\",\"median\":%.4f,\"min\":%.4f,\"max\":%.4f,"
           "\"samples\":%zu",
           b->rows ? "," : "", name, r->unit, v.median, v.min, v.max, r->value->n);
    if (r->base_name) {
        spread base = spread_of(r->base->v, r->base->n), ratio = ratio_of(r);
        printf(",\"base\":{\"name\":\"%s\",\"median\":%.4f,\"min\":%.4f,\"max\":%.4f},"
               "\"ratio\":{\"kind\":\"%s\",\"median\":%.4f,\"min\":%.4f,\"max\":%.4f}",
               r->base_name, base.median, base.min, base.max,
               r->ratio == BENCH_RATE ? "rate" : "cost", ratio.median, ratio.min, ratio.max);
    }
    printf("}");
}

static void print_text(const bench_row *r, const char *name, spread v)
{
    printf("%-34s %-12s %10.2f %10.2f %10.2f %4zu", name, r->unit, v.median, v.min, v.max,
           r->value->n);
    if (r->base_name) {
        spread base = spread_of(r->base->v, r->base->n), ratio = ratio_of(r);
        printf("  %10.2f %7.3f %7.3f %7.3f  %s of %s", base.median, ratio.median, ratio.min,
               ratio.max, r->ratio == BENCH_RATE ? "rate" : "cost", r->base_name);
    }
    printf("\n");
}

void bench_print(bench *b, const bench_row *r)
{
    char name[80];
    snprintf(name, sizeof name, "%s%s%s", r->name, r->detail ? "." : "",
             r->detail ? r->detail : "");
    bench_must(r->value->n > 0 && (!r->base_name || r->base->n > 0), "a row without a sample");
    spread v = spread_of(r->value->v, r->value->n);
    if (b->json)
        print_json(b, r, name, v);
    else
        print_text(r, name, v);
    b->rows++;
    fflush(stdout);
}

void bench_count(bench *b, const char *name, const char *detail, const char *unit, double v)
{
    static bench_series s;
    s.v[0] = v;
    s.n = 1;
    bench_row r = {.name = name, .detail = detail, .unit = unit, .value = &s};
    bench_print(b, &r);
}

void bench_end(const bench *b)
{
    if (b->json)
        printf("\n]}\n");
}
