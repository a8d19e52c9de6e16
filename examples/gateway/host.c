/* SPDX-License-Identifier: Apache-2.0
 * What the library asks of its host (memory, randomness, wall time, log) and what the process does
 * for its own safety: no core dumps, no new privileges, only the capabilities that reload needs. */
#define _GNU_SOURCE
#include "gateway.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void *host_alloc(void *user, size_t n, size_t align)
{
    void *p = NULL;
    (void)user;
    if (align < sizeof(void *))
        align = sizeof(void *);
    return posix_memalign(&p, align, n) == 0 ? p : NULL;
}

static void host_free(void *user, void *p, size_t n)
{
    (void)user;
    (void)n;
    free(p);
}

static int host_random(void *user, uint8_t *dst, size_t n)
{
    (void)user;
    while (n > 0) {
        const ssize_t r = getrandom(dst, n, 0);
        if (r < 0 && errno != EINTR)
            return -1;
        if (r > 0) {
            dst += r;
            n -= (size_t)r;
        }
    }
    return 0;
}

static uint64_t host_wall(void *user)
{
    (void)user;
    return (uint64_t)time(NULL);
}

static void host_log(void *user, const nhtb_log *rec)
{
    const gw *g = user;
    nhtb_log r = *rec;
    if (strcmp(rec->room, "engine") == 0)
        r.level = NHTB_LOG_DEBUG; /* the same news come as events, with their names */
    log_record(&g->log, &r);
}

static void host_keylog(void *user, const nhtb_keylog *rec)
{
    const gw *g = user;
    keylog_write(g->keylog, rec);
}

nhtb_host host_hooks(gw *g)
{
    return (nhtb_host){.size = sizeof(nhtb_host),
                       .user = g,
                       .alloc = host_alloc,
                       .free = host_free,
                       .random = host_random,
                       .wall_time = host_wall,
                       .log = host_log,
                       .keylog = g->keylog != NULL ? host_keylog : NULL};
}

nhtb_time gw_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (nhtb_time)ts.tv_sec * NHTB_NS_PER_S + (nhtb_time)ts.tv_nsec;
}

void host_harden(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none); /* a core file would hold keys */
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int host_drop_privileges(void)
{
    /* NET_ADMIN: devices and routes on reload. Files stay reachable to their owner. */
    const uint32_t keep = 1u << CAP_NET_ADMIN;
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct d[2];
    memset(d, 0, sizeof d);
    if (syscall(SYS_capget, &h, d) != 0)
        return -errno;
    d[0].permitted &= keep;
    d[0].effective = d[0].permitted;
    d[0].inheritable = 0;
    d[1].permitted = d[1].effective = d[1].inheritable = 0;
    return syscall(SYS_capset, &h, d) != 0 ? -errno : 0;
}
