/* SPDX-License-Identifier: Apache-2.0
 * Direct vendor calls with everything kept that can be kept: key schedule and context made once, a
 * packet costs an IV change. One loop per vendor, so that the base pays no indirect call. */
#include <stdlib.h>
#include <string.h>

#include <mbedtls/gcm.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "bench/bare.h"

const bare_alg bare_gcm = {"AES-128-GCM", 20, 128, 0, 16, 20, 4};
const bare_alg bare_cbc = {"AES-128-CBC, HMAC-SHA-256-128", 12, 128, 12, 24, 48, 16};

struct bare {
    const bare_vendor *vendor;
    void *ctx;
};

static const bare_vendor *vendor_of(const char *vendor, const bare_alg *alg)
{
    if (strcmp(vendor, "ipsecmb") == 0)
        return bare_ipsecmb(alg);
    if (strcmp(vendor, "openssl") == 0)
        return alg->integ != 0 ? &bare_openssl_cbc : &bare_openssl;
    return alg->integ != 0 ? NULL : &bare_mbedtls;
}

bool bare_has_burst(const char *vendor, const bare_alg *alg)
{
    (void)alg;
    return strcmp(vendor, "ipsecmb") == 0;
}

bare *bare_new(const char *vendor, const bare_alg *alg, const uint8_t *keymat, bool seal)
{
    const bare_vendor *v = vendor_of(vendor, alg);
    bare *x = v ? calloc(1, sizeof *x) : NULL;
    if (!x)
        return NULL;
    x->vendor = v;
    x->ctx = v->make(alg, keymat, seal);
    if (x->ctx)
        return x;
    free(x);
    return NULL;
}

void bare_del(bare *x)
{
    if (!x)
        return;
    x->vendor->del(x->ctx);
    free(x);
}

bool bare_seal(bare *x, bare_mode mode, uint8_t *const *esp, size_t n, uint32_t text_len)
{
    return x->vendor->seal(x->ctx, mode, esp, n, text_len);
}

bool bare_open(bare *x, bare_mode mode, uint8_t *const *esp, size_t n, uint32_t text_len)
{
    return x->vendor->open(x->ctx, mode, esp, n, text_len);
}

/* ---- OpenSSL ---- */

typedef struct ossl {
    EVP_CIPHER_CTX *evp;
    EVP_MAC_CTX *mac;
    uint8_t salt[4];
} ossl;

static void ossl_del(void *ctx)
{
    ossl *x = ctx;
    EVP_CIPHER_CTX_free(x->evp);
    EVP_MAC_CTX_free(x->mac);
    free(x);
}

static bool ossl_cipher(ossl *x, const char *name, const uint8_t *key, bool seal)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    x->evp = EVP_CIPHER_CTX_new();
    bool ok = x->evp && cipher && EVP_CipherInit_ex2(x->evp, cipher, key, NULL, seal, NULL) == 1;
    EVP_CIPHER_free(cipher);
    return ok;
}

static void *ossl_make(const bare_alg *alg, const uint8_t *keymat, bool seal)
{
    ossl *x = calloc(1, sizeof *x);
    (void)alg;
    if (!x)
        return NULL;
    memcpy(x->salt, keymat + 16, 4);
    if (ossl_cipher(x, "AES-128-GCM", keymat, seal))
        return x;
    ossl_del(x);
    return NULL;
}

static void *ossl_cbc_make(const bare_alg *alg, const uint8_t *keymat, bool seal)
{
    ossl *x = calloc(1, sizeof *x);
    char digest[] = "SHA256";
    OSSL_PARAM p[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                      OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    (void)alg;
    if (x && hmac)
        x->mac = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);
    if (x && x->mac && ossl_cipher(x, "AES-128-CBC", keymat, seal) &&
        EVP_CIPHER_CTX_set_padding(x->evp, 0) == 1 && EVP_MAC_init(x->mac, keymat + 16, 32, p) == 1)
        return x;
    if (x)
        ossl_del(x);
    return NULL;
}

static void nonce_of(const uint8_t *salt, const uint8_t *esp, uint8_t nonce[12])
{
    memcpy(nonce, salt, 4);
    memcpy(nonce + 4, esp + 8, 8);
}

static bool ossl_seal(void *ctx, bare_mode mode, uint8_t *const *esp, size_t n, uint32_t len)
{
    ossl *x = ctx;
    EVP_CIPHER_CTX *c = x->evp;
    int ok = 1, got;
    (void)mode;
    for (size_t i = 0; i < n; i++) {
        uint8_t nonce[12], *text = esp[i] + 16;
        nonce_of(x->salt, esp[i], nonce);
        ok &= EVP_EncryptInit_ex2(c, NULL, NULL, nonce, NULL);
        ok &= EVP_EncryptUpdate(c, NULL, &got, esp[i], 8);
        ok &= EVP_EncryptUpdate(c, text, &got, text, (int)len);
        ok &= EVP_EncryptFinal_ex(c, text + len, &got);
        ok &= EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, BARE_TAG, text + len);
    }
    return ok == 1;
}

static bool ossl_open(void *ctx, bare_mode mode, uint8_t *const *esp, size_t n, uint32_t len)
{
    ossl *x = ctx;
    EVP_CIPHER_CTX *c = x->evp;
    int ok = 1, got;
    (void)mode;
    for (size_t i = 0; i < n; i++) {
        uint8_t nonce[12], none[16], *text = esp[i] + 16;
        nonce_of(x->salt, esp[i], nonce);
        ok &= EVP_DecryptInit_ex2(c, NULL, NULL, nonce, NULL);
        ok &= EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, BARE_TAG, text + len);
        ok &= EVP_DecryptUpdate(c, NULL, &got, esp[i], 8);
        ok &= EVP_DecryptUpdate(c, text, &got, text, (int)len);
        ok &= EVP_DecryptFinal_ex(c, none, &got);
    }
    return ok == 1;
}

/* HMAC over SPI, number, IV, ciphertext (RFC 4303 3.3.2). */
static bool ossl_mac(ossl *x, const uint8_t *esp, size_t n, uint8_t out[32])
{
    size_t got;
    return EVP_MAC_init(x->mac, NULL, 0, NULL) == 1 && EVP_MAC_update(x->mac, esp, n) == 1 &&
           EVP_MAC_final(x->mac, out, &got, 32) == 1;
}

static bool ossl_cbc_one(ossl *x, uint8_t *esp, uint32_t len)
{
    int got;
    return EVP_CipherInit_ex2(x->evp, NULL, NULL, esp + 8, -1, NULL) == 1 &&
           EVP_CipherUpdate(x->evp, esp + 24, &got, esp + 24, (int)len) == 1;
}

static bool ossl_cbc_seal(void *ctx, bare_mode mode, uint8_t *const *esp, size_t n, uint32_t len)
{
    bool ok = true;
    (void)mode;
    for (size_t i = 0; i < n; i++) {
        uint8_t mac[32];
        ok = ok && ossl_cbc_one(ctx, esp[i], len) && ossl_mac(ctx, esp[i], 24 + len, mac);
        memcpy(esp[i] + 24 + len, mac, BARE_TAG);
    }
    return ok;
}

static bool ossl_cbc_open(void *ctx, bare_mode mode, uint8_t *const *esp, size_t n, uint32_t len)
{
    bool ok = true;
    (void)mode;
    for (size_t i = 0; i < n; i++) {
        uint8_t mac[32];
        ok = ok && ossl_mac(ctx, esp[i], 24 + len, mac) &&
             memcmp(mac, esp[i] + 24 + len, BARE_TAG) == 0 && ossl_cbc_one(ctx, esp[i], len);
    }
    return ok;
}

const bare_vendor bare_openssl = {ossl_make, ossl_del, ossl_seal, ossl_open};
const bare_vendor bare_openssl_cbc = {ossl_cbc_make, ossl_del, ossl_cbc_seal, ossl_cbc_open};

/* ---- mbedTLS ---- */

typedef struct mbed {
    _Alignas(64) mbedtls_gcm_context gcm; /* its tables are as sensitive to it as the backend's */
    uint8_t salt[4];
} mbed;

static void mbed_del(void *ctx)
{
    mbed *x = ctx;
    mbedtls_gcm_free(&x->gcm);
    free(x);
}

static void *mbed_make(const bare_alg *alg, const uint8_t *keymat, bool seal)
{
    mbed *x = aligned_alloc(64, sizeof *x);
    (void)alg;
    (void)seal;
    if (!x)
        return NULL;
    memset(x, 0, sizeof *x);
    memcpy(x->salt, keymat + 16, 4);
    mbedtls_gcm_init(&x->gcm);
    if (mbedtls_gcm_setkey(&x->gcm, MBEDTLS_CIPHER_ID_AES, keymat, 128) == 0)
        return x;
    mbed_del(x);
    return NULL;
}

static bool mbed_seal(void *ctx, bare_mode mode, uint8_t *const *esp, size_t n, uint32_t len)
{
    mbed *x = ctx;
    int bad = 0;
    (void)mode;
    for (size_t i = 0; i < n; i++) {
        uint8_t nonce[12], *text = esp[i] + 16;
        nonce_of(x->salt, esp[i], nonce);
        bad |= mbedtls_gcm_crypt_and_tag(&x->gcm, MBEDTLS_GCM_ENCRYPT, len, nonce, 12, esp[i], 8,
                                         text, text, BARE_TAG, text + len);
    }
    return bad == 0;
}

static bool mbed_open(void *ctx, bare_mode mode, uint8_t *const *esp, size_t n, uint32_t len)
{
    mbed *x = ctx;
    int bad = 0;
    (void)mode;
    for (size_t i = 0; i < n; i++) {
        uint8_t nonce[12], *text = esp[i] + 16;
        nonce_of(x->salt, esp[i], nonce);
        bad |= mbedtls_gcm_auth_decrypt(&x->gcm, len, nonce, 12, esp[i], 8, text + len, BARE_TAG,
                                        text, text);
    }
    return bad == 0;
}

const bare_vendor bare_mbedtls = {mbed_make, mbed_del, mbed_seal, mbed_open};

/* ---- X25519 ---- */

static bool derive(EVP_PKEY *own, EVP_PKEY *other)
{
    uint8_t secret[32];
    size_t n = sizeof secret;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(own, NULL);
    bool ok = c && EVP_PKEY_derive_init(c) == 1 && EVP_PKEY_derive_set_peer(c, other) == 1 &&
              EVP_PKEY_derive(c, secret, &n) == 1 && n == sizeof secret;
    EVP_PKEY_CTX_free(c);
    return ok;
}

bool bare_x25519(void)
{
    static EVP_PKEY *last;
    EVP_PKEY *own = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    if (!last)
        last = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    bool ok = own && last && derive(own, last);
    EVP_PKEY_free(last);
    last = own;
    return ok;
}
