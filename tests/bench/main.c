/* SPDX-License-Identifier: Apache-2.0
 * nhtb-bench: options, the list of cases, and one CPU to run on. See tests/bench/README.md. */
#define _GNU_SOURCE /* CPU_SET, sched_setaffinity */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/world.h"

#define PLANE(way, id, vendor, what)                                                               \
    {way "/" vendor "/1420", what, bench_datapath, vendor, 1420, id, &bare_gcm},                   \
    {                                                                                              \
        way "/" vendor "/64", what, bench_datapath, vendor, 64, id, &bare_gcm                      \
    }
#define OUT     "inner packet to ESP, AES-128-GCM, beside the vendor's bare seal"
#define IN      "ESP to inner packet, beside the vendor's bare open"
#define TRANSIT "ESP in, routed, ESP out, beside bare open + seal"
#define MANY    "10,000 SAs and 100,000 routes beside 1 and 1"

static const bench_case cases[] = {
#if defined(NHTB_HAVE_IPSECMB)
    PLANE("out", WAY_OUT, "ipsecmb", OUT),
    PLANE("in", WAY_IN, "ipsecmb", IN),
    PLANE("transit", WAY_TRANSIT, "ipsecmb", TRANSIT),
    {"out/ipsecmb-cbc/1424", "AES-128-CBC with HMAC-SHA-256, beside bare bursts", bench_datapath,
     "ipsecmb", 1424, WAY_OUT, &bare_cbc},
    {"in/ipsecmb-cbc/1424", "the same, inbound", bench_datapath, "ipsecmb", 1424, WAY_IN,
     &bare_cbc},
    {"routes/ipsecmb/out/64", MANY, bench_routes, "ipsecmb", 64, WAY_OUT, &bare_gcm},
    {"routes/ipsecmb/in/64", MANY, bench_routes, "ipsecmb", 64, WAY_IN, &bare_gcm},
    {"quiet", "allocations, locks, system calls of the pipelines", bench_quiet, "ipsecmb", 64, 0,
     &bare_gcm},
#endif
    PLANE("out", WAY_OUT, "openssl", OUT),
    PLANE("out", WAY_OUT, "mbedtls", OUT),
    PLANE("in", WAY_IN, "openssl", IN),
    PLANE("in", WAY_IN, "mbedtls", IN),
    PLANE("transit", WAY_TRANSIT, "openssl", TRANSIT),
    PLANE("transit", WAY_TRANSIT, "mbedtls", TRANSIT),
    {"routes/out/64", MANY, bench_routes, "openssl", 64, WAY_OUT, &bare_gcm},
    {"routes/in/64", MANY, bench_routes, "openssl", 64, WAY_IN, &bare_gcm},
    {"lpm/100k", "nhi_lpm_get over 100,000 IPv4 routes", bench_lpm, NULL, 0, 100000, NULL},
    {"lpm/1m", "nhi_lpm_get over 1,000,000 IPv4 routes", bench_lpm, NULL, 0, 1000000, NULL},
    {"routes/churn", "single-route commits while a worker forwards, 1,000,000 routes", bench_churn,
     "openssl", 512, 0, NULL},
    {"routes/flap", "a spoke flaps with 10,000 routes behind it", bench_flap, NULL, 0, 10000, NULL},
    {"ike/growth", "set-ups beside 10 and beside 10,000 tunnels", bench_growth, "openssl", 0, 10000,
     NULL},
    {"tunnels/10", "time per event, null backend", bench_tunnels, NULL, 0, 10, NULL},
    {"tunnels/10k", "the same", bench_tunnels, NULL, 0, 10000, NULL},
    {"tunnels/100k", "the same", bench_tunnels, NULL, 0, 100000, NULL},
    {"ike/psk-x25519", "IKEv2 set-ups, PSK, AES-GCM, both ends in process", bench_ike, "openssl", 0,
     1000, NULL},
    {"ike/cookie", "IKE_SA_INIT floods answered with cookies", bench_cookie, "openssl", 0, 0, NULL},
    {"memory/1k", "bytes per IKEv2 tunnel at the hub", bench_memory, "openssl", 0, 1000, NULL},
    {"memory/10k", "bytes per IKEv2 tunnel at the hub", bench_memory, "openssl", 0, 10000, NULL},
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
