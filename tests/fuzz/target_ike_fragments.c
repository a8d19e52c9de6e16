/* SPDX-License-Identifier: Apache-2.0
 * IKE fragments between two contexts, by someone who knows the keys: protected messages are cut into
 * parts of the fuzzer's choice, whose numbers, totals, message ids, texts and order it changes before
 * they are sealed. Parts that do not fit together change nothing, what is kept has a bound, and an
 * honest network afterwards brings the tunnel back. Input: an option byte, then steps. RFC 7383. */
#include "fuzz/fuzz_pair.h"
#include "wire/ike.h"

enum { AT_NEXT = 16, AT_EXCHANGE = 18, AT_ID = 20, SKF = 28, AT_NUMBER = 32, AT_TOTAL = 34 };
enum { TEXT = 28 + 8 + 8 }; /* IKE header, SKF header, IV */

/* What is inside a protected datagram, without its padding. */
typedef struct opened {
    int key; /* -1: not readable */
    size_t n;
    uint8_t text[FUZZ_ROOM];
} opened;

static bool open_text(const uint8_t *msg, size_t n, opened *o)
{
    o->key = fuzz_sk_open(msg, n, o->text, &o->n);
    if (o->key < 0 || o->n == 0 || o->text[o->n - 1] + 1u > o->n)
        return false;
    o->n -= o->text[o->n - 1] + 1u;
    return true;
}

/* msg has its SKF header; text follows, and no padding. */
static void seal(fuzz_datagram *d, uint8_t *msg, int key, const uint8_t *text, size_t n)
{
    static uint8_t padded[FUZZ_ROOM];
    size_t marker = (size_t)(msg - d->data);
    if (marker + TEXT + n + 1 + 16 > FUZZ_ROOM)
        return;
    if (n)
        memcpy(padded, text, n);
    padded[n] = 0;
    d->n = marker + fuzz_sk_seal(key, msg, padded, n + 1, FUZZ_ROOM - marker);
}

/* Part k of parts, as RFC 7383 2.5 wants it. */
static fuzz_datagram *part_of(const fuzz_datagram *d, const opened *o, size_t k, size_t parts)
{
    size_t each = (o->n + parts - 1) / parts, at = k * each < o->n ? k * each : o->n, n;
    size_t len = o->n - at < each ? o->n - at : each;
    fuzz_datagram *f = (fuzz_datagram *)fuzz_dup(d, sizeof *d);
    uint8_t *msg = fuzz_datagram_ike(f, &n), first = msg[SKF];
    msg[AT_NEXT] = NHI_PL_SKF;
    msg[SKF] = k ? 0 : first;
    nhi_put16(msg + AT_NUMBER, (unsigned)k + 1);
    nhi_put16(msg + AT_TOTAL, (unsigned)parts);
    memset(msg + TEXT - 8, (int)k, 8);
    seal(f, msg, o->key, o->text + at, len);
    return f;
}

/* A whole message becomes fragments at the end of the queue; `how` keeps the whole one as well. */
static void cut(fuzz_pair *w, unsigned i, fuzz_in *in)
{
    static opened o;
    size_t n, parts = 1 + fuzz_below(in, 66); /* above what is taken, too */
    unsigned how = fuzz_u8(in);
    uint8_t *msg = fuzz_datagram_ike(w->queue[i], &n);
    if (how & 3)
        parts = 2 + parts % 5; /* few, most of the time */
    if (!msg || msg[AT_NEXT] != NHI_PL_SK || !open_text(msg, n, &o))
        return;
    fuzz_datagram *d = fuzz_pair_take(w, i);
    for (size_t k = 0; k < parts; k++)
        fuzz_pair_put(w, part_of(d, &o, how & 4 ? parts - 1 - k : k, parts));
    if (how & 8)
        fuzz_pair_put(w, d);
    else
        free(d);
}

static unsigned number(fuzz_in *in, unsigned was, unsigned total)
{
    switch (fuzz_below(in, 6)) {
    case 0: return 0;
    case 1: return total + 1;
    case 2: return was + 1;
    case 3: return was - 1u;
    case 4: return fuzz_u16(in);
    default: return fuzz_u8(in);
    }
}

static void edit_fields(uint8_t *msg, fuzz_in *in)
{
    unsigned edits = fuzz_u8(in), total = nhi_get16(msg + AT_TOTAL);
    if (edits & 1)
        nhi_put16(msg + AT_NUMBER, number(in, nhi_get16(msg + AT_NUMBER), total) & 0xffff);
    if (edits & 2)
        nhi_put16(msg + AT_TOTAL, number(in, total, total) & 0xffff);
    if (edits & 4)
        nhi_put32(msg + AT_ID, nhi_get32(msg + AT_ID) + fuzz_below(in, 4) - 1);
    if (edits & 8)
        msg[AT_EXCHANGE + fuzz_below(in, 2)] ^= fuzz_u8(in); /* or the flags */
    if (edits & 16)
        msg[SKF] = fuzz_u8(in);
}

static void edit_text(opened *o, fuzz_in *in)
{
    unsigned how = fuzz_below(in, 4);
    if (how == 0 && o->n > 0)
        o->text[fuzz_u16(in) % o->n] ^= fuzz_u8(in);
    else if (how == 1)
        o->n = fuzz_u16(in) % (o->n + 1);
    else if (how == 2)
        for (size_t most = fuzz_u8(in) * 16u; o->n < most;)
            o->text[o->n++] = (uint8_t)most;
}

/* A fragment that authenticates and says something else. */
static void edit(fuzz_pair *w, fuzz_datagram *d, fuzz_in *in)
{
    static opened o;
    size_t n;
    uint8_t *msg = fuzz_datagram_ike(d, &n);
    if (!msg || msg[AT_NEXT] != NHI_PL_SKF || !open_text(msg, n, &o))
        return;
    w->lied = true;
    edit_fields(msg, in);
    edit_text(&o, in);
    seal(d, msg, o.key, o.text, o.n);
}

static void step(fuzz_pair *w, fuzz_in *in)
{
    unsigned op = fuzz_u8(in), i = w->n ? (op >> 4) % w->n : 0;
    fuzz_datagram *d = NULL;
    nhtb_time now = w->side[0].now;
    if ((op & 15) < 10 && w->n == 0)
        return;
    switch (op & 15) {
    case 0:
    case 1:
    case 2: /* arrives */
    case 3: /* is lost */
        d = fuzz_pair_take(w, i);
        if ((op & 15) < 3)
            fuzz_pair_receive(w, d);
        free(d);
        break;
    case 4: fuzz_pair_receive(w, w->queue[i]); break; /* and stays */
    case 5:
    case 6: cut(w, i, in); break;
    case 7:
    case 8: edit(w, w->queue[i], in); break;
    case 9: fuzz_pair_put(w, (fuzz_datagram *)fuzz_dup(w->queue[i], sizeof *d)); break;
    case 10:
    case 11: fuzz_pair_advance(w, fuzz_pair_deadline(w)); break;
    case 12: fuzz_pair_advance(w, now + (op >> 4) * 7 * NHTB_NS_PER_S); break;
    case 13: fuzz_pair_ping(w, op >> 4 & 1); break;
    default: fuzz_pair_command(w, in); break;
    }
}

static void check_memory(const fuzz_pair *w)
{
    nhtb_crypto crypto = fuzz_crypto();
    for (unsigned i = 0; i < 2; i++)
        fuzz_check(w->side[i].host.bytes <= nhtb_ctx_size(&w->side[i].settings, &crypto));
}

int fuzz_ike_fragments(const uint8_t *p, size_t n)
{
    static fuzz_pair w;
    fuzz_in in = {p, n};
    unsigned opt = fuzz_u8(&in);
    if (n > 1000)
        return 0;
    fuzz_pair_opts o = {.seed = opt & 0xf0,
                        .encap = opt & 1,
                        .both_start = opt & 2,
                        .fragment_size = opt & 4 ? 576 : 0};
    fuzz_pair_open(&w, &o);
    if (opt & 8)
        fuzz_pair_settle(&w); /* the script starts with the tunnel up */
    while (in.n > 0) {
        step(&w, &in);
        check_memory(&w);
    }
    fuzz_pair_recover(&w);
    fuzz_pair_close(&w);
    return 0;
}
