/* SPDX-License-Identifier: Apache-2.0
 * Reader and writer cursors: any sequence of calls against a plain model. Input: calls; the bytes
 * that are read are the input itself. */
#include "base/cursor.h"
#include "fuzz/fuzz.h"

typedef struct model {
    size_t at;
    bool bad;
} model;

/* Value and effect of reading n bytes big-endian. */
static uint64_t expect(model *m, const uint8_t *p, size_t size, size_t n)
{
    uint64_t v = 0;
    if (m->bad || size - m->at < n) {
        m->bad = true;
        m->at = size;
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[m->at + i];
    m->at += n;
    return v;
}

static void read_step(nhi_rd *r, fuzz_in *in)
{
    uint8_t copy[300];
    size_t n = fuzz_u8(in), left = nhi_rd_left(r);
    bool fits = !r->bad && n <= left;
    switch (fuzz_below(in, 4)) {
    case 0: {
        nhtb_span s = nhi_rd_span(r, n);
        fuzz_check(fits ? s.n == n : s.p == NULL && s.n == 0);
        break;
    }
    case 1: {
        nhi_rd sub = nhi_rd_sub(r, n);
        fuzz_check(sub.bad == !fits && nhi_rd_left(&sub) == (fits ? n : 0));
        (void)nhi_rd_u64(&sub);
        fuzz_check(sub.bad == (!fits || n < 8));
        break;
    }
    case 2: {
        const uint8_t *from = r->p;
        memset(copy, 0xa5, sizeof copy);
        nhi_rd_bytes(r, copy, n);
        for (size_t i = 0; i < n; i++)
            fuzz_check(copy[i] == (fits ? from[i] : 0));
        fuzz_check(copy[n] == 0xa5);
        break;
    }
    default: nhi_rd_skip(r, n); break;
    }
    fuzz_check(r->bad == !fits || (r->bad && !fits));
    fuzz_check(nhi_rd_left(r) <= left);
}

static void read_all(const uint8_t *p, size_t n, fuzz_in in)
{
    nhi_rd r;
    nhi_rd_init(&r, p, n);
    model m = {0, false};
    while (in.n > 0) {
        uint64_t got = 0, want;
        unsigned op = fuzz_below(&in, 6);
        if (op >= 4) {
            read_step(&r, &in);
            m = (model){r.bad ? n : n - nhi_rd_left(&r), r.bad};
            continue;
        }
        want = expect(&m, p, n, (size_t)1 << op);
        switch (op) {
        case 0: got = nhi_rd_u8(&r); break;
        case 1: got = nhi_rd_u16(&r); break;
        case 2: got = nhi_rd_u32(&r); break;
        default: got = nhi_rd_u64(&r); break;
        }
        fuzz_check(got == want && r.bad == m.bad);
        fuzz_check(m.bad || nhi_rd_left(&r) == n - m.at);
    }
    nhtb_span rest = nhi_rd_rest(&r);
    fuzz_check(rest.n <= n && nhi_rd_left(&r) == 0);
}

static void put(uint8_t *v, size_t *n, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        v[(*n)++] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

/* One write: what the model gets; false when it is not a write of fixed size. */
static size_t write_step(nhi_wr *w, fuzz_in *in, uint8_t *v, size_t *n)
{
    unsigned op = fuzz_below(in, 7);
    uint64_t x = (uint64_t)fuzz_u32(in) << 32 | *n;
    nhtb_span s = {0};
    size_t before = *n;
    switch (op) {
    case 0:
        put(v, n, (uint8_t)(x >> 40), 1);
        nhi_wr_u8(w, (uint8_t)(x >> 40));
        break;
    case 1:
        put(v, n, (uint16_t)(x >> 32), 2);
        nhi_wr_u16(w, (uint16_t)(x >> 32));
        break;
    case 2:
        put(v, n, (uint32_t)x, 4);
        nhi_wr_u32(w, (uint32_t)x);
        break;
    case 3:
        put(v, n, x, 8);
        nhi_wr_u64(w, x);
        break;
    case 4:
        s = fuzz_take(in, x >> 56);
        memcpy(v + *n, s.p, s.n);
        *n += s.n;
        nhi_wr_span(w, s);
        break;
    case 5:
        memset(v + *n, 0, x >> 57);
        *n += x >> 57;
        nhi_wr_zero(w, x >> 57);
        break;
    default: {
        memset(v + *n, 0, x >> 58);
        *n += x >> 58;
        const uint8_t *at = nhi_wr_take(w, x >> 58);
        fuzz_check(w->bad ? at == NULL : at == w->p + w->n - (x >> 58));
        break;
    }
    }
    return *n - before;
}

static void write_all(size_t cap, fuzz_in in)
{
    static uint8_t v[4096];
    uint8_t *mem = malloc(cap);
    size_t n = 0;
    nhi_wr w;
    nhi_wr_init(&w, mem, cap);
    while (in.n > 0 && !w.bad) {
        size_t before = n;
        write_step(&w, &in, v, &n);
        fuzz_check(w.bad == (n > cap));
        fuzz_check(w.bad ? w.n <= cap : w.n == n);
        if (w.bad)
            n = before;
        fuzz_check(n == 0 || memcmp(mem, v, n) == 0);
    }
    size_t at = fuzz_u8(&in);
    bool was = w.bad;
    nhi_wr_patch16(&w, at, 0xbeef);
    fuzz_check(was || w.bad == (at + 2 > n));
    fuzz_check(w.bad || (mem[at] == 0xbe && mem[at + 1] == 0xef));
    free(mem);
}

int fuzz_cursor_ops(const uint8_t *p, size_t n)
{
    fuzz_in in = {p, n};
    if (n > 1000)
        return 0;
    bool reader = fuzz_below(&in, 2) == 0;
    size_t size = fuzz_u8(&in);
    if (!reader) {
        write_all(size, in);
        return 0;
    }
    nhtb_span s = fuzz_take(&in, size);
    uint8_t *q = fuzz_dup(s.p, s.n);
    read_all(q, s.n, in);
    free(q);
    return 0;
}
