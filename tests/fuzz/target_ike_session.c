/* SPDX-License-Identifier: Apache-2.0
 * Two contexts that negotiate over a network the fuzzer rules: it drops, doubles and reorders
 * datagrams, rekeys and clears, and, knowing the keys, edits the payload lists inside protected
 * messages before they are sealed again. Whatever happened, an honest network afterwards brings the
 * tunnel back and traffic through it. Input: an option byte, then steps. RFC 7296 1, 2. The same
 * with IKEv1 is target v1_session (RFC 2409). */
#include "engine/engine.h"
#include "fuzz/fuzz_side.h"
#include "fuzz/fuzz_v1.h"
#include "wire/ike.h"
#include "wire/ip.h"

enum { QUEUE = 48, ROOM = 4200, PSK = 28 };

typedef struct datagram {
    unsigned to;
    uint8_t kind;
    nhtb_path path; /* as the receiver sees it */
    size_t n;
    uint8_t data[ROOM];
} datagram;

typedef struct world {
    fuzz_side side[2];
    datagram *queue[QUEUE];
    unsigned n, from, delivered[2];
    bool v1;
} world;

/* ---- network ---- */

static void push(world *w, const nhtb_pkt *p)
{
    if (w->n == QUEUE || p->len > ROOM)
        return;
    datagram *d = malloc(sizeof *d);
    if (!d)
        abort();
    d->to = !w->from;
    d->kind = p->kind;
    d->path =
        (nhtb_path){p->path->remote, p->path->local, p->path->remote_port, p->path->local_port, 0};
    d->n = p->len;
    memcpy(d->data, p->buf + p->off, p->len);
    w->queue[w->n++] = d;
}

static void out_sink(void *user, nhtb_pkt *p);

static void send_inner(world *w, unsigned from, const uint8_t *data, size_t n)
{
    nhtb_pkt p, *v[1] = {&p};
    fuzz_pkt_make(&p, NHTB_PKT_INNER, data, n, NHTB_HEADROOM, NHTB_TAILROOM);
    p.iface = w->side[from].st0;
    w->from = from;
    fuzz_burst b = {
        .in = v, .n = 1, .spares = 1, .spare_cap = 2000, .out = true, .sink = out_sink, .user = w};
    fuzz_side_burst(&w->side[from], &b);
    free(p.buf);
}

static void drained(void *user, const nhtb_pkt *p)
{
    world *w = user;
    if (p->verdict == NHTB_PKT_TX)
        push(w, p);
    else if (p->verdict == NHTB_PKT_REINJECT)
        send_inner(w, w->from, p->buf + p->off, p->len);
}

static void pump(world *w, unsigned who)
{
    unsigned was = w->from;
    w->from = who;
    fuzz_side_pump(&w->side[who], drained, w);
    w->from = was;
}

static void out_sink(void *user, nhtb_pkt *p)
{
    world *w = user;
    unsigned who = w->from;
    nhtb_pkt *v[1] = {p};
    if (p->verdict == NHTB_PKT_TX)
        push(w, p);
    else if (p->verdict == NHTB_PKT_DELIVER)
        w->delivered[who]++;
    else if (p->verdict == NHTB_PKT_PUNT)
        (void)nhtb_feed(w->side[who].ctx, v, 1, w->side[who].now);
}

static void receive(world *w, const datagram *d)
{
    nhtb_pkt p, *v[1] = {&p};
    nhtb_path path = d->path;
    fuzz_pkt_make(&p, d->kind, d->data, d->n, 0, 0);
    p.path = &path;
    w->from = d->to;
    fuzz_burst b = {.in = v, .n = 1, .spares = 1, .spare_cap = 2000, .sink = out_sink, .user = w};
    fuzz_side_burst(&w->side[d->to], &b);
    free(p.buf);
    pump(w, d->to);
}

static datagram *take(world *w, unsigned i)
{
    datagram *d = w->queue[i];
    memmove(&w->queue[i], &w->queue[i + 1], (w->n - i - 1) * sizeof *w->queue);
    w->n--;
    return d;
}

static void advance(world *w, nhtb_time to)
{
    for (unsigned i = 0; i < 2; i++) {
        w->side[i].now = to;
        fuzz_check(nhtb_timeout(w->side[i].ctx, to) == 0);
        pump(w, i);
    }
}

static nhtb_time next_deadline(const world *w)
{
    nhtb_time a = nhtb_deadline(w->side[0].ctx), b = nhtb_deadline(w->side[1].ctx);
    nhtb_time least = a < b ? a : b, now = w->side[0].now;
    return least == NHTB_NEVER || least <= now ? now + NHTB_NS_PER_MS : least;
}

/* ---- edits ---- */

typedef struct pl_list {
    size_t n;
    nhi_ike_pl v[NHI_IKE_PAYLOADS + 1];
} pl_list;

static void edit_list(pl_list *l, fuzz_in *in, nhtb_span extra)
{
    size_t k = l->n ? fuzz_u8(in) % l->n : 0;
    unsigned op = fuzz_below(in, 7);
    if (l->n == 0)
        op = 5;
    nhi_ike_pl keep = l->v[k];
    switch (op) {
    case 0: /* out */
        memmove(&l->v[k], &l->v[k + 1], (l->n - k - 1) * sizeof *l->v);
        l->n--;
        break;
    case 1: /* twice or often */
        for (unsigned i = 1 + fuzz_below(in, 40); i > 0 && l->n < NHI_IKE_PAYLOADS; i--)
            l->v[l->n++] = keep;
        break;
    case 2: /* to the front */
        memmove(&l->v[1], &l->v[0], k * sizeof *l->v);
        l->v[0] = keep;
        break;
    case 3: l->v[k].body.n = fuzz_u8(in) % (keep.body.n + 1); break;
    case 4: l->v[k].type = fuzz_u8(in); break;
    case 5: /* a payload of the fuzzer's */
        if (l->n < NHI_IKE_PAYLOADS)
            l->v[l->n++] = (nhi_ike_pl){.type = (uint8_t)(33 + fuzz_below(in, 24)), .body = extra};
        break;
    default: l->v[k].body = extra; break;
    }
}

static size_t rebuild(const pl_list *l, uint8_t *out, size_t cap, uint8_t *first)
{
    nhi_ike_builder b;
    nhi_ike_build_inner(&b, out, cap - 1);
    for (size_t i = 0; i < l->n; i++)
        nhi_ike_build_payload(&b, l->v[i].type, l->v[i].body);
    size_t n = l->n ? nhi_ike_build_finish(&b) : 0;
    *first = l->n ? b.first : 0;
    out[n] = 0; /* pad length */
    return n + 1;
}

/* Changes bytes inside the list's own copy. */
static void edit_bytes(uint8_t *text, size_t n, fuzz_in *in)
{
    for (unsigned i = 1 + fuzz_below(in, 4); i > 0 && n > 0; i--) {
        size_t at = fuzz_u16(in) % n;
        text[at] ^= fuzz_u8(in);
    }
}

static void edit_protected(datagram *d, uint8_t *msg, size_t n, fuzz_in *in, size_t marker)
{
    static uint8_t text[ROOM], again[ROOM];
    static nhi_ike_msg m;
    pl_list l = {0};
    uint8_t first = msg[28];
    size_t text_n;
    int key = fuzz_sk_open(msg, n, text, &text_n);
    if (key < 0 || text[text_n - 1] + 1u > text_n)
        return;
    text_n -= text[text_n - 1] + 1u;
    unsigned edits = fuzz_u8(in);
    if (edits & 1)
        edit_bytes(text, text_n, in);
    if (edits & 2)
        msg[16 + 2 + fuzz_below(in, 2)] ^= fuzz_u8(in); /* exchange, flags */
    if (edits & 4)
        nhi_put32(msg + 20, nhi_get32(msg + 20) + fuzz_below(in, 4) - 1);
    if (nhi_ike_msg_parse(&m, first, text, text_n) == NHI_CHAIN_OK) {
        l.n = m.n;
        memcpy(l.v, m.pl, m.n * sizeof *m.pl);
        nhtb_span extra = fuzz_take(in, fuzz_u8(in));
        for (unsigned i = edits >> 3 & 3; i > 0; i--)
            edit_list(&l, in, extra);
        text_n = rebuild(&l, again, sizeof again - 200, &first);
    } else {
        memcpy(again, text, text_n);
        again[text_n++] = 0;
    }
    msg[28] = first;
    if (text_n + 64 + marker < ROOM && (text_n > 1 || l.n == 0))
        d->n = marker + fuzz_sk_seal(key, msg, again, text_n, ROOM - marker);
}

static void edit(world *w, datagram *d, fuzz_in *in)
{
    size_t marker = d->kind == NHTB_PKT_UDP_4500 ? 4 : 0;
    if (d->n < marker + NHI_IKE_HDR || (marker && nhi_get32(d->data) != 0))
        return;
    uint8_t *msg = d->data + marker;
    size_t n = d->n - marker;
    if (w->v1 &&
        fuzz_v1_edit(w->side[!d->to].ctx->ike, w->side[d->to].ctx->ike, msg, &n, ROOM - marker, in))
        d->n = marker + n;
    else if (!w->v1 && msg[16] == NHI_PL_SK)
        edit_protected(d, msg, d->n - marker, in, marker);
    else
        edit_bytes(msg, d->n - marker, in);
}

/* ---- the fuzzer's script ---- */

static void command(world *w, fuzz_in *in)
{
    unsigned op = fuzz_below(in, 6);
    fuzz_side *s = &w->side[fuzz_below(in, 2)];
    switch (op) {
    case 0: (void)nhtb_peer_rekey(s->ctx, s->peer[0], NHTB_REKEY_IKE, s->now); break;
    case 1: (void)nhtb_peer_rekey(s->ctx, s->peer[0], NHTB_REKEY_CHILD, s->now); break;
    case 2: (void)nhtb_peer_clear(s->ctx, s->peer[0], s->now); break;
    case 3: (void)nhtb_peer_initiate(s->ctx, s->peer[0], s->now); break;
    default: break;
    }
    pump(w, (unsigned)(s - w->side));
}

static size_t ping(uint8_t *p, unsigned from)
{
    static const uint8_t head[] = {0x45, 0, 0, 28, 0, 1, 0x40, 0, 64, 17};
    memset(p, 0, 28);
    memcpy(p, head, sizeof head);
    memcpy(p + 12, from ? "\x0a\0\0\2\x0a\0\0\1" : "\x0a\0\0\1\x0a\0\0\2", 8);
    nhi_ip4_set_csum(p, 20);
    return 28;
}

static void step(world *w, fuzz_in *in)
{
    uint8_t data[28];
    unsigned op = fuzz_u8(in), i = w->n ? (op >> 4) % w->n : 0;
    datagram *d = NULL;
    switch (op & 15) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: /* arrives */
    case 5: /* arrives edited */
    case 6:
    case 7:
    case 8: /* is lost */
        if (w->n == 0)
            break;
        d = take(w, i);
        if ((op & 15) >= 5 && (op & 15) <= 7)
            edit(w, d, in);
        if ((op & 15) < 8)
            receive(w, d);
        free(d);
        break;
    case 9: /* arrives and stays */
        if (w->n)
            receive(w, w->queue[i]);
        break;
    case 10:
    case 11: advance(w, next_deadline(w)); break;
    case 12: advance(w, w->side[0].now + (op >> 4) * 7 * NHTB_NS_PER_S); break;
    case 13: send_inner(w, op >> 4 & 1, data, ping(data, op >> 4 & 1)); break;
    default: command(w, in); break;
    }
}

static bool both_up(world *w)
{
    nhtb_stats st;
    for (unsigned i = 0; i < 2; i++) {
        memset(&st, 0, sizeof st);
        st.size = sizeof st;
        fuzz_check(nhtb_stats_get(w->side[i].ctx, &st) == 0);
        if (st.tunnels_up == 0)
            return false;
    }
    return true;
}

static void settle(world *w)
{
    for (unsigned i = 0; w->n > 0 && i < 400; i++) {
        datagram *d = take(w, 0);
        receive(w, d);
        free(d);
    }
}

/* One honest try: everything arrives; a packet each way asks for a tunnel and for liveness. */
static bool works(world *w)
{
    uint8_t data[28];
    settle(w);
    w->delivered[0] = w->delivered[1] = 0;
    for (unsigned i = 0; i < 2; i++)
        send_inner(w, i, data, ping(data, i));
    settle(w);
    return both_up(w) && w->delivered[0] > 0 && w->delivered[1] > 0;
}

/* What a person wants to know about a finding. */
static void describe(world *w, unsigned who)
{
    nhtb_ctx *ctx = w->side[who].ctx;
    nhtb_ike_sa_info ike = {.size = sizeof ike};
    nhtb_sa_info sa = {.size = sizeof sa};
    nhtb_peer_info peer = {.size = sizeof peer};
    uint32_t at = 0;
    fprintf(stderr, "side %u, t %.3f s, delivered %u\n", who, (double)w->side[who].now / 1e9,
            w->delivered[who]);
    for (; nhtb_ike_sa_next(ctx, &at, &ike); ike.size = sizeof ike)
        fprintf(stderr, "  IKE SA %016llx %016llx %s %s, %u children\n",
                (unsigned long long)ike.spi_i, (unsigned long long)ike.spi_r, ike.state,
                ike.initiator ? "initiator" : "responder", ike.children);
    for (at = 0; nhtb_sa_next(ctx, &at, &sa); sa.size = sizeof sa)
        fprintf(stderr, "  SA in %08x out %08x%s, seq in %llu out %llu\n", sa.spi_in, sa.spi_out,
                sa.current ? " current" : "", (unsigned long long)sa.seq_in,
                (unsigned long long)sa.seq_out);
    for (at = 0; nhtb_peer_next(ctx, &at, &peer); peer.size = sizeof peer)
        fprintf(stderr, "  peer %s: last %s (%u), next try %.3f s\n", peer.name,
                nhtb_detail_name(peer.last_detail), peer.last_code, (double)peer.next_try / 1e9);
    nhtb_stats st = {.size = sizeof st};
    (void)nhtb_stats_get(ctx, &st);
    for (unsigned r = 1; r < NHTB_REASON_END; r++)
        if (st.reasons[r])
            fprintf(stderr, "  %s %llu\n", nhtb_reason_name(r), (unsigned long long)st.reasons[r]);
}

static void recover(world *w)
{
    nhtb_time end = w->side[0].now + 900 * NHTB_NS_PER_S;
    while (w->side[0].now < end) {
        if (works(w))
            return;
        nhtb_time least = w->side[0].now + 500 * NHTB_NS_PER_MS, due = next_deadline(w);
        advance(w, due < least ? due : least);
    }
    describe(w, 0);
    describe(w, 1);
    fuzz_failed("the tunnel comes back on an honest network", __FILE__, __LINE__);
}

/* ---- the pair ---- */

static void open_side(world *w, unsigned i, unsigned opt)
{
    static const char *const addrs[] = {"192.0.2.1", "192.0.2.2"};
    static const char *const ids[] = {"hub", "spoke"};
    fuzz_side *s = &w->side[i];
    fuzz_side_init(s, i + 1 + (opt & 0xf0), addrs[i]);
    s->settings.cookie_threshold = opt & 1 ? 0 : 100;
    s->settings.retransmit_total_s = 20;
    fuzz_side_open(s);
    fuzz_iface_opts o = {.kind = NHTB_IFACE_MULTIPOINT};
    fuzz_side_iface(s, i + 1, &o);
    nhtb_txn *t;
    nhtb_peer p;
    nhtb_child c;
    nhtb_peer_init(&p);
    nhtb_child_init(&c);
    c.name = "vpn";
    c.iface = s->st0;
    p.name = ids[!i];
    p.path.local = s->addr;
    p.path.remote = fuzz_addr(addrs[!i]);
    p.local_id = (nhtb_identity){NHTB_ID_FQDN, {(const uint8_t *)ids[i], strlen(ids[i])}};
    p.remote_id = (nhtb_identity){NHTB_ID_FQDN, {(const uint8_t *)ids[!i], strlen(ids[!i])}};
    p.psk = (nhtb_span){(const uint8_t *)"a secret that both ends know", PSK};
    p.force_encap = (opt & 2) != 0;
    p.establish = i == 1 || opt & 4 ? NHTB_ESTABLISH_IMMEDIATELY : NHTB_ESTABLISH_ON_TRAFFIC;
    p.children = &c;
    p.n_children = 1;
    nhtb_v1 v1;
    nhtb_v1_user alice;
    fuzz_v1_entry(&v1, &alice, i == 0, opt);
    p.v1 = w->v1 ? &v1 : NULL;
    fuzz_check(nhtb_txn_begin(s->ctx, &t) == 0 && nhtb_txn_peer(t, &p, &s->peer[0]) == 0);
    fuzz_check(nhtb_txn_commit(t, s->now) == 0);
}

static int session(const uint8_t *p, size_t n, bool v1)
{
    static world w;
    fuzz_in in = {p, n};
    unsigned opt = fuzz_u8(&in), count[NHTB_EVENT_END] = {0};
    if (n > 1500)
        return 0;
    memset(&w, 0, sizeof w);
    w.v1 = v1;
    fuzz_keys_forget();
    for (unsigned i = 0; i < 2; i++)
        open_side(&w, i, opt);
    for (unsigned i = 0; i < 2; i++)
        pump(&w, i);
    if (opt & 8)
        settle(&w); /* the script starts with the tunnel up */
    while (in.n > 0)
        step(&w, &in);
    recover(&w);
    while (w.n > 0)
        free(take(&w, 0));
    for (unsigned i = 0; i < 2; i++) {
        fuzz_side_events(&w.side[i], count);
        fuzz_side_close(&w.side[i]);
    }
    return 0;
}

int fuzz_ike_session(const uint8_t *p, size_t n)
{
    return session(p, n, false);
}

int fuzz_v1_pair(const uint8_t *p, size_t n)
{
    return session(p, n, true);
}
