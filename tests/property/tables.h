/* SPDX-License-Identifier: Apache-2.0
 * A db and a fib with a bulk table that only stores keys: what the table tests stand on. Records the
 * notes; every key that is wiped is counted. Header only. */
#ifndef NHTB_TEST_TABLES_H
#define NHTB_TEST_TABLES_H

#include <criterion/criterion.h>
#include <string.h>

#include "db/db.h"
#include "fib/lpm.h"
#include "property/prop.h"

enum { TB_NOTES = 4096 };
typedef struct tables {
    prop_mem pm;
    nhtb_settings set;
    nhtb_crypto crypto;
    nhi_fib fib;
    nhi_db *db;
    nhi_db_note note[TB_NOTES];
    size_t n_notes;
    uint32_t key_serial;
} tables;

static inline bool tb_has(uint16_t alg)
{
    return alg != 0;
}
static inline size_t tb_key_size(uint16_t alg, unsigned lanes)
{
    (void)alg;
    return 64 + 0 * (size_t)lanes;
}
static inline int tb_key_init(void *mem, const nhtb_bulk_key *k, unsigned lanes, uint64_t mask)
{
    (void)lanes;
    (void)mask;
    memcpy(mem, k->enc.p, k->enc.n);
    return 0;
}
static inline void tb_key_wipe(void *mem)
{
    memset(mem, 0, 64);
}
static inline const nhtb_bulk_ops *tb_bulk(void)
{
    static const nhtb_bulk_ops ops = {.size = sizeof ops,
                                      .burst = 1,
                                      .name = "store",
                                      .has = tb_has,
                                      .key_size = tb_key_size,
                                      .key_init = tb_key_init,
                                      .key_wipe = tb_key_wipe};
    return &ops;
}

static inline void tb_note(void *user, const nhi_db_note *n)
{
    tables *t = user;
    if (t->n_notes < TB_NOTES)
        t->note[t->n_notes++] = *n;
}

static inline void tb_settings(nhtb_settings *s, uint16_t workers)
{
    memset(s, 0, sizeof *s);
    s->size = sizeof *s;
    s->workers = workers;
    s->replay_window = 64;
    s->limits = (nhtb_limits){.ifaces = 8,
                              .peers = 64,
                              .tunnels = 128,
                              .sas = 256,
                              .routes = 4096,
                              .next_hops = 256,
                              .bindings = 128,
                              .policies = 32};
}

static inline int tb_start(tables *t)
{
    t->crypto.bulk = tb_bulk();
    nhi_db_env env = {.mem = &t->pm.mem,
                      .fib = &t->fib,
                      .crypto = &t->crypto,
                      .settings = &t->set,
                      .map_seed = {1, 2, 3},
                      .user = t,
                      .note = tb_note};
    int err = nhi_fib_init(&t->fib, &t->pm.mem, &t->set);
    if (err == 0 && (err = nhi_db_new(&t->db, &env)) != 0)
        nhi_fib_fini(&t->fib);
    return err;
}

static inline void tb_up(tables *t, uint16_t workers)
{
    memset(t, 0, sizeof *t);
    (void)prop_mem_init(&t->pm);
    tb_settings(&t->set, workers);
    cr_assert_eq(tb_start(t), 0);
}

static inline void tb_down(tables *t)
{
    nhi_db_del(t->db);
    nhi_fib_fini(&t->fib);
    cr_assert_eq(t->pm.mem.bytes, 0u, "%lu bytes leaked", (unsigned long)t->pm.mem.bytes);
    cr_assert_eq(t->pm.live, 0u);
}

static inline nhtb_addr tb_addr(const char *s)
{
    nhtb_addr a;
    cr_assert_eq(nhtb_addr_parse(s, &a), 0, "%s", s);
    return a;
}

/* Own addresses may have host bits, so this does not use nhtb_prefix_parse. */
static inline nhtb_prefix tb_own(const char *s, uint8_t len)
{
    return (nhtb_prefix){.addr = tb_addr(s), .len = len};
}

static inline nhtb_prefix tb_prefix(const char *s)
{
    nhtb_prefix p;
    cr_assert_eq(nhtb_prefix_parse(s, &p), 0, "%s", s);
    return p;
}

static inline nhtb_addr tb_host(unsigned n) /* 10.0.0.n + 256 * ... */
{
    nhtb_addr a = {.family = 4, .b = {10, 0, (uint8_t)(n >> 8), (uint8_t)n}};
    return a;
}

static inline nhtb_iface tb_iface_cfg(const char *name, uint8_t kind)
{
    nhtb_iface i = {.size = sizeof i, .name = name, .kind = kind, .rpf = true, .dscp = 0xff};
    i.addr4 = tb_own("10.0.0.1", 16);
    i.addr6 = tb_own("fd00::1", 64);
    return i;
}

static inline int tb_commit(nhi_db_txn *x)
{
    int err = nhi_db_txn_prepare(x, NULL);
    if (err == 0)
        nhi_db_txn_commit(x);
    return err;
}

static inline nhi_db_txn *tb_begin(tables *t)
{
    nhi_db_txn *x;
    cr_assert_eq(nhi_db_txn_begin(t->db, &x), 0);
    return x;
}

static inline nhtb_iface_id tb_iface(tables *t, const char *name, uint8_t kind)
{
    nhi_db_txn *x = tb_begin(t);
    nhtb_iface cfg = tb_iface_cfg(name, kind);
    nhtb_iface_id id;
    cr_assert_eq(nhi_db_txn_iface(x, &cfg, &id), 0);
    cr_assert_eq(tb_commit(x), 0);
    return id;
}

static inline void tb_tunnel(tables *t, uint32_t peer, uint16_t child, nhtb_iface_id i, bool dyn)
{
    nhi_db_txn *x = tb_begin(t);
    cr_assert_eq(nhi_db_txn_tunnel(x, (nhtb_peer_id){peer}, child, "vpn", i, dyn), 0);
    cr_assert_eq(tb_commit(x), 0);
}

static inline int tb_route(tables *t, const char *prefix, nhtb_iface_id i, const nhtb_addr *nh)
{
    nhi_db_txn *x = tb_begin(t);
    nhtb_route r = {.size = sizeof r, .prefix = tb_prefix(prefix), .iface = i};
    if (nh != NULL)
        r.next_hop = *nh;
    cr_assert_eq(nhi_db_txn_route(x, &r), 0);
    return tb_commit(x);
}

static inline int tb_bind(tables *t, nhtb_iface_id i, nhtb_addr nh, uint32_t peer, uint16_t child)
{
    nhi_db_txn *x = tb_begin(t);
    nhtb_binding b = {.size = sizeof b, .iface = i, .next_hop = nh, .peer = {peer}, .child = child};
    cr_assert_eq(nhi_db_txn_binding(x, &b), 0);
    return tb_commit(x);
}

/* Fresh keys each time, as an IKE exchange gives. */
static inline void tb_sa_fill(tables *t, nhi_db_sa *sa, uint8_t keys[2][36], uint32_t peer,
                              uint16_t child)
{
    memset(sa, 0, sizeof *sa);
    for (unsigned k = 0; k < 2; k++) {
        memset(keys[k], 0x40 + (int)k, 36);
        uint32_t serial = ++t->key_serial;
        memcpy(keys[k], &serial, sizeof serial);
    }
    sa->peer.id = peer;
    sa->child = child;
    sa->facts = nhi_bulk_of(NHTB_BULK_AES256_GCM16);
    sa->esn = true;
    sa->spi_out = 0x1000 + t->key_serial;
    sa->key_out = (nhtb_span){keys[0], 36};
    sa->key_in = (nhtb_span){keys[1], 36};
    sa->path = (nhtb_path){.local = tb_addr("192.0.2.1"), .remote = tb_addr("198.51.100.1")};
    sa->path.remote.b[3] = (uint8_t)peer;
    sa->path_mtu = 1500;
    sa->use_now = true;
}

static inline nhtb_sa_id tb_sa(tables *t, uint32_t peer, uint16_t child)
{
    nhi_db_sa sa;
    uint8_t keys[2][36];
    nhtb_sa_id id;
    tb_sa_fill(t, &sa, keys, peer, child);
    cr_assert_eq(nhi_db_spi_reserve(t->db, sa.peer, &sa.spi_in), 0);
    cr_assert_eq(nhi_db_sa_install(t->db, &sa, &id), 0);
    return id;
}

static inline nhtb_manual_sa tb_manual(tables *t, nhtb_iface_id i, uint32_t spi,
                                       uint8_t keys[2][36])
{
    nhi_db_sa sa;
    tb_sa_fill(t, &sa, keys, 1, 0);
    return (nhtb_manual_sa){.size = sizeof(nhtb_manual_sa),
                            .name = "manual",
                            .iface = i,
                            .path = sa.path,
                            .spi_in = spi,
                            .spi_out = spi + 1,
                            .encr = 20,
                            .key_bits = 256,
                            .key_in = sa.key_in,
                            .key_out = sa.key_out};
}

static inline size_t tb_count(const tables *t, nhi_db_note_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_notes; i++)
        n += t->note[i].kind == kind;
    return n;
}

/* The path that a packet to dst would take, NULL: none. */
static inline nhi_path *tb_path_to(const tables *t, const char *dst)
{
    nhtb_addr a = tb_addr(dst);
    uint32_t slot = nhi_fib_lookup(&t->fib, &a);
    return slot <= NHI_SLOT_LOCAL ? NULL : nhi_a_load_acq(&t->fib.slot[slot].path);
}

#endif
