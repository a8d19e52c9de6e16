/* SPDX-License-Identifier: Apache-2.0
 * See strict.h. */
#include "exchange/strict.h"

/* ---- two nodes ---- */

static void strict_node(strict_pair *p, int i)
{
    static const char *const addr[] = {"198.51.100.1", "198.51.100.2"};
    static const char *const name[] = {"a", "b"};
    static const char *const lan[] = {"192.168.1.0/24", "192.168.2.0/24"};
    static const char *const lan6[] = {"fd01::/64", "fd02::/64"};
    sim_node_opts o = {.name = name[i], .addr = addr[i]};
    sim_node *n = p->n[i] = sim_node_new(p->s, &o);
    p->st0[i] = sim_iface(n, "st0.0", NHTB_IFACE_POINT_TO_POINT, i ? "10.0.0.2/24" : "10.0.0.1/24");
    sim_route(n, p->st0[i], lan[!i], NULL);
    sim_route(n, p->st0[i], lan6[!i], NULL);
    sim_local(n, lan[i]);
    sim_local(n, lan6[i]);
    sim_peer_opts po = {.name = name[!i],
                        .remote = addr[!i],
                        .local_id = name[i],
                        .remote_id = name[!i],
                        .psk = "key",
                        .iface = p->st0[i]};
    sim_check(p->s, sim_peer(n, &po, &p->peer[i]) == 0);
}

strict_pair strict_pair_new(uint64_t seed)
{
    strict_pair p = {.s = sim_new(seed)};
    strict_node(&p, 0);
    strict_node(&p, 1);
    sim_check(p.s, nhtb_peer_initiate(sim_ctx(p.n[0]), p.peer[0], sim_now(p.s)) == 0);
    sim_pump(p.n[0]);
    sim_run_for(p.s, 2 * SIM_S);
    sim_check(p.s, sim_tunnels_up(p.n[0]) == 1 && sim_tunnels_up(p.n[1]) == 1);
    return p;
}

void strict_pair_end(strict_pair *p)
{
    cr_assert_eq(sim_del(p->s), 0, "allocations leaked or freed with a wrong size");
}

nhtb_worker *strict_worker(sim_node *n)
{
    return n->worker[0];
}

uint32_t strict_mtu(sim_node *n)
{
    nhtb_sa_info row = {.size = sizeof row};
    uint32_t cursor = 0;
    cr_assert(nhtb_sa_next(sim_ctx(n), &cursor, &row));
    return row.mtu;
}

/* ---- packets ---- */

static void put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/** One's complement sum, folded; 0xffff over data that holds its own right checksum. */
uint32_t strict_sum(const uint8_t *p, size_t n, uint32_t start)
{
    uint64_t sum = start;
    for (size_t i = 0; i < n; i++)
        sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint32_t)sum;
}

static uint32_t pseudo(const uint8_t *ip, bool v6, size_t upper)
{
    uint32_t sum = strict_sum(ip + (v6 ? 8 : 12), v6 ? 32 : 8, v6 ? ip[6] : ip[9]);
    return strict_sum(NULL, 0, sum + (uint32_t)upper);
}

static uint8_t stream_byte(uint32_t at)
{
    return (uint8_t)(at * 7 + at / 251);
}

void strict_udp(uint8_t *buf, size_t len)
{
    nhtb_addr a, b;
    nhtb_addr_parse("192.168.1.5", &a);
    nhtb_addr_parse("192.168.2.5", &b);
    (void)sim_build(buf, &a, &b, 77, len);
    for (size_t i = 28; i < len; i++)
        buf[i] = stream_byte((uint32_t)i);
}

static void head4(uint8_t *b, size_t len)
{
    static const uint8_t addrs[] = {192, 168, 1, 5, 192, 168, 2, 5};
    b[0] = 0x45;
    put16(b + 2, len);
    put16(b + 4, 1000);
    b[8] = 64;
    b[9] = 6;
    memcpy(b + 12, addrs, sizeof addrs);
    put16(b + 10, ~strict_sum(b, 20, 0) & 0xffff);
}

static void head6(uint8_t *b, size_t len)
{
    b[0] = 0x60;
    put16(b + 4, len - 40);
    b[6] = 6;
    b[7] = 64;
    b[8] = b[24] = 0xfd;
    b[9] = 1;
    b[25] = 2;
    b[23] = b[39] = 5;
}

/* FIN, PSH and CWR are set: they may appear only where a segment may carry them. */
void strict_tcp(uint8_t *buf, bool v6, size_t len, uint32_t seq)
{
    size_t ip = v6 ? 40 : 20;
    memset(buf, 0, ip + 20);
    if (v6)
        head6(buf, len);
    else
        head4(buf, len);
    uint8_t *tcp = buf + ip;
    put16(tcp, 4000);
    put16(tcp + 2, 80);
    put32(tcp + 4, seq);
    tcp[12] = 0x50;
    tcp[13] = 0x10 | 0x80 | 0x08 | 0x01;
    put16(tcp + 14, 5000);
    for (size_t i = ip + 20; i < len; i++)
        buf[i] = stream_byte(seq + (uint32_t)(i - ip - 20));
}

static nhtb_pkt *pkt_new(const strict_pair *p, const uint8_t *data, size_t len, size_t head,
                         size_t tail)
{
    nhtb_pkt *k = calloc(1, sizeof *k);
    uint8_t *buf = malloc(head + len + tail);
    cr_assert(k && buf);
    memcpy(buf + head, data, len);
    *k = (nhtb_pkt){.buf = buf,
                    .cap = (uint32_t)(head + len + tail),
                    .off = (uint32_t)head,
                    .len = (uint32_t)len,
                    .iface = p->st0[0],
                    .kind = NHTB_PKT_INNER};
    return k;
}

nhtb_pkt *strict_pkt(const strict_pair *p, const uint8_t *data, size_t len, uint16_t gso)
{
    nhtb_pkt *k = pkt_new(p, data, len, NHTB_HEADROOM, NHTB_TAILROOM);
    k->gso_size = gso;
    if (gso) {
        bool v6 = data[0] >> 4 == 6;
        k->csum_start = v6 ? 40 : 20;
        k->csum_offset = data[v6 ? 6 : 9] == 6 ? 16 : 6;
        k->flags = NHTB_PKT_NEEDS_CSUM;
    }
    return k;
}

nhtb_pkt *strict_pkt_tight(const strict_pair *p, const uint8_t *data, size_t len)
{
    return pkt_new(p, data, len, 0, 0);
}

void strict_free(nhtb_pkt **v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(v[i]->buf);
        free(v[i]);
    }
}

void strict_fix_tcp(nhtb_pkt *k, uint32_t seq, size_t payload)
{
    uint8_t *b = k->buf + k->off;
    bool v6 = b[0] >> 4 == 6;
    size_t ip = v6 ? 40 : 20, len = ip + 20 + payload;
    strict_tcp(b, v6, len, seq);
    k->len = (uint32_t)len;
    if (k->gso_size)
        return;
    put16(b + ip + 16, ~strict_sum(b + ip, len - ip, pseudo(b, v6, len - ip)) & 0xffff);
}

void strict_owe_csum(nhtb_pkt *k)
{
    uint8_t *b = k->buf + k->off;
    put16(b + 20 + 16, pseudo(b, false, k->len - 20));
    k->csum_start = 20;
    k->csum_offset = 16;
    k->flags |= NHTB_PKT_NEEDS_CSUM;
}

void strict_set_df(nhtb_pkt *k)
{
    uint8_t *b = k->buf + k->off;
    b[6] |= 0x40;
    put16(b + 10, 0);
    put16(b + 10, ~strict_sum(b, 20, 0) & 0xffff);
}

/* ---- calls ---- */

enum { OURS = 0, GIVEN = 1, KEPT = 2 }; /* in pkt.user: who has the buffer */
static uint8_t owner_tag[3];

static void set_owner(nhtb_pkt *p, int who)
{
    p->user = &owner_tag[who];
}

static bool has(const nhtb_pkt *p, int who)
{
    return p->user == &owner_tag[who];
}

static void act(sim_node *n, nhtb_pkt *p, strict_result *r)
{
    cr_assert(has(p, GIVEN) || has(p, KEPT), "a packet came back twice or was never given");
    set_owner(p, OURS);
    cr_assert_lt(p->reason, NHTB_REASON_END);
    r->reasons[p->reason]++;
    switch (p->verdict) {
    case NHTB_PKT_TX:
        r->tx++;
        sim_net_send(n, p);
        break;
    case NHTB_PKT_DELIVER: r->delivered++; break;
    case NHTB_PKT_DROP: r->dropped++; break;
    case NHTB_PKT_PUNT:
        r->punted++;
        (void)nhtb_feed(n->ctx, &p, 1, n->s->now);
        break;
    default: cr_assert_fail("verdict %u", p->verdict);
    }
}

/* Everything that was taken is back, except one that waits when `more` says so; the rest was left
 * alone. */
static void settle(const nhtb_burst *b)
{
    unsigned kept = 0;
    for (size_t i = 0; i < b->n_in; i++) {
        bool back = has(b->in[i], OURS);
        cr_assert(i < b->used_in || !back, "an untaken packet came back");
        kept += i < b->used_in && !back;
        if (!back)
            set_owner(b->in[i], i < b->used_in ? KEPT : OURS);
    }
    for (size_t i = 0; i < b->n_spare; i++)
        cr_assert_eq(has(b->spare[i], OURS), i < b->used_spare, "a spare was lost or not counted");
    cr_assert_leq(kept, b->more ? 1u : 0u, "a packet was lost");
}

static nhtb_burst call(sim_node *n, nhtb_pkt *const *v, size_t count, unsigned spares,
                       strict_result *r)
{
    nhtb_pkt spare[STRICT_SPARES], *sv[STRICT_SPARES];
    nhtb_pkt *out[STRICT_IN + STRICT_SPARES + 2], *canary = &spare[0];
    cr_assert(count <= STRICT_IN && spares <= STRICT_SPARES);
    for (unsigned i = 0; i < spares; i++) {
        spare[i] = (nhtb_pkt){.buf = malloc(2000), .cap = 2000};
        sv[i] = &spare[i];
        set_owner(sv[i], GIVEN);
    }
    for (size_t i = 0; i < count; i++)
        set_owner(v[i], GIVEN);
    nhtb_burst b = {.in = v, .n_in = count, .spare = sv, .n_spare = spares, .out = out};
    b.cap_out = count + spares + 1;
    out[b.cap_out] = canary;
    nhtb_worker_out(n->worker[0], &b, n->s->now);
    r->calls++;
    cr_assert(b.n_out <= b.cap_out && out[b.cap_out] == canary, "out[] was overrun");
    for (size_t i = 0; i < b.n_out; i++)
        act(n, out[i], r);
    settle(&b);
    nhtb_worker_rest(n->worker[0]);
    for (unsigned i = 0; i < spares; i++)
        free(spare[i].buf);
    sim_pump(n);
    return b;
}

strict_result strict_once(sim_node *n, nhtb_pkt *const *v, size_t count, unsigned spares)
{
    strict_result r = {0};
    nhtb_burst b = call(n, v, count, spares, &r);
    r.more = b.more;
    return r;
}

strict_result strict_out(sim_node *n, nhtb_pkt *const *v, size_t count, unsigned spares)
{
    strict_result r = {0};
    size_t done = 0;
    unsigned lend = 0;
    do {
        size_t now = count - done < STRICT_IN ? count - done : STRICT_IN;
        nhtb_burst b = call(n, v + done, now, spares + lend, &r);
        bool stuck = !b.n_out && !b.used_in;
        cr_assert(!(stuck && (spares || lend)), "nothing moves");
        r.starved += stuck;
        lend = spares == 0 && stuck;
        done += b.used_in;
        r.more = b.more;
        cr_assert_lt(r.calls, 100000u);
    } while (done < count || r.more);
    return r;
}

/* ---- receivers ---- */

void strict_rx_tcp(void *user, sim_node *n, const nhtb_pkt *p)
{
    strict_rx *rx = user;
    const uint8_t *b = p->buf + p->off;
    bool v6 = b[0] >> 4 == 6;
    size_t ip = v6 ? 40 : 20, len = p->len;
    (void)n;
    rx->packets++;
    if (len < ip + 20 || (size_t)(v6 ? 40 + (b[4] << 8 | b[5]) : b[2] << 8 | b[3]) != len) {
        rx->bad++;
        return;
    }
    const uint8_t *tcp = b + ip;
    rx->bad += v6 != rx->v6;
    rx->bad += !v6 && strict_sum(b, 20, 0) != 0xffff;
    rx->bad += strict_sum(tcp, len - ip, pseudo(b, v6, len - ip)) != 0xffff;
    rx->bad += get32(tcp + 4) != rx->next_seq;
    for (size_t i = 20; i < len - ip; i++)
        rx->bad += tcp[i] != stream_byte(rx->next_seq + (uint32_t)(i - 20));
    rx->fins += tcp[13] & 1;
    rx->pushes += tcp[13] >> 3 & 1;
    rx->cwrs += tcp[13] >> 7 & 1;
    rx->next_seq += (uint32_t)(len - ip - 20);
    rx->bytes += len - ip - 20;
    rx->longest = len > rx->longest ? len : rx->longest;
}

static size_t slot_of_id(strict_rx *rx, uint16_t id)
{
    size_t i = 0;
    while (i < STRICT_IDS && rx->ids[i].buf && rx->ids[i].id != id)
        i++;
    cr_assert_lt(i, (size_t)STRICT_IDS);
    if (!rx->ids[i].buf)
        rx->ids[i].buf = calloc(1, 65536);
    rx->ids[i].id = id;
    return i;
}

/* A UDP datagram is whole: its length and checksum (when it has one) must fit. */
static void whole(strict_rx *rx, const uint8_t *ip, const uint8_t *udp, size_t n)
{
    rx->whole++;
    rx->bytes += n;
    rx->bad += (size_t)(udp[4] << 8 | udp[5]) != n;
    if (udp[6] || udp[7])
        rx->bad += strict_sum(udp, n, pseudo(ip, false, n)) != 0xffff;
}

void strict_rx_frag(void *user, sim_node *n, const nhtb_pkt *p)
{
    strict_rx *rx = user;
    const uint8_t *b = p->buf + p->off;
    size_t len = p->len;
    (void)n;
    rx->packets++;
    rx->longest = len > rx->longest ? len : rx->longest;
    if (len <= 20 || b[0] != 0x45 || (size_t)(b[2] << 8 | b[3]) != len ||
        strict_sum(b, 20, 0) != 0xffff) {
        rx->bad++;
        return;
    }
    size_t i = slot_of_id(rx, (uint16_t)(b[4] << 8 | b[5]));
    size_t off = (size_t)((b[6] & 0x1f) << 8 | b[7]) * 8;
    bool more = b[6] & 0x20;
    cr_assert_leq(off + len - 20, 65536u);
    rx->bad += more && (len - 20) % 8 != 0;
    memcpy(rx->ids[i].buf + off, b + 20, len - 20);
    rx->ids[i].have += len - 20;
    if (!more)
        rx->ids[i].total = off + len - 20;
    if (rx->ids[i].total && rx->ids[i].have == rx->ids[i].total) {
        whole(rx, b, rx->ids[i].buf, rx->ids[i].total);
        rx->ids[i].have = rx->ids[i].total = 0;
    }
}

void strict_rx_free(strict_rx *rx)
{
    for (size_t i = 0; i < STRICT_IDS; i++)
        free(rx->ids[i].buf);
}
