/* SPDX-License-Identifier: Apache-2.0
 * Whole datagrams into nhtb_feed of a context that initiates to one peer and answers all others, so
 * both roles' half-open states are met. Nothing unauthenticated may establish an SA, and a context
 * that only answers never sends more datagrams than it was given. Input: an option byte, then steps:
 * what to fix up, length, bytes. The same with IKEv1 is target v1_cleartext. RFC 7296 1.2, 2.6, 3;
 * RFC 2409 5.4. */
#include "fuzz/fuzz_side.h"
#include "fuzz/fuzz_v1.h"
#include "wire/ike.h"

typedef struct state {
    fuzz_side s;
    uint8_t last[4000]; /* the latest message that was sent */
    size_t n_last;
    uint8_t last_kind;
    unsigned v1; /* 0: IKEv2; else 1 + nhtb_v1_mode */
} state;

static void remember(void *user, const nhtb_pkt *p)
{
    state *st = user;
    if (p->verdict != NHTB_PKT_TX || p->len > sizeof st->last)
        return;
    memcpy(st->last, p->buf + p->off, p->len);
    st->n_last = p->len;
    st->last_kind = p->kind;
}

static void add_peer(state *st, unsigned i, bool initiate)
{
    fuzz_side *s = &st->s;
    nhtb_v1 v1;
    static const char *const names[] = {"one", "any"};
    nhtb_txn *t;
    nhtb_peer p;
    nhtb_child c;
    nhtb_peer_init(&p);
    nhtb_child_init(&c);
    c.name = "vpn";
    c.iface = s->st0;
    p.name = names[i];
    p.path.local = s->addr;
    if (i == 0)
        p.path.remote = fuzz_addr("192.0.2.2");
    p.local_id = (nhtb_identity){NHTB_ID_FQDN, {(const uint8_t *)"hub", 3}};
    if (i == 0)
        p.remote_id = (nhtb_identity){NHTB_ID_FQDN, {(const uint8_t *)"spoke", 5}};
    p.psk = (nhtb_span){(const uint8_t *)"a secret nobody sends around", 28};
    p.establish = initiate ? NHTB_ESTABLISH_IMMEDIATELY : NHTB_ESTABLISH_RESPONDER_ONLY;
    p.children = &c;
    p.n_children = 1;
    nhtb_v1_init(&v1);
    v1.mode = (uint8_t)(st->v1 == 2 ? NHTB_V1_AGGRESSIVE : NHTB_V1_MAIN);
    p.v1 = st->v1 ? &v1 : NULL;
    fuzz_check(nhtb_txn_begin(s->ctx, &t) == 0 && nhtb_txn_peer(t, &p, &s->peer[i]) == 0);
    fuzz_check(nhtb_txn_commit(t, s->now) == 0);
}

enum { OWN_SPI = 1, LENGTH = 2, ECHO_COOKIE = 4, ANSWER = 8, REPLAY = 16 };

/* Puts a body into a message that gets further: our SPIs, right length, our cookie first. */
static size_t dress(state *st, unsigned how, uint8_t *msg, size_t n)
{
    const uint8_t *own = st->last + (st->last_kind == NHTB_PKT_UDP_4500 ? 4 : 0);
    bool have = st->n_last >= 32;
    if (how & REPLAY && have) {
        size_t len = st->n_last - (size_t)(own - st->last);
        for (size_t i = 0; i < n && i < len; i++)
            msg[i] ^= own[i]; /* the fuzzer's bytes flip bits of what we sent */
        if (n < len)
            memcpy(msg + n, own + n, len - n);
        n = n < len ? len : n;
    }
    if (n < NHI_IKE_HDR)
        return n;
    if (how & OWN_SPI && have)
        memcpy(msg, own, 16);
    if (how & ANSWER && st->v1) {
        msg[17] = 0x10;
        msg[18] = own[18]; /* the exchange under way, no message ID */
        msg[19] &= 1;
        memset(msg + 20, 0, 4);
    } else if (how & ANSWER)
        msg[19] = (uint8_t)((msg[19] | NHI_IKE_F_RESPONSE) & ~NHI_IKE_F_INITIATOR);
    if (how & ECHO_COOKIE && have && own[16] == NHI_PL_NOTIFY && st->n_last <= 128 &&
        n + 41 < 3000) {
        memmove(msg + 28 + 41, msg + 28, n - 28);
        memcpy(msg + 28, own + 28, st->n_last >= 69 ? 41 : 0);
        msg[28] = msg[16];
        msg[16] = NHI_PL_NOTIFY;
        n += 41;
    }
    if (how & LENGTH)
        nhi_put32(msg + 24, (uint32_t)n);
    return n;
}

static void step(state *st, fuzz_in *in, bool answers_only)
{
    static const uint8_t kinds[] = {NHTB_PKT_IKE_500, NHTB_PKT_UDP_4500, NHTB_PKT_UDP_4500,
                                    NHTB_PKT_IKE_500};
    uint8_t msg[8200] = {0};
    unsigned how = fuzz_u8(in), from = fuzz_u8(in);
    nhtb_span body = fuzz_take(in, fuzz_u16(in) % 3000);
    size_t marker = (from & 3) == 1 ? 4 : 0, n = body.n;
    if (n)
        memcpy(msg + marker, body.p, n);
    n = dress(st, how, msg + marker, n);
    uint16_t port = kinds[from & 3] == NHTB_PKT_IKE_500 ? 500 : 4500;
    nhtb_path path = {st->s.addr,
                      {.family = 4, .b = {192, 0, 2, (uint8_t)(2 + (from >> 2) % 3)}},
                      port,
                      (uint16_t)(port + (from >> 6)),
                      0};
    fuzz_side_feed(&st->s, kinds[from & 3], &path, msg, n + marker);
    size_t out = fuzz_side_pump(&st->s, remember, st);
    fuzz_check(!answers_only || out <= 1);
    if (how & 0x80) {
        nhtb_time due = nhtb_deadline(st->s.ctx);
        st->s.now = due != NHTB_NEVER && due > st->s.now ? due : st->s.now + NHTB_NS_PER_MS;
        fuzz_check(nhtb_timeout(st->s.ctx, st->s.now) == 0);
        fuzz_side_pump(&st->s, remember, st);
    }
}

int fuzz_cleartext(const uint8_t *p, size_t n, bool v1)
{
    static state st;
    fuzz_in in = {p, n};
    unsigned opt = fuzz_u8(&in), count[NHTB_EVENT_END] = {0};
    bool initiate = (opt & 1) != 0;
    if (n > 6000)
        return 0;
    memset(&st, 0, sizeof st);
    st.v1 = v1 ? 1 + (opt >> 2 & 1) : 0;
    fuzz_keys_forget();
    fuzz_side_init(&st.s, 3, "192.0.2.1");
    st.s.settings.cookie_threshold = opt & 2 ? 0 : 2;
    fuzz_side_open(&st.s);
    fuzz_iface_opts i = {.kind = NHTB_IFACE_MULTIPOINT};
    fuzz_side_iface(&st.s, 1, &i);
    add_peer(&st, 0, initiate);
    add_peer(&st, 1, false);
    fuzz_side_pump(&st.s, remember, &st);
    while (in.n > 0)
        step(&st, &in, !initiate);
    fuzz_side_events(&st.s, count);
    fuzz_check(count[NHTB_EVENT_IKE_UP] == 0 && count[NHTB_EVENT_TUNNEL_UP] == 0);
    fuzz_side_close(&st.s);
    return 0;
}

int fuzz_ike_cleartext(const uint8_t *p, size_t n)
{
    return fuzz_cleartext(p, n, false);
}
