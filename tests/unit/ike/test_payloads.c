/* SPDX-License-Identifier: Apache-2.0
 * Each message of a session with its payloads edited and sealed again under the right keys: removed,
 * doubled, forty-fold, swapped, turned round and rotated, strangers inserted, bodies emptied, lengths off by one. Whatever the
 * answer: no crash, no wrong establishment, nothing half installed, and both ends come back to one
 * agreed pair. RFC 7296 2.5, 2.21, 3.2. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit/ike/twins_script.h"

typedef enum edit_kind {
    NOTHING, /* the control: a message sealed again as it was */
    REMOVE,
    DOUBLE,
    FORTY,
    EMPTY,
    SHORT_LENGTH,
    LONG_LENGTH,
    SHORT_BODY,
    LONG_BODY,
    SWAP,
    ROTATE, /* payload i first, the others behind it in their order */
    REVERSE,
    UNKNOWN,          /* a type nobody knows before payload i */
    UNKNOWN_CRITICAL, /* the same with the critical bit */
    STRANGER,         /* a known type that does not belong here, at the end */
    ALL_GONE,
    EDITS
} edit_kind;

static const char *const kinds[EDITS] = {
    "nothing",    "remove",           "double",      "forty-fold", "empty",  "length - 1",
    "length + 1", "body short",       "body longer", "swap",       "rotate", "reverse",
    "unknown",    "unknown critical", "stranger",    "all gone"};

static const uint8_t strangers[] = {NHI_PL_SA,     NHI_PL_KE,      NHI_PL_IDI,  NHI_PL_IDR,
                                    NHI_PL_CERT,   NHI_PL_CERTREQ, NHI_PL_AUTH, NHI_PL_NONCE,
                                    NHI_PL_DELETE, NHI_PL_TSI,     NHI_PL_TSR,  NHI_PL_SK,
                                    NHI_PL_CP,     NHI_PL_EAP,     NHI_PL_SKF};

typedef struct edit {
    unsigned number; /* datagram */
    edit_kind kind;
    unsigned i, j;
    unsigned payloads; /* out: of that datagram */
    bool done, sealed; /* out */
    unsigned reason;
    const char *name;
} edit;

/* ---- the plain text of a datagram ---- */

typedef struct text {
    nhi_ike_hdr h;
    uint8_t first;
    uint8_t p[TWINS_MSG];
    size_t n;
    nhi_ike_msg msg;
} text;

static bool open_text(twins *p, const twins_dgram *d, text *t)
{
    twins_end *e = &p->e[d->to];
    nhtb_span m = {d->b, d->n};
    cr_assert(nhi_ike_hdr_read(&t->h, d->b, d->n));
    t->first = t->h.next;
    t->n = d->n - NHI_IKE_HDR;
    if (t->h.exchange == NHI_EX_SA_INIT) {
        memcpy(t->p, d->b + NHI_IKE_HDR, t->n);
    } else {
        nhi_ike_sa *sa = nhi_ike_table_find(e->ike, &t->h);
        t->n = sizeof t->p;
        if (!sa || !sa->have_keys ||
            nhi_sk_open(&sa->sk, &e->crypto, &e->ike->lane, m, t->p, &t->n, &t->first))
            return false;
    }
    return nhi_ike_msg_parse(&t->msg, t->first, t->p, t->n) == NHI_CHAIN_OK;
}

/** Under the sender's key; false: it has none any more. */
static bool seal_text(twins *p, const twins_dgram *d, const text *t, uint8_t first, nhtb_span in,
                      uint8_t *out, size_t *n)
{
    twins_end *e = &p->e[!d->to];
    nhi_ike_hdr own = t->h;
    if (t->h.exchange == NHI_EX_SA_INIT) {
        own.next = first;
        own.length = (uint32_t)(NHI_IKE_HDR + in.n);
        nhi_ike_hdr_write(out, &own);
        memcpy(out + NHI_IKE_HDR, in.p, in.n);
        *n = own.length;
        return true;
    }
    own.flags ^= NHI_IKE_F_INITIATOR; /* as if it had come to the sender */
    nhi_ike_sa *sa = nhi_ike_table_find(e->ike, &own);
    if (!sa || !sa->have_keys)
        return false;
    nhi_sk k = sa->sk;
    return nhi_sk_seal(&k, &e->mem, &e->crypto, &e->ike->lane, &t->h, first, in, out, n) == 0;
}

/* ---- edits ---- */

static void add(nhi_ike_builder *b, const nhi_ike_pl *pl)
{
    nhi_ike_build_payload(b, pl->type, pl->body);
}

static void add_changed(nhi_ike_builder *b, const nhi_ike_pl *pl, edit_kind kind)
{
    uint8_t body[TWINS_MSG] = {0};
    size_t n = pl->body.n, at = b->w.n;
    memcpy(body, pl->body.p, n);
    if (kind == EMPTY)
        n = 0;
    else if (kind == SHORT_BODY && n)
        n--;
    else if (kind == LONG_BODY)
        n++;
    nhi_ike_build_payload(b, pl->type, (nhtb_span){body, n});
    if (kind == SHORT_LENGTH || kind == LONG_LENGTH)
        nhi_put16(b->w.p + at + 2, (unsigned)(4 + n + (kind == LONG_LENGTH ? 1u : (unsigned)-1)));
}

static void add_unknown(nhi_ike_builder *b, bool critical)
{
    static const uint8_t body[5] = {1, 2, 3, 4, 5};
    size_t at = b->w.n;
    nhi_ike_build_payload(b, 200, (nhtb_span){body, sizeof body});
    if (critical)
        b->w.p[at + 1] = 0x80;
}

/** Which payload comes k-th. */
static unsigned place(const edit *x, unsigned k, unsigned n)
{
    switch (x->kind) {
    case SWAP: return k == x->i ? x->j : k == x->j ? x->i : k;
    case ROTATE: return (k + x->i) % n;
    case REVERSE: return n - 1 - k;
    default: return k;
    }
}

static void write_one(nhi_ike_builder *b, const text *t, const edit *x, unsigned k)
{
    const nhi_ike_pl *pl = &t->msg.pl[k];
    unsigned times = 1, from = place(x, k, (unsigned)t->msg.n);
    if (x->kind >= SWAP && x->kind <= REVERSE) {
        add(b, &t->msg.pl[from]);
        return;
    }
    if (k != x->i || x->kind == NOTHING || x->kind == STRANGER) {
        add(b, pl);
        return;
    }
    switch (x->kind) {
    case REMOVE: times = 0; break;
    case DOUBLE: times = 2; break;
    case FORTY: times = 40; break;
    case UNKNOWN:
    case UNKNOWN_CRITICAL: add_unknown(b, x->kind == UNKNOWN_CRITICAL); break;
    default: add_changed(b, pl, x->kind); return;
    }
    for (unsigned i = 0; i < times; i++)
        add(b, pl);
}

static size_t rewrite(const text *t, const edit *x, uint8_t *out, size_t room, uint8_t *first)
{
    static const uint8_t junk[12] = {1, 0, 0, 8, 1};
    nhi_ike_builder b;
    nhi_ike_build_inner(&b, out, room);
    for (unsigned k = 0; k < t->msg.n && x->kind != ALL_GONE; k++)
        write_one(&b, t, x, k);
    if (x->kind == STRANGER)
        nhi_ike_build_payload(&b, strangers[x->i], (nhtb_span){junk, sizeof junk});
    if ((x->kind == UNKNOWN || x->kind == UNKNOWN_CRITICAL) && x->i == t->msg.n)
        add_unknown(&b, x->kind == UNKNOWN_CRITICAL);
    nhi_ike_build_finish(&b);
    *first = b.w.n ? b.first : NHI_PL_NONE;
    return b.w.bad ? 0 : b.w.n;
}

static bool hook(void *user, twins *p, const twins_dgram *d, unsigned number)
{
    static text t;
    static uint8_t inner[16 * TWINS_MSG], out[16 * TWINS_MSG];
    edit *x = user;
    uint8_t first;
    size_t n = sizeof out;
    if (number != x->number)
        return false;
    x->done = true;
    x->name = twins_script_name(d);
    if (!open_text(p, d, &t))
        return true;
    x->payloads = (unsigned)t.msg.n;
    size_t len = rewrite(&t, x, inner, 60000, &first);
    x->sealed = seal_text(p, d, &t, first, (nhtb_span){inner, len}, out, &n);
    if (x->sealed)
        x->reason = twins_feed(p, d, out, n);
    return true;
}

/* ---- sessions ---- */

/** Who holds the keys may lie about what only it can know: a nonce of its own after IKE_AUTH (the
 *  pair is useless to both), or a delete that it does not name. No end can see that. */
static bool unseen(const edit *x, const char *fault)
{
    bool value = x->kind == SHORT_BODY || x->kind == LONG_BODY;
    bool hidden = x->kind == REMOVE || x->kind == ALL_GONE || x->kind == UNKNOWN_CRITICAL;
    return (value && x->name[0] == 'C' && strstr(fault, "different keys")) ||
           (hidden && !strcmp(x->name, "INFORMATIONAL request"));
}

typedef struct tally {
    unsigned sessions, taken, unsealed, faults;
} tally;

static void play(const twins_opts *o, edit *x, tally *t)
{
    static twins p;
    twins_script s = {*o, hook, x, 0};
    x->done = x->sealed = false;
    x->payloads = 0;
    twins_script_play(&p, &s);
    if (!x->done) {
        twins_close(&p);
        return;
    }
    t->sessions++;
    t->taken += x->sealed && !x->reason;
    t->unsealed += !x->sealed;
    if (!twins_script_settles(&p, 900 * NHTB_NS_PER_S) && !unseen(x, twins_fault(&p, false))) {
        t->faults++;
        fprintf(stderr, "datagram %u (%s) %s %u %u: %s\n", x->number, x->name, kinds[x->kind], x->i,
                x->j, twins_fault(&p, false));
        twins_close(&p);
        return;
    }
    twins_finish(&p);
}

static void each(const twins_opts *o, unsigned number, edit_kind kind, unsigned n, tally *t)
{
    for (unsigned i = 0; i < n; i++) {
        if (kind != SWAP) {
            edit x = {.number = number, .kind = kind, .i = i};
            play(o, &x, t);
            continue;
        }
        for (unsigned j = i + 1; j < n; j++) {
            edit x = {.number = number, .kind = kind, .i = i, .j = j};
            play(o, &x, t);
        }
    }
}

static void all_edits(twins_opts o, const char *what)
{
    tally t = {0};
    unsigned number = 0;
    o.liveness = true;
    o.seed = 3;
    for (;; number++) {
        edit x = {.number = number};
        play(&o, &x, &t);
        if (!x.done)
            break;
        cr_assert(x.reason != NHTB_REASON_IKE_MALFORMED && x.reason != NHTB_REASON_IKE_INTEGRITY);
        unsigned n = x.payloads;
        for (unsigned k = REMOVE; k <= ROTATE; k++)
            each(&o, number, (edit_kind)k, n, &t);
        each(&o, number, REVERSE, 1, &t);
        each(&o, number, UNKNOWN, n + 1, &t);
        each(&o, number, UNKNOWN_CRITICAL, n + 1, &t);
        each(&o, number, STRANGER, sizeof strangers, &t);
        each(&o, number, ALL_GONE, 1, &t);
    }
    fprintf(stderr, "payloads (%s): %u datagrams, %u sessions, %u edits taken, %u without a key\n",
            what, number, t.sessions, t.taken, t.unsealed);
    cr_assert_eq(t.faults, 0, "%u sessions never agree again", t.faults);
    cr_assert(number >= 20 && t.sessions > 800);
}

Test(payloads, edited_messages_end_in_agreement)
{
    all_edits((twins_opts){.children = 2}, "two children");
}

Test(payloads, edited_messages_with_key_exchange_in_each_rekey_end_in_agreement)
{
    all_edits((twins_opts){.children = 1, .pfs = true}, "PFS");
}

Test(payloads, edited_cookie_exchanges_end_in_agreement)
{
    all_edits((twins_opts){.children = 1, .cookie = true}, "cookie");
}

Test(payloads, edited_exchanges_with_another_group_end_in_agreement)
{
    all_edits((twins_opts){.children = 1, .other_group = true}, "other group");
}
