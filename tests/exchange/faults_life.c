/* SPDX-License-Identifier: Apache-2.0
 * See faults.h: no crash, no leak, no half-installed pair, and a retry succeeds. */
#include "exchange/faults.h"

#include <stdlib.h>

/* ---- acts ---- */

int faults_initiate(sim_topo *t, unsigned attempt)
{
    (void)attempt;
    int err = nhtb_peer_initiate(sim_ctx(t->spoke[0]), t->spoke_peer[0], sim_now(t->s));
    sim_pump(t->spoke[0]);
    return err;
}

static int rekey(sim_topo *t, bool hub, nhtb_rekey what)
{
    sim_node *n = hub ? t->hub : t->spoke[0];
    int err =
        nhtb_peer_rekey(sim_ctx(n), hub ? t->hub_peer[0] : t->spoke_peer[0], what, sim_now(t->s));
    sim_pump(n);
    return err;
}

int faults_child_rekey_i(sim_topo *t, unsigned attempt)
{
    (void)attempt;
    return rekey(t, false, NHTB_REKEY_CHILD);
}

int faults_child_rekey_r(sim_topo *t, unsigned attempt)
{
    (void)attempt;
    return rekey(t, true, NHTB_REKEY_CHILD);
}

int faults_ike_rekey_i(sim_topo *t, unsigned attempt)
{
    (void)attempt;
    return rekey(t, false, NHTB_REKEY_IKE);
}

int faults_ike_rekey_r(sim_topo *t, unsigned attempt)
{
    (void)attempt;
    return rekey(t, true, NHTB_REKEY_IKE);
}

int faults_both_rekey(sim_topo *t, unsigned attempt)
{
    (void)attempt;
    int a = rekey(t, false, NHTB_REKEY_CHILD), b = rekey(t, true, NHTB_REKEY_CHILD);
    return a ? a : b;
}

int faults_clear(sim_topo *t, unsigned attempt)
{
    if (attempt)
        return faults_initiate(t, attempt);
    int err = nhtb_peer_clear(sim_ctx(t->spoke[0]), t->spoke_peer[0], sim_now(t->s));
    sim_pump(t->spoke[0]);
    return err;
}

int faults_wait(sim_topo *t, unsigned attempt)
{
    (void)t;
    (void)attempt;
    return 0;
}

void faults_behind_nat(sim_topo *t)
{
    sim_node_nat(t->spoke[0], sim_nat_new(t->s, "203.0.113.1"));
}

/* ---- one life ---- */

typedef struct row {
    uint32_t in, out;
} row;

static unsigned rows_of(sim_node *n, row *v, unsigned most)
{
    nhtb_sa_info r = {.size = sizeof r};
    uint32_t cursor = 0;
    unsigned k = 0;
    for (; k < most && nhtb_sa_next(sim_ctx(n), &cursor, &r); r.size = sizeof r)
        if (r.peer.id)
            v[k++] = (row){r.spi_in, r.spi_out};
    return k;
}

/* Each pair of one end is a pair of the other; spare: at least one is, or there is none. */
static bool mirrored(sim_topo *t, bool spare)
{
    row a[16], b[16];
    unsigned n = rows_of(t->hub, a, 16), m = rows_of(t->spoke[0], b, 16), found = 0;
    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < m; k++)
            found += a[i].in == b[k].out && a[i].out == b[k].in;
    if (spare)
        return found || (!n && !m);
    return n == m && found == n && sim_stats(t->hub).ike_sas == sim_stats(t->spoke[0]).ike_sas;
}

static bool agree(void *user)
{
    return mirrored(user, false);
}

static bool agree_v1(void *user)
{
    return mirrored(user, true);
}

static bool both_up(const sim_topo *t)
{
    return sim_tunnels_up(t->hub) >= 1 && sim_tunnels_up(t->spoke[0]) >= 1;
}

static bool up_and_agreed(void *user)
{
    return both_up(user) && agree(user);
}

static bool up_and_agreed_v1(void *user)
{
    return both_up(user) && agree_v1(user);
}

typedef bool condition(void *user);

static condition *agreement(const faults_scene *sc, bool up)
{
    if (sc->spare)
        return up ? up_and_agreed_v1 : agree_v1;
    return up ? up_and_agreed : agree;
}

static bool passes(sim_topo *t, uint32_t tag)
{
    sim_send(t->spoke[0], t->spoke_st0[0], sim_lan(0, 9), sim_hub_lan(7), tag, 100);
    sim_send(t->hub, t->hub_st0, sim_hub_lan(7), sim_lan(0, 9), tag + 1, 100);
    sim_run_for(t->s, SIM_S);
    return sim_got(t->hub, tag) == 1 && sim_got(t->spoke[0], tag + 1) == 1;
}

static sim_topo world(const faults_scene *sc)
{
    nhtb_settings st = sim_settings(2);
    sim_topo_opts o = {.n = 1, .crypto = "null-fault", .settings = &st};
    if (sc->options)
        sc->options(&o, &st);
    sim_topo t = xch_start(7, &o);
    if (sc->before)
        sc->before(&t);
    if (sc->up) {
        (void)faults_initiate(&t, 0);
        sim_check(t.s, sim_run_until(t.s, agreement(sc, true), &t, 10 * SIM_S));
        sim_run_for(t.s, SIM_S);
        sim_check(t.s, passes(&t, 10));
    }
    return t;
}

#define must(cond, what)                                                                           \
    cr_assert((cond), "%s: point %llu (%s failed once): %s", sc->name, (unsigned long long)nth,    \
              sim_fault_name(sim_fault_hit()), what)

static bool quiet_error(int err)
{
    return err == 0 || nhtb_err_class(err) == NHTB_ERR_CLASS_RESOURCE ||
           nhtb_err_class(err) == NHTB_ERR_CLASS_BACKEND;
}

static void retry(const faults_scene *sc, sim_topo *t, uint64_t nth, int err)
{
    if (sc->all_or_none)
        must(err == 0 || sc->act(t, 1) == 0, "the transaction does not go through again");
    else if (!both_up(t))
        (void)faults_initiate(t, 1);
    else
        (void)sc->act(t, 1);
    bool good = sim_run_until(t->s, agreement(sc, true), t, (sc->spare ? 100 : 400) * SIM_S);
    if (!good && sc->spare) { /* an end that believed itself up had to find out by DPD */
        (void)faults_initiate(t, 1);
        good = sim_run_until(t->s, agreement(sc, true), t, 300 * SIM_S);
    }
    if (!good)
        xch_show(t);
    must(good, "a retry does not bring both ends up and in agreement");
    sim_run_for(t->s, 10 * SIM_S);
    if (sc->tunnels) {
        must(sim_tunnels_up(t->hub) == sc->tunnels && sim_tunnels_up(t->spoke[0]) == sc->tunnels,
             "a child is missing");
        return;
    }
    bool flows = false; /* a child that was refused comes with the next packets */
    for (uint32_t i = 0; i < 8 && !flows; i++, sim_run_for(t->s, 20 * SIM_S))
        flows = passes(t, 20 + 2 * i);
    if (!flows)
        xch_show(t);
    must(flows, "no traffic");
    must(sim_run_until(t->s, agreement(sc, true), t, 60 * SIM_S),
         "the ends disagree after the retry");
}

/* Call `nth` of the scenario fails once. Returns how many calls there were. */
static uint64_t life(const faults_scene *sc, uint64_t nth)
{
    sim_topo t = world(sc);
    nhtb_stats was = sim_stats(t.hub);
    sim_fault_arm(nth);
    int err = sc->act(&t, 0);
    if (!sc->all_or_none)
        sim_run_for(t.s, sc->window);
    uint64_t points = sim_fault_points(-1);
    sim_fault_disarm();
    must(quiet_error(err), nhtb_strerror(err));
    if (sc->all_or_none && err) {
        nhtb_stats is = sim_stats(t.hub);
        must(is.routes == was.routes && is.bindings == was.bindings && is.peers == was.peers &&
                 is.ifaces == was.ifaces && is.child_sas == was.child_sas,
             "a failed transaction left something behind");
    }
    bool settled = sim_run_until(t.s, agreement(sc, false), &t, 200 * SIM_S);
    if (!settled)
        xch_show(&t);
    must(settled, "one end has what the other has not");
    retry(sc, &t, nth, err);
    must(sim_stats(t.hub).asserts_failed == 0 && sim_stats(t.spoke[0]).asserts_failed == 0,
         "an invariant failed");
    sim *s = t.s;
    sim_topo_del(&t);
    must(sim_del(s) == 0, "leaked");
    return points;
}

void faults_every_point(const faults_scene *sc)
{
    const char *only = getenv("NHTB_SIM_FAULT");
    uint64_t step = getenv("NHTB_QUICK") ? 5 : 1, n = life(sc, 0);
    for (uint64_t nth = 1; !only && nth <= n; nth += step)
        (void)life(sc, nth);
    if (only)
        (void)life(sc, strtoull(only, NULL, 0));
    fprintf(stderr, "faults: %s: %llu points\n", sc->name, (unsigned long long)n);
}

uint64_t faults_points(const faults_scene *v, size_t n, uint64_t kinds[SIM_FAULTS])
{
    uint64_t total = 0;
    memset(kinds, 0, SIM_FAULTS * sizeof *kinds);
    for (size_t i = 0; i < n; i++) {
        total += life(&v[i], 0);
        for (int k = 0; k < SIM_FAULTS; k++)
            kinds[k] += sim_fault_points(k);
    }
    for (int k = 0; k < SIM_FAULTS; k++)
        fprintf(stderr, "faults: %llu calls of kind %s\n", (unsigned long long)kinds[k],
                sim_fault_name(k));
    fprintf(stderr, "faults: %llu points in %u scenarios\n", (unsigned long long)total,
            (unsigned)n);
    return total;
}
