/* SPDX-License-Identifier: Apache-2.0
 * The encrypted payload: seals and opens whole messages over the bulk table. RFC 7296 3.14,
 * RFC 5282. Called by ike/send and ike/recv on the control thread's lane. */
#include "ike/parts.h"

#define SK_HDR  4 /* generic payload header */
#define SKF_HDR 8 /* and the fragment's number and total */

int nhi_sk_make(nhi_sk *k, nhi_mem *mem, const nhtb_crypto *c, const nhi_suite *s,
                const nhi_ike_keys *keys, bool initiator, unsigned lanes)
{
    memset(k, 0, sizeof *k);
    k->facts = nhi_bulk_find(s->encr, s->key_bits, s->integ);
    if (!k->facts || nhi_bulk_keymat_len(k->facts) != keys->e_len) {
        return NHTB_ERR_UNSUPPORTED;
    }
    nhtb_span i = {keys->ei, keys->e_len}, r = {keys->er, keys->e_len};
    uint64_t lane = UINT64_C(1) << (lanes - 1);
    k->iv = 1;
    int err = nhi_bulk_ctx_make(&k->out, mem, c, k->facts, initiator ? i : r, true, lanes, lane);
    if (err) {
        return err;
    }
    err = nhi_bulk_ctx_make(&k->in, mem, c, k->facts, initiator ? r : i, false, lanes, lane);
    if (err) {
        nhi_bulk_ctx_wipe(&k->out, mem, c);
    }
    return err;
}

void nhi_sk_wipe(nhi_sk *k, nhi_mem *mem, const nhtb_crypto *c)
{
    if (k->facts) {
        nhi_bulk_ctx_wipe(&k->out, mem, c);
        nhi_bulk_ctx_wipe(&k->in, mem, c);
    }
    nhi_wipe(k, sizeof *k);
}

/* Pad length for inner bytes: the pad length octet itself counts. */
static size_t pad_len(const nhi_bulk_facts *f, size_t inner)
{
    size_t block = f->aead ? 1 : f->block;
    return (block - (inner + 1) % block) % block;
}

static size_t total_len(const nhi_bulk_facts *f, size_t head, size_t inner)
{
    return NHI_IKE_HDR + head + f->iv_len + inner + pad_len(f, inner) + 1 + f->icv_len;
}

size_t nhi_sk_message_len(const nhi_bulk_facts *f, size_t inner)
{
    return total_len(f, SK_HDR, inner);
}

size_t nhi_sk_fragment_len(const nhi_bulk_facts *f, size_t inner)
{
    return total_len(f, SKF_HDR, inner);
}

size_t nhi_sk_fragment_room(const nhi_bulk_facts *f, size_t most)
{
    size_t block = f->aead ? 1 : f->block;
    size_t fixed = (size_t)NHI_IKE_HDR + SKF_HDR + f->iv_len + f->icv_len;
    return most < fixed + block ? 0 : (most - fixed) / block * block - 1;
}

static int put_iv(nhi_sk *k, nhi_mem *mem, uint8_t *iv)
{
    if (!k->facts->aead) {
        return nhi_mem_random(mem, iv, k->facts->iv_len);
    }
    if (!nhi_check(mem, k->iv != 0)) {
        return NHTB_ERR_INTERNAL;
    }
    nhi_put64(iv, k->iv++);
    return NHTB_OK;
}

/** frag NULL: a whole message. */
static int seal(nhi_sk *k, nhi_mem *mem, const nhtb_crypto *c, const nhi_bulk_lane *lane,
                const nhi_ike_hdr *h, uint8_t first, const nhi_ike_frag *frag, nhtb_span inner,
                uint8_t *p, size_t *len)
{
    const nhi_bulk_facts *f = k->facts;
    size_t head = frag ? SKF_HDR : SK_HDR;
    size_t pad = pad_len(f, inner.n), total = total_len(f, head, inner.n);
    if (total > *len || total - NHI_IKE_HDR > 0xffff) {
        return NHTB_ERR_SHORT;
    }
    nhi_ike_hdr hdr = *h;
    hdr.next = frag ? NHI_PL_SKF : NHI_PL_SK;
    hdr.length = (uint32_t)total;
    nhi_ike_hdr_write(p, &hdr);
    uint8_t *sk = p + NHI_IKE_HDR, *iv = sk + head, *text = iv + f->iv_len;
    sk[0] = first;
    sk[1] = 0;
    nhi_put16(sk + 2, (unsigned)(total - NHI_IKE_HDR));
    if (frag) {
        nhi_put16(sk + 4, frag->number);
        nhi_put16(sk + 6, frag->total);
    }
    int err = put_iv(k, mem, iv);
    if (err) {
        return err;
    }
    if (inner.n) {
        memmove(text, inner.p, inner.n);
    }
    memset(text + inner.n, 0, pad);
    text[inner.n + pad] = (uint8_t)pad;
    uint32_t n = (uint32_t)(inner.n + pad + 1);
    nhtb_bulk_job j = {.key = k->out.mem,
                       .src = text,
                       .dst = text,
                       .len = n,
                       .iv = iv,
                       .aad = p,
                       .aad_len = (uint32_t)(NHI_IKE_HDR + head),
                       .icv = text + n,
                       .status = NHTB_BULK_FAIL};
    c->bulk->seal(lane->mem, lane->index, &j, 1);
    *len = total;
    return j.status == NHTB_BULK_OK ? NHTB_OK : NHTB_ERR_CRYPTO;
}

int nhi_sk_seal(nhi_sk *k, nhi_mem *mem, const nhtb_crypto *c, const nhi_bulk_lane *lane,
                const nhi_ike_hdr *h, uint8_t first, nhtb_span inner, uint8_t *p, size_t *len)
{
    return seal(k, mem, c, lane, h, first, NULL, inner, p, len);
}

int nhi_sk_seal_fragment(nhi_sk *k, nhi_mem *mem, const nhtb_crypto *c, const nhi_bulk_lane *lane,
                         const nhi_ike_hdr *h, const nhi_ike_frag *frag, nhtb_span inner,
                         uint8_t *p, size_t *len)
{
    return seal(k, mem, c, lane, h, frag->first, frag, inner, p, len);
}

static unsigned open(nhi_sk *k, const nhtb_crypto *c, const nhi_bulk_lane *lane, bool frag,
                     nhtb_span msg, uint8_t *out, size_t *out_len, uint8_t *first)
{
    const nhi_bulk_facts *f = k->facts;
    size_t head = frag ? SKF_HDR : SK_HDR;
    nhi_rd r;
    nhi_rd_init(&r, msg.p, msg.n);
    nhi_rd_skip(&r, 16);
    bool is_sk = nhi_rd_u8(&r) == (frag ? NHI_PL_SKF : NHI_PL_SK);
    nhi_rd_skip(&r, NHI_IKE_HDR - 17);
    uint8_t next = nhi_rd_u8(&r);
    nhi_rd_skip(&r, 1);
    bool fits = nhi_rd_u16(&r) == msg.n - NHI_IKE_HDR;
    nhi_rd_skip(&r, head - SK_HDR);
    nhtb_span iv = nhi_rd_span(&r, f->iv_len);
    size_t n = nhi_rd_left(&r);
    if (r.bad || !is_sk || !fits || n < (size_t)f->icv_len + 1) {
        return NHTB_REASON_IKE_MALFORMED;
    }
    n -= f->icv_len;
    nhtb_span text = nhi_rd_span(&r, n), icv = nhi_rd_rest(&r);
    if (!f->aead && n % f->block) {
        return NHTB_REASON_IKE_MALFORMED;
    }
    uint8_t tag[64]; /* jobs take a writable ICV; the message is borrowed */
    memcpy(tag, icv.p, icv.n);
    nhtb_bulk_job j = {.key = k->in.mem,
                       .src = text.p,
                       .dst = out,
                       .len = (uint32_t)n,
                       .iv = iv.p,
                       .aad = msg.p,
                       .aad_len = (uint32_t)(NHI_IKE_HDR + head),
                       .icv = tag,
                       .status = NHTB_BULK_FAIL};
    c->bulk->open(lane->mem, lane->index, &j, 1);
    if (j.status != NHTB_BULK_OK) {
        return j.status == NHTB_BULK_BAD ? NHTB_REASON_IKE_INTEGRITY : NHTB_REASON_CRYPTO;
    }
    size_t pad = (size_t)out[n - 1] + 1;
    if (pad > n) {
        return NHTB_REASON_IKE_MALFORMED;
    }
    *out_len = n - pad;
    *first = next;
    return NHTB_REASON_NONE;
}

unsigned nhi_sk_open(nhi_sk *k, const nhtb_crypto *c, const nhi_bulk_lane *lane, nhtb_span msg,
                     uint8_t *out, size_t *out_len, uint8_t *first)
{
    return open(k, c, lane, false, msg, out, out_len, first);
}

unsigned nhi_sk_open_fragment(nhi_sk *k, const nhtb_crypto *c, const nhi_bulk_lane *lane,
                              nhtb_span msg, uint8_t *out, size_t *out_len, uint8_t *first)
{
    return open(k, c, lane, true, msg, out, out_len, first);
}
