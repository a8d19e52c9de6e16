/* SPDX-License-Identifier: Apache-2.0
 * One call fails once: what faults.c (IKEv2), faults_v1.c and faults_cert.c share. */
#ifndef NHTB_TESTS_EXCHANGE_FAULTS_H
#define NHTB_TESTS_EXCHANGE_FAULTS_H

#include "exchange/common.h"

typedef struct faults_scene {
    const char *name;
    void (*options)(sim_topo_opts *o, nhtb_settings *st);
    void (*before)(sim_topo *t); /* after the nodes are made */
    bool up;                     /* the tunnel is up before the faults begin */
    int (*act)(sim_topo *t, unsigned attempt);
    nhtb_time window; /* how long calls are counted and may fail */
    bool all_or_none; /* act is a transaction: an error leaves the tables as they were */
    unsigned tunnels; /* not 0: so many are to be up, and traffic is not looked at */
    bool spare;       /* IKEv1: a delete has no answer, so a side may keep more than the other */
} faults_scene;

/** Every call of the scene fails once, each in a world of its own. NHTB_QUICK=1 takes every fifth,
 *  NHTB_SIM_FAULT=n one. */
void faults_every_point(const faults_scene *sc);
/** How many calls all these scenes make; prints them by kind. */
uint64_t faults_points(const faults_scene *v, size_t n, uint64_t kinds[SIM_FAULTS]);

/* acts: 0 or an error of the API */
int faults_initiate(sim_topo *t, unsigned attempt);
int faults_clear(sim_topo *t, unsigned attempt);
int faults_wait(sim_topo *t, unsigned attempt);
int faults_child_rekey_i(sim_topo *t, unsigned attempt);
int faults_child_rekey_r(sim_topo *t, unsigned attempt);
int faults_both_rekey(sim_topo *t, unsigned attempt);
int faults_ike_rekey_i(sim_topo *t, unsigned attempt);
int faults_ike_rekey_r(sim_topo *t, unsigned attempt);
void faults_behind_nat(sim_topo *t);

#endif
