/* SPDX-License-Identifier: Apache-2.0
 * Longest prefix match: batches of changes, aborts, look-ups and failing allocations against a
 * linear scan. Input: operations. */
#include "fib/lpm.h"
#include "fuzz/fuzz.h"

enum { MOST = 48 };

typedef struct route {
    uint8_t addr[16];
    unsigned len;
    uint32_t value;
} route;
typedef struct table {
    route v[MOST];
    size_t n, room;
} table;

static bool covers(const route *r, const uint8_t *a)
{
    unsigned whole = r->len / 8, rest = r->len % 8;
    if (memcmp(r->addr, a, whole) != 0)
        return false;
    return rest == 0 || (r->addr[whole] ^ a[whole]) >> (8 - rest) == 0;
}

static route *find(table *t, const uint8_t *addr, unsigned len)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->v[i].len == len && memcmp(t->v[i].addr, addr, 16) == 0)
            return &t->v[i];
    return NULL;
}

static uint32_t scan(const table *t, const uint8_t *a)
{
    const route *best = NULL;
    for (size_t i = 0; i < t->n; i++)
        if (covers(&t->v[i], a) && (!best || t->v[i].len > best->len))
            best = &t->v[i];
    return best ? best->value : 0;
}

/* Addresses of few values, so that prefixes nest. */
static void address(fuzz_in *in, uint8_t a[16], unsigned bits)
{
    unsigned x = fuzz_u8(in), y = fuzz_u8(in);
    memset(a, 0, 16);
    a[0] = (uint8_t)(x & 0xc0 ? 10 : x);
    a[(x & 15) * (bits / 32) / 4 % (bits / 8)] |= (uint8_t)y;
    a[bits / 8 - 1] |= (uint8_t)(y & 7);
    if (x & 32)
        memset(a, y & 1 ? 0xff : 0, bits / 8);
}

static void set(nhi_lpm *l, table *t, fuzz_in *in, unsigned bits)
{
    uint8_t a[16];
    address(in, a, bits);
    unsigned len = fuzz_u8(in) % (bits + 1);
    uint32_t value = fuzz_u8(in) & 7; /* one in eight removes */
    for (unsigned i = len; i < bits; i++)
        a[i / 8] = (uint8_t)(a[i / 8] & ~(0x80 >> i % 8));
    route *r = find(t, a, len);
    fuzz_check(nhi_lpm_exact(l, a, len) == (r ? r->value : 0));
    if (!r && t->n == MOST && t->room > MOST)
        return;
    int err = nhi_lpm_set(l, a, len, value);
    if (err == NHTB_ERR_MEMORY)
        return;
    if (value == 0) {
        fuzz_check(err == (r ? 0 : NHTB_ERR_NOT_FOUND));
        if (r)
            *r = t->v[--t->n];
        return;
    }
    fuzz_check(err == (r || t->n < MOST ? 0 : NHTB_ERR_LIMIT));
    if (err != 0)
        return;
    if (!r) {
        r = &t->v[t->n++];
        memcpy(r->addr, a, 16);
        r->len = len;
    }
    r->value = value;
    fuzz_check(nhi_lpm_exact(l, a, len) == value);
}

static void look(const nhi_lpm *l, const table *t, fuzz_in *in, unsigned bits)
{
    uint8_t a[4][16];
    const uint8_t *v[4] = {a[0], a[1], a[2], a[3]};
    uint32_t got[4];
    for (int i = 0; i < 4; i++)
        address(in, a[i], bits);
    nhi_lpm_get_bulk(l, v, got, 4);
    for (int i = 0; i < 4; i++)
        fuzz_check(got[i] == scan(t, a[i]) && got[i] == nhi_lpm_get(l, a[i]));
}

static void walk(const nhi_lpm *l, table *t)
{
    uint8_t a[16] = {0}, before[16] = {0};
    unsigned len = 0xff, len_before = 0;
    uint32_t value;
    size_t n = 0;
    while (nhi_lpm_next(l, a, &len, &value)) {
        const route *r = find(t, a, len);
        fuzz_check(r && r->value == value);
        int order = memcmp(before, a, 16);
        fuzz_check(n == 0 || order < 0 || (order == 0 && len_before < len));
        memcpy(before, a, 16);
        len_before = len;
        n++;
    }
    fuzz_check(n == t->n && nhi_lpm_count(l) == n);
}

static void batch(nhi_lpm *l, nhi_qsbr *q, table *t, fuzz_in *in, unsigned bits)
{
    table next = *t;
    nhi_lpm_begin(l);
    for (unsigned n = 1 + fuzz_below(in, 8); n > 0; n--)
        set(l, &next, in, bits);
    look(l, t, in, bits); /* readers still see the old table */
    if (fuzz_below(in, 4) == 0) {
        nhi_lpm_abort(l);
    } else {
        nhi_lpm_publish(l);
        *t = next;
    }
    nhi_qsbr_poll(q);
}

int fuzz_lpm_ops(const uint8_t *p, size_t n)
{
    fuzz_in in = {p, n};
    fuzz_host h = {.rng = 1};
    nhi_mem mem = fuzz_host_mem(&h);
    static nhi_qsbr q;
    table t = {.n = 0};
    if (n > 2000)
        return 0;
    unsigned opt = fuzz_u8(&in), bits = opt & 1 ? 128 : 32;
    h.fail_at = opt & 2 ? 2 + fuzz_u8(&in) : 0;
    nhi_qsbr_init(&q);
    t.room = opt & 8 ? 65536 : MOST; /* with or without direct levels */
    nhi_lpm *l = nhi_lpm_new(&mem, &q, opt & 1 ? 6 : 4, t.room);
    while (l && in.n > 0) {
        batch(l, &q, &t, &in, bits);
        look(l, &t, &in, bits);
        fuzz_check(mem.bytes <= nhi_lpm_size(opt & 1 ? 6 : 4, t.room));
    }
    if (l)
        walk(l, &t);
    nhi_qsbr_drain(&q);
    nhi_lpm_del(l);
    fuzz_check(h.blocks == 0 && mem.bytes == 0);
    return 0;
}
