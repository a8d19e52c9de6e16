/* SPDX-License-Identifier: Apache-2.0
 * Vendor IDs: what they promise, ours, and what both sides know. A responder sends only what the
 * initiator sent too, so that its answer is not longer than the request. RFC 3706 5.1, RFC 3947 3.1;
 * protocol-facts 4.6, 4.7. Called by the first two messages of phase 1. Control thread. */
#include "ike/v1/v1.h"

typedef struct vendor {
    uint16_t bit;
    uint8_t match, send; /* octets that tell; octets we send */
    uint8_t id[20];
} vendor;

static const vendor known[] = {
    {NHI_V1_VID_NATT_RFC,
     16,
     16,
     {0x4a, 0x13, 0x1c, 0x81, 0x07, 0x03, 0x58, 0x45, 0x5c, 0x57, 0x28, 0xf2, 0x0e, 0x95, 0x45,
      0x2f}},
    {NHI_V1_VID_NATT_03,
     16,
     16,
     {0x7d, 0x94, 0x19, 0xa6, 0x53, 0x10, 0xca, 0x6f, 0x2c, 0x17, 0x9d, 0x92, 0x15, 0x52, 0x9d,
      0x56}},
    {NHI_V1_VID_NATT_02_N,
     16,
     16,
     {0x90, 0xcb, 0x80, 0x91, 0x3e, 0xbb, 0x69, 0x6e, 0x08, 0x63, 0x81, 0xb5, 0xec, 0x42, 0x7b,
      0x1f}},
    {NHI_V1_VID_NATT_02,
     16,
     16,
     {0xcd, 0x60, 0x46, 0x43, 0x35, 0xdf, 0x21, 0xf8, 0x7c, 0xfd, 0xb2, 0xfc, 0x68, 0xb6, 0xa4,
      0x48}},
    {NHI_V1_VID_DPD,
     14, /* then a version */
     16,
     {0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9, 0x6b, 0x86, 0x96, 0xfc, 0x77, 0x57, 0x01,
      0x00}},
    {NHI_V1_VID_FRAG,
     16, /* perhaps capabilities */
     16,
     {0x40, 0x48, 0xb7, 0xd5, 0x6e, 0xbc, 0xe8, 0x85, 0x25, 0xe7, 0xde, 0x7f, 0x00, 0xd6, 0xc2,
      0xd3}},
    {NHI_V1_VID_XAUTH, 8, 8, {0x09, 0x00, 0x26, 0x89, 0xdf, 0xd6, 0xb7, 0x12}},
    {NHI_V1_VID_UNITY,
     16,
     16,
     {0x12, 0xf5, 0xf2, 0x8c, 0x45, 0x71, 0x68, 0xa9, 0x70, 0x2d, 0x9f, 0xe2, 0x74, 0xcc, 0x01,
      0x00}},
};

#define NATT_DRAFTS (NHI_V1_VID_NATT_02 | NHI_V1_VID_NATT_02_N | NHI_V1_VID_NATT_03)

/** What we say to a peer of this entry. */
static uint16_t own(const nhi_ike_sa *sa)
{
    const nhtb_v1 *v = &sa->v1->entry;
    uint16_t bits = 0;
    bits |= v->nat_t ? NHI_V1_VID_NATT_RFC : 0;
    bits |= v->nat_t && v->nat_t_drafts ? NATT_DRAFTS : 0;
    bits |= v->dpd ? NHI_V1_VID_DPD : 0;
    bits |= v->fragmentation && sa->ike->env.settings->fragment_size ? NHI_V1_VID_FRAG : 0;
    bits |= sa->ike->env.settings->vendor_id ? NHI_V1_VID_NHTB : 0;
    bits |= sa->v1->auth >= NHI_V1_AUTH_XAUTH_PSK ? NHI_V1_VID_XAUTH | NHI_V1_VID_UNITY : 0;
    return bits;
}

void nhi_v1_vids_build(const nhi_ike_sa *sa, nhi_ike_builder *b)
{
    uint16_t say = own(sa);
    if (!sa->initiator)
        say &= sa->v1->vids;
    for (size_t i = 0; i < NHI_ARRAY_LEN(known); i++)
        if (say & known[i].bit)
            nhi_ike_build_payload(b, NHI_V1_VID, (nhtb_span){known[i].id, known[i].send});
    if (say & NHI_V1_VID_NHTB)
        nhi_ike_build_payload(b, NHI_V1_VID, (nhtb_span){nhi_vendor_id, sizeof nhi_vendor_id});
}

static uint16_t bit_of(nhtb_span body)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(known); i++)
        if (body.n >= known[i].match && !memcmp(body.p, known[i].id, known[i].match))
            return known[i].bit;
    bool ours = body.n == sizeof nhi_vendor_id && !memcmp(body.p, nhi_vendor_id, body.n);
    return ours ? NHI_V1_VID_NHTB : 0;
}

void nhi_v1_vids_read(nhi_ike_sa *sa, const nhi_v1_msg *m)
{
    const nhi_v1_pl *p;
    for (size_t k = 0; (p = nhi_v1_msg_get(m, NHI_V1_VID, k)); k++)
        sa->v1->vids |= bit_of(p->body);
    nhi_v1 *v = sa->v1;
    uint16_t both = v->vids & own(sa);
    v->natt = both & NHI_V1_VID_NATT_RFC                           ? NHI_V1_NATT_RFC
              : both & NHI_V1_VID_NATT_03                          ? NHI_V1_NATT_03
              : both & (NHI_V1_VID_NATT_02 | NHI_V1_VID_NATT_02_N) ? NHI_V1_NATT_02
                                                                   : NHI_V1_NATT_NONE;
    v->dpd = (both & NHI_V1_VID_DPD) != 0;
    v->frag = (both & NHI_V1_VID_FRAG) != 0;
    sa->libnhtb = (v->vids & NHI_V1_VID_NHTB) != 0;
}
