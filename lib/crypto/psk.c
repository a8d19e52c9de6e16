/* SPDX-License-Identifier: Apache-2.0
 * Seeded pre-shared keys: HKDF-SHA256 over a hub's and a spoke's identity. HKDF-Extract is the prf,
 * HKDF-Expand is prf+ (RFC 5869 2, RFC 7296 2.13). Called by hosts and by engine for wildcard peers;
 * stateless, any thread. */
#include <nhtb/psk.h>

#include "crypto/kdf.h"

/* One identity as it enters the derivation: type | length | data. Two different pairs never give the
 * same octets, because each part says where it ends. */
typedef struct id_octets {
    uint8_t b[3 + NHTB_ID_MAX];
    size_t n;
} id_octets;

static bool is_text(uint8_t type)
{
    return type == NHTB_ID_FQDN || type == NHTB_ID_RFC822;
}

static bool text_valid(nhtb_span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    }
    return true;
}

static bool length_valid(uint8_t type, size_t n)
{
    switch (type) {
    case NHTB_ID_IPV4: return n == 4;
    case NHTB_ID_IPV6: return n == 16;
    case NHTB_ID_FQDN:
    case NHTB_ID_RFC822:
    case NHTB_ID_KEY_ID: return n > 0 && n <= NHTB_ID_MAX;
    default: return false;
    }
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool id_encode(id_octets *out, const nhtb_identity *id)
{
    if (!id || !id->data.p || !length_valid(id->type, id->data.n))
        return false;
    if (is_text(id->type) && !text_valid(id->data))
        return false;
    out->b[0] = id->type;
    nhi_put16(out->b + 1, (unsigned)id->data.n);
    for (size_t i = 0; i < id->data.n; i++)
        out->b[3 + i] = is_text(id->type) ? lower(id->data.p[i]) : id->data.p[i];
    out->n = 3 + id->data.n;
    return true;
}

static int derive(const nhtb_crypto *c, nhtb_span seed, const id_octets *hub,
                  const id_octets *spoke, uint8_t *psk)
{
    static const uint8_t salt[] = {"libnhtb seeded psk 1"};
    nhtb_span info[2] = {{hub->b, hub->n}, {spoke->b, spoke->n}};
    nhi_secret prk;
    int err = nhi_prf(c, NHI_PRF_SHA256, (nhtb_span){salt, sizeof salt - 1}, &seed, 1, &prk);
    if (err == 0)
        err = nhi_prf_plus(c, NHI_PRF_SHA256, nhi_secret_span(&prk), info, 2, psk, NHTB_PSK_LEN);
    nhi_secret_wipe(&prk);
    return err;
}

int nhtb_psk_derive(const nhtb_crypto *c, nhtb_span seed, const nhtb_identity *hub,
                    const nhtb_identity *spoke, uint8_t psk[NHTB_PSK_LEN])
{
    id_octets h, s;
    if (!psk)
        return NHTB_ERR_ARG;
    memset(psk, 0, NHTB_PSK_LEN);
    if (!c || !seed.p || seed.n < NHTB_PSK_SEED_MIN || !id_encode(&h, hub) || !id_encode(&s, spoke))
        return NHTB_ERR_ARG;
    int err = derive(c, seed, &h, &s, psk);
    nhi_wipe(&h, sizeof h);
    nhi_wipe(&s, sizeof s);
    return err;
}

/* No table and no branch on a digit: either would let the cache or the clock tell it. */
static char digit(unsigned d)
{
    return (char)('0' + d + ((9 - d) >> 8 & (unsigned)('a' - '0' - 10)));
}

char *nhtb_psk_format(const uint8_t psk[NHTB_PSK_LEN], char dst[NHTB_PSK_TEXT])
{
    for (size_t i = 0; i < NHTB_PSK_LEN; i++) {
        dst[2 * i] = digit(psk[i] >> 4);
        dst[2 * i + 1] = digit(psk[i] & 15U);
    }
    dst[2 * NHTB_PSK_LEN] = '\0';
    return dst;
}
