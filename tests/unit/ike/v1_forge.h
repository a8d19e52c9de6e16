/* SPDX-License-Identifier: Apache-2.0
 * Opens a phase 2 message between two IKE SAs of a test, lets it be rewritten, and protects it anew: a
 * peer that says whatever a test wants. Both SAs are at hand, so both sides' IV chains follow. */
#ifndef NHI_TEST_V1_FORGE_H
#define NHI_TEST_V1_FORGE_H

#include <string.h>

#include "ike/v1/v1.h"

/** Writes what follows HASH. */
typedef void (*v1_edit)(void *user, const nhi_v1_msg *m, nhi_ike_builder *b);

static inline void v1_copy(const nhi_v1_msg *m, size_t k, nhi_ike_builder *b)
{
    nhi_ike_build_payload(b, m->pl[k].type, m->pl[k].body);
}

/** All behind HASH as it is. */
static inline void v1_copy_all(void *user, const nhi_v1_msg *m, nhi_ike_builder *b)
{
    (void)user;
    for (size_t k = 1; k < m->n; k++)
        v1_copy(m, k, b);
}

/** The IV the receiver will decrypt with. */
static inline bool v1_iv(nhi_ike_sa *to, uint32_t mid, uint8_t *iv)
{
    const nhi_v1_x *x = nhi_v1_x_find(to, mid);
    if (x) {
        memcpy(iv, x->iv, 16);
        return true;
    }
    return !nhi_v1_iv_phase2(to->ike->env.crypto, to->suite.prf, to->v1->iv, mid,
                             to->v1->cipher.block, iv);
}

static inline int v1_hash(nhi_ike_sa *from, nhi_ike_sa *to, const nhi_ike_hdr *h, nhtb_span rest,
                          nhi_secret *out)
{
    const nhtb_crypto *c = from->ike->env.crypto;
    const nhi_v1_x *xf = nhi_v1_x_find(from, h->msg_id), *xt = nhi_v1_x_find(to, h->msg_id);
    const nhi_secret *a = &from->v1->keys.a;
    uint16_t prf = from->suite.prf;
    if (h->exchange == NHI_V1_EX_QUICK && xf && !xf->initiator)
        return nhi_v1_hash2(c, prf, a, h->msg_id, nhi_ike_nego_ni(&xf->nego), rest, out);
    if (h->exchange == NHI_V1_EX_QUICK && xt)
        return nhi_v1_hash3(c, prf, a, h->msg_id, nhi_ike_nego_ni(&xt->nego),
                            nhi_ike_nego_nr(&xt->nego), out);
    return nhi_v1_hash1(c, prf, a, h->msg_id, rest, out);
}

/** p, *n: the message with its header, cap: room. keep_hash: HASH stays as it was (and is wrong then
 *  when anything it covers changed). */
static inline bool v1_forge(nhi_ike_sa *from, nhi_ike_sa *to, uint8_t *p, size_t *n, size_t cap,
                            bool keep_hash, v1_edit edit, void *user)
{
    static uint8_t plain[4096], inner[4096 + 80];
    static nhi_v1_msg m;
    nhi_ike_hdr h;
    nhi_ike_builder b;
    nhi_secret hash;
    uint8_t iv[16], next[16];
    size_t len = 0;
    if (!nhi_ike_hdr_read(&h, p, *n) || !(h.flags & NHI_V1_F_ENCRYPT) || !v1_iv(to, h.msg_id, iv))
        return false;
    memcpy(next, iv, sizeof next);
    const nhtb_crypto *c = from->ike->env.crypto;
    if (nhi_v1_open(c, &from->v1->cipher, &from->v1->keys, next, (nhtb_span){p, *n}, plain, &len) ||
        nhi_v1_msg_parse(&m, h.next, plain, len, true) != NHI_CHAIN_OK || !m.n)
        return false;
    nhi_ike_build_inner(&b, inner + 80, sizeof inner - 80);
    edit(user, &m, &b);
    size_t rest = nhi_ike_build_finish(&b);
    if (keep_hash) {
        hash.n = (uint8_t)m.pl[0].body.n;
        memcpy(hash.b, m.pl[0].body.p, hash.n);
    } else if (v1_hash(from, to, &h, (nhtb_span){inner + 80, rest}, &hash)) {
        return false;
    }
    uint8_t *pl = inner + 80 - 4 - hash.n;
    pl[0] = rest ? b.first : 0;
    pl[1] = 0;
    nhi_put16(pl + 2, 4u + hash.n);
    memcpy(pl + 4, hash.b, hash.n);
    h.flags = 0;
    *n = cap;
    memcpy(next, iv, sizeof next);
    if (nhi_v1_seal(c, &from->v1->cipher, &from->v1->keys, next, &h, NHI_V1_HASH,
                    (nhtb_span){pl, 4 + hash.n + rest}, p, n))
        return false;
    nhi_v1_x *x = nhi_v1_x_find(from, h.msg_id);
    if (x)
        memcpy(x->iv, next, sizeof next);
    return true;
}

#endif
