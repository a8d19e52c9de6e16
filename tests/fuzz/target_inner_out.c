/* SPDX-License-Identifier: Apache-2.0
 * Outbound data plane: any inner bytes with any super-packet fields, none to two spares, little
 * room. What is sent is received by the other end, which must be able to open it. Input: an option
 * byte, then bursts of packets: fields, length, bytes. */
#include "fuzz/fuzz_side.h"

typedef struct state {
    fuzz_side left, right;
} state;

static void opened(void *user, nhtb_pkt *p)
{
    (void)user;
    switch (p->reason) {
    case NHTB_REASON_ICV:
    case NHTB_REASON_REPLAY:
    case NHTB_REASON_PADDING:
    case NHTB_REASON_NEXT_HEADER:
    case NHTB_REASON_SPI_UNKNOWN:
    case NHTB_REASON_NOT_ESP:
    case NHTB_REASON_BAD_LENGTH:
    case NHTB_REASON_RUNT:
    case NHTB_REASON_INNER_MALFORMED: fuzz_failed(nhtb_reason_name(p->reason), __FILE__, __LINE__);
    default: break;
    }
}

static void sent(void *user, nhtb_pkt *p)
{
    state *st = user;
    nhtb_pkt copy, *v[1] = {&copy};
    if (p->verdict == NHTB_PKT_PUNT) {
        v[0] = p;
        (void)nhtb_feed(st->left.ctx, v, 1, st->left.now);
    }
    if (p->verdict != NHTB_PKT_TX)
        return;
    nhtb_path back = {p->path->remote, p->path->local, p->path->remote_port, p->path->local_port,
                      0};
    fuzz_pkt_make(&copy, p->kind, p->buf + p->off, p->len, 0, 0);
    copy.path = &back;
    fuzz_burst b = {.in = v, .n = 1, .spares = 1, .spare_cap = 2200, .sink = opened};
    fuzz_side_burst(&st->right, &b);
    free(copy.buf);
}

static void packet(state *st, fuzz_in *in, nhtb_pkt *p)
{
    uint8_t buf[9000];
    unsigned how = fuzz_u8(in), head = fuzz_u8(in), tail = fuzz_u8(in);
    size_t fill = how & 1 ? (size_t)fuzz_u16(in) % 8000 : 0; /* payload behind the headers given */
    uint16_t gso = how & 2 ? fuzz_u16(in) : 0, hdr = how & 2 ? fuzz_u8(in) : 0;
    uint16_t start = how & 4 ? fuzz_u8(in) : 0, offset = how & 4 ? fuzz_u8(in) : 0;
    nhtb_span body = fuzz_take(in, fuzz_u16(in) % 900);
    memset(buf, 0x5a, sizeof buf);
    if (body.n)
        memcpy(buf, body.p, body.n);
    size_t n = body.n + fill;
    if (how & 8 && n >= 20 && buf[0] >> 4 == 4)
        nhi_put16(buf + 2, (unsigned)n & 0xffff);
    if (how & 8 && n >= 40 && buf[0] >> 4 == 6)
        nhi_put16(buf + 4, (unsigned)(n - 40) & 0xffff);
    fuzz_pkt_make(p, NHTB_PKT_INNER, buf, n, how & 16 ? head : NHTB_HEADROOM,
                  how & 16 ? tail : NHTB_TAILROOM);
    p->iface = st->left.st0;
    if (how & 32)
        p->iface.id ^= how;
    p->gso_size = gso;
    p->hdr_len = hdr;
    p->csum_start = start;
    p->csum_offset = offset;
    p->flags = how & 4 ? NHTB_PKT_NEEDS_CSUM : 0;
}

static void burst(state *st, fuzz_in *in)
{
    enum { N = 4 };
    static const uint32_t caps[] = {64, 400, 2200, 9200};
    nhtb_pkt p[N], *v[N];
    size_t n = 0;
    unsigned opt = fuzz_u8(in);
    for (; n < 1 + opt % N && in->n > 0; n++) {
        packet(st, in, &p[n]);
        v[n] = &p[n];
    }
    fuzz_burst b = {.in = v,
                    .n = n,
                    .spares = (opt >> 2) % 3,
                    .spare_cap = caps[opt >> 6],
                    .out = true,
                    .sink = sent,
                    .user = st};
    fuzz_side_burst(&st->left, &b);
    for (size_t i = 0; i < n; i++)
        free(p[i].buf);
    st->left.now += NHTB_NS_PER_MS;
}

static void open_side(fuzz_side *s, unsigned opt, bool left)
{
    fuzz_manual_opts o = {
        .left = left, .cbc = (opt & 4) != 0, .esn = (opt & 8) != 0, .mtu = opt & 16 ? 620 : 1500};
    fuzz_iface_opts i = {.kind = NHTB_IFACE_MULTIPOINT,
                         .transit = left ? NHTB_TRANSIT_LIBRARY : NHTB_TRANSIT_HOST,
                         .df = (uint8_t)((opt >> 5) % 3),
                         .mtu = opt & 2 ? 0 : 1300};
    fuzz_side_init(s, 7 + left, left ? "192.0.2.1" : "198.51.100.2");
    s->settings.emit = left && opt & 1 ? NHTB_EMIT_IP : NHTB_EMIT_PAYLOAD;
    s->settings.replay_window = 1024;
    fuzz_side_open(s);
    fuzz_side_iface(s, left ? 1 : 9, &i);
    fuzz_side_manual(s, &o);
}

int fuzz_inner_out(const uint8_t *p, size_t n)
{
    static state st;
    fuzz_in in = {p, n};
    unsigned opt = fuzz_u8(&in);
    if (n > 4000)
        return 0;
    fuzz_keys_forget();
    open_side(&st.left, opt, true);
    open_side(&st.right, opt, false);
    while (in.n > 0)
        burst(&st, &in);
    (void)nhtb_timeout(st.left.ctx, st.left.now + NHTB_NS_PER_S);
    fuzz_side_pump(&st.left, NULL, NULL);
    fuzz_side_close(&st.left);
    fuzz_side_close(&st.right);
    return 0;
}
