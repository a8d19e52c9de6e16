/* SPDX-License-Identifier: Apache-2.0
 * Direct vendor calls with everything kept that can be kept: key schedule and context made once, a
 * packet costs an IV change. One loop per vendor, so that the base pays no indirect call. */
#include <stdlib.h>
#include <string.h>

#include <mbedtls/gcm.h>
#include <openssl/evp.h>

#include "bench/bare.h"

struct bare {
    _Alignas(64) mbedtls_gcm_context gcm; /* its tables are as sensitive to it as the backend's */
    EVP_CIPHER_CTX *evp;                  /* NULL: mbedTLS */
    uint8_t salt[4];
};

static bool init_openssl(bare *x, const uint8_t *key, bool seal)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    x->evp = EVP_CIPHER_CTX_new();
    bool ok = x->evp && cipher && EVP_CipherInit_ex2(x->evp, cipher, key, NULL, seal, NULL) == 1;
    EVP_CIPHER_free(cipher);
    return ok;
}

bare *bare_new(const char *vendor, const uint8_t keymat[BARE_KEYMAT], bool seal)
{
    bare *x = aligned_alloc(64, sizeof *x);
    if (!x)
        return NULL;
    memset(x, 0, sizeof *x);
    memcpy(x->salt, keymat + 16, 4);
    mbedtls_gcm_init(&x->gcm);
    bool ok = strcmp(vendor, "openssl") == 0
                  ? init_openssl(x, keymat, seal)
                  : mbedtls_gcm_setkey(&x->gcm, MBEDTLS_CIPHER_ID_AES, keymat, 128) == 0;
    if (ok)
        return x;
    bare_del(x);
    return NULL;
}

void bare_del(bare *x)
{
    if (!x)
        return;
    EVP_CIPHER_CTX_free(x->evp);
    mbedtls_gcm_free(&x->gcm);
    free(x);
}

static void nonce_of(const bare *x, const uint8_t *esp, uint8_t nonce[12])
{
    memcpy(nonce, x->salt, 4);
    memcpy(nonce + 4, esp + 8, 8);
}

static bool seal_openssl(bare *x, uint8_t *const *esp, size_t n, int len)
{
    EVP_CIPHER_CTX *c = x->evp;
    int ok = 1, got;
    for (size_t i = 0; i < n; i++) {
        uint8_t nonce[12], *text = esp[i] + BARE_HEAD;
        nonce_of(x, esp[i], nonce);
        ok &= EVP_EncryptInit_ex2(c, NULL, NULL, nonce, NULL);
        ok &= EVP_EncryptUpdate(c, NULL, &got, esp[i], 8);
        ok &= EVP_EncryptUpdate(c, text, &got, text, len);
        ok &= EVP_EncryptFinal_ex(c, text + len, &got);
        ok &= EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, BARE_TAG, text + len);
    }
    return ok == 1;
}

static bool open_openssl(bare *x, uint8_t *const *esp, size_t n, int len)
{
    EVP_CIPHER_CTX *c = x->evp;
    int ok = 1, got;
    for (size_t i = 0; i < n; i++) {
        uint8_t nonce[12], none[16], *text = esp[i] + BARE_HEAD;
        nonce_of(x, esp[i], nonce);
        ok &= EVP_DecryptInit_ex2(c, NULL, NULL, nonce, NULL);
        ok &= EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, BARE_TAG, text + len);
        ok &= EVP_DecryptUpdate(c, NULL, &got, esp[i], 8);
        ok &= EVP_DecryptUpdate(c, text, &got, text, len);
        ok &= EVP_DecryptFinal_ex(c, none, &got);
    }
    return ok == 1;
}

static bool seal_mbedtls(bare *x, uint8_t *const *esp, size_t n, size_t len)
{
    int bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t nonce[12], *text = esp[i] + BARE_HEAD;
        nonce_of(x, esp[i], nonce);
        bad |= mbedtls_gcm_crypt_and_tag(&x->gcm, MBEDTLS_GCM_ENCRYPT, len, nonce, 12, esp[i], 8,
                                         text, text, BARE_TAG, text + len);
    }
    return bad == 0;
}

static bool open_mbedtls(bare *x, uint8_t *const *esp, size_t n, size_t len)
{
    int bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t nonce[12], *text = esp[i] + BARE_HEAD;
        nonce_of(x, esp[i], nonce);
        bad |= mbedtls_gcm_auth_decrypt(&x->gcm, len, nonce, 12, esp[i], 8, text + len, BARE_TAG,
                                        text, text);
    }
    return bad == 0;
}

bool bare_seal(bare *x, uint8_t *const *esp, size_t n, uint32_t text_len)
{
    return x->evp ? seal_openssl(x, esp, n, (int)text_len) : seal_mbedtls(x, esp, n, text_len);
}

bool bare_open(bare *x, uint8_t *const *esp, size_t n, uint32_t text_len)
{
    return x->evp ? open_openssl(x, esp, n, (int)text_len) : open_mbedtls(x, esp, n, text_len);
}

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
