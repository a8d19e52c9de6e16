/* SPDX-License-Identifier: Apache-2.0
 * nhtb-bench: options, the list of cases, and one CPU to run on. See tests/bench/README.md. */
#define _GNU_SOURCE /* CPU_SET, sched_setaffinity */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/world.h"

#define DATAPATH(way, text, id)                                                                    \
    {way "/openssl/1420", text, bench_datapath, "openssl", 1420, id},                              \
        {way "/openssl/64", text, bench_datapath, "openssl", 64, id},                              \
        {way "/mbedtls/1420", text, bench_datapath, "mbedtls", 1420, id},                          \
    {                                                                                              \
        way "/mbedtls/64", text, bench_datapath, "mbedtls", 64, id                                 \
    }

static const bench_case cases[] = {
    DATAPATH("out", "inner packet to ESP, AES-128-GCM, beside the vendor's bare seal", WAY_OUT),
    DATAPATH("in", "ESP to inner packet, beside the vendor's bare open", WAY_IN),
    DATAPATH("transit", "ESP in, routed, ESP out, beside bare open + seal", WAY_TRANSIT),
    {"routes/out/64", "10,000 SAs and 100,000 routes beside 1 and 1, outbound", bench_routes,
     "openssl", 64, WAY_OUT},
    {"routes/in/64", "the same, inbound", bench_routes, "openssl", 64, WAY_IN},
    {"lpm/100k", "nhi_lpm_get over 100,000 IPv4 routes", bench_lpm, NULL, 0, 100000},
    {"lpm/1m", "nhi_lpm_get over 1,000,000 IPv4 routes", bench_lpm, NULL, 0, 1000000},
    {"routes/churn", "single-route commits while a worker forwards, 1,000,000 routes", bench_churn,
     "openssl", 512, 0},
    {"routes/flap", "a spoke flaps with 10,000 routes behind it", bench_flap, NULL, 0, 10000},
    {"ike/growth", "set-ups beside 10 and beside 10,000 tunnels", bench_growth, "openssl", 0,
     10000},
    {"tunnels/10", "time per event, null backend", bench_tunnels, NULL, 0, 10},
    {"tunnels/10k", "the same", bench_tunnels, NULL, 0, 10000},
    {"tunnels/100k", "the same", bench_tunnels, NULL, 0, 100000},
    {"ike/psk-x25519", "IKEv2 set-ups, PSK, AES-GCM, both ends in process", bench_ike, "openssl", 0,
     1000},
    {"ike/cookie", "IKE_SA_INIT floods answered with cookies", bench_cookie, "openssl", 0, 0},
    {"memory/1k", "bytes per IKEv2 tunnel at the hub", bench_memory, "openssl", 0, 1000},
    {"memory/10k", "bytes per IKEv2 tunnel at the hub", bench_memory, "openssl", 0, 10000},
};
enum { N_CASES = sizeof cases / sizeof cases[0] };

/* The last CPU we may use: the first one takes most interrupts. */
static void pin(void)
{
    cpu_set_t may, one;
    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof may, &may) != 0)
        return;
    for (size_t i = CPU_SETSIZE; i-- > 0;) {
        if (!CPU_ISSET(i, &may))
            continue;
        CPU_SET(i, &one);
        if (sched_setaffinity(0, sizeof one, &one) != 0)
            fprintf(stderr, "nhtb-bench: not pinned to a CPU\n");
        return;
    }
}

static int usage(void)
{
    fprintf(stderr, "usage: nhtb-bench [--json] [--list] [--only NAME] [--seconds S]\n"
                    "  --only     cases whose name starts with NAME\n"
                    "  --seconds  CPU time per case (default 1)\n");
    return 2;
}

static bool chosen(const bench_case *c, const char *only)
{
    return only == NULL || strncmp(c->name, only, strlen(only)) == 0;
}

static int list(const char *only)
{
    for (size_t i = 0; i < N_CASES; i++)
        if (chosen(&cases[i], only))
            printf("%-20s %s\n", cases[i].name, cases[i].what);
    return 0;
}

static int run(bench *b, const char *only)
{
    pin();
    bench_begin(b);
    for (size_t i = 0; i < N_CASES; i++)
        if (chosen(&cases[i], only))
            cases[i].run(b, &cases[i]);
    bench_end(b);
    return b->rows > 0 ? 0 : 2;
}

int main(int argc, char **argv)
{
    bench b = {.seconds = 1};
    const char *only = NULL;
    bool want_list = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            b.json = true;
        else if (strcmp(argv[i], "--list") == 0)
            want_list = true;
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            only = argv[++i];
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            b.seconds = atof(argv[++i]);
        else
            return usage();
    }
    if (!(b.seconds > 0 && b.seconds <= 3600))
        return usage();
    return want_list ? list(only) : run(&b, only);
}
