/* SPDX-License-Identifier: Apache-2.0
 * Is an entry one that IKEv1 can serve; its row for display. Called by ike/config.c, ike/show.c.
 * Control thread. */
#include "ike/v1/v1.h"

int nhi_v1_check(const nhtb_peer *p)
{
    const nhtb_v1 *v = p->v1;
    if (v->size != sizeof *v || v->mode > NHTB_V1_AGGRESSIVE)
        return NHTB_ERR_ARG;
    /* a wildcard's keys come from identities: main mode shows none before the key is needed */
    return p->wildcard ? NHTB_ERR_UNSUPPORTED : 0;
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
