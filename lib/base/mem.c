/* SPDX-License-Identifier: Apache-2.0
 * The host's allocator and random source behind counted, zeroing, overflow-checked wrappers, and
 * the counter of failed invariants. Called by every room of the control plane; control thread only,
 * except nhi_check_failed (any thread). */
#include "base/base.h"

#define ALIGN_DEFAULT 16

#if defined(NHTB_DEBUG_ASSERT)
#define stop_here() __builtin_trap()
#else
#define stop_here() ((void)0)
#endif

void *nhi_mem_alloc(nhi_mem *m, size_t n, size_t align)
{
    if (n == 0) {
        return NULL;
    }
    void *p = m->host.alloc(m->host.user, n, align < ALIGN_DEFAULT ? ALIGN_DEFAULT : align);
    if (!p) {
        m->failed++;
        return NULL;
    }
    memset(p, 0, n);
    m->bytes += n;
    return p;
}

void *nhi_mem_array(nhi_mem *m, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        m->failed++;
        return NULL;
    }
    return nhi_mem_alloc(m, count * size, ALIGN_DEFAULT);
}

void nhi_mem_free(nhi_mem *m, void *p, size_t n)
{
    if (!p) {
        return;
    }
    m->bytes -= n;
    m->host.free(m->host.user, p, n);
}

void nhi_mem_wipe_free(nhi_mem *m, void *p, size_t n)
{
    if (p) {
        nhi_wipe(p, n);
    }
    nhi_mem_free(m, p, n);
}

int nhi_mem_random(nhi_mem *m, void *dst, size_t n)
{
    if (n == 0) {
        return NHTB_OK;
    }
    if (m->host.random(m->host.user, dst, n) == 0) {
        return NHTB_OK;
    }
    nhi_wipe(dst, n); /* a partly filled buffer must not be taken for random */
    return NHTB_ERR_RANDOM;
}

void nhi_check_failed(nhi_mem *m, const char *cond, const char *file, int line)
{
    (void)cond;
    (void)file;
    (void)line;
    if (m) {
        nhi_a_add(&m->asserts_failed, 1);
    }
    stop_here();
}
