/* SPDX-License-Identifier: Apache-2.0
 * Counts what is allocated: by the library through its hooks, and by anybody from libc (vendor
 * libraries keep their contexts there). With glibc the program's own malloc takes libc's place for
 * every shared library too; elsewhere, and in instrumented builds, only the hooks are counted. */
#include <malloc.h>
#include <stdlib.h>

#include "bench/bench.h"

static bench_heap nobody;
static bench_heap *account = &nobody;

bench_heap *bench_heap_use(bench_heap *next)
{
    bench_heap *before = account;
    account = next ? next : &nobody;
    return before;
}

#if defined(__GLIBC__) && defined(BENCH_OWN_MALLOC)
/* The project hides its symbols; these must be seen by the vendor libraries. */
#define SHARED __attribute__((visibility("default")))

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);
void __libc_free(void *p);

static void *counted(void *p)
{
    account->vendor_calls++;
    if (p)
        account->vendor_bytes += (int64_t)malloc_usable_size(p);
    return p;
}

SHARED void *malloc(size_t n)
{
    return counted(__libc_malloc(n));
}

SHARED void *calloc(size_t n, size_t size)
{
    return counted(__libc_calloc(n, size));
}

SHARED void *realloc(void *p, size_t n)
{
    if (p)
        account->vendor_bytes -= (int64_t)malloc_usable_size(p);
    return counted(__libc_realloc(p, n));
}

SHARED void *memalign(size_t align, size_t n)
{
    return counted(__libc_memalign(align, n));
}

SHARED void *aligned_alloc(size_t align, size_t n)
{
    return counted(__libc_memalign(align, n));
}

SHARED int posix_memalign(void **out, size_t align, size_t n)
{
    *out = counted(__libc_memalign(align, n));
    return *out ? 0 : 12; /* ENOMEM */
}

SHARED void free(void *p)
{
    if (p)
        account->vendor_bytes -= (int64_t)malloc_usable_size(p);
    __libc_free(p);
}

bool bench_heap_sees_vendor(void)
{
    return true;
}

/* The hooks count for themselves. */
static void *plain_alloc(size_t align, size_t n)
{
    return __libc_memalign(align, n);
}

static void plain_free(void *p)
{
    __libc_free(p);
}
#else
bool bench_heap_sees_vendor(void)
{
    return false;
}

static void *plain_alloc(size_t align, size_t n)
{
    return aligned_alloc(align, n);
}

static void plain_free(void *p)
{
    free(p);
}
#endif

static void *host_alloc(void *user, size_t n, size_t align)
{
    (void)user;
    account->hook_calls++;
    account->hook_bytes += (int64_t)n;
    return plain_alloc(align, (n + align - 1) / align * align);
}

static void host_free(void *user, void *p, size_t n)
{
    (void)user;
    if (p)
        account->hook_bytes -= (int64_t)n;
    plain_free(p);
}

/* The same keys and SPIs each run. Everything stays in this process. */
static int host_random(void *user, uint8_t *dst, size_t n)
{
    static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    (void)user;
    for (size_t i = 0; i < n; i++)
        dst[i] = (uint8_t)(bench_random(&state) >> 32);
    return 0;
}

nhtb_host bench_host(void)
{
    return (nhtb_host){
        .size = sizeof(nhtb_host), .alloc = host_alloc, .free = host_free, .random = host_random};
}
