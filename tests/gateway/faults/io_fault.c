/* SPDX-License-Identifier: Apache-2.0
 * Loaded before libc by iofault.sh: lets system calls of the gateway's data plane fail. The file named
 * by NHTB_IO_FAULT holds, in native order, three 32-bit numbers: which call (a bit of CALLS), the
 * error, and how often; the script writes it while the gateway runs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { RECVMMSG = 1, SENDMMSG = 2, READV = 4, WRITEV = 8, SENDMSG = 16 };

typedef struct order {
    _Atomic uint32_t calls, err;
    _Atomic int32_t left;
} order;

static order *orders(void)
{
    static _Atomic(order *) mapped;
    order *o = atomic_load(&mapped);
    const char *path = getenv("NHTB_IO_FAULT");
    if (o != NULL || path == NULL)
        return o;
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    void *p =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *o, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (p == MAP_FAILED)
        return NULL;
    atomic_store(&mapped, p);
    return p;
}

static int fails(uint32_t call)
{
    order *o = orders();
    if (o == NULL || (atomic_load(&o->calls) & call) == 0 || atomic_load(&o->left) <= 0)
        return 0;
    if (atomic_fetch_sub(&o->left, 1) <= 0)
        return 0;
    errno = (int)atomic_load(&o->err);
    return 1;
}

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

int recvmmsg(int fd, struct mmsghdr *v, unsigned n, int flags, struct timespec *t)
{
    int (*f)(int, struct mmsghdr *, unsigned, int, struct timespec *) = real("recvmmsg");
    return fails(RECVMMSG) ? -1 : f(fd, v, n, flags, t);
}

int sendmmsg(int fd, struct mmsghdr *v, unsigned n, int flags)
{
    int (*f)(int, struct mmsghdr *, unsigned, int) = real("sendmmsg");
    return fails(SENDMMSG) ? -1 : f(fd, v, n, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    ssize_t (*f)(int, const struct msghdr *, int) = real("sendmsg");
    return fails(SENDMSG) ? -1 : f(fd, m, flags);
}

ssize_t readv(int fd, const struct iovec *v, int n)
{
    ssize_t (*f)(int, const struct iovec *, int) = real("readv");
    return fails(READV) ? -1 : f(fd, v, n);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
    ssize_t (*f)(int, const struct iovec *, int) = real("writev");
    return fails(WRITEV) ? -1 : f(fd, v, n);
}
