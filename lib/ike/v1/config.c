/* SPDX-License-Identifier: Apache-2.0
 * Is an entry one that IKEv1 can serve; its row for display. Called by ike/config.c, ike/show.c.
 * Control thread. */
#include "ike/v1/v1.h"

static bool span_ok(nhtb_span s, size_t most)
{
    return (s.n == 0 || s.p) && s.n <= most;
}

static bool users_ok(const nhtb_v1 *v)
{
    if (v->n_users > 4096 || (v->n_users && !v->users))
        return false;
    for (uint16_t i = 0; i < v->n_users; i++)
        if (!span_ok(v->users[i].name, 255) || !v->users[i].name.n ||
            !span_ok(v->users[i].password, 255) ||
            (v->users[i].address.family && v->users[i].address.family != 4))
            return false;
    return true;
}

static bool config_ok(const nhtb_v1 *v)
{
    nhtb_prefix pool = v->pool;
    bool pool_ok = !pool.addr.family ||
                   (pool.addr.family == 4 && pool.len >= 8 && nhi_prefix_normalize(&pool) &&
                    nhtb_addr_equal(&pool.addr, &v->pool.addr));
    bool split_ok = v->n_split <= 16 && (!v->n_split || v->split);
    for (uint16_t i = 0; split_ok && i < v->n_split; i++)
        split_ok = v->split[i].addr.family == 4 && v->split[i].len <= 32;
    return pool_ok && split_ok && v->config <= NHTB_V1_SERVER && span_ok(v->banner, 255) &&
           span_ok(v->domain, 255);
}

int nhi_v1_check(const nhtb_peer *p)
{
    const nhtb_v1 *v = p->v1;
    if (v->size != sizeof *v || v->mode > NHTB_V1_AGGRESSIVE ||
        v->announce_form > NHTB_V1_FORM_PREFIX || v->xauth > NHTB_V1_SERVER || !users_ok(v) ||
        !config_ok(v) || !span_ok(v->user, 255) || !span_ok(v->password, 255))
        return NHTB_ERR_ARG;
    if (v->reserved[0] || v->reserved[1])
        return NHTB_ERR_ARG;
    /* whoever shares a key has no place of his own and proves his name by XAuth */
    if (v->shared && (v->xauth != NHTB_V1_SERVER || p->wildcard || p->path.remote.family))
        return NHTB_ERR_ARG;
    /* one method for both sides: a key of ours without anchors, or the reverse, cannot be said */
    bool half = p->pki && !(p->pki->key.n && p->pki->anchors.n);
    /* the keys of a pattern come from identities: main mode shows none before the key is needed */
    bool nameless = p->wildcard && !p->pki && v->mode == NHTB_V1_MAIN;
    return nameless || half ? NHTB_ERR_UNSUPPORTED : 0;
}

static bool says_cipher(uint16_t encr)
{
    return encr == NHI_ENCR_AES_CBC || encr == NHI_V1_ENCR_3DES;
}

bool nhi_v1_cut_proposal(nhtb_proposal *p, bool built_in)
{
    uint8_t encr = 0, ke = 0;
    for (uint8_t i = 0; i < p->n_encr; i++)
        if (says_cipher(p->encr[i].id))
            p->encr[encr++] = p->encr[i];
    /* Curve25519 is in IKEv2's registry only, but some speak it in IKEv1 when asked to */
    for (uint8_t i = 0; i < p->n_ke; i++)
        if (!built_in || p->ke[i] != NHTB_KE_X25519)
            p->ke[ke++] = p->ke[i];
    p->n_encr = encr;
    p->n_ke = ke;
    return encr && ke && p->n_prf;
}

void nhi_v1_show(const nhi_ike_sa *sa, nhtb_ike_sa_info *out)
{
    out->v1_mode = sa->v1->entry.mode;
    out->dpd = sa->v1->dpd;
}
