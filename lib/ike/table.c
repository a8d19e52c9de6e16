/* SPDX-License-Identifier: Apache-2.0
 * Finds the IKE SA of a message: by our own SPI, and for IKE_SA_INIT requests by the initiator's SPI
 * with its source and contents. Keeps count of the half-open ones. RFC 7296 2.6. Control thread. */
#include "ike/room.h"

typedef struct init_key {
    uint64_t spi_i;
    nhtb_addr addr;
    uint32_t port;
    uint64_t hash;
} init_key;

static init_key key_of(uint64_t spi_i, const nhtb_path *path, uint64_t hash)
{
    init_key k;
    memset(&k, 0, sizeof k);
    k.spi_i = spi_i;
    k.addr = path->remote;
    k.port = path->remote_port;
    k.hash = hash;
    return k;
}

uint64_t nhi_ike_table_own(const nhi_ike_sa *sa)
{
    return sa->initiator ? sa->spi_i : sa->spi_r;
}

int nhi_ike_table_add(nhi_ike_sa *sa)
{
    uint64_t own = nhi_ike_table_own(sa);
    return nhi_map_put(&sa->ike->by_spi, &own, sa);
}

void nhi_ike_table_del(nhi_ike_sa *sa)
{
    uint64_t own = nhi_ike_table_own(sa);
    if (own && nhi_map_get(&sa->ike->by_spi, &own) == sa)
        nhi_map_del(&sa->ike->by_spi, &own);
    nhi_ike_table_del_init(sa);
}

nhi_ike_sa *nhi_ike_table_find(nhi_ike *ike, const nhi_ike_hdr *h)
{
    bool initiator = !(h->flags & NHI_IKE_F_INITIATOR); /* our role */
    uint64_t own = initiator ? h->spi_i : h->spi_r;
    nhi_ike_sa *sa = own ? nhi_map_get(&ike->by_spi, &own) : NULL;
    if (!sa || sa->v1 || sa->initiator != initiator)
        return NULL;
    uint64_t other = initiator ? h->spi_r : h->spi_i;
    uint64_t known = initiator ? sa->spi_r : sa->spi_i;
    if (other == known)
        return sa;
    /* the answers to IKE_SA_INIT bring the responder's SPI */
    return initiator && sa->state == NHI_SA_INIT_SENT ? sa : NULL;
}

static uint64_t hash_of(const nhi_ike *ike, nhtb_span msg)
{
    return nhi_siphash(ike->by_init.seed, msg.p, msg.n);
}

nhi_ike_sa *nhi_ike_table_find_init(nhi_ike *ike, uint64_t spi_i, const nhtb_path *path,
                                    nhtb_span msg)
{
    init_key k = key_of(spi_i, path, hash_of(ike, msg));
    return nhi_map_get(&ike->by_init, &k);
}

int nhi_ike_table_add_init(nhi_ike_sa *sa)
{
    sa->init_path = sa->path;
    sa->init_hash = hash_of(sa->ike, nhi_ike_buf_msg(sa->init_peer));
    init_key k = key_of(sa->spi_i, &sa->init_path, sa->init_hash);
    int err = nhi_map_put(&sa->ike->by_init, &k, sa);
    sa->in_half = !err;
    if (sa->in_half) {
        sa->ike->half_open++;
        nhi_ike_dos_half(sa->ike, &sa->init_path, true);
    }
    return err;
}

void nhi_ike_table_del_init(nhi_ike_sa *sa)
{
    if (!sa->in_half)
        return;
    init_key k = key_of(sa->spi_i, &sa->init_path, sa->init_hash);
    if (nhi_map_get(&sa->ike->by_init, &k) == sa)
        nhi_map_del(&sa->ike->by_init, &k);
    sa->in_half = false;
    sa->ike->half_open--;
    nhi_ike_dos_half(sa->ike, &sa->init_path, false);
}
