/* SPDX-License-Identifier: Apache-2.0
 * NAT detection with the negotiated hash, and the float to port 4500. RFC 3947 3.2, 4;
 * draft-ietf-ipsec-nat-t-ike-02, -03 (other payload numbers). Control thread. */
#include "ike/v1/v1.h"

static uint8_t payload(const nhi_ike_sa *sa)
{
    return sa->v1->natt == NHI_V1_NATT_RFC ? NHI_V1_NAT_D : NHI_V1_NAT_D_DRAFT;
}

/** hash(CKY-I | CKY-R | address | port); *n: its length. */
static int natd_hash(const nhi_ike_sa *sa, const nhtb_addr *a, uint16_t port, uint8_t out[64],
                     size_t *n)
{
    uint8_t buf[8 + 8 + 16 + 2];
    uint16_t hash = (uint16_t)nhi_prf_hash(sa->suite.prf);
    size_t len = nhi_addr_len(a);
    nhi_put64(buf, sa->spi_i);
    nhi_put64(buf + 8, sa->spi_r);
    memcpy(buf + 16, a->b, len);
    nhi_put16(buf + 16 + len, port);
    nhtb_span s = {buf, 18 + len};
    *n = nhi_hash_len(hash);
    return nhi_hash(sa->ike->env.crypto, hash, &s, 1, out);
}

/** The peer's address as we see it, then ours; a random one when encapsulation is forced. */
void nhi_v1_natd_build(nhi_ike_sa *sa, nhi_ike_builder *b)
{
    uint8_t h[64];
    size_t n;
    if (sa->v1->natt == NHI_V1_NATT_NONE)
        return;
    int err = natd_hash(sa, &sa->path.remote, sa->path.remote_port, h, &n);
    if (!err)
        nhi_ike_build_payload(b, payload(sa), (nhtb_span){h, n});
    if (!err)
        err = sa->force_encap ? nhi_mem_random(sa->ike->mem, h, n)
                              : natd_hash(sa, &sa->path.local, sa->path.local_port, h, &n);
    if (err)
        b->w.bad = true; /* without it the peer would see no NAT where one is */
    else
        nhi_ike_build_payload(b, payload(sa), (nhtb_span){h, n});
}

int nhi_v1_natd_read(nhi_ike_sa *sa, const nhi_v1_msg *m, const nhtb_path *path)
{
    uint8_t own[64], peer[64];
    size_t n;
    const nhi_v1_pl *p = nhi_v1_msg_get(m, payload(sa), 0);
    if (sa->v1->natt == NHI_V1_NATT_NONE || !p || nhi_v1_msg_count(m, payload(sa)) < 2) {
        sa->encap = false; /* no way to agree on encapsulation */
        return 0;
    }
    int err = natd_hash(sa, &path->local, path->local_port, own, &n);
    if (!err)
        err = natd_hash(sa, &path->remote, path->remote_port, peer, &n);
    if (err)
        return err;
    sa->nat_local = p->body.n != n || memcmp(p->body.p, own, n) != 0;
    sa->nat_remote = true;
    for (size_t k = 1; (p = nhi_v1_msg_get(m, payload(sa), k)); k++)
        if (p->body.n == n && !memcmp(p->body.p, peer, n))
            sa->nat_remote = false;
    sa->encap = sa->nat_local || sa->nat_remote || sa->force_encap;
    return 0;
}

void nhi_v1_natd_float(nhi_ike_sa *sa)
{
    if (!sa->encap || sa->kind != NHTB_PKT_IKE_500)
        return;
    sa->kind = NHTB_PKT_UDP_4500;
    sa->path.local_port = sa->path.remote_port = 4500;
}
