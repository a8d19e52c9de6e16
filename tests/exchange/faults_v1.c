/* SPDX-License-Identifier: Apache-2.0
 * IKEv1: every call to the host or the backend fails once, as in faults.c: both modes, XAuth and mode
 * config, rekeys of both phases, DPD, deletes. */
#include "exchange/faults.h"

static nhtb_v1 spoke_v1, hub_v1;

static nhtb_span span(const char *s)
{
    return (nhtb_span){(const uint8_t *)s, strlen(s)};
}

/* ---- worlds ---- */

static void main_mode(sim_topo_opts *o, nhtb_settings *st)
{
    (void)st;
    nhtb_v1_init(&spoke_v1);
    o->peer.v1 = &spoke_v1;
}

static void aggressive(sim_topo_opts *o, nhtb_settings *st)
{
    main_mode(o, st);
    spoke_v1.mode = NHTB_V1_AGGRESSIVE;
}

static void pfs(sim_topo_opts *o, nhtb_settings *st)
{
    main_mode(o, st);
    o->peer.esp = "aes256-sha256-ecp256";
}

static void check_often(sim_topo_opts *o, nhtb_settings *st)
{
    main_mode(o, st);
    o->peer.liveness_s = 2;
}

/* The hub asks for a password and gives an address. */
static void xauth_pull(sim_topo_opts *o, nhtb_settings *st)
{
    static nhtb_v1_user user;
    main_mode(o, st);
    spoke_v1.xauth = spoke_v1.config = NHTB_V1_CLIENT;
    spoke_v1.user = span("alice");
    spoke_v1.password = span("wonderland");
    nhtb_v1_init(&hub_v1);
    user = (nhtb_v1_user){span("alice"), span("wonderland"), {.family = 0}};
    hub_v1.xauth = hub_v1.config = NHTB_V1_SERVER;
    hub_v1.users = &user;
    hub_v1.n_users = 1;
    hub_v1.pool.len = 24;
    (void)nhtb_addr_parse("10.9.0.0", &hub_v1.pool.addr);
    o->hub_v1 = &hub_v1;
}

static void xauth_push(sim_topo_opts *o, nhtb_settings *st)
{
    xauth_pull(o, st);
    spoke_v1.config_push = hub_v1.config_push = true;
}

static const faults_scene scenes[] = {
    {.name = "main mode",
     .options = main_mode,
     .act = faults_initiate,
     .window = 5 * SIM_S,
     .spare = true},
    {.name = "aggressive mode",
     .options = aggressive,
     .act = faults_initiate,
     .window = 5 * SIM_S,
     .spare = true},
    {.name = "main mode, NAT",
     .options = main_mode,
     .before = faults_behind_nat,
     .act = faults_initiate,
     .window = 30 * SIM_S,
     .spare = true},
    {.name = "quick mode with PFS",
     .options = pfs,
     .act = faults_initiate,
     .window = 5 * SIM_S,
     .spare = true},
    {.name = "XAuth, mode config pull",
     .options = xauth_pull,
     .act = faults_initiate,
     .window = 5 * SIM_S,
     .tunnels = 1,
     .spare = true},
    {.name = "XAuth, mode config push",
     .options = xauth_push,
     .act = faults_initiate,
     .window = 5 * SIM_S,
     .tunnels = 1,
     .spare = true},
    {.name = "phase 2 rekey by the initiator",
     .options = main_mode,
     .up = true,
     .act = faults_child_rekey_i,
     .window = 40 * SIM_S,
     .spare = true},
    {.name = "phase 2 rekey by the responder",
     .options = main_mode,
     .up = true,
     .act = faults_child_rekey_r,
     .window = 40 * SIM_S,
     .spare = true},
    {.name = "phase 2 rekey by both, PFS",
     .options = pfs,
     .up = true,
     .act = faults_both_rekey,
     .window = 40 * SIM_S,
     .spare = true},
    {.name = "phase 1 rekey by the initiator",
     .options = main_mode,
     .up = true,
     .act = faults_ike_rekey_i,
     .window = 12 * SIM_S,
     .spare = true},
    {.name = "phase 1 rekey by the responder",
     .options = main_mode,
     .up = true,
     .act = faults_ike_rekey_r,
     .window = 12 * SIM_S,
     .spare = true},
    {.name = "delete",
     .options = main_mode,
     .up = true,
     .act = faults_clear,
     .window = 12 * SIM_S,
     .spare = true},
    {.name = "DPD",
     .options = check_often,
     .up = true,
     .act = faults_wait,
     .window = 15 * SIM_S,
     .spare = true},
};

Test(faults_v1, how_many_points_there_are)
{
    uint64_t kinds[SIM_FAULTS];
    cr_assert_geq(faults_points(scenes, sizeof scenes / sizeof *scenes, kinds), 1000);
    for (int k = 0; k < SIM_FAULTS; k++)
        cr_assert(kinds[k] > 0);
}

Test(faults_v1, main_mode)
{
    faults_every_point(&scenes[0]);
}

Test(faults_v1, aggressive_mode)
{
    faults_every_point(&scenes[1]);
}

Test(faults_v1, main_mode_behind_nat)
{
    faults_every_point(&scenes[2]);
}

Test(faults_v1, quick_mode_with_pfs)
{
    faults_every_point(&scenes[3]);
}

Test(faults_v1, xauth_and_mode_config_pull)
{
    faults_every_point(&scenes[4]);
}

Test(faults_v1, xauth_and_mode_config_push)
{
    faults_every_point(&scenes[5]);
}

Test(faults_v1, phase_2_rekey_by_the_initiator)
{
    faults_every_point(&scenes[6]);
}

Test(faults_v1, phase_2_rekey_by_the_responder)
{
    faults_every_point(&scenes[7]);
}

Test(faults_v1, phase_2_rekey_by_both_pfs)
{
    faults_every_point(&scenes[8]);
}

Test(faults_v1, phase_1_rekey_by_the_initiator)
{
    faults_every_point(&scenes[9]);
}

Test(faults_v1, phase_1_rekey_by_the_responder)
{
    faults_every_point(&scenes[10]);
}

Test(faults_v1, delete)
{
    faults_every_point(&scenes[11]);
}

Test(faults_v1, dpd)
{
    faults_every_point(&scenes[12]);
}
