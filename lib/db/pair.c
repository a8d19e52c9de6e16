/* SPDX-License-Identifier: Apache-2.0
 * Memory of an SA pair: two cells, key contexts, selectors; its burial after the grace period; and
 * the fingerprints by which keys are never taken twice. Called by sad.c; control thread. */
#include "db/internal.h"

enum { RESERVED_SEQ_NO_ESN = 1 << 16 }; /* RFC 4303 3.3.3: rekey well before the 32-bit end */

/* ---- building ---- */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t or_most(uint64_t v)
{
    return v == 0 ? UINT64_MAX : v;
}

static void set_limits(nhi_cell *c, const nhi_db_sa *sa)
{
    uint64_t most = sa->esn ? UINT64_MAX : UINT32_MAX - (uint64_t)RESERVED_SEQ_NO_ESN;
    c->hard_seq = least(or_most(sa->hard_packets), most);
    c->soft_seq = least(or_most(sa->soft_packets), c->hard_seq - c->hard_seq / 8);
    c->hard_bytes = least(or_most(sa->hard_bytes), or_most(sa->facts->hard_bytes));
    c->soft_bytes = least(or_most(sa->soft_bytes), or_most(sa->facts->soft_bytes));
}

static int cell_make(nhi_db *db, const nhi_db_sa *sa, bool inbound, uint16_t anchor, nhi_cell **out)
{
    unsigned workers = db->env.settings->workers;
    uint32_t window = db->env.settings->replay_window;
    void *mem = nhi_mem_alloc(db->mem, nhi_cell_size(window, inbound), NHI_CACHE_LINE);
    if (mem == NULL)
        return NHTB_ERR_MEMORY;
    nhi_cell *c = nhi_cell_init(mem, db->fib, window, inbound);
    c->facts = sa->facts;
    c->spi = inbound ? sa->spi_in : sa->spi_out;
    c->worker = anchor;
    c->esn = sa->esn;
    set_limits(c, sa);
    uint64_t mask = inbound ? UINT64_C(1) << anchor : (UINT64_C(1) << workers) - 1;
    int err = nhi_bulk_ctx_make(&c->bulk, db->mem, db->env.crypto, sa->facts,
                                inbound ? sa->key_in : sa->key_out, !inbound, workers + 1, mask);
    if (err != 0) {
        nhi_mem_wipe_free(db->mem, c, c->size);
        return err;
    }
    c->key = c->bulk.mem;
    *out = c;
    return 0;
}

static void cell_free(nhi_db *db, nhi_cell *c)
{
    if (c == NULL)
        return;
    nhi_bulk_ctx_wipe(&c->bulk, db->mem, db->env.crypto);
    nhi_mem_wipe_free(db->mem, c, c->size);
}

static bool sel_make(nhi_db *db, const nhi_db_sa *sa, nhi_sel **out)
{
    size_t nl = sa->n_local_ts, nr = sa->n_remote_ts;
    *out = NULL;
    if (nl + nr == 0)
        return true;
    size_t size = sizeof(nhi_sel) + (nl + nr) * sizeof(nhtb_ts);
    nhi_sel *s = nhi_mem_alloc(db->mem, size, 16);
    if (s == NULL)
        return false;
    nhtb_ts *v = (void *)(s + 1);
    if (nl != 0)
        memcpy(v, sa->local_ts, nl * sizeof *v);
    if (nr != 0)
        memcpy(v + nl, sa->remote_ts, nr * sizeof *v);
    *s = (nhi_sel){sa->n_local_ts, sa->n_remote_ts, v, v + nl, size};
    *out = s;
    return true;
}

static void grave_free(nhi_db *db, nhi_db_grave *g)
{
    cell_free(db, g->in);
    cell_free(db, g->out);
    if (g->sel != NULL)
        nhi_mem_free(db->mem, g->sel, g->sel->size);
    nhi_mem_free(db->mem, g, sizeof *g);
}

int nhi_db_pair_build(nhi_db *db, nhi_db_pair *p, nhi_db_tunnel *t, const nhi_db_sa *sa,
                      uint16_t anchor)
{
    uint32_t need = nhi_bulk_keymat_len(sa->facts);
    if (sa->key_in.n != need || sa->key_out.n != need)
        return NHTB_ERR_ARG;
    if (!db->env.crypto->bulk->has(sa->facts->alg))
        return NHTB_ERR_UNSUPPORTED;
    nhi_db_grave *g = nhi_mem_alloc(db->mem, sizeof *g, 16);
    if (g == NULL)
        return NHTB_ERR_MEMORY;
    g->db = db;
    g->tunnel = t->id;
    nhi_list_init(&g->link);
    int err = sel_make(db, sa, &g->sel) ? 0 : NHTB_ERR_MEMORY;
    if (err == 0)
        err = cell_make(db, sa, true, anchor, &g->in);
    if (err == 0)
        err = cell_make(db, sa, false, anchor, &g->out);
    if (err != 0) {
        grave_free(db, g);
        return err;
    }
    g->in->path = g->out->path = t->path;
    g->in->sel = g->out->sel = g->sel;
    g->in->sa = g->out->sa = (nhtb_sa_id){p->id};
    p->mem = g;
    p->tunnel = t;
    p->spi_in = sa->spi_in;
    p->spi_out = sa->spi_out;
    p->created = sa->created;
    p->rekey_at = sa->rekey_at;
    p->expires = sa->expires;
    return 0;
}

void nhi_db_pair_unbuild(nhi_db *db, nhi_db_pair *p)
{
    grave_free(db, p->mem);
    p->mem = NULL;
}

/* ---- burial ---- */

static nhi_db_count count_of(const nhi_db_grave *g)
{
    return (nhi_db_count){nhi_a_load(&g->out->packets), nhi_a_load(&g->out->bytes),
                          nhi_a_load(&g->in->packets), nhi_a_load(&g->in->bytes)};
}

/* Adds what was not added before. */
void nhi_db_count_add(nhi_db_count *to, const nhi_db_grave *g)
{
    nhi_db_count now = count_of(g);
    to->out_packets += now.out_packets - g->counted.out_packets;
    to->out_bytes += now.out_bytes - g->counted.out_bytes;
    to->in_packets += now.in_packets - g->counted.in_packets;
    to->in_bytes += now.in_bytes - g->counted.in_bytes;
}

static bool on_flag_stack(const nhi_db_grave *g)
{
    return (nhi_a_load(&g->in->flags) | nhi_a_load(&g->out->flags)) != 0;
}

/* A cell that control has yet to collect is linked in the flagged stack: it waits in limbo. */
static void reclaim(void *user, void *obj)
{
    nhi_db *db = user;
    nhi_db_grave *g = obj;
    nhi_db_tunnel *t = nhi_slab_get(&db->tunnels, g->tunnel);
    if (t != NULL)
        nhi_db_count_add(&t->total, g);
    if (on_flag_stack(g))
        nhi_list_add_tail(&db->limbo, &g->link);
    else
        grave_free(db, g);
}

void nhi_db_pair_bury(nhi_db *db, nhi_db_pair *p)
{
    nhi_db_grave *g = p->mem;
    p->mem = NULL;
    nhi_db_count_add(&p->tunnel->total, g);
    g->counted = count_of(g);
    nhi_qsbr_retire(&db->fib->qsbr, &g->in->retired, reclaim, db, g);
}

void nhi_db_limbo_poll(nhi_db *db)
{
    NHI_LIST_FOR_SAFE(it, next, &db->limbo)
    {
        nhi_db_grave *g = NHI_CONTAINER(it, nhi_db_grave, link);
        if (on_flag_stack(g))
            continue;
        nhi_list_del(it);
        grave_free(db, g);
    }
}

/* ---- key fingerprints: 128 bits keyed by our seed, so nobody can aim for a collision ---- */

void nhi_db_key_print(const nhi_db *db, nhtb_span key, uint8_t out[16])
{
    uint8_t seed[16];
    for (unsigned half = 0; half < 2; half++) {
        memcpy(seed, db->env.map_seed, sizeof seed);
        seed[0] = (uint8_t)(seed[0] ^ (0x5a + half));
        nhi_put64(out + 8 * half, nhi_siphash(seed, key.p, key.n));
    }
}

/* Dynamic keys are fresh by construction; the outbound one is checked all the same, because two
 * counters on one key would repeat a nonce. */
bool nhi_db_key_seen(const nhi_db *db, const nhi_db_pair *p)
{
    if (nhi_map_get(&db->key_prints, p->key_print[0]) != NULL)
        return true;
    return p->manual && (nhi_map_get(&db->key_prints, p->key_print[1]) != NULL ||
                         memcmp(p->key_print[0], p->key_print[1], 16) == 0);
}

int nhi_db_key_remember(nhi_db *db, nhi_db_pair *p)
{
    size_t n = p->manual ? 2 : 1;
    size_t most = (size_t)db->env.settings->limits.sas * 4;
    if (p->manual && db->n_manual_prints + n > most)
        return NHTB_ERR_LIMIT;
    int err = nhi_map_reserve(&db->key_prints, n);
    for (size_t i = 0; err == 0 && i < n; i++)
        err = nhi_map_put(&db->key_prints, p->key_print[i], db);
    if (err == 0 && p->manual)
        db->n_manual_prints += n;
    return err;
}

void nhi_db_key_forget(nhi_db *db, nhi_db_pair *p)
{
    size_t n = p->manual ? 2 : 1;
    for (size_t i = 0; i < n; i++)
        (void)nhi_map_del(&db->key_prints, p->key_print[i]);
    if (p->manual)
        db->n_manual_prints -= n;
}
