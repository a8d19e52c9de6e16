/* SPDX-License-Identifier: Apache-2.0
 * Packets in exact-size heap buffers (any byte beyond is caught by ASan) and the driver: see rig.h. */
#include "rig.h"

nhtb_pkt *box(uint32_t cap, uint32_t off, uint32_t len)
{
    nhtb_pkt *p = calloc(1, sizeof *p);
    p->buf = malloc(cap == 0 ? 1 : cap);
    memset(p->buf, 0xa5, cap);
    p->cap = cap;
    p->off = off;
    p->len = len;
    p->kind = NHTB_PKT_INNER;
    return p;
}

void box_free(nhtb_pkt *p)
{
    if (p == NULL)
        return;
    free(p->buf);
    free(p);
}

static uint32_t l4_len(uint8_t proto)
{
    return proto == NHI_IPPROTO_TCP ? 20 : 8;
}

static void put_l4(uint8_t *ip, uint8_t *l4, uint8_t proto, uint32_t upper)
{
    uint32_t h = l4_len(proto), at = 6;
    memset(l4, 0, h);
    for (uint32_t i = h; i < upper; i++)
        l4[i] = (uint8_t)(i * 13 + (i >> 8));
    if (proto == NHI_IPPROTO_ICMP || proto == NHI_IPPROTO_ICMP6) {
        l4[0] = proto == NHI_IPPROTO_ICMP ? 8 : 128;
        at = 2;
    } else {
        nhi_put16(l4, 1000);
        nhi_put16(l4 + 2, 2000);
    }
    if (proto == NHI_IPPROTO_UDP)
        nhi_put16(l4 + 4, upper);
    if (proto == NHI_IPPROTO_TCP) {
        nhi_put32(l4 + 4, 0xfffffff0);
        l4[12] = 0x50;
        l4[13] = 0x10;
        at = 16;
    }
    uint64_t sum = proto == NHI_IPPROTO_ICMP ? 0 : nhi_ip_pseudo_sum(ip, proto, upper);
    nhi_put16(l4 + at, nhi_csum_fold(nhi_csum_add(sum, l4, upper)));
}

nhtb_pkt *inner_room(const inner_spec *s, uint32_t head, uint32_t tail, uint32_t iface)
{
    nhtb_addr src = addr(s->src), dst = addr(s->dst);
    uint8_t proto = s->proto != 0 ? s->proto : NHI_IPPROTO_UDP, ttl = s->ttl != 0 ? s->ttl : 64;
    uint32_t ip_len = src.family == 4 ? 20 : 40, upper = l4_len(proto) + s->payload;
    nhtb_pkt *p = box(head + ip_len + upper + tail, head, ip_len + upper);
    uint8_t *ip = p->buf + head;
    if (src.family == 4)
        nhi_ip4_write(ip, &src, &dst, proto, s->tos, ttl, s->df, 77, p->len & 0xffff);
    else
        nhi_ip6_write(ip, &src, &dst, proto, s->tos, ttl, 0, p->len & 0xffff);
    put_l4(ip, ip + ip_len, proto, upper);
    p->iface.id = iface;
    return p;
}

nhtb_pkt *inner(const inner_spec *s, uint32_t iface)
{
    return inner_room(s, NHTB_HEADROOM, NHTB_TAILROOM, iface);
}

bool sound(const uint8_t *p, size_t n)
{
    nhi_ip_view v;
    if (nhi_ip_parse(&v, p, n, false) != 0 || v.total_len != n)
        return false;
    if (v.version == 4 && nhi_csum_fold(nhi_csum_add(0, p, v.ip_len)) != 0)
        return false;
    if (v.fragment)
        return true;
    uint32_t upper = v.total_len - v.hdr_len;
    uint64_t sum = v.proto == NHI_IPPROTO_ICMP ? 0 : nhi_ip_pseudo_sum(p, v.proto, upper);
    if (v.proto == NHI_IPPROTO_UDP && nhi_get16(p + v.hdr_len + 4) != upper)
        return false;
    return nhi_csum_fold(nhi_csum_add(sum, p + v.hdr_len, upper)) == 0;
}

nhtb_pkt *forge(rig *r, nhi_cell *c, uint64_t seq, const uint8_t *text, uint32_t n)
{
    const nhi_bulk_facts *f = c->facts;
    uint32_t head = NHI_ESP_HDR + (uint32_t)f->iv_len;
    nhtb_pkt *p = box(head + n + f->icv_len, 0, head + n + f->icv_len);
    uint8_t aad[12], tail[4];
    nhi_put32(p->buf, c->spi);
    nhi_put32(p->buf + 4, (uint32_t)seq);
    memset(p->buf + 8, 0x33, f->iv_len);
    nhi_put64(p->buf + 8, seq);
    memcpy(p->buf + head, text, n);
    nhi_put32(tail, (uint32_t)(seq >> 32));
    memcpy(aad, p->buf, 4);
    nhi_put64(aad + 4, seq);
    nhtb_bulk_job j = {.key = c->key,
                       .src = p->buf + head,
                       .dst = p->buf + head,
                       .iv = p->buf + 8,
                       .icv = p->buf + head + n,
                       .len = n,
                       .aad = c->esn && f->aead ? aad : p->buf,
                       .aad_len = c->esn && f->aead ? 12 : 8,
                       .tail = c->esn && !f->aead ? tail : NULL,
                       .tail_len = c->esn && !f->aead ? 4 : 0};
    nhi_bulk_lane lane;
    cr_assert_eq(nhi_bulk_lane_make(&lane, &r->mem, &r->crypto, RIG_WORKERS), 0);
    r->crypto.bulk->seal(lane.mem, lane.index, &j, 1);
    cr_assert_eq(j.status, NHTB_BULK_OK);
    nhi_bulk_lane_wipe(&lane, &r->mem, &r->crypto);
    p->kind = nhi_a_load(&c->path->endpoint)->udp ? NHTB_PKT_UDP_4500 : NHTB_PKT_ESP;
    return p;
}

void cross(nhtb_pkt *p, nhtb_path *seen)
{
    cr_assert_eq(p->verdict, NHTB_PKT_TX);
    *seen =
        (nhtb_path){p->path->remote, p->path->local, p->path->remote_port, p->path->local_port, 0};
    p->path = seen;
    p->verdict = p->reason = 0;
    p->iface.id = 0;
}

static void put(results *r, nhtb_pkt *p)
{
    if (r->n == r->cap) {
        r->cap = r->cap != 0 ? r->cap * 2 : 64;
        r->v = realloc(r->v, r->cap * sizeof *r->v);
    }
    r->v[r->n++] = p;
}

void results_free(results *r)
{
    for (size_t i = 0; i < r->n; i++)
        box_free(r->v[i]);
    free(r->v);
    memset(r, 0, sizeof *r);
}

typedef struct tally {
    nhtb_pkt **owned; /* given to the library, not back yet */
    size_t n;
} tally;

static void give(tally *t, nhtb_pkt *p)
{
    t->owned = realloc(t->owned, (t->n + 1) * sizeof *t->owned);
    t->owned[t->n++] = p;
}

static void take_back(tally *t, const nhtb_pkt *p)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->owned[i] != p)
            continue;
        t->owned[i] = t->owned[--t->n];
        return;
    }
    cr_assert(false, "a packet came back that was not given, or twice");
}

static void collect(const nhtb_burst *b, tally *t, results *res)
{
    cr_assert_leq(b->n_out, b->cap_out);
    cr_assert_leq(b->used_in, b->n_in);
    cr_assert_leq(b->used_spare, b->n_spare);
    for (size_t i = 0; i < b->used_in; i++)
        give(t, b->in[i]);
    for (size_t i = 0; i < b->used_spare; i++)
        give(t, b->spare[i]);
    for (size_t i = 0; i < b->n_out; i++) {
        nhtb_pkt *p = b->out[i];
        take_back(t, p);
        cr_assert_neq(p->verdict, NHTB_VERDICT_NONE);
        cr_assert((uint64_t)p->off + p->len <= p->cap || p->verdict == NHTB_PKT_DROP);
        put(res, p);
    }
    cr_assert_eq(t->n, b->more ? 1 : 0, "%zu packets kept, more %d", t->n, b->more);
}

void drive(rig *r, nhtb_pkt **v, size_t n, const drive_opts *o, results *res)
{
    tally t = {0};
    uint32_t cap = o->spare_cap != 0 ? o->spare_cap : 2048;
    memset(res, 0, sizeof *res);
    do {
        size_t left = n - res->used, take = o->chunk != 0 && o->chunk < left ? o->chunk : left;
        nhtb_pkt **spare = malloc((o->spares + 1) * sizeof *spare);
        nhtb_burst b = {.in = v + res->used, .n_in = take, .n_spare = o->spares};
        for (size_t i = 0; i < o->spares; i++)
            spare[i] = box(cap, 0, 0);
        b.spare = spare;
        b.cap_out = take + o->spares + 1;
        b.out = malloc(b.cap_out * sizeof *b.out);
        if (o->in)
            nhtb_worker_in(r->w[o->worker], &b, r->now);
        else
            nhtb_worker_out(r->w[o->worker], &b, r->now);
        collect(&b, &t, res);
        for (size_t i = b.used_spare; i < o->spares; i++)
            box_free(spare[i]);
        res->used += b.used_in;
        res->more = b.more;
        res->calls++;
        bool idle = b.used_in == 0 && b.used_spare == 0 && b.n_out == 0;
        cr_assert(!idle || o->spares == 0 || (!b.more && res->used == n), "no progress");
        free(spare);
        free(b.out);
        if (o->rest)
            nhtb_worker_rest(r->w[o->worker]);
        if (idle)
            break;
    } while ((res->more || res->used < n) && (o->max_calls == 0 || res->calls < o->max_calls));
    free(t.owned);
}

nhtb_pkt *one(rig *r, bool in, nhtb_pkt *p)
{
    results res;
    drive(r, &p, 1, &(drive_opts){.in = in, .spares = 4}, &res);
    cr_assert_eq(res.n, 1, "%zu results", res.n);
    nhtb_pkt *got = res.v[0];
    free(res.v);
    return got;
}
