/* SPDX-License-Identifier: Apache-2.0
 * Log records to the host's hook, and the two string helpers the core needs. Called by every control
 * room; nhi_log on the control thread only, the helpers on any. */
#include "base/base.h"

void nhi_log(const nhi_mem *m, nhtb_log_level level, const char *room, const char *text,
             nhtb_peer_id peer, const char *peer_name, uint64_t spi_i, uint64_t spi_r)
{
    if (!m->host.log) {
        return;
    }
    const nhtb_log rec = {.size = sizeof rec,
                          .level = (uint8_t)level,
                          .room = room,
                          .text = text,
                          .peer = peer,
                          .peer_name = peer_name,
                          .spi_i = spi_i,
                          .spi_r = spi_r};
    m->host.log(m->host.user, &rec);
}

size_t nhi_strlen(const char *s)
{
    const volatile char *p = s; /* or the compiler turns the loop into a call of strlen */
    size_t n = 0;
    while (p[n] != '\0') {
        n++;
    }
    return n;
}

bool nhi_strcpy(char *dst, size_t cap, const char *s)
{
    size_t n = nhi_strlen(s);
    if (cap == 0) {
        return false;
    }
    size_t k = n < cap ? n : cap - 1;
    memcpy(dst, s, k);
    dst[k] = '\0';
    return k == n;
}
