/* SPDX-License-Identifier: Apache-2.0
 * Bindings, tunnels and interfaces against a small model: random SAs coming and going, next hops
 * learnt, static entries set and removed, tunnels removed; after every step the published slots, the
 * live list and the events must be what the model says. */
#include "property/tables.h"

enum { TUNNELS = 6, HOPS = 8, STEPS = 6000 };

typedef struct m_tunnel {
    bool exists;
    nhtb_sa_id sa[4];
    unsigned n_sa;
    int claim; /* what it announced last and was not refused for another live tunnel; -1: nothing */
} m_tunnel;
typedef struct m_hop {
    int holder; /* tunnel or -1 */
    bool is_static;
} m_hop;
typedef struct world {
    tables t;
    nhtb_iface_id iface;
    m_tunnel tun[TUNNELS];
    m_hop hop[HOPS];
    size_t up_notes, down_notes;
} world;

static nhtb_addr hop_addr(int h)
{
    return tb_host(100u + (unsigned)h);
}

static bool is_up(const world *w, int i)
{
    return w->tun[i].n_sa > 0;
}

static bool any_up(const world *w)
{
    for (int i = 0; i < TUNNELS; i++)
        if (is_up(w, i))
            return true;
    return false;
}

static int learnt_by(const world *w, int i)
{
    for (int h = 0; h < HOPS; h++)
        if (w->hop[h].holder == i && !w->hop[h].is_static)
            return h;
    return -1;
}

static void forget_learnt(world *w, int i)
{
    for (int h = 0; h < HOPS; h++)
        if (w->hop[h].holder == i && !w->hop[h].is_static)
            w->hop[h].holder = -1;
    w->tun[i].claim = -1;
}

/* After static entries went: whoever holds a free next hop now must be up and must have announced
 * it; the one that went must have found such a tunnel when there is one. */
static void adopt(world *w, int gone)
{
    bool wanted = false;
    nhtb_binding_info row = {.size = sizeof row};
    for (int i = 0; i < TUNNELS; i++)
        wanted |= is_up(w, i) && w->tun[i].claim == gone;
    for (uint32_t cursor = 0; nhi_db_binding_next(w->t.db, &cursor, &row);) {
        int h = row.next_hop.b[3] - 100, i = (int)row.peer.id - 1;
        if (row.is_static || w->hop[h].holder == i)
            continue;
        cr_assert(is_up(w, i) && w->tun[i].claim == h);
        int old = learnt_by(w, i);
        if (old >= 0)
            w->hop[old].holder = -1;
        w->hop[h] = (m_hop){i, false};
    }
    cr_assert(gone < 0 || !wanted || w->hop[gone].holder >= 0);
}

static void step_sa(world *w, prop_rng *g, int i)
{
    m_tunnel *t = &w->tun[i];
    if (!t->exists)
        return;
    bool before = any_up(w);
    if (t->n_sa < 4 && prop_below(g, 2) == 0) {
        t->sa[t->n_sa++] = tb_sa(&w->t, (uint32_t)i + 1, 0);
    } else if (t->n_sa > 0) {
        size_t k = (size_t)prop_below(g, t->n_sa);
        cr_assert_eq(nhi_db_sa_remove(w->t.db, t->sa[k]), 0);
        t->sa[k] = t->sa[--t->n_sa];
        if (t->n_sa == 0)
            forget_learnt(w, i);
    }
    w->up_notes += !before && any_up(w);
    w->down_notes += before && !any_up(w);
}

static void step_learn(world *w, int i, int h)
{
    if (!w->tun[i].exists)
        return;
    nhtb_addr a = hop_addr(h);
    m_hop *m = &w->hop[h];
    nhtb_detail want = NHTB_DETAIL_NONE;
    if (m->holder >= 0 && m->holder != i && m->is_static)
        want = NHTB_DETAIL_STATIC_WINS;
    else if (m->holder >= 0 && m->holder != i && is_up(w, m->holder))
        want = NHTB_DETAIL_TAKEN;
    cr_assert_eq(nhi_db_learn(w->t.db, (nhtb_peer_id){(uint32_t)i + 1}, 0, &a), want);
    if (want != NHTB_DETAIL_TAKEN)
        w->tun[i].claim = h;
    if (want != NHTB_DETAIL_NONE || m->holder == i)
        return;
    int old = learnt_by(w, i);
    if (old >= 0)
        w->hop[old].holder = -1;
    *m = (m_hop){i, false};
}

static void step_static(world *w, prop_rng *g, int i, int h)
{
    m_hop *m = &w->hop[h];
    nhtb_addr a = hop_addr(h);
    if (prop_below(g, 2) == 0) {
        int err = tb_bind(&w->t, w->iface, a, (uint32_t)i + 1, 0);
        cr_assert_eq(err, w->tun[i].exists ? 0 : NHTB_ERR_NOT_FOUND);
        if (err == 0)
            *m = (m_hop){i, true};
        return;
    }
    nhi_db_txn *x = tb_begin(&w->t);
    cr_assert_eq(nhi_db_txn_binding_del(x, w->iface, &a), 0);
    bool present = m->holder >= 0 && m->is_static;
    cr_assert_eq(tb_commit(x), present ? 0 : NHTB_ERR_NOT_FOUND);
    if (!present)
        return;
    m->holder = -1;
    adopt(w, h);
}

static void step_tunnel(world *w, int i)
{
    m_tunnel *t = &w->tun[i];
    bool before = any_up(w);
    if (!t->exists) {
        tb_tunnel(&w->t, (uint32_t)i + 1, 0, w->iface, false);
        t->exists = true;
        return;
    }
    nhi_db_txn *x = tb_begin(&w->t);
    cr_assert_eq(nhi_db_txn_tunnel_del(x, (nhtb_peer_id){(uint32_t)i + 1}), 0);
    cr_assert_eq(tb_commit(x), 0);
    *t = (m_tunnel){.claim = -1};
    for (int h = 0; h < HOPS; h++)
        if (w->hop[h].holder == i)
            w->hop[h].holder = -1;
    adopt(w, -1);
    w->down_notes += before && !any_up(w);
}

static uint32_t path_tunnel(const nhi_path *p)
{
    const nhi_endpoint *e = nhi_a_load(&p->endpoint);
    return e == NULL ? 0 : e->path.remote.b[3]; /* the fixture's peer number */
}

static void check(world *w)
{
    unsigned ups = 0;
    for (int i = 0; i < TUNNELS; i++) {
        ups += is_up(w, i);
        cr_assert_eq(nhi_db_tunnel_up(w->t.db, (nhtb_peer_id){(uint32_t)i + 1}, 0), is_up(w, i));
    }
    for (int h = 0; h < HOPS; h++) {
        const m_hop *m = &w->hop[h];
        bool current = m->holder >= 0 && (m->is_static || is_up(w, m->holder));
        char dst[32] = "172.16.0.1";
        dst[7] = (char)('0' + h);
        nhi_path *p = tb_path_to(&w->t, dst);
        cr_assert_eq(p != NULL, current);
        if (current && nhi_a_load(&p->endpoint) != NULL)
            cr_assert_eq(path_tunnel(p), (uint32_t)m->holder + 1);
        if (current)
            cr_assert_eq(nhi_a_load(&p->out) != NULL, is_up(w, m->holder));
    }
    nhi_path_list *l = nhi_a_load(&nhi_fib_iface(&w->t.fib, w->iface)->live);
    unsigned live = 0;
    for (uint32_t k = 0; k < nhi_a_load(&l->n); k++)
        live += nhi_a_load(&l->v[k]) != NULL;
    cr_assert_eq(live, ups);
}

static void check_rows(world *w)
{
    unsigned want = 0, got = 0;
    for (int h = 0; h < HOPS; h++)
        want += w->hop[h].holder >= 0 && (w->hop[h].is_static || is_up(w, w->hop[h].holder));
    nhtb_binding_info row = {.size = sizeof row};
    for (uint32_t cursor = 0; nhi_db_binding_next(w->t.db, &cursor, &row); got++) {
        int h = row.next_hop.b[3] - 100;
        cr_assert(h >= 0 && h < HOPS && (int)row.peer.id == w->hop[h].holder + 1);
        cr_assert(row.is_static == w->hop[h].is_static && row.up == is_up(w, w->hop[h].holder));
    }
    cr_assert_eq(got, want);
}

Test(bindings, random_histories_agree_with_a_model)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        world *w = calloc(1, sizeof *w);
        prop_rng g = {seed};
        tb_up(&w->t, 2);
        w->iface = tb_iface(&w->t, "st0.0", NHTB_IFACE_MULTIPOINT);
        for (int i = 0; i < TUNNELS; i++)
            w->tun[i].claim = -1;
        for (int h = 0; h < HOPS; h++) {
            w->hop[h].holder = -1;
            nhtb_addr a = hop_addr(h);
            char prefix[32] = "172.16.0.0/16";
            prefix[4] = '1';
            prefix[5] = '6';
            prefix[7] = (char)('0' + h);
            memcpy(prefix + 8, ".0/24", 6);
            cr_assert_eq(tb_route(&w->t, prefix, w->iface, &a), 0);
        }
        for (unsigned s = 0; s < STEPS; s++) {
            int i = (int)prop_below(&g, TUNNELS), h = (int)prop_below(&g, HOPS);
            uint64_t what = prop_below(&g, 100);
            if (what < 50)
                step_sa(w, &g, i);
            else if (what < 80)
                step_learn(w, i, h);
            else if (what < 94)
                step_static(w, &g, i, h);
            else
                step_tunnel(w, i);
            check(w);
            if (s % 50 == 0) {
                check_rows(w);
                nhi_db_poll(w->t.db);
            }
            cr_assert_eq(tb_count(&w->t, NHI_DB_IFACE_UP), w->up_notes);
            cr_assert_eq(tb_count(&w->t, NHI_DB_IFACE_DOWN), w->down_notes);
            w->t.n_notes = w->up_notes = w->down_notes = 0;
        }
        tb_down(&w->t);
        free(w);
    }
}
