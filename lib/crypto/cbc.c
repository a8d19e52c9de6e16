/* SPDX-License-Identifier: Apache-2.0
 * Raw CBC over the backend's kdf table, for the messages of IKEv1 (RFC 2409 Appendix B) alone.
 * A table that ends before it has none. Called by ike; stateless, any thread. */
#include "crypto/kdf.h"

static bool reaches(const nhtb_kdf_ops *kdf)
{
    return kdf != NULL && kdf->size >= offsetof(nhtb_kdf_ops, cbc) + sizeof kdf->cbc &&
           kdf->has_cbc != NULL && kdf->cbc != NULL;
}

bool nhi_crypto_has_cbc(const nhtb_crypto *c, uint16_t cipher)
{
    return reaches(c->kdf) && c->kdf->has_cbc(cipher);
}

size_t nhi_cbc_block(uint16_t cipher)
{
    switch (cipher) {
    case NHTB_CBC_AES: return 16;
    case NHTB_CBC_3DES: return 8;
    default: return 0;
    }
}

int nhi_cbc(const nhtb_crypto *c, uint16_t cipher, bool encrypt, nhtb_span key, uint8_t *iv,
            const uint8_t *src, uint8_t *dst, size_t n)
{
    if (!nhi_crypto_has_cbc(c, cipher))
        return NHTB_ERR_UNSUPPORTED;
    return c->kdf->cbc(cipher, encrypt, key, iv, src, dst, n);
}
