/* SPDX-License-Identifier: Apache-2.0
 * See fuzz_pair.h. */
#include "fuzz/fuzz_pair.h"
#include "fuzz/fuzz_v1.h"
#include "wire/ike.h"
#include "wire/ip.h"

enum { CHILD_LIFE_S = 700, HONEST_S = 500, LIED_TO_S = 900 };

/* ---- network ---- */

void fuzz_pair_put(fuzz_pair *w, fuzz_datagram *d)
{
    if (w->n == FUZZ_QUEUE)
        free(d);
    else
        w->queue[w->n++] = d;
}

static void push(fuzz_pair *w, const nhtb_pkt *p)
{
    if (p->len > FUZZ_ROOM)
        return;
    fuzz_datagram *d = malloc(sizeof *d);
    if (!d)
        abort();
    d->to = !w->from;
    d->kind = p->kind;
    d->path =
        (nhtb_path){p->path->remote, p->path->local, p->path->remote_port, p->path->local_port, 0};
    d->n = p->len;
    memcpy(d->data, p->buf + p->off, p->len);
    fuzz_pair_put(w, d);
}

static void out_sink(void *user, nhtb_pkt *p);

static void send_inner(fuzz_pair *w, unsigned from, const uint8_t *data, size_t n)
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
    fuzz_pair *w = user;
    if (p->verdict == NHTB_PKT_TX)
        push(w, p);
    else if (p->verdict == NHTB_PKT_REINJECT)
        send_inner(w, w->from, p->buf + p->off, p->len);
}

/** With FUZZ_TRACE in the environment: what a side tells its host, on stderr. */
static void trace_events(const fuzz_side *s, unsigned who)
{
    nhtb_event ev;
    if (!getenv("FUZZ_TRACE"))
        return;
    for (nhtb_event_init(&ev); nhtb_next_event(s->ctx, &ev); nhtb_event_init(&ev))
        fprintf(stderr, "%9.3f at %u: %s, %s (%x)\n", (double)s->now / 1e9, who,
                nhtb_event_name(ev.kind), nhtb_detail_name(ev.detail), ev.code);
}

void fuzz_pair_pump(fuzz_pair *w, unsigned who)
{
    unsigned was = w->from;
    w->from = who;
    fuzz_side_pump(&w->side[who], drained, w);
    trace_events(&w->side[who], who);
    w->from = was;
}

static void out_sink(void *user, nhtb_pkt *p)
{
    fuzz_pair *w = user;
    unsigned who = w->from;
    nhtb_pkt *v[1] = {p};
    if (p->verdict == NHTB_PKT_TX)
        push(w, p);
    else if (p->verdict == NHTB_PKT_DELIVER)
        w->delivered[who]++;
    else if (p->verdict == NHTB_PKT_PUNT)
        (void)nhtb_feed(w->side[who].ctx, v, 1, w->side[who].now);
}

/** With FUZZ_TRACE in the environment: what arrives, on stderr. */
static void trace(const fuzz_pair *w, const fuzz_datagram *d)
{
    size_t n;
    const uint8_t *m = fuzz_datagram_ike((fuzz_datagram *)(uintptr_t)d, &n);
    if (!getenv("FUZZ_TRACE"))
        return;
    fprintf(stderr, "%9.3f to %u: ", (double)w->side[d->to].now / 1e9, d->to);
    if (m)
        fprintf(stderr, "IKE %08x %08x exchange %u flags %02x id %08x, %zu bytes\n", nhi_get32(m),
                nhi_get32(m + 8), m[18], m[19], nhi_get32(m + 20), n);
    else
        fprintf(stderr, "kind %u, %08x, %zu bytes\n", d->kind, d->n > 3 ? nhi_get32(d->data) : 0,
                d->n);
}

void fuzz_pair_receive(fuzz_pair *w, const fuzz_datagram *d)
{
    nhtb_pkt p, *v[1] = {&p};
    trace(w, d);
    nhtb_path path = d->path;
    fuzz_pkt_make(&p, d->kind, d->data, d->n, 0, 0);
    p.path = &path;
    w->from = d->to;
    fuzz_burst b = {.in = v, .n = 1, .spares = 1, .spare_cap = 2000, .sink = out_sink, .user = w};
    fuzz_side_burst(&w->side[d->to], &b);
    free(p.buf);
    fuzz_pair_pump(w, d->to);
}

fuzz_datagram *fuzz_pair_take(fuzz_pair *w, unsigned i)
{
    fuzz_datagram *d = w->queue[i];
    memmove(&w->queue[i], &w->queue[i + 1], (w->n - i - 1) * sizeof *w->queue);
    w->n--;
    return d;
}

void fuzz_pair_advance(fuzz_pair *w, nhtb_time to)
{
    for (unsigned i = 0; i < 2; i++) {
        w->side[i].now = to;
        fuzz_check(nhtb_timeout(w->side[i].ctx, to) == 0);
        fuzz_pair_pump(w, i);
    }
}

nhtb_time fuzz_pair_deadline(const fuzz_pair *w)
{
    nhtb_time a = nhtb_deadline(w->side[0].ctx), b = nhtb_deadline(w->side[1].ctx);
    nhtb_time least = a < b ? a : b, now = w->side[0].now;
    return least == NHTB_NEVER || least <= now ? now + NHTB_NS_PER_MS : least;
}

uint8_t *fuzz_datagram_ike(fuzz_datagram *d, size_t *n)
{
    size_t marker = d->kind == NHTB_PKT_UDP_4500 ? 4 : 0;
    if (d->n < marker + NHI_IKE_HDR || (marker && nhi_get32(d->data) != 0))
        return NULL;
    *n = d->n - marker;
    return d->data + marker;
}

/* ---- what hosts and users do ---- */

void fuzz_pair_ping(fuzz_pair *w, unsigned from)
{
    static const uint8_t head[] = {0x45, 0, 0, 28, 0, 1, 0x40, 0, 64, 17};
    uint8_t p[28] = {0};
    memcpy(p, head, sizeof head);
    memcpy(p + 12, from ? "\x0a\0\0\2\x0a\0\0\1" : "\x0a\0\0\1\x0a\0\0\2", 8);
    nhi_ip4_set_csum(p, 20);
    send_inner(w, from, p, sizeof p);
}

void fuzz_pair_command(fuzz_pair *w, fuzz_in *in)
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
    fuzz_pair_pump(w, (unsigned)(s - w->side));
}

static bool both_up(fuzz_pair *w)
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

void fuzz_pair_settle(fuzz_pair *w)
{
    for (unsigned i = 0; w->n > 0 && i < 400; i++) {
        fuzz_datagram *d = fuzz_pair_take(w, 0);
        fuzz_pair_receive(w, d);
        free(d);
    }
}

/* One honest try: everything arrives; a packet each way asks for a tunnel and for liveness. */
static bool works(fuzz_pair *w)
{
    fuzz_pair_settle(w);
    w->delivered[0] = w->delivered[1] = 0;
    for (unsigned i = 0; i < 2; i++)
        fuzz_pair_ping(w, i);
    fuzz_pair_settle(w);
    return both_up(w) && w->delivered[0] > 0 && w->delivered[1] > 0;
}

/* What a person wants to know about a finding. */
static void describe(fuzz_pair *w, unsigned who)
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

static void pass_time(fuzz_pair *w, nhtb_time to)
{
    while (w->side[0].now < to) {
        nhtb_time due = fuzz_pair_deadline(w);
        fuzz_pair_advance(w, due < to ? due : to);
        fuzz_pair_settle(w);
    }
}

void fuzz_pair_recover(fuzz_pair *w)
{
    nhtb_time from = w->side[0].now, end = from + (w->lied ? LIED_TO_S : HONEST_S) * NHTB_NS_PER_S;
    while (w->side[0].now < end) {
        if (works(w))
            return;
        nhtb_time now = w->side[0].now;
        bool soon = now < from + 30 * NHTB_NS_PER_S;
        pass_time(w, now + (soon ? NHTB_NS_PER_S / 2 : 5 * NHTB_NS_PER_S));
    }
    describe(w, 0);
    describe(w, 1);
    fuzz_failed("the tunnel comes back on an honest network", __FILE__, __LINE__);
}

/* ---- the pair ---- */

static const char *name_of(unsigned i, bool is_long)
{
    static const char *const ids[] = {"hub", "spoke"};
    static char room[2][241];
    if (!is_long)
        return ids[i];
    memset(room[i], ids[i][0], sizeof room[i] - 1);
    return room[i];
}

static void open_side(fuzz_pair *w, unsigned i, const fuzz_pair_opts *opt)
{
    static const char *const addrs[] = {"192.0.2.1", "192.0.2.2"},
                             psk[] = "a secret that both ends know";
    const char *own = name_of(i, opt->fragment_size), *other = name_of(!i, opt->fragment_size);
    fuzz_side *s = &w->side[i];
    fuzz_side_init(s, i + 1 + opt->seed, addrs[i]);
    s->settings.cookie_threshold = opt->cookies ? 0 : 100;
    s->settings.retransmit_total_s = 20;
    if (opt->fragment_size)
        s->settings.fragment_size = opt->fragment_size;
    s->signs = opt->certs;
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
    c.lifetime_s = CHILD_LIFE_S;
    p.name = name_of(!i, false);
    p.path.local = s->addr;
    p.path.remote = fuzz_addr(addrs[!i]);
    p.local_id = (nhtb_identity){NHTB_ID_FQDN, {(const uint8_t *)own, strlen(own)}};
    p.remote_id = (nhtb_identity){NHTB_ID_FQDN, {(const uint8_t *)other, strlen(other)}};
    p.psk = (nhtb_span){(const uint8_t *)psk, sizeof psk - 1};
    p.force_encap = opt->encap;
    p.establish =
        i == 1 || opt->both_start ? NHTB_ESTABLISH_IMMEDIATELY : NHTB_ESTABLISH_ON_TRAFFIC;
    p.children = &c;
    p.n_children = 1;
    nhtb_v1 v1;
    nhtb_v1_user alice;
    fuzz_v1_entry(&v1, &alice, i == 0, opt->v1_opt);
    p.v1 = opt->v1 ? &v1 : NULL;
    if (s->signs)
        fuzz_pki(i == 0, &p);
    fuzz_check(nhtb_txn_begin(s->ctx, &t) == 0 && nhtb_txn_peer(t, &p, &s->peer[0]) == 0);
    fuzz_check(nhtb_txn_commit(t, s->now) == 0);
}

void fuzz_pair_open(fuzz_pair *w, const fuzz_pair_opts *o)
{
    memset(w, 0, sizeof *w);
    w->v1 = o->v1;
    fuzz_keys_forget();
    for (unsigned i = 0; i < 2; i++)
        open_side(w, i, o);
    for (unsigned i = 0; i < 2; i++)
        fuzz_pair_pump(w, i);
}

void fuzz_pair_close(fuzz_pair *w)
{
    unsigned count[NHTB_EVENT_END] = {0};
    while (w->n > 0)
        free(fuzz_pair_take(w, 0));
    for (unsigned i = 0; i < 2; i++) {
        fuzz_side_events(&w->side[i], count);
        fuzz_side_close(&w->side[i]);
    }
}
