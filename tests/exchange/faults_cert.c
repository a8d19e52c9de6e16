/* SPDX-License-Identifier: Apache-2.0
 * Certificates in IKEv2: every call to the host or the backend fails once, as in faults.c; signing,
 * proving and path building among them. */
#include "exchange/faults.h"

#if defined(NHTB_HAVE_OPENSSL)

#include "exchange/faults_pki.h"

static nhtb_pki hub_pki, spoke_pki;

static void certificates(sim_topo_opts *o, nhtb_settings *st)
{
    static char hub[8192], spoke[8192];
    (void)st;
    snprintf(hub, sizeof hub, "%s%s", pki_hub, pki_sub);
    snprintf(spoke, sizeof spoke, "%s%s", pki_p256, pki_sub);
    faults_pki(&hub_pki, hub, pki_hub_key);
    faults_pki(&spoke_pki, spoke, pki_p256_key);
    o->crypto = "null-fault-sig";
    o->peer.pki = &spoke_pki;
    o->hub_pki = &hub_pki;
    o->spoke_id = "p256.example";
}

static const faults_scene scenes[] = {
    {.name = "certificates", .options = certificates, .act = faults_initiate, .window = 3 * SIM_S},
    {.name = "certificates, NAT",
     .options = certificates,
     .before = faults_behind_nat,
     .act = faults_initiate,
     .window = 30 * SIM_S},
    {.name = "certificates, IKE rekey",
     .options = certificates,
     .up = true,
     .act = faults_ike_rekey_i,
     .window = 12 * SIM_S},
};

Test(faults_cert, how_many_points_there_are)
{
    uint64_t kinds[SIM_FAULTS];
    cr_assert_geq(faults_points(scenes, sizeof scenes / sizeof *scenes, kinds), 300);
}

Test(faults_cert, ikev2)
{
    faults_every_point(&scenes[0]);
}

Test(faults_cert, ikev2_behind_nat)
{
    faults_every_point(&scenes[1]);
}

Test(faults_cert, ikev2_rekeyed)
{
    faults_every_point(&scenes[2]);
}

#endif
