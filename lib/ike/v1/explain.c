/* SPDX-License-Identifier: Apache-2.0
 * Two IKEv1 offers with nothing in common, in words: both lists, and where the two nearest transforms
 * part. Reads what propose1.c and propose2.c pass over (DES, MD5, transport mode): that is mostly the
 * cause. For display only. RFC 2409 Appendix A, RFC 2407 4.4.4, 4.5. Called by half.c, quick_r.c and
 * ../explain.c. Control thread. */
#include "ike/v1/quick.h"

#define MOST NHI_V1_TRANSFORMS /* of one side that are looked at */

typedef struct word {
    uint16_t id;
    const char *text;
} word;

static const word ciphers1[] = {{1, "des"},  {2, "idea"}, {3, "blowfish#"}, {4, "rc5"},
                                {5, "3des"}, {6, "cast"}, {7, "aes#"},      {8, "camellia#"}};
static const word hashes1[] = {{1, "md5"},    {2, "sha1"},   {3, "tiger"},
                               {4, "sha256"}, {5, "sha384"}, {6, "sha512"}};
static const word methods[] = {{1, "psk"},
                               {2, "dss"},
                               {3, "rsa"},
                               {4, "encryption"},
                               {5, "encryption-revised"},
                               {9, "ecdsa256"},
                               {10, "ecdsa384"},
                               {11, "ecdsa521"},
                               {65001, "xauth-psk"},
                               {65005, "xauth-rsa"}};
static const word ciphers2[] = {
    {2, "des"},   {3, "3des"},     {6, "cast"},      {7, "blowfish#"},  {11, "null"},
    {12, "aes#"}, {13, "aes#ctr"}, {18, "aes#gcm8"}, {19, "aes#gcm12"}, {20, "aes#gcm16"}};
static const word auths2[] = {{1, "md5"},    {2, "sha1"},   {3, "des-mac"},
                              {5, "sha256"}, {6, "sha384"}, {7, "sha512"}};
static const word modes[] = {
    {1, "tunnel"}, {2, "transport"}, {3, "udp-tunnel"}, {4, "udp-transport"}};
static const word esns[] = {{1, "esn"}};

/** One kind of choice in a transform. attr 0: the transform's own number. */
typedef struct kind {
    uint16_t attr;
    const char *name;
    const word *words; /* NULL: a group */
    size_t n;
} kind;
enum { CIPHER, MODE = 3, KINDS1 = 4, KINDS2 = 5, KINDS_MAX = 5 };

static const kind kinds1[KINDS1] = {{1, "encryption", ciphers1, NHI_ARRAY_LEN(ciphers1)},
                                    {2, "hash", hashes1, NHI_ARRAY_LEN(hashes1)},
                                    {4, "group", NULL, 0},
                                    {3, "authentication", methods, NHI_ARRAY_LEN(methods)}};
static const kind kinds2[KINDS2] = {{0, "encryption", ciphers2, NHI_ARRAY_LEN(ciphers2)},
                                    {5, "integrity", auths2, NHI_ARRAY_LEN(auths2)},
                                    {3, "group (PFS)", NULL, 0},
                                    {4, "mode", modes, NHI_ARRAY_LEN(modes)},
                                    {11, "extended sequence numbers", esns, NHI_ARRAY_LEN(esns)}};

typedef struct phase {
    const kind *k;
    size_t n;
    uint16_t bits, aes; /* attribute with the key length, and the cipher that has 128 without it */
    uint8_t protocol;
} phase;
static const phase phases[] = {{kinds1, KINDS1, 14, 7, NHI_V1_PROTO_ISAKMP},
                               {kinds2, KINDS2, 6, 12, NHI_V1_PROTO_ESP}};

/** A transform: what it says of each kind (0: nothing). */
typedef struct choice {
    uint16_t v[KINDS_MAX], bits;
} choice;
typedef struct offer {
    size_t n;
    choice c[MOST];
} offer;

static uint16_t attribute(nhtb_span attrs, uint16_t type)
{
    nhi_rd r;
    nhi_v1_attr a;
    uint64_t v;
    nhi_rd_init(&r, attrs.p, attrs.n);
    while (nhi_v1_attr_next(&r, &a))
        if (a.type == type && nhi_v1_attr_number(&a, &v) && v <= UINT16_MAX)
            return (uint16_t)v;
    return 0;
}

/** As propose2.c takes it: the drafts' numbers mean the same, none means tunnel. */
static uint16_t plain_mode(uint16_t v)
{
    switch (v) {
    case 0: return NHI_V1_MODE_TUNNEL;
    case NHI_V1_MODE_UDP_TUNNEL_DRAFT: return NHI_V1_MODE_UDP_TUNNEL;
    case NHI_V1_MODE_UDP_TRANSPORT_DRAFT: return NHI_V1_MODE_UDP_TRANSPORT;
    default: return v;
    }
}

static void read_choice(choice *c, const phase *ph, const nhi_v1_transform *tf)
{
    for (size_t i = 0; i < ph->n; i++)
        c->v[i] = ph->k[i].attr ? attribute(tf->attrs, ph->k[i].attr) : tf->id;
    if (ph->protocol == NHI_V1_PROTO_ESP)
        c->v[MODE] = plain_mode(c->v[MODE]);
    c->bits = attribute(tf->attrs, ph->bits);
    if (!c->bits && c->v[CIPHER] == ph->aes)
        c->bits = 128; /* RFC 3602 4 */
}

static void read_offer(offer *o, const phase *ph, const nhi_v1_sa_pl *sa)
{
    for (size_t i = 0; i < sa->n; i++) {
        nhi_v1_transform tf;
        nhi_rd r;
        if (sa->p[i].protocol != ph->protocol)
            continue;
        nhi_rd_init(&r, sa->p[i].transforms.p, sa->p[i].transforms.n);
        while (o->n < MOST && nhi_v1_transform_next(&r, &tf))
            read_choice(&o->c[o->n++], ph, &tf);
    }
}

/* ---- words ---- */

static void put_group(nhi_fmt *f, uint16_t id)
{
    nhtb_proposal q = {.n_ke = 1};
    char text[32];
    q.ke[0] = id;
    (void)nhtb_proposal_format(NHTB_PROTO_IKE, &q, text, sizeof text);
    if (nhi_ke_public_len(id)) {
        nhi_fmt_str(f, text);
        return;
    }
    nhi_fmt_str(f, "group");
    nhi_fmt_u64(f, id);
}

/** The key length stands where the word has '#'. */
static void put_text(nhi_fmt *f, const char *text, uint16_t bits)
{
    for (char c[2] = {0}; *text; text++) {
        c[0] = *text;
        if (*text != '#')
            nhi_fmt_str(f, c);
        else if (bits)
            nhi_fmt_u64(f, bits);
    }
}

static void put_word(nhi_fmt *f, const kind *k, uint16_t id, uint16_t bits)
{
    for (size_t i = 0; i < k->n; i++)
        if (k->words[i].id == id) {
            put_text(f, k->words[i].text, bits);
            return;
        }
    nhi_fmt_str(f, k->name); /* without a word: its number in IKEv1's registry */
    nhi_fmt_str(f, "/");
    nhi_fmt_u64(f, id);
}

static void put_choice(nhi_fmt *f, const phase *ph, const choice *c, size_t i)
{
    if (!c->v[i])
        nhi_fmt_str(f, "none");
    else if (ph->k[i].words)
        put_word(f, &ph->k[i], c->v[i], i == CIPHER ? c->bits : 0);
    else
        put_group(f, c->v[i]);
}

static void put_offer(char *dst, size_t n, const phase *ph, const offer *o)
{
    nhi_fmt f;
    nhi_fmt_init(&f, dst, n);
    for (size_t i = 0; i < o->n; i++) {
        bool first = true;
        if (i)
            nhi_fmt_str(&f, ", ");
        for (size_t k = 0; k < ph->n; k++) {
            if (!o->c[i].v[k])
                continue;
            if (!first)
                nhi_fmt_str(&f, "-");
            first = false;
            put_choice(&f, ph, &o->c[i], k);
        }
    }
}

/* ---- the first difference ---- */

static bool alike(const phase *ph, const choice *a, const choice *b, size_t i)
{
    return i < ph->n && a->v[i] == b->v[i] && (i != CIPHER || a->bits == b->bits);
}

/** Index of the first kind that differs; their number: none does. */
static size_t depth(const phase *ph, const choice *a, const choice *b)
{
    size_t i = 0;
    while (alike(ph, a, b, i))
        i++;
    return i;
}

static void put_difference(char *dst, size_t n, const phase *ph, const offer *ours,
                           const offer *theirs)
{
    const choice *a = &ours->c[0], *b = &theirs->c[0];
    size_t best = depth(ph, a, b);
    nhi_fmt f;
    for (size_t i = 0; i < ours->n; i++)
        for (size_t k = 0; k < theirs->n; k++) {
            size_t d = depth(ph, &ours->c[i], &theirs->c[k]);
            if (d <= best)
                continue;
            best = d;
            a = &ours->c[i];
            b = &theirs->c[k];
        }
    nhi_fmt_init(&f, dst, n);
    if (best == ph->n)
        return; /* refused for its form, not for a choice */
    nhi_fmt_str(&f, ph->k[best].name);
    nhi_fmt_str(&f, ": ours ");
    put_choice(&f, ph, a, best);
    nhi_fmt_str(&f, ", theirs ");
    put_choice(&f, ph, b, best);
}

/* ---- our side, as we would offer it ---- */

/** In ike->tx: nothing is being written while somebody asks why. */
static nhi_wr scratch(const nhi_ike_peer *p)
{
    nhi_wr w;
    nhi_wr_init(&w, p->ike->tx, p->ike->buf_n);
    return w;
}

static void reread(offer *o, const phase *ph, const nhi_wr *w, bool good)
{
    nhi_v1_sa_pl sa;
    if (good && nhi_v1_sa_read(&sa, (nhtb_span){w->p, w->n}))
        read_offer(o, ph, &sa);
}

static void own_phase1(offer *o, const nhi_ike_peer *p)
{
    uint16_t auths[4];
    nhi_v1_policy1 own = nhi_v1_policy(p, false, auths);
    nhi_wr w = scratch(p);
    bool good = nhi_v1_propose1_offer(&w, &own);
    reread(o, &phases[0], &w, good);
}

/** Each proposal with each of its groups: as responder we take any. */
static void own_phase2(offer *o, const nhi_ike_peer *p, uint16_t child, uint16_t mode)
{
    const nhtb_child *c = &p->cfg.children[child];
    for (size_t i = 0; i < c->n_proposals; i++) {
        nhi_v1_policy2 own = {.v = &c->proposals[i], .n = 1, .mode = mode, .spi = UINT32_MAX};
        size_t k = 0;
        do {
            nhi_wr w = scratch(p);
            own.ke = own.v->n_ke ? own.v->ke[k] : 0;
            bool good = nhi_v1_propose2_offer(&w, &own);
            reread(o, &phases[1], &w, good);
        } while (++k < own.v->n_ke);
    }
}

static void own_offer(offer *o, const nhi_ike_peer *p, uint16_t child, const nhi_ike_sa *sa)
{
    o->n = 0;
    if (child >= p->cfg.n_children)
        own_phase1(o, p);
    else
        own_phase2(o, p, child, sa ? nhi_v1_quick_policy(sa, child).mode : NHI_V1_MODE_TUNNEL);
}

static const phase *phase_of(const nhi_ike_peer *p, uint16_t child)
{
    return &phases[child < p->cfg.n_children];
}

void nhi_v1_explain_own(const nhi_ike_peer *p, uint16_t child, char *dst, size_t n)
{
    const phase *ph = phase_of(p, child);
    offer o;
    own_offer(&o, p, child, NULL);
    put_offer(dst, n, ph, &o);
}

void nhi_v1_explain_offers(nhi_ike_peer *p, uint16_t child, const nhi_ike_sa *sa,
                           const nhi_v1_sa_pl *theirs)
{
    const phase *ph = phase_of(p, child);
    char text[NHTB_EXPLAIN_TEXT], differs[NHTB_EXPLAIN_TEXT];
    offer a, b;
    own_offer(&a, p, child, sa);
    b.n = 0;
    read_offer(&b, ph, theirs);
    if (!a.n || !b.n)
        return;
    put_offer(text, sizeof text, ph, &b);
    put_difference(differs, sizeof differs, ph, &a, &b);
    nhi_ike_explain_texts(p, text, differs);
}
