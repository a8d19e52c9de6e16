/* SPDX-License-Identifier: Apache-2.0
 * NAT detection notifies: SHA-1 over SPIs, address and port. RFC 7296 2.23. Pure; called by
 * ike/v2/init_*. */
#include "ike/parts.h"

int nhi_natd_hash(const nhtb_crypto *c, uint64_t spi_i, uint64_t spi_r, const nhtb_addr *a,
                  uint16_t port, uint8_t out[20])
{
    uint8_t buf[8 + 8 + 16 + 2];
    size_t n = nhi_addr_len(a);
    nhi_put64(buf, spi_i);
    nhi_put64(buf + 8, spi_r);
    memcpy(buf + 16, a->b, n);
    nhi_put16(buf + 16 + n, port);
    nhtb_span s = {buf, 18 + n};
    return nhi_hash(c, NHTB_HASH_SHA1, &s, 1, out);
}

int nhi_natd_check(const nhtb_crypto *c, const nhi_ike_msg *m, uint64_t spi_i, uint64_t spi_r,
                   const nhtb_path *path, nhi_natd *out)
{
    uint8_t src[20], dst[20];
    bool seen_src = false, seen_dst = false;
    int err = nhi_natd_hash(c, spi_i, spi_r, &path->remote, path->remote_port, src);
    if (!err) {
        err = nhi_natd_hash(c, spi_i, spi_r, &path->local, path->local_port, dst);
    }
    if (err) {
        return err;
    }
    *out = (nhi_natd){.nat_local = true, .nat_remote = true};
    for (size_t k = 0; k < nhi_ike_msg_count(m, NHI_PL_NOTIFY); k++) {
        nhi_ike_notify n;
        if (!nhi_ike_notify_read(&n, nhi_ike_msg_get(m, NHI_PL_NOTIFY, k)->body) ||
            n.data.n != 20) {
            continue;
        }
        if (n.type == NHI_N_NAT_DETECTION_SOURCE_IP) {
            seen_src = true;
            out->nat_remote = out->nat_remote && memcmp(n.data.p, src, 20) != 0;
        } else if (n.type == NHI_N_NAT_DETECTION_DESTINATION_IP) {
            seen_dst = true;
            out->nat_local = out->nat_local && memcmp(n.data.p, dst, 20) != 0;
        }
    }
    out->present = seen_src && seen_dst;
    if (!out->present) {
        out->nat_local = out->nat_remote = false;
    }
    return NHTB_OK;
}
