/* SPDX-License-Identifier: Apache-2.0
 * See fuzz.h. */
#include "fuzz/fuzz.h"

void fuzz_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, cond);
    abort();
}

uint8_t fuzz_u8(fuzz_in *in)
{
    if (in->n == 0)
        return 0;
    in->n--;
    return *in->p++;
}

uint16_t fuzz_u16(fuzz_in *in)
{
    unsigned hi = fuzz_u8(in);
    return (uint16_t)(hi << 8 | fuzz_u8(in));
}

uint32_t fuzz_u32(fuzz_in *in)
{
    uint32_t hi = fuzz_u16(in);
    return hi << 16 | fuzz_u16(in);
}

unsigned fuzz_below(fuzz_in *in, unsigned below)
{
    return fuzz_u8(in) % below;
}

nhtb_span fuzz_take(fuzz_in *in, size_t n)
{
    nhtb_span s = {in->p, n < in->n ? n : in->n};
    in->p += s.n;
    in->n -= s.n;
    return s;
}

nhtb_span fuzz_rest(fuzz_in *in)
{
    return fuzz_take(in, in->n);
}

void fuzz_bytes(fuzz_in *in, void *dst, size_t n)
{
    nhtb_span s = fuzz_take(in, n);
    memset(dst, 0, n);
    if (s.n)
        memcpy(dst, s.p, s.n);
}

uint8_t *fuzz_dup(const void *p, size_t n)
{
    uint8_t *d = malloc(n);
    if (!d && n)
        abort();
    if (n)
        memcpy(d, p, n);
    return d;
}

/* ---- host ---- */

#define LEAD 64 /* before each block: its size */

static size_t room(size_t n, size_t align)
{
    size_t a = align > LEAD ? align : LEAD;
    return a + (n + a - 1) / a * a;
}

static void *host_alloc(void *user, size_t n, size_t align)
{
    fuzz_host *h = user;
    size_t lead = align > LEAD ? align : LEAD;
    if (++h->calls == h->fail_at)
        return NULL;
    fuzz_check(n > 0 && align > 0 && (align & (align - 1)) == 0);
    uint8_t *raw = aligned_alloc(lead, room(n, align));
    if (!raw)
        abort();
    memset(raw + lead, 0xa5, n);
    memcpy(raw + lead - sizeof n, &n, sizeof n);
    memcpy(raw + lead - 2 * sizeof n, &lead, sizeof lead);
    h->blocks++;
    h->bytes += n;
    return raw + lead;
}

static void host_free(void *user, void *p, size_t n)
{
    fuzz_host *h = user;
    size_t was, lead;
    if (!p)
        return;
    memcpy(&was, (uint8_t *)p - sizeof was, sizeof was);
    memcpy(&lead, (uint8_t *)p - 2 * sizeof was, sizeof lead);
    fuzz_check(was == n);
    h->blocks--;
    h->bytes -= n;
    free((uint8_t *)p - lead);
}

static int host_random(void *user, uint8_t *dst, size_t n)
{
    fuzz_host *h = user;
    for (size_t i = 0; i < n; i++) {
        h->rng = h->rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        dst[i] = (uint8_t)(h->rng >> 56);
    }
    return 0;
}

nhtb_host fuzz_host_hooks(fuzz_host *h)
{
    return (nhtb_host){.size = sizeof(nhtb_host),
                       .user = h,
                       .alloc = host_alloc,
                       .free = host_free,
                       .random = host_random};
}

nhi_mem fuzz_host_mem(fuzz_host *h)
{
    nhi_mem m;
    memset(&m, 0, sizeof m);
    m.host = fuzz_host_hooks(h);
    return m;
}
