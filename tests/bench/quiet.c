/* SPDX-License-Identifier: Apache-2.0
 * Allocations, locks and system calls per packet, counted in a run: each pipeline works in a child
 * process whose first system call ends it (a lock that waits is one), while the heap is watched. That
 * the cage holds is shown first, with a child that does call. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/world.h"

enum { LOUD = 3 };

/* From here on only exit_group is let through. */
static bool cage(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* seccomp_data.nr */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog prog = {sizeof code / sizeof code[0], code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

static void child(load *l)
{
    if (!cage())
        _exit(2);
    bool whole = true;
    if (l == NULL)
        (void)syscall(SYS_getppid);
    else
        whole = load_pass(l);
    bool heap = l != NULL && l->w->heap.hook_calls + l->w->heap.vendor_calls != 0;
    _exit(!whole || heap ? LOUD : 0);
}

/** 0: silent; 1: something was called or allocated; -1: cannot be measured. */
static int run_caged(load *l)
{
    int status;
    if (l != NULL)
        l->w->heap = (bench_heap){0};
    pid_t pid = fork();
    if (pid == 0)
        child(l);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (pid < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 2))
        return -1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

static int pipeline(const bench_case *c, bench_way way)
{
    uint32_t n = way == WAY_TRANSIT ? 2 : 1;
    world *w = world_new(c->vendor, c->alg, n, n);
    load *l = load_new(w, way, c->size);
    load_fill(l, "openssl");
    bench_heap before = w->heap;
    int result = run_caged(l);
    w->heap = before;
    load_del(l);
    world_del(w);
    return result;
}

void bench_quiet(bench *b, const bench_case *c)
{
    static const char *const names[] = {"out", "in", "transit"};
    bench_must(run_caged(NULL) == 1, "system calls are not seen: a count of 0 would mean nothing");
    for (bench_way way = WAY_OUT; way <= WAY_TRANSIT; way++) {
        int loud = pipeline(c, way);
        bench_must(loud >= 0, "cannot watch system calls");
        bench_count(b, c->name, names[way], "calls in 4,096 packets: any", loud);
    }
}
