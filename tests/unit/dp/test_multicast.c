/* SPDX-License-Identifier: Apache-2.0
 * The interface's limit of copies of one multicast packet. */
#include "rig.h"

enum { N = 9 };

static void hub_open(rig *hub, uint32_t most)
{
    rig_open(hub, NULL, NHTB_EMIT_PAYLOAD, false);
    nhi_iface_pub *i = rig_iface(hub, 1, NHTB_IFACE_MULTIPOINT, "10.255.0.1", NULL);
    i->multicast_max = most;
    for (uint32_t k = 0; k < N; k++) {
        nhi_path *p = rig_tunnel(hub, i, "192.0.2.1", "198.18.0.1", 0, 1500);
        if (k != 1) /* no SA: not live, does not count */
            rig_sa(hub, p, NULL, NULL, 0x20000 + k, &GCM, 0);
    }
}

static void check_copies(uint32_t most, size_t spares, uint32_t payload, size_t want, bool counted)
{
    rig hub;
    results r;
    size_t copies = 0;
    hub_open(&hub, most);
    nhtb_pkt *p =
        inner(&(inner_spec){.src = "10.255.0.1", .dst = "224.0.0.5", .payload = payload}, 1);
    drive(&hub, &p, 1, &(drive_opts){.spares = spares, .rest = true}, &r);
    for (size_t i = 0; i < r.n; i++)
        copies += r.v[i]->verdict == NHTB_PKT_TX ? 1 : 0;
    cr_assert_eq(copies, want, "%zu copies", copies);
    check_drop(r.v[r.n - 1], CONTINUED);
    cr_assert_eq(rig_reason(&hub, NHTB_REASON_MULTICAST_MAX), counted ? 1 : 0);
    results_free(&r);
    rig_close(&hub);
}

Test(multicast, reaches_the_first_live_tunnels_up_to_the_limit)
{
    for (size_t spares = 1; spares < 12; spares += 5) {
        check_copies(0, spares, 44, N - 1, false);
        check_copies(3, spares, 44, 3, true);
        check_copies(N - 1, spares, 44, N - 1, false);
        check_copies(N, spares, 44, N - 1, false);
    }
}

Test(multicast, fragments_of_a_copy_count_as_one)
{
    check_copies(2, 3, 2000, 4, true);
}
