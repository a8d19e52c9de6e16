/* SPDX-License-Identifier: Apache-2.0
 * Remembered ways: many destinations each take their own tunnel, in batches and one by one, and a
 * change of routes is seen by the next call. */
#include "rig.h"

enum { TUNNELS = 5, DESTS = 700 }; /* more destinations than can be remembered */

typedef struct fan {
    rig a, b;
    nhi_iface_pub *ia, *ib;
    nhi_path *pa[TUNNELS], *pb[TUNNELS];
    uint32_t slot[TUNNELS];
} fan;

static void fan_open(fan *f)
{
    nhtb_crypto c = nhtb_null_crypto();
    rig_open(&f->a, &c, NHTB_EMIT_PAYLOAD, false);
    rig_open(&f->b, &c, NHTB_EMIT_PAYLOAD, false);
    f->ia = rig_iface(&f->a, 7, NHTB_IFACE_MULTIPOINT, "10.255.0.1", NULL);
    f->ib = rig_iface(&f->b, 7, NHTB_IFACE_MULTIPOINT, "10.255.0.2", NULL);
    for (unsigned t = 0; t < TUNNELS; t++) {
        char there[16];
        snprintf(there, sizeof there, "198.51.100.%u", t + 1);
        f->pa[t] = rig_tunnel(&f->a, f->ia, "192.0.2.1", there, 0, 1500);
        f->pb[t] = rig_tunnel(&f->b, f->ib, there, "192.0.2.1", 0, 1500);
        f->slot[t] = rig_slot(&f->a, f->ia, f->pa[t]);
        rig_pair(&f->a, f->pa[t], &f->b, f->pb[t], 0x10000 + 2 * t, &GCM);
    }
}

static void fan_close(fan *f)
{
    rig_close(&f->a);
    rig_close(&f->b);
}

static nhtb_pkt *towards(unsigned dest)
{
    char dst[24];
    snprintf(dst, sizeof dst, "10.1.%u.%u", dest >> 8, dest & 255);
    return inner(&(inner_spec){.src = "10.2.0.1", .dst = dst, .payload = 20}, 7);
}

static unsigned tunnel_of(const nhtb_pkt *p)
{
    cr_assert_eq(p->verdict, NHTB_PKT_TX, "reason %s", nhtb_reason_name(p->reason));
    return (nhi_get32(p->buf + p->off) - 0x10000) / 2;
}

static void send_all(fan *f, size_t chunk, unsigned shift)
{
    static nhtb_pkt *v[DESTS];
    results r;
    for (unsigned d = 0; d < DESTS; d++)
        v[d] = towards(d);
    drive(&f->a, v, DESTS, &(drive_opts){.chunk = chunk, .rest = true}, &r);
    cr_assert_eq(r.n, DESTS);
    for (unsigned d = 0; d < DESTS; d++)
        cr_assert_eq(tunnel_of(r.v[d]), (d + shift) % TUNNELS, "destination %u", d);
    results_free(&r);
}

static void route_all(fan *f, unsigned shift)
{
    for (unsigned d = 0; d < DESTS; d++) {
        char dst[24];
        snprintf(dst, sizeof dst, "10.1.%u.%u/32", d >> 8, d & 255);
        rig_route(&f->a, dst, f->slot[(d + shift) % TUNNELS]);
    }
}

Test(hops, each_destination_takes_its_own_tunnel_however_many_there_are)
{
    static const size_t chunks[] = {1, 7, 64, 0};
    fan f;
    fan_open(&f);
    route_all(&f, 0);
    for (size_t i = 0; i < NHI_ARRAY_LEN(chunks); i++)
        send_all(&f, chunks[i], 0);
    fan_close(&f);
}

Test(hops, a_changed_route_is_seen_by_the_next_call)
{
    fan f;
    fan_open(&f);
    for (unsigned shift = 0; shift < TUNNELS; shift++) {
        route_all(&f, shift);
        send_all(&f, 64, shift);
    }
    fan_close(&f);
}

Test(hops, a_removed_route_is_forgotten_and_a_bound_next_hop_comes_before_the_routes)
{
    fan f;
    fan_open(&f);
    rig_route(&f.a, "10.255.0.0/24", f.slot[0]);
    nhtb_pkt *p = one(
        &f.a, false, inner(&(inner_spec){.src = "10.2.0.1", .dst = "10.255.0.9", .payload = 9}, 7));
    cr_assert_eq(tunnel_of(p), 0, "no next hop yet: the route");
    box_free(p);
    rig_bind(&f.a, f.ia, f.pa[3], "10.255.0.9");
    p = one(&f.a, false,
            inner(&(inner_spec){.src = "10.2.0.1", .dst = "10.255.0.9", .payload = 9}, 7));
    cr_assert_eq(tunnel_of(p), 3);
    box_free(p);
    rig_route(&f.a, "10.1.0.5/32", f.slot[2]);
    p = one(&f.a, false, towards(5));
    cr_assert_eq(tunnel_of(p), 2);
    box_free(p);
    rig_route(&f.a, "10.1.0.5/32", 0);
    p = one(&f.a, false, towards(5));
    check_drop(p, NO_ROUTE);
    box_free(p);
    fan_close(&f);
}

/* Reversed, the earlier of two that share a place finds what the later one left there. Neighbours
 * never share one, so the destinations are drawn. */
Test(hops, a_place_that_two_share_answers_for_the_later_one_only)
{
    enum { N = NHI_DP_BATCH };
    uint32_t x = 1;
    fan f;
    fan_open(&f);
    route_all(&f, 0);
    for (unsigned batch = 0; batch < 20; batch++) {
        unsigned dest[N];
        for (unsigned i = 0; i < N; i++)
            dest[i] = ((x = x * 1103515245 + 12345) >> 16) % DESTS;
        for (unsigned round = 0; round < 3; round++) {
            nhtb_pkt *v[N];
            results r;
            for (unsigned i = 0; i < N; i++)
                v[i] = towards(dest[round & 1 ? N - 1 - i : i]);
            drive(&f.a, v, N, &(drive_opts){.chunk = N, .rest = true}, &r);
            cr_assert_eq(r.n, N);
            for (unsigned i = 0; i < N; i++)
                cr_assert_eq(tunnel_of(r.v[i]), dest[round & 1 ? N - 1 - i : i] % TUNNELS);
            results_free(&r);
        }
    }
    fan_close(&f);
}
