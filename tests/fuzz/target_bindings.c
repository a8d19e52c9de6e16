/* SPDX-License-Identifier: Apache-2.0
 * Next-hop bindings against their trust rules: announcements, static entries, tunnels that come and
 * go, in any order. Nobody takes a next hop from a live tunnel or from a static entry; what is learnt
 * is a unicast address inside the interface's subnet. Input: operations. protocol-facts 1.5. */
#include "engine/engine.h"
#include "fuzz/fuzz_side.h"

enum { PEERS = 3, ADDRS = 16 };

typedef struct state {
    fuzz_side s;
    nhtb_peer_id peer[PEERS];
    nhtb_sa_id sa[PEERS];
    bool up[PEERS];
    int fixed[ADDRS]; /* static entries: peer + 1, 0: none */
    uint8_t keys;
} state;

/* 10.0.0.x: 0 and 15 are the subnet's edges, 1 is ours; from 16 on outside or strange. */
static nhtb_addr address(unsigned k)
{
    static const uint8_t strange[][4] = {
        {10, 0, 1, 2}, {127, 0, 0, 1}, {224, 0, 0, 1}, {0, 0, 0, 0}, {255, 255, 255, 255}};
    nhtb_addr a = {.family = 4, .b = {10, 0, 0, (uint8_t)k}};
    if (k >= ADDRS)
        memcpy(a.b, strange[k % 5], 4);
    return a;
}

/* Who holds an address: peer, or -1. Checks that the table names it once. */
static int holder(state *st, unsigned k, bool *is_static)
{
    nhtb_binding_info row;
    nhtb_addr a = address(k);
    uint32_t at = 0;
    int found = -1;
    for (row.size = sizeof row; nhtb_binding_next(st->s.ctx, &at, &row); row.size = sizeof row) {
        if (!nhtb_addr_equal(&row.next_hop, &a))
            continue;
        fuzz_check(found < 0);
        for (int i = 0; i < PEERS; i++)
            found = st->peer[i].id == row.peer.id ? i : found;
        fuzz_check(found >= 0 && row.iface.id == st->s.st0.id && row.up == st->up[found]);
        *is_static = row.is_static;
    }
    return found;
}

static void check_all(state *st)
{
    unsigned learnt[PEERS] = {0};
    for (unsigned k = 0; k < ADDRS + 5; k++) {
        bool is_static = false;
        int who = holder(st, k, &is_static);
        if (k >= ADDRS) {
            fuzz_check(who < 0);
            continue;
        }
        fuzz_check(is_static == (st->fixed[k] != 0) && (!is_static || st->fixed[k] == who + 1));
        if (who < 0 || is_static)
            continue;
        fuzz_check(k > 1 && k < 15);
        fuzz_check(++learnt[who] == 1);
    }
}

static void learn(state *st, fuzz_in *in)
{
    unsigned who = fuzz_below(in, PEERS), k = fuzz_below(in, ADDRS + 5);
    nhtb_addr a = address(k);
    bool was_static = false, is_static = false;
    int before = holder(st, k, &was_static);
    nhtb_detail d = nhi_db_learn(st->s.ctx->db, st->peer[who], 0, &a);
    int after = holder(st, k, &is_static);
    bool live = before >= 0 && before != (int)who && st->up[before];
    fuzz_check(!was_static || (after == before && is_static));
    fuzz_check(!live || after == before);
    if (d == NHTB_DETAIL_NONE)
        fuzz_check(!live && (after == (int)who || !st->up[who])); /* else a candidate: not shown */
    else
        fuzz_check(after == before);
    fuzz_check(d != NHTB_DETAIL_TAKEN || live);
    fuzz_check(d != NHTB_DETAIL_STATIC_WINS || was_static);
    fuzz_check(k >= 2 && k < 15 ? d != NHTB_DETAIL_NOT_UNICAST && d != NHTB_DETAIL_OUT_OF_SUBNET
                                : d != NHTB_DETAIL_NONE);
}

static void fix(state *st, fuzz_in *in)
{
    nhtb_txn *t;
    unsigned how = fuzz_u8(in), k = 2 + how % 12, who = how / 12 % PEERS;
    nhtb_binding b = {
        .size = sizeof b, .iface = st->s.st0, .next_hop = address(k), .peer = st->peer[who]};
    bool add = fuzz_below(in, 2) == 0;
    fuzz_check(nhtb_txn_begin(st->s.ctx, &t) == 0);
    int err = add ? nhtb_txn_binding(t, &b) : nhtb_txn_binding_del(t, st->s.st0, &b.next_hop);
    if (err)
        nhtb_txn_abort(t);
    else
        err = nhtb_txn_commit(t, st->s.now);
    fuzz_check(add ? err == 0 : (err == 0) == (st->fixed[k] != 0));
    st->fixed[k] = err ? st->fixed[k] : add ? (int)who + 1 : 0;
}

static void toggle(state *st, unsigned who)
{
    nhi_db *db = st->s.ctx->db;
    uint8_t key[2][20];
    nhi_db_sa sa = {.peer = st->peer[who],
                    .facts = nhi_bulk_find(20, 128, 0),
                    .spi_out = 0x5000 + st->keys,
                    .key_in = {key[0], 20},
                    .key_out = {key[1], 20},
                    .path = fuzz_manual_path(who, true),
                    .path_mtu = 1500,
                    .soft_bytes = UINT64_MAX,
                    .hard_bytes = UINT64_MAX,
                    .soft_packets = UINT32_MAX - 9,
                    .hard_packets = UINT32_MAX - 1,
                    .use_now = true};
    if (st->up[who]) {
        fuzz_check(nhi_db_sa_remove(db, st->sa[who]) == 0);
        st->up[who] = false;
        return;
    }
    memset(key[0], ++st->keys, 20);
    memset(key[1], ++st->keys ^ 0x55, 20);
    if (nhi_db_spi_reserve(db, st->peer[who], &sa.spi_in) != 0)
        return;
    int err = nhi_db_sa_install(db, &sa, &st->sa[who]);
    st->up[who] = err == 0;
    if (err)
        nhi_db_spi_release(db, sa.spi_in);
}

static void add_peers(state *st)
{
    static const char *const names[PEERS] = {"a", "b", "c"};
    nhtb_txn *t;
    nhtb_iface i;
    nhtb_iface_init(&i);
    i.name = "st0.0";
    i.kind = NHTB_IFACE_MULTIPOINT;
    i.addr4 = fuzz_prefix("10.0.0.1/28");
    fuzz_check(nhtb_txn_begin(st->s.ctx, &t) == 0 && nhtb_txn_iface(t, &i, &st->s.st0) == 0);
    for (unsigned k = 0; k < PEERS; k++) {
        nhtb_peer p;
        nhtb_child c;
        nhtb_peer_init(&p);
        nhtb_child_init(&c);
        c.name = "vpn";
        c.iface = st->s.st0;
        p.name = names[k];
        p.path.local = st->s.addr;
        p.remote_id = (nhtb_identity){NHTB_ID_FQDN, {(const uint8_t *)names[k], 1}};
        p.psk = (nhtb_span){(const uint8_t *)"0123456789abcdef", 16};
        p.establish = NHTB_ESTABLISH_RESPONDER_ONLY;
        p.children = &c;
        p.n_children = 1;
        fuzz_check(nhtb_txn_peer(t, &p, &st->peer[k]) == 0);
    }
    fuzz_check(nhtb_txn_commit(t, st->s.now) == 0);
}

int fuzz_bindings(const uint8_t *p, size_t n)
{
    static state st;
    fuzz_in in = {p, n};
    if (n > 600)
        return 0;
    memset(&st, 0, sizeof st);
    fuzz_keys_forget();
    fuzz_side_init(&st.s, 5, "192.0.2.1");
    fuzz_side_open(&st.s);
    add_peers(&st);
    while (in.n > 0) {
        unsigned op = fuzz_below(&in, 8);
        if (op < 4)
            learn(&st, &in);
        else if (op < 6)
            fix(&st, &in);
        else
            toggle(&st, fuzz_below(&in, PEERS));
        check_all(&st);
        nhi_db_poll(st.s.ctx->db);
    }
    unsigned count[NHTB_EVENT_END] = {0};
    fuzz_side_events(&st.s, count);
    fuzz_side_close(&st.s);
    return 0;
}
