/* SPDX-License-Identifier: Apache-2.0
 * Certificates in IKEv2 and in IKEv1 main mode: every call to the host or the backend fails once, as
 * in faults.c; signing, proving and path building among them. */
#include "exchange/faults.h"

#if defined(NHTB_HAVE_OPENSSL)

#include "pki/fixture.h"

static nhtb_pki hub_pki, spoke_pki;
static nhtb_v1 v1;

static nhtb_span span(const char *s)
{
    return (nhtb_span){(const uint8_t *)s, strlen(s)};
}

static void fill(nhtb_pki *p, const char *chain, const char *key)
{
    nhtb_pki_init(p);
    p->chain = span(chain);
    p->key = span(key);
    p->anchors = span(pki_root);
}

static void certificates(sim_topo_opts *o, nhtb_settings *st)
{
    static char hub[8192], spoke[8192];
    (void)st;
    snprintf(hub, sizeof hub, "%s%s", pki_hub, pki_sub);
    snprintf(spoke, sizeof spoke, "%s%s", pki_p256, pki_sub);
    fill(&hub_pki, hub, pki_hub_key);
    fill(&spoke_pki, spoke, pki_p256_key);
    o->crypto = "null-fault-sig";
    o->peer.pki = &spoke_pki;
    o->hub_pki = &hub_pki;
    o->spoke_id = "p256.example";
}

/* One method serves both sides of IKEv1: the spoke has RSA too. */
static void main_mode(sim_topo_opts *o, nhtb_settings *st)
{
    static char spoke[8192];
    certificates(o, st);
    snprintf(spoke, sizeof spoke, "%s%s", pki_revoked, pki_sub);
    fill(&spoke_pki, spoke, pki_hub_key);
    o->spoke_id = "hub.example";
    nhtb_v1_init(&v1);
    o->peer.v1 = &v1;
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
    {.name = "main mode with certificates",
     .options = main_mode,
     .act = faults_initiate,
     .window = 5 * SIM_S,
     .spare = true},
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

Test(faults_cert, ikev1_main_mode)
{
    faults_every_point(&scenes[3]);
}

#endif
