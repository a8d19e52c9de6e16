/* SPDX-License-Identifier: Apache-2.0
 * Tables by hand, packets, contract-checking driver: see rig.h. */
#include "rig.h"

const sa_kind GCM = {NHI_ENCR_AES_GCM16, 256, 0, false, 64};

static void *host_alloc(void *user, size_t n, size_t align)
{
    (void)user;
    void *p = NULL;
    if (align < sizeof(void *))
        align = sizeof(void *);
    return posix_memalign(&p, align, n) == 0 ? p : NULL;
}

static void host_free(void *user, void *p, size_t n)
{
    (void)user;
    (void)n;
    free(p);
}

static int host_random(void *user, uint8_t *dst, size_t n)
{
    (void)user;
    for (size_t i = 0; i < n; i++)
        dst[i] = (uint8_t)(i * 7 + 1);
    return 0;
}

void *rig_alloc(rig *r, size_t n)
{
    void *p = nhi_mem_alloc(&r->mem, n, 64);
    cr_assert_not_null(p);
    r->owned = realloc(r->owned, (r->n_owned + 1) * sizeof *r->owned);
    r->owned[r->n_owned].p = p;
    r->owned[r->n_owned++].n = n;
    return p;
}

static void settings(nhtb_settings *s)
{
    memset(s, 0, sizeof *s);
    s->size = sizeof *s;
    s->workers = RIG_WORKERS;
    s->limits = (nhtb_limits){.ifaces = 4,
                              .peers = 16,
                              .tunnels = 2048,
                              .sas = 2048,
                              .routes = 4096,
                              .next_hops = 2048,
                              .bindings = 2048};
}

void rig_open(rig *r, const nhtb_crypto *c, nhtb_emit emit, bool hold)
{
    memset(r, 0, sizeof *r);
    r->mem.host = (nhtb_host){
        .size = sizeof r->mem.host, .alloc = host_alloc, .free = host_free, .random = host_random};
    r->crypto = c != NULL ? *c : nhtb_null_crypto();
    r->next_slot = 2;
    r->now = T0;
    settings(&r->set);
    cr_assert_eq(nhi_fib_init(&r->fib, &r->mem, &r->set), 0);
    for (unsigned i = 0; i < RIG_WORKERS; i++) {
        nhi_dp_env env = {.mem = &r->mem,
                          .fib = &r->fib,
                          .crypto = &r->crypto,
                          .emit = (uint8_t)emit,
                          .hold = hold,
                          .index = i,
                          .owner = r};
        host_random(NULL, env.rng_seed, sizeof env.rng_seed);
        env.rng_seed[0] = (uint8_t)i;
        cr_assert_eq(nhi_dp_worker_new(&r->w[i], &env), 0);
        cr_assert_eq(nhi_dp_worker_owner(r->w[i]), r);
        cr_assert_eq(nhi_dp_worker_index(r->w[i]), i);
    }
}

void rig_close(rig *r)
{
    for (unsigned i = 0; i < RIG_WORKERS; i++)
        nhi_dp_worker_del(r->w[i]);
    for (size_t i = 0; i < r->n_cells; i++)
        nhi_bulk_ctx_wipe(&r->cells[i]->bulk, &r->mem, &r->crypto);
    nhi_qsbr_drain(&r->fib.qsbr);
    nhi_fib_fini(&r->fib);
    for (size_t i = 0; i < r->n_owned; i++)
        nhi_mem_free(&r->mem, r->owned[i].p, r->owned[i].n);
    free(r->owned);
    free(r->cells);
    cr_assert_eq(r->mem.bytes, 0, "%zu bytes left", (size_t)r->mem.bytes);
}

nhtb_addr addr(const char *text)
{
    nhtb_addr a = {0};
    if (text != NULL)
        cr_assert_eq(nhtb_addr_parse(text, &a), 0, "%s", text);
    return a;
}

nhi_iface_pub *rig_iface(rig *r, uint32_t id, uint8_t kind, const char *own4, const char *own6)
{
    enum { LIVE = 1100 };
    nhi_iface_pub *i = rig_alloc(r, sizeof *i);
    nhi_path_list *l = rig_alloc(r, sizeof *l + LIVE * sizeof(l->v[0]));
    l->cap = LIVE;
    i->id = id;
    i->kind = kind;
    i->rpf = kind == NHTB_IFACE_MULTIPOINT;
    i->ttl = 64;
    i->dscp = 0xff;
    i->addr4 = (nhtb_prefix){.addr = addr(own4), .len = 24};
    i->addr6 = (nhtb_prefix){.addr = addr(own6), .len = 64};
    i->count = rig_alloc(r, RIG_WORKERS * sizeof *i->count);
    nhi_a_store_rel(&i->live, l);
    nhi_a_store_rel(&r->fib.iface[id & r->fib.iface_mask], i);
    return i;
}

void rig_endpoint(rig *r, nhi_path *p, const char *local, const char *remote, uint16_t port,
                  uint32_t mtu)
{
    nhi_endpoint *e = rig_alloc(r, sizeof *e);
    nhtb_path path = {addr(local), addr(remote), port, port, 0};
    nhi_endpoint_fill(e, &path, mtu);
    nhi_a_store_rel(&p->endpoint, e);
    nhi_path_update_mtu(p);
}

nhi_path *rig_tunnel(rig *r, nhi_iface_pub *i, const char *local, const char *remote, uint16_t port,
                     uint32_t mtu)
{
    nhi_path *p = rig_alloc(r, sizeof *p);
    nhi_a_store_rel(&p->iface, i);
    rig_endpoint(r, p, local, remote, port, mtu);
    nhi_path_list *l = nhi_a_load(&i->live);
    uint32_t n = nhi_a_load(&l->n);
    cr_assert_lt(n, l->cap);
    nhi_a_store(&l->v[n], p);
    nhi_a_store_rel(&l->n, n + 1);
    return p;
}

uint32_t rig_slot(rig *r, nhi_iface_pub *i, nhi_path *p)
{
    uint32_t n = r->next_slot++;
    cr_assert_lt(n, r->fib.n_slots);
    r->fib.slot[n].iface = i->id;
    nhi_a_store_rel(&r->fib.slot[n].path, p);
    return n;
}

void rig_route(rig *r, const char *prefix, uint32_t slot)
{
    nhtb_prefix p;
    cr_assert_eq(nhtb_prefix_parse(prefix, &p), 0, "%s", prefix);
    nhi_lpm *l = p.addr.family == 4 ? r->fib.lpm4 : r->fib.lpm6;
    nhi_lpm_begin(l);
    cr_assert_eq(nhi_lpm_set(l, p.addr.b, p.len, slot), 0);
    nhi_lpm_publish(l);
    nhi_fib_ways_changed(&r->fib);
}

uint32_t rig_bind(rig *r, nhi_iface_pub *i, nhi_path *p, const char *next_hop)
{
    uint32_t n = rig_slot(r, i, p);
    r->fib.slot[n].next_hop = addr(next_hop);
    nhi_fib_next_hop_add(&r->fib, n);
    return n;
}

uint32_t rig_via(rig *r, const char *prefix, nhi_iface_pub *i, nhi_path *p)
{
    uint32_t s = rig_slot(r, i, p);
    rig_route(r, prefix, s);
    return s;
}

static nhi_cell *make_cell(rig *r, nhi_path *p, uint32_t spi, const sa_kind *k, bool inbound)
{
    uint8_t key[128];
    const nhi_bulk_facts *f = nhi_bulk_find(k->encr, k->bits, k->integ);
    cr_assert_not_null(f);
    nhi_cell *c =
        nhi_cell_init(rig_alloc(r, nhi_cell_size(k->window, inbound)), &r->fib, k->window, inbound);
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(i * 31 + spi * 17 + (spi >> 8) * 5 + 3);
    nhtb_span keymat = {key, nhi_bulk_keymat_len(f)};
    cr_assert_eq(nhi_bulk_ctx_make(&c->bulk, &r->mem, &r->crypto, f, keymat, !inbound,
                                   RIG_WORKERS + 1, (UINT64_C(1) << (RIG_WORKERS + 1)) - 1),
                 0);
    c->facts = f;
    c->key = c->bulk.mem;
    c->path = p;
    c->spi = spi;
    c->esn = k->esn;
    c->hard_seq = k->esn ? UINT64_MAX : UINT32_MAX;
    r->cells = realloc(r->cells, (r->n_cells + 1) * sizeof(nhi_cell *));
    r->cells[r->n_cells++] = c;
    return c;
}

nhi_cell *rig_sa(rig *a, nhi_path *pa, rig *b, nhi_path *pb, uint32_t spi, const sa_kind *k,
                 uint16_t worker)
{
    nhi_cell *out = make_cell(a, pa, spi, k, false);
    nhi_a_store_rel(&pa->out, out);
    nhi_path_update_mtu(pa);
    if (b == NULL)
        return out;
    nhi_cell *in = make_cell(b, pb, spi, k, true);
    in->worker = worker;
    nhi_fib_spi_set(&b->fib, spi, in);
    return out;
}

void rig_pair(rig *a, nhi_path *pa, rig *b, nhi_path *pb, uint32_t spi, const sa_kind *k)
{
    rig_sa(a, pa, b, pb, spi, k, 0);
    rig_sa(b, pb, a, pa, spi + 1, k, 0);
}

nhi_cell *rig_cell(rig *r, uint32_t spi, bool inbound)
{
    for (size_t i = 0; i < r->n_cells; i++)
        if (r->cells[i]->spi == spi && r->cells[i]->inbound == inbound)
            return r->cells[i];
    cr_assert(false, "no cell %x", spi);
    return NULL;
}

nhi_sel *rig_sel(rig *r, const char *local, const char *remote)
{
    size_t n = sizeof(nhi_sel) + 2 * sizeof(nhtb_ts);
    nhi_sel *s = rig_alloc(r, n);
    nhtb_ts *ts = (nhtb_ts *)(void *)(s + 1);
    nhtb_prefix p;
    s->size = n;
    if (local != NULL) {
        cr_assert_eq(nhtb_prefix_parse(local, &p), 0);
        ts[0] = nhtb_ts_from_prefix(&p);
        s->local = &ts[0];
        s->n_local = 1;
    }
    if (remote != NULL) {
        cr_assert_eq(nhtb_prefix_parse(remote, &p), 0);
        ts[1] = nhtb_ts_from_prefix(&p);
        s->remote = &ts[1];
        s->n_remote = 1;
    }
    return s;
}

void rig_policy(rig *r, nhi_iface_pub *i, uint8_t direction, uint8_t proto)
{
    nhi_policy_set *set = rig_alloc(r, sizeof *set);
    set->rules = rig_alloc(r, sizeof *set->rules);
    set->hits = rig_alloc(r, sizeof *set->hits);
    set->n = 1;
    set->rules[0] = (nhtb_policy){.size = sizeof(nhtb_policy),
                                  .action = NHTB_DENY,
                                  .direction = direction,
                                  .proto = proto,
                                  .sport_hi = 65535,
                                  .dport_hi = 65535};
    nhi_a_store_rel(&i->policies, set);
}

uint64_t rig_reason(const rig *r, unsigned reason)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < RIG_WORKERS; i++)
        n += nhi_a_load(&nhi_dp_worker_count(r->w[i])->reasons[reason]);
    return n;
}
