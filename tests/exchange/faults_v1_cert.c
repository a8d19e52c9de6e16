/* SPDX-License-Identifier: Apache-2.0
 * Certificates in IKEv1 main mode: every call to the host or the backend fails once, as in faults.c. */
#include "exchange/faults.h"

#if defined(NHTB_HAVE_OPENSSL)

#include "exchange/faults_pki.h"

static nhtb_pki pki;
static nhtb_v1 v1;

/* One method serves both sides: here one certificate does, too. */
static void main_mode(sim_topo_opts *o, nhtb_settings *st)
{
    static char chain[8192];
    (void)st;
    snprintf(chain, sizeof chain, "%s%s", pki_hub, pki_sub);
    faults_pki(&pki, chain, pki_hub_key);
    nhtb_v1_init(&v1);
    o->crypto = "null-fault-sig";
    o->peer.pki = &pki;
    o->peer.v1 = &v1;
    o->spoke_id = "hub.example";
}

static const faults_scene scene = {.name = "main mode with certificates",
                                   .options = main_mode,
                                   .act = faults_initiate,
                                   .window = 5 * SIM_S,
                                   .spare = true};

Test(faults_v1_cert, main_mode)
{
    uint64_t kinds[SIM_FAULTS];
    cr_assert_geq(faults_points(&scene, 1, kinds), 150);
    faults_every_point(&scene);
}

#endif
