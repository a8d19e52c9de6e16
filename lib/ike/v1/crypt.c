/* SPDX-License-Identifier: Apache-2.0
 * Encryption of IKEv1 messages: raw CBC over all payloads, no integrity of its own (the HASH payload
 * inside has to prove it). RFC 2409 Appendix B. Pure; called by ike/v1/send and recv. */
#include "ike/v1/parts.h"

bool nhi_v1_cipher_find(const nhtb_crypto *c, uint16_t encr, uint16_t key_bits, nhi_v1_cipher *out)
{
    *out = (nhi_v1_cipher){.alg = 0};
    if (encr == NHI_ENCR_AES_CBC && (key_bits == 128 || key_bits == 192 || key_bits == 256))
        *out = (nhi_v1_cipher){NHTB_CBC_AES, 16, (uint8_t)(key_bits / 8)};
    else if (encr == NHI_V1_ENCR_3DES)
        *out = (nhi_v1_cipher){NHTB_CBC_3DES, 8, 24};
    return out->alg && nhi_crypto_has_cbc(c, out->alg);
}

static nhtb_span cipher_key(const nhi_v1_keys *keys)
{
    return (nhtb_span){keys->key, keys->key_len};
}

int nhi_v1_seal(const nhtb_crypto *c, const nhi_v1_cipher *k, const nhi_v1_keys *keys, uint8_t *iv,
                const nhi_ike_hdr *h, uint8_t first, nhtb_span inner, uint8_t *p, size_t *len)
{
    size_t over = inner.n % k->block, n = inner.n + (over ? k->block - over : 0);
    if (*len < NHI_IKE_HDR + n)
        return NHTB_ERR_SHORT;
    nhi_ike_hdr hdr = *h;
    hdr.next = first;
    hdr.flags |= NHI_V1_F_ENCRYPT;
    hdr.length = (uint32_t)(NHI_IKE_HDR + n);
    nhi_ike_hdr_write(p, &hdr);
    uint8_t *body = p + NHI_IKE_HDR;
    memmove(body, inner.p, inner.n);
    memset(body + inner.n, 0, n - inner.n);
    *len = NHI_IKE_HDR + n;
    return nhi_cbc(c, k->alg, true, cipher_key(keys), iv, body, body, n);
}

unsigned nhi_v1_open(const nhtb_crypto *c, const nhi_v1_cipher *k, const nhi_v1_keys *keys,
                     uint8_t *iv, nhtb_span msg, uint8_t *out, size_t *n)
{
    if (msg.n < NHI_IKE_HDR + (size_t)k->block || (msg.n - NHI_IKE_HDR) % k->block != 0)
        return NHTB_REASON_IKE_MALFORMED;
    *n = msg.n - NHI_IKE_HDR;
    if (nhi_cbc(c, k->alg, false, cipher_key(keys), iv, msg.p + NHI_IKE_HDR, out, *n)) {
        nhi_wipe(out, *n);
        return NHTB_REASON_CRYPTO;
    }
    return 0;
}
