/* SPDX-License-Identifier: Apache-2.0
 * Reads a secret from a file only its owner can read. Symbolic links are refused, so a key is
 * exactly the file that was named. Called by secret.c and ctl/derive.c. */
#define _GNU_SOURCE
#include "secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool check(int fd, const char *path, char *why, size_t n)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        snprintf(why, n, "%.160s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        snprintf(why, n, "%.160s: not a regular file", path);
    else if (st.st_uid != geteuid())
        snprintf(why, n, "%.160s: belongs to user %u, not to this program's user %u", path,
                 (unsigned)st.st_uid, (unsigned)geteuid());
    else if ((st.st_mode & 077) != 0)
        snprintf(why, n, "%.160s: mode %04o lets others read it; chmod 600", path,
                 (unsigned)(st.st_mode & 07777));
    else
        return true;
    return false;
}

long secret_file_read(const char *path, uint8_t *buf, size_t cap, char *why, size_t n)
{
    uint8_t more;
    const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        snprintf(why, n, "%.160s: %s", path,
                 errno == ELOOP ? "is a symbolic link" : strerror(errno));
        return -1;
    }
    long got = -1;
    if (check(fd, path, why, n)) {
        got = (long)read(fd, buf, cap);
        if (got < 0)
            snprintf(why, n, "%.160s: %s", path, strerror(errno));
        else if ((size_t)got == cap && read(fd, &more, 1) > 0)
            got = (long)cap + 1;
        more = 0;
    }
    close(fd);
    return got;
}
