/* SPDX-License-Identifier: Apache-2.0
 * dp/gro.c: which delivered neighbours are marked as one flow. UDP here; TCP in test_pipeline.c. */
#include "rig.h"

enum { N = 7 };

static const struct {
    uint16_t port;
    uint32_t payload;
    const char *src;
    uint8_t tos, proto;
    bool marked;
} CASES[N] = {
    {7, 100, "10.1.0.5", 0, NHI_IPPROTO_UDP, false}, /* the first */
    {7, 100, "10.1.0.5", 0, NHI_IPPROTO_UDP, true},
    {7, 60, "10.1.0.5", 0, NHI_IPPROTO_UDP, true},   /* shorter: may be a last one */
    {7, 100, "10.1.0.5", 0, NHI_IPPROTO_UDP, false}, /* longer than the one before it */
    {8, 100, "10.1.0.5", 0, NHI_IPPROTO_UDP, false}, /* another flow */
    {8, 100, "10.1.0.9", 0, NHI_IPPROTO_UDP, false}, /* another source */
    {8, 100, "10.1.0.9", 4, NHI_IPPROTO_UDP, false}, /* another class */
};

Test(gro, neighbours_of_one_udp_flow_are_marked)
{
    rig a, b;
    nhtb_path seen;
    nhtb_pkt *v[N];
    results r;
    rig_open(&a, NULL, NHTB_EMIT_PAYLOAD, false);
    rig_open(&b, NULL, NHTB_EMIT_PAYLOAD, false);
    nhi_iface_pub *ia = rig_iface(&a, 1, NHTB_IFACE_POINT_TO_POINT, "10.255.0.1", NULL);
    nhi_iface_pub *ib = rig_iface(&b, 1, NHTB_IFACE_POINT_TO_POINT, "10.255.0.2", NULL);
    nhi_path *pa = rig_tunnel(&a, ia, "192.0.2.1", "192.0.2.2", 0, 1500);
    nhi_path *pb = rig_tunnel(&b, ib, "192.0.2.2", "192.0.2.1", 0, 1500);
    rig_via(&a, "10.2.0.0/16", ia, pa);
    rig_via(&b, "10.1.0.0/16", ib, pb);
    rig_pair(&a, pa, &b, pb, 0x10000, &GCM);
    for (size_t i = 0; i < N; i++) {
        inner_spec s = {.src = CASES[i].src,
                        .dst = "10.2.0.6",
                        .payload = CASES[i].payload,
                        .tos = CASES[i].tos,
                        .proto = CASES[i].proto};
        v[i] = inner(&s, 1);
        nhi_put16(v[i]->buf + v[i]->off + 20, CASES[i].port);
        v[i] = one(&a, false, v[i]);
        cross(v[i], &seen);
    }
    drive(&b, v, N, &(drive_opts){.in = true}, &r);
    for (size_t i = 0; i < N; i++) {
        cr_assert_eq(r.v[i]->verdict, NHTB_PKT_DELIVER);
        cr_assert_eq((r.v[i]->flags & NHTB_PKT_GRO_NEXT) != 0, CASES[i].marked, "%zu", i);
    }
    results_free(&r);
    rig_close(&a);
    rig_close(&b);
}
