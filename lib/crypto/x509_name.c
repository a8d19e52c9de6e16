/* SPDX-License-Identifier: Apache-2.0
 * Distinguished names: equality, subtrees, patterns, text; and which identities a certificate
 * holds. Names are walked attribute by attribute on the cursor, at most 32 of them, so the work is
 * bounded for whatever a peer sends. Any thread. RFC 5280 7.1, RFC 4514, RFC 4945 3.1. */
#include "crypto/cert.h"

#define ATTRIBUTES_MAX 32

enum { UTF8 = 0x0c, PRINTABLE = 0x13, T61 = 0x14, IA5 = 0x16 };

/* One AttributeTypeAndValue; rdn: which set it stands in. */
typedef struct ava {
    nhtb_span oid, value;
    uint8_t tag;
    uint16_t rdn;
} ava;

/* Attributes in order; false: malformed or too many. */
static bool walk(nhtb_span name, ava v[ATTRIBUTES_MAX], size_t *n)
{
    nhi_rd w = nhi_der_open(name);
    nhi_rd r = nhi_der_open(nhi_der_get(&w, NHI_DER_SEQUENCE));
    uint16_t rdn = 0;
    *n = 0;
    while (nhi_rd_left(&r) != 0 && !r.bad) {
        nhi_rd set = nhi_der_open(nhi_der_get(&r, NHI_DER_SET));
        if (r.bad || nhi_rd_left(&set) == 0)
            return false;
        while (nhi_rd_left(&set) != 0 && !set.bad) {
            nhi_rd a = nhi_der_open(nhi_der_get(&set, NHI_DER_SEQUENCE));
            if (*n >= ATTRIBUTES_MAX)
                return false;
            ava *to = &v[(*n)++];
            to->oid = nhi_der_get(&a, NHI_DER_OID);
            to->rdn = rdn;
            if (!nhi_der_next(&a, &to->tag, &to->value, NULL) || !nhi_der_done(&a))
                return false;
        }
        if (set.bad)
            return false;
        rdn++;
    }
    return nhi_der_done(&w) && !r.bad;
}

bool nhi_dn_valid(nhtb_span name)
{
    ava v[ATTRIBUTES_MAX];
    size_t n;
    return walk(name, v, &n);
}

static bool text_tag(uint8_t tag)
{
    return tag == UTF8 || tag == PRINTABLE || tag == IA5 || tag == T61;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* Next character of a value with blanks folded to one and dropped at both ends; -1: the end. */
static int fold_next(nhtb_span s, size_t *at)
{
    size_t i = *at;
    while (i < s.n && s.p[i] == ' ')
        i++;
    bool gap = i != *at && *at != 0;
    if (i >= s.n) {
        *at = i;
        return -1;
    }
    if (gap) {
        *at = i;
        return ' ';
    }
    *at = i + 1;
    return lower(s.p[i]);
}

/* Case alone: what both vendors do where they chain names. */
static bool case_equal(nhtb_span a, nhtb_span b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    }
    return true;
}

static bool fold_equal(nhtb_span a, nhtb_span b)
{
    size_t i = 0, k = 0;
    for (;;) {
        int x = fold_next(a, &i), y = fold_next(b, &k);
        if (x != y)
            return false;
        if (x < 0)
            return true;
    }
}

static bool ava_equal(const ava *a, const ava *b)
{
    if (!nhi_der_equal(a->oid, b->oid))
        return false;
    if (text_tag(a->tag) && text_tag(b->tag))
        return fold_equal(a->value, b->value);
    return a->tag == b->tag && nhi_der_equal(a->value, b->value);
}

static bool prefix_equal(nhtb_span base, nhtb_span name, bool whole)
{
    ava a[ATTRIBUTES_MAX], b[ATTRIBUTES_MAX];
    size_t n, m;
    if (!walk(base, a, &n) || !walk(name, b, &m) || n > m || (whole && n != m))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (a[i].rdn != b[i].rdn || !ava_equal(&a[i], &b[i]))
            return false;
    }
    return n == m || n == 0 || b[n].rdn != a[n - 1].rdn; /* no part of a set */
}

bool nhi_dn_equal(nhtb_span a, nhtb_span b)
{
    return prefix_equal(a, b, true);
}

bool nhi_dn_chains(nhtb_span issuer, nhtb_span subject)
{
    ava a[ATTRIBUTES_MAX], b[ATTRIBUTES_MAX];
    size_t n, m;
    if (!walk(issuer, a, &n) || !walk(subject, b, &m) || n != m)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool text = text_tag(a[i].tag) && text_tag(b[i].tag);
        if (a[i].rdn != b[i].rdn || !nhi_der_equal(a[i].oid, b[i].oid) ||
            (text ? !case_equal(a[i].value, b[i].value) : !ava_equal(&a[i], &b[i])))
            return false;
    }
    return true;
}

bool nhi_dn_within(nhtb_span base, nhtb_span name)
{
    return prefix_equal(base, name, false);
}

static bool pattern_fits(const ava *p, const ava *v)
{
    bool star = text_tag(p->tag) && p->value.n == 1 && p->value.p[0] == '*';
    return star ? nhi_der_equal(p->oid, v->oid) : ava_equal(p, v);
}

bool nhi_dn_match(nhi_dn_how how, nhtb_span pattern, nhtb_span name)
{
    ava p[ATTRIBUTES_MAX], v[ATTRIBUTES_MAX];
    bool used[ATTRIBUTES_MAX] = {false};
    size_t n, m, from = 0;
    if (!walk(pattern, p, &n) || !walk(name, v, &m) || n == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        size_t k = how == NHI_DN_CONTAINER ? from : 0;
        while (k < m && (used[k] || !pattern_fits(&p[i], &v[k])))
            k++;
        if (k == m)
            return false;
        used[k] = true;
        from = k + 1;
    }
    return true;
}

/* ---- text ---- */

static const struct word {
    const char *text;
    uint8_t n, oid[10], tag;
} attribute_words[] = {
    {"C", 3, {0x55, 0x04, 0x06}, PRINTABLE},
    {"ST", 3, {0x55, 0x04, 0x08}, UTF8},
    {"L", 3, {0x55, 0x04, 0x07}, UTF8},
    {"O", 3, {0x55, 0x04, 0x0a}, UTF8},
    {"OU", 3, {0x55, 0x04, 0x0b}, UTF8},
    {"CN", 3, {0x55, 0x04, 0x03}, UTF8},
    {"SN", 3, {0x55, 0x04, 0x04}, UTF8},
    {"serialNumber", 3, {0x55, 0x04, 0x05}, PRINTABLE},
    {"DC", 10, {0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19}, IA5},
    {"UID", 10, {0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01}, UTF8},
    {"E", 9, {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01}, IA5},
};

static const struct word *word_of(const char *p, size_t n)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(attribute_words); i++) {
        const char *t = attribute_words[i].text;
        if (nhi_strlen(t) == n && memcmp(t, p, n) == 0)
            return &attribute_words[i];
    }
    return NULL;
}

/* One "CN=value" up to a comma or the end, into value without backslashes. */
static bool piece(const char **at, const char *end, const struct word **w, uint8_t *value,
                  size_t *n)
{
    const char *p = *at, *eq = p;
    while (eq < end && *eq != '=')
        eq++;
    *w = word_of(p, (size_t)(eq - p));
    if (eq == end || *w == NULL)
        return false;
    *n = 0;
    for (p = eq + 1; p < end && *p != ','; p++) {
        if (*p == '\\' && ++p == end)
            return false;
        if (*n >= 127 || (unsigned char)*p < ' ')
            return false;
        value[(*n)++] = (uint8_t)*p;
    }
    *at = p;
    return *n != 0;
}

static void ava_write(nhi_wr *w, const struct word *word, const uint8_t *value, size_t n)
{
    unsigned inner = 2u + word->n + 2u + (unsigned)n;
    bool longer = inner + 2 >= 0x80, far = inner >= 0x80;
    nhi_wr_u8(w, NHI_DER_SET);
    if (longer)
        nhi_wr_u8(w, 0x81);
    nhi_wr_u8(w, inner + (far ? 3 : 2));
    nhi_wr_u8(w, NHI_DER_SEQUENCE);
    if (far)
        nhi_wr_u8(w, 0x81);
    nhi_wr_u8(w, inner);
    nhi_wr_u8(w, NHI_DER_OID);
    nhi_wr_u8(w, word->n);
    nhi_wr_bytes(w, word->oid, word->n);
    nhi_wr_u8(w, word->tag);
    nhi_wr_u8(w, (unsigned)n);
    nhi_wr_bytes(w, value, n);
}

int nhi_dn_parse(const char *text, size_t len, uint8_t *out, size_t *n)
{
    const char *at = text, *end = text + len;
    uint8_t value[128];
    size_t value_n, count = 0;
    const struct word *word;
    nhi_wr w;
    if (*n < 4)
        return NHTB_ERR_SHORT;
    nhi_wr_init(&w, out + 4, *n - 4); /* room for the outer header */
    for (;;) {
        while (at < end && *at == ' ')
            at++;
        if (++count > ATTRIBUTES_MAX || !piece(&at, end, &word, value, &value_n))
            return NHTB_ERR_ARG;
        ava_write(&w, word, value, value_n);
        if (at == end)
            break;
        at++; /* the comma */
    }
    if (w.bad || w.n > 0xffff)
        return NHTB_ERR_SHORT;
    uint8_t head[4] = {NHI_DER_SEQUENCE, 0x82, (uint8_t)(w.n >> 8), (uint8_t)w.n};
    size_t head_n = w.n >= 0x100 ? 4 : w.n >= 0x80 ? 3 : 2;
    if (head_n < 4) {
        head[1] = head_n == 3 ? 0x81 : (uint8_t)w.n;
        head[2] = (uint8_t)w.n;
    }
    memcpy(out, head, head_n);
    memmove(out + head_n, out + 4, w.n);
    *n = head_n + w.n;
    return 0;
}

static void oid_format(nhi_fmt *f, nhtb_span oid)
{
    uint64_t v = 0;
    bool first = true;
    for (size_t i = 0; i < oid.n; i++) {
        v = v << 7 | (oid.p[i] & 0x7f);
        if (oid.p[i] & 0x80)
            continue;
        if (first) {
            nhi_fmt_u64(f, v < 80 ? v / 40 : 2);
            nhi_fmt_str(f, ".");
            v = v < 80 ? v % 40 : v - 80;
        }
        first = false;
        nhi_fmt_u64(f, v);
        if (i + 1 < oid.n)
            nhi_fmt_str(f, ".");
        v = 0;
    }
}

static void type_format(nhi_fmt *f, nhtb_span oid)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(attribute_words); i++) {
        const struct word *w = &attribute_words[i];
        if (oid.n == w->n && memcmp(oid.p, w->oid, oid.n) == 0) {
            nhi_fmt_str(f, w->text);
            return;
        }
    }
    oid_format(f, oid);
}

void nhi_dn_format(nhi_fmt *f, nhtb_span name)
{
    ava v[ATTRIBUTES_MAX];
    size_t n;
    if (!walk(name, v, &n)) {
        nhi_fmt_str(f, "?");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (i != 0)
            nhi_fmt_str(f, v[i].rdn == v[i - 1].rdn ? " + " : ", ");
        type_format(f, v[i].oid);
        nhi_fmt_str(f, "=");
        for (size_t k = 0; k < v[i].value.n; k++) {
            if (v[i].value.p[k] == ',' || v[i].value.p[k] == '\\')
                nhi_fmt_str(f, "\\");
            if (v[i].value.p[k] == '\\')
                nhi_fmt_str(f, "\\");
            else
                nhi_fmt_bytes(f, v[i].value.p + k, 1);
        }
    }
}
