/* SPDX-License-Identifier: Apache-2.0
 * Inbound data plane: raw outer bytes, and texts of the fuzzer's choice sealed with the right key,
 * so that trailer, inner packet, source check, policy and transit are reached. Input: an option
 * byte, then packets: kind, sequence step, length, bytes. RFC 4303, RFC 3948. */
#include "fuzz/fuzz_side.h"
#include "wire/esp.h"

typedef struct state {
    fuzz_side s;
    fuzz_manual_opts o;
    uint64_t seq[FUZZ_TUNNELS];
} state;

enum { SEALED = 4, TRAILER = 8, RIGHT_PATH = 0x40 };

static size_t sealed(state *st, unsigned how, unsigned tunnel, unsigned step, nhtb_span text,
                     uint8_t *out)
{
    uint8_t plain[2048];
    size_t n = text.n;
    if (n)
        memcpy(plain, text.p, n);
    if (how & TRAILER) {
        uint32_t pad = nhi_esp_pad((uint32_t)n, st->o.cbc ? 16 : 4);
        n += nhi_esp_trailer_write(plain + n, pad, n && plain[0] >> 4 == 6 ? 41 : 4);
    }
    st->seq[tunnel] += step >= 250 ? (uint64_t)(step - 249) << 29 : step > 200 ? 0 : step;
    uint64_t seq = st->seq[tunnel] - (step > 200 && step < 250 ? step - 200 : 0);
    return fuzz_manual_seal(&st->o, tunnel, seq, plain, n, out);
}

static void packet(state *st, fuzz_in *in, nhtb_pkt *p, nhtb_path *path)
{
    static const uint8_t kinds[] = {NHTB_PKT_ESP, NHTB_PKT_UDP_4500, NHTB_PKT_IP_OUTER,
                                    NHTB_PKT_IKE_500};
    uint8_t buf[2200];
    unsigned how = fuzz_u8(in), tunnel = (how >> 4) % FUZZ_TUNNELS, step = fuzz_u8(in);
    nhtb_span body = fuzz_take(in, fuzz_u16(in) % 1600);
    size_t n = body.n;
    uint8_t kind = kinds[how & 3];
    if (n)
        memcpy(buf, body.p, n);
    if (how & SEALED) {
        n = sealed(st, how, tunnel, step, body, buf);
        kind = tunnel == 0 ? NHTB_PKT_ESP : NHTB_PKT_UDP_4500;
    }
    *path = fuzz_manual_path(how & RIGHT_PATH ? (tunnel + 1) % FUZZ_TUNNELS : tunnel, true);
    fuzz_pkt_make(p, kind, buf, n, how & 0x80 ? 96 : 0, how & 0x80 ? 64 : 0);
    p->path = path;
    p->tos = (uint8_t)step;
}

static void sink(void *user, nhtb_pkt *p)
{
    state *st = user;
    if (p->verdict != NHTB_PKT_PUNT)
        return;
    nhtb_pkt *v[1] = {p};
    (void)nhtb_feed(st->s.ctx, v, 1, st->s.now);
}

static void burst(state *st, fuzz_in *in)
{
    enum { N = 5 };
    nhtb_pkt p[N], *v[N];
    nhtb_path path[N];
    size_t n = 0;
    unsigned opt = fuzz_u8(in);
    for (; n < 1 + opt % N && in->n > 0; n++) {
        packet(st, in, &p[n], &path[n]);
        v[n] = &p[n];
    }
    fuzz_burst b = {.in = v,
                    .n = n,
                    .spares = (opt >> 3) % 3,
                    .spare_cap = opt & 0x80 ? 300 : 2200,
                    .sink = sink,
                    .user = st};
    fuzz_side_burst(&st->s, &b);
    for (size_t i = 0; i < n; i++)
        free(p[i].buf);
    st->s.now += NHTB_NS_PER_MS;
}

int fuzz_esp_in(const uint8_t *p, size_t n)
{
    static state st;
    fuzz_in in = {p, n};
    unsigned opt = fuzz_u8(&in), count[NHTB_EVENT_END] = {0};
    if (n > 8000)
        return 0;
    memset(&st, 0, sizeof st);
    fuzz_keys_forget();
    fuzz_side_init(&st.s, 7, "192.0.2.1");
    st.s.settings.emit = opt & 1 ? NHTB_EMIT_IP : NHTB_EMIT_PAYLOAD;
    st.s.settings.replay_window = opt & 2 ? 64 : 1024;
    st.o = (fuzz_manual_opts){
        .left = true, .cbc = (opt & 4) != 0, .esn = (opt & 8) != 0, .mtu = opt & 16 ? 600 : 1500};
    fuzz_side_open(&st.s);
    fuzz_iface_opts i = {.kind = NHTB_IFACE_MULTIPOINT,
                         .transit = opt & 32 ? NHTB_TRANSIT_HOST : NHTB_TRANSIT_LIBRARY,
                         .rpf = (opt & 64) != 0};
    fuzz_side_iface(&st.s, 1, &i);
    fuzz_side_manual(&st.s, &st.o);
    while (in.n > 0)
        burst(&st, &in);
    (void)nhtb_timeout(st.s.ctx, st.s.now + NHTB_NS_PER_S);
    fuzz_side_events(&st.s, count);
    fuzz_side_close(&st.s);
    return 0;
}
