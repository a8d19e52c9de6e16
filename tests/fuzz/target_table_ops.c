/* SPDX-License-Identifier: Apache-2.0
 * Transactions of random operations on all tables, with failing allocations: an aborted or refused
 * transaction leaves nothing behind, a committed one holds all of it. Input: an option byte, then
 * transactions of operations. */
#include "fuzz/fuzz_side.h"

enum { IDS = 6, PEERS = 4 };

typedef struct state {
    fuzz_side s;
    nhtb_iface_id iface[IDS];
    nhtb_peer_id peer[IDS];
    nhtb_sa_id sa[IDS];
    uint8_t keys; /* manual keys are used once in a context's life */
} state;

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* A number that stands for what the tables show. Rows are copied out as whole structs. */
#define ROWS(type, next)                                                                           \
    do {                                                                                           \
        type row;                                                                                  \
        uint32_t at = 0;                                                                           \
        for (;;) {                                                                                 \
            memset(&row, 0, sizeof row);                                                           \
            row.size = sizeof row;                                                                 \
            if (!next(s->ctx, &at, &row))                                                          \
                break;                                                                             \
            h = mix(h, &row, sizeof row);                                                          \
            rows++;                                                                                \
            fuzz_check(rows < 1000);                                                               \
        }                                                                                          \
    } while (0)

static uint64_t tables(fuzz_side *s)
{
    uint64_t h = 7;
    unsigned rows = 0;
    ROWS(nhtb_iface_info, nhtb_iface_next);
    ROWS(nhtb_route_info, nhtb_route_next);
    ROWS(nhtb_binding_info, nhtb_binding_next);
    ROWS(nhtb_sa_info, nhtb_sa_next);
    ROWS(nhtb_peer_info, nhtb_peer_next);
    return h;
}

static nhtb_addr address(fuzz_in *in)
{
    unsigned x = fuzz_u8(in);
    nhtb_addr a = {.family = x & 0x80 ? 6 : x == 0x7f ? 0 : 4};
    a.b[0] = a.family ? 10 : 0;
    if (a.family)
        a.b[a.family == 4 ? 3 : 15] = (uint8_t)(x & 15);
    return a;
}

static nhtb_prefix prefix(fuzz_in *in)
{
    nhtb_prefix p = {.addr = address(in), .len = fuzz_u8(in) % 34};
    if (fuzz_below(in, 8))
        (void)nhi_prefix_normalize(&p);
    return p;
}

static int put_iface(state *st, nhtb_txn *t, fuzz_in *in)
{
    char name[16];
    nhtb_iface i;
    unsigned k = fuzz_below(in, IDS), how = fuzz_u8(in);
    nhtb_iface_init(&i);
    snprintf(name, sizeof name, "st0.%u", k);
    i.name = name;
    i.kind = how & 1;
    i.transit = how >> 1 & 1;
    i.mtu = how & 4 ? (uint32_t)how * 16 : 0;
    if (how & 8)
        i.addr4 = (nhtb_prefix){address(in), fuzz_u8(in) % 40, {0}};
    return nhtb_txn_iface(t, &i, &st->iface[k]);
}

static int put_route(state *st, nhtb_txn *t, fuzz_in *in)
{
    nhtb_route r = {.size = sizeof r, .kind = fuzz_below(in, 3) == 0, .prefix = prefix(in)};
    if (r.kind == NHTB_ROUTE_TUNNEL) {
        r.iface = st->iface[fuzz_below(in, IDS)];
        r.next_hop = address(in);
    }
    return nhtb_txn_route(t, &r);
}

static int put_binding(state *st, nhtb_txn *t, fuzz_in *in)
{
    nhtb_binding b = {.size = sizeof b, .iface = st->iface[fuzz_below(in, IDS)]};
    unsigned how = fuzz_u8(in);
    b.next_hop = address(in);
    if (how & 1)
        b.peer = st->peer[(how >> 1) % IDS];
    else
        b.sa = st->sa[(how >> 1) % IDS];
    b.child = how >> 5 & 1;
    return nhtb_txn_binding(t, &b);
}

static int put_sa(state *st, nhtb_txn *t, fuzz_in *in)
{
    uint8_t in_key[20], out_key[20];
    char name[8];
    unsigned k = fuzz_below(in, IDS), how = fuzz_u8(in);
    st->keys += how & 1 ? 1 : 0; /* now and then keys that were used before */
    memset(in_key, st->keys, sizeof in_key);
    memset(out_key, st->keys ^ 0x80, sizeof out_key);
    snprintf(name, sizeof name, "m%u", k);
    nhtb_manual_sa sa = {.size = sizeof sa,
                         .name = name,
                         .iface = st->iface[how >> 1 & 3],
                         .path = fuzz_manual_path(how >> 3 & 1, true),
                         .spi_in = 0x200 + (how >> 4),
                         .spi_out = 0x300 + k,
                         .encr = 20,
                         .key_bits = 128,
                         .key_in = {in_key, sizeof in_key},
                         .key_out = {out_key, sizeof out_key}};
    return nhtb_txn_sa(t, &sa, &st->sa[k]);
}

static int put_policy(state *st, nhtb_txn *t, fuzz_in *in)
{
    nhtb_policy v[10];
    unsigned n = fuzz_below(in, 11);
    memset(v, 0, sizeof v);
    for (unsigned i = 0; i < n; i++) {
        unsigned how = fuzz_u8(in);
        v[i] = (nhtb_policy){.size = sizeof v[i],
                             .action = how & 1,
                             .direction = (uint8_t)(how >> 1 & 3),
                             .src = prefix(in),
                             .sport_hi = 65535,
                             .dport_hi = 65535};
    }
    return nhtb_txn_policy(t, st->iface[fuzz_below(in, IDS)], v, n);
}

static int put_peer(state *st, nhtb_txn *t, fuzz_in *in)
{
    char name[8];
    nhtb_peer p;
    nhtb_child c[2];
    unsigned k = fuzz_below(in, IDS), how = fuzz_u8(in);
    nhtb_peer_init(&p);
    for (unsigned i = 0; i < 2; i++) {
        nhtb_child_init(&c[i]);
        c[i].name = i ? "b" : "a";
        c[i].iface = st->iface[(how >> i) % IDS];
    }
    snprintf(name, sizeof name, "p%u", k);
    p.name = name;
    p.path.local = st->s.addr;
    p.path.remote = (nhtb_addr){.family = how & 0x40 ? 0 : 4, .b = {how & 0x40 ? 0 : 198}};
    p.remote_id = (nhtb_identity){NHTB_ID_KEY_ID, {(const uint8_t *)name, 2}};
    p.psk = (nhtb_span){(const uint8_t *)"0123456789abcdef", 16};
    p.establish = how >> 4 & 3;
    p.children = c;
    p.n_children = how & 0x80 ? 2 : 1;
    return nhtb_txn_peer(t, &p, &st->peer[k]);
}

static int operation(state *st, nhtb_txn *t, fuzz_in *in)
{
    nhtb_prefix pre;
    nhtb_addr a;
    unsigned op = fuzz_below(in, 12);
    switch (op) {
    case 0: return put_iface(st, t, in);
    case 1:
    case 2: return put_route(st, t, in);
    case 3:
    case 4: return put_binding(st, t, in);
    case 5: return put_sa(st, t, in);
    case 6: return put_policy(st, t, in);
    case 7: return put_peer(st, t, in);
    case 8: pre = prefix(in); return nhtb_txn_route_del(t, &pre);
    case 9: a = address(in); return nhtb_txn_binding_del(t, st->iface[fuzz_below(in, IDS)], &a);
    case 10: return nhtb_txn_iface_del(t, st->iface[fuzz_below(in, IDS)]);
    default:
        return fuzz_below(in, 2) ? nhtb_txn_peer_del(t, st->peer[fuzz_below(in, IDS)])
                                 : nhtb_txn_sa_del(t, st->sa[fuzz_below(in, IDS)]);
    }
}

static void transaction(state *st, fuzz_in *in)
{
    fuzz_side *s = &st->s;
    nhtb_txn *t = NULL, *second = NULL;
    uint64_t before = tables(s);
    int err = nhtb_txn_begin(s->ctx, &t);
    if (err) {
        fuzz_check(err == NHTB_ERR_MEMORY && tables(s) == before);
        return;
    }
    fuzz_check(nhtb_txn_begin(s->ctx, &second) == NHTB_ERR_STATE);
    unsigned how = fuzz_u8(in);
    for (unsigned n = 1 + how % 8; n > 0; n--) {
        err = operation(st, t, in);
        fuzz_check(nhtb_err_class(err) != NHTB_ERR_CLASS_FATAL);
    }
    fuzz_check(tables(s) == before);
    if (how & 0x40) {
        nhtb_txn_abort(t);
        fuzz_check(tables(s) == before);
        return;
    }
    err = nhtb_txn_commit(t, s->now);
    fuzz_check(nhtb_err_class(err) != NHTB_ERR_CLASS_FATAL);
    fuzz_check(err == 0 || tables(s) == before);
}

static void traffic(state *st, fuzz_in *in)
{
    uint8_t p[40] = {0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 17};
    nhtb_addr src = address(in), dst = address(in);
    nhtb_pkt pkt, *v[1] = {&pkt};
    memcpy(p + 12, src.b, 4);
    memcpy(p + 16, dst.b, 4);
    fuzz_pkt_make(&pkt, NHTB_PKT_INNER, p, sizeof p, NHTB_HEADROOM, NHTB_TAILROOM);
    pkt.iface = st->iface[fuzz_below(in, IDS)];
    st->s.st0 = pkt.iface;
    nhtb_pkt *out[4];
    nhtb_burst b = {.in = v, .n_in = 1, .out = out, .cap_out = 4};
    nhtb_worker_out(st->s.w, &b, st->s.now);
    fuzz_check(b.n_out + b.more == 1);
    if (b.n_out && pkt.verdict == NHTB_PKT_PUNT)
        (void)nhtb_feed(st->s.ctx, v, 1, st->s.now);
    nhtb_worker_rest(st->s.w);
    if (b.more) { /* a packet that waits for spares is the worker's until the worker ends */
        nhtb_worker_del(st->s.w);
        st->s.w = NULL;
    }
    free(pkt.buf);
}

int fuzz_table_ops(const uint8_t *p, size_t n)
{
    static state st;
    fuzz_in in = {p, n};
    unsigned count[NHTB_EVENT_END] = {0};
    if (n > 1500)
        return 0;
    memset(&st, 0, sizeof st);
    fuzz_keys_forget();
    fuzz_side_init(&st.s, 5, "192.0.2.1");
    fuzz_side_open(&st.s);
    unsigned fail = fuzz_u8(&in);
    st.s.host.fail_at = fail & 1 ? st.s.host.calls + fail : 0;
    while (in.n > 0) {
        if (fuzz_below(&in, 4))
            transaction(&st, &in);
        else if (st.s.w)
            traffic(&st, &in);
        st.s.now += NHTB_NS_PER_S;
        fuzz_check(nhtb_timeout(st.s.ctx, st.s.now) == 0);
        fuzz_side_pump(&st.s, NULL, NULL);
    }
    fuzz_side_events(&st.s, count);
    fuzz_side_close(&st.s);
    return 0;
}
