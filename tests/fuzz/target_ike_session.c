/* SPDX-License-Identifier: Apache-2.0
 * Two contexts that negotiate over a network the fuzzer rules: it drops, doubles and reorders
 * datagrams, rekeys and clears, and, knowing the keys, edits the payload lists inside protected
 * messages before they are sealed again. Whatever happened, an honest network afterwards brings the
 * tunnel back and traffic through it. Input: an option byte (128: they prove themselves by
 * certificates), then steps. RFC 7296 1, 2. The same with IKEv1 is target v1_session (RFC 2409). */
#include "engine/engine.h"
#include "fuzz/fuzz_pair.h"
#include "fuzz/fuzz_v1.h"
#include "wire/ike.h"

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

static void edit_protected(fuzz_datagram *d, uint8_t *msg, size_t n, fuzz_in *in, size_t marker)
{
    static uint8_t text[FUZZ_ROOM], again[FUZZ_ROOM];
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
    if (text_n + 64 + marker < FUZZ_ROOM && (text_n > 1 || l.n == 0))
        d->n = marker + fuzz_sk_seal(key, msg, again, text_n, FUZZ_ROOM - marker);
}

static void edit(fuzz_pair *w, fuzz_datagram *d, fuzz_in *in)
{
    size_t n;
    uint8_t *msg = fuzz_datagram_ike(d, &n);
    if (!msg)
        return;
    size_t marker = (size_t)(msg - d->data);
    if (w->v1 && fuzz_v1_edit(w->side[!d->to].ctx->ike, w->side[d->to].ctx->ike, msg, &n,
                              FUZZ_ROOM - marker, in)) {
        w->lied = true;
        d->n = marker + n;
    } else if (!w->v1 && msg[16] == NHI_PL_SK) {
        w->lied = true;
        edit_protected(d, msg, n, in, marker);
    } else {
        edit_bytes(msg, n, in);
    }
}

/* ---- the fuzzer's script ---- */

static void step(fuzz_pair *w, fuzz_in *in)
{
    unsigned op = fuzz_u8(in), i = w->n ? (op >> 4) % w->n : 0;
    fuzz_datagram *d = NULL;
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
        d = fuzz_pair_take(w, i);
        if ((op & 15) >= 5 && (op & 15) <= 7)
            edit(w, d, in);
        if ((op & 15) < 8)
            fuzz_pair_receive(w, d);
        free(d);
        break;
    case 9: /* arrives and stays */
        if (w->n)
            fuzz_pair_receive(w, w->queue[i]);
        break;
    case 10:
    case 11: fuzz_pair_advance(w, fuzz_pair_deadline(w)); break;
    case 12: fuzz_pair_advance(w, w->side[0].now + (op >> 4) * 7 * NHTB_NS_PER_S); break;
    case 13: fuzz_pair_ping(w, op >> 4 & 1); break;
    default: fuzz_pair_command(w, in); break;
    }
}

static int session(const uint8_t *p, size_t n, bool v1)
{
    static fuzz_pair w;
    fuzz_in in = {p, n};
    unsigned opt = fuzz_u8(&in);
    if (n > 1500)
        return 0;
    fuzz_pair_opts o = {.seed = opt & 0xf0,
                        .cookies = opt & 1,
                        .encap = opt & 2,
                        .both_start = opt & 4,
                        .certs = opt & 128,
                        .v1 = v1,
                        .v1_opt = opt};
    fuzz_pair_open(&w, &o);
    if (opt & 8)
        fuzz_pair_settle(&w); /* the script starts with the tunnel up */
    while (in.n > 0)
        step(&w, &in);
    fuzz_pair_recover(&w);
    fuzz_pair_close(&w);
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
