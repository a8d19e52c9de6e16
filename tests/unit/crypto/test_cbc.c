/* SPDX-License-Identifier: Apache-2.0
 * Raw CBC: backends agree, the IV chains, lengths and ciphers outside the contract are refused, and
 * a kdf table that ends before it is used without it. */
#include "vectors/support.h"

#include "base/base.h"

static const struct {
    uint16_t cipher;
    size_t key_len;
} kinds[] = {{NHTB_CBC_AES, 16}, {NHTB_CBC_AES, 24}, {NHTB_CBC_AES, 32}, {NHTB_CBC_3DES, 24}};

Test(cbc, real_backends_agree_and_every_backend_undoes_itself)
{
    uint64_t seed = 31;
    for (unsigned round = 0; round < 200; round++) {
        size_t at = round % NHI_ARRAY_LEN(kinds), block = nhi_cbc_block(kinds[at].cipher);
        uint8_t key[32], iv[16], plain[256], first[256];
        size_t n = test_random(&seed) % (sizeof plain / block + 1) * block;
        nhtb_span k = {key, kinds[at].key_len};
        test_fill(&seed, key, sizeof key);
        test_fill(&seed, iv, sizeof iv);
        test_fill(&seed, plain, sizeof plain);
        for (size_t b = 0; b < N_ALL; b++) {
            nhtb_crypto c = all_backends[b]();
            uint8_t out[256], v[16];
            memcpy(v, iv, sizeof v);
            cr_assert_eq(nhi_cbc(&c, kinds[at].cipher, true, k, v, plain, out, n), 0);
            cr_assert_eq(memcmp(v, n != 0 ? out + n - block : iv, block), 0, "IV not chained");
            if (b == 0)
                memcpy(first, out, n);
            else if (b < N_REAL)
                cr_assert_eq(memcmp(first, out, n), 0, "backends disagree");
            memcpy(v, iv, sizeof v);
            cr_assert_eq(nhi_cbc(&c, kinds[at].cipher, false, k, v, out, out, n), 0);
            cr_assert_eq(memcmp(out, plain, n), 0);
        }
    }
}

Test(cbc, a_changed_iv_or_key_changes_the_text)
{
    uint8_t key[32] = {1}, plain[32] = {2}, good[32], out[32], iv[16];
    for (size_t b = 0; b < N_ALL; b++) {
        nhtb_crypto c = all_backends[b]();
        memset(iv, 0, sizeof iv);
        cr_assert_eq(nhi_cbc(&c, NHTB_CBC_AES, true, (nhtb_span){key, 16}, iv, plain, good, 32), 0);
        memset(iv, 0, sizeof iv);
        iv[15] = 1;
        cr_assert_eq(nhi_cbc(&c, NHTB_CBC_AES, true, (nhtb_span){key, 16}, iv, plain, out, 32), 0);
        cr_assert_neq(memcmp(good, out, 32), 0);
        memset(iv, 0, sizeof iv);
        key[15] ^= 0x80;
        cr_assert_eq(nhi_cbc(&c, NHTB_CBC_AES, true, (nhtb_span){key, 16}, iv, plain, out, 32), 0);
        cr_assert_neq(memcmp(good, out, 32), 0);
        key[15] ^= 0x80;
    }
}

Test(cbc, lengths_outside_the_contract_are_usage_errors)
{
    uint8_t key[64] = {0}, iv[16] = {0}, text[64] = {0};
    for (size_t b = 0; b < N_ALL; b++) {
        nhtb_crypto c = all_backends[b]();
        for (size_t i = 0; i < NHI_ARRAY_LEN(kinds); i++) {
            size_t block = nhi_cbc_block(kinds[i].cipher);
            for (size_t n = 0; n <= 48; n++) {
                nhtb_span k = {key, kinds[i].key_len};
                int err = nhi_cbc(&c, kinds[i].cipher, true, k, iv, text, text, n);
                cr_assert_eq(err, n % block == 0 ? 0 : NHTB_ERR_ARG);
            }
        }
        for (size_t n = 0; n <= sizeof key; n++) {
            nhtb_span k = {key, n};
            bool aes = n == 16 || n == 24 || n == 32;
            cr_assert_eq(nhi_cbc(&c, NHTB_CBC_AES, false, k, iv, text, text, 16),
                         aes ? 0 : NHTB_ERR_ARG);
            cr_assert_eq(nhi_cbc(&c, NHTB_CBC_3DES, false, k, iv, text, text, 16),
                         n == 24 ? 0 : NHTB_ERR_ARG);
        }
    }
}

Test(cbc, unknown_ciphers_are_unsupported)
{
    uint8_t key[16] = {0}, iv[16] = {0}, text[16] = {0};
    for (size_t b = 0; b < N_ALL; b++) {
        nhtb_crypto c = all_backends[b]();
        for (unsigned cipher = 0; cipher < 0x10000; cipher++) {
            bool known = cipher == NHTB_CBC_AES || cipher == NHTB_CBC_3DES;
            cr_assert_eq(nhi_crypto_has_cbc(&c, (uint16_t)cipher), known);
            cr_assert_eq(nhi_cbc_block((uint16_t)cipher) != 0, known);
        }
        nhtb_span k = {key, sizeof key};
        cr_assert_eq(c.kdf->cbc(3, true, k, iv, text, text, 16), NHTB_ERR_UNSUPPORTED);
        cr_assert_eq(nhi_cbc(&c, 3, true, k, iv, text, text, 16), NHTB_ERR_UNSUPPORTED);
    }
}

/* A backend built before the table grew: its members beyond size are not there to be read. */
Test(cbc, a_kdf_table_from_before_is_used_without_it)
{
    nhtb_crypto c = all_backends[0]();
    nhtb_kdf_ops old = *c.kdf;
    uint8_t key[16] = {0}, iv[16] = {0}, text[16] = {0};
    c.kdf = &old;
    for (old.size = offsetof(nhtb_kdf_ops, has_cbc); old.size < sizeof old; old.size++) {
        nhtb_span k = {key, sizeof key};
        cr_assert_not(nhi_crypto_has_cbc(&c, NHTB_CBC_AES));
        cr_assert_eq(nhi_cbc(&c, NHTB_CBC_AES, true, k, iv, text, text, 16), NHTB_ERR_UNSUPPORTED);
    }
    old.size = sizeof old;
    cr_assert(nhi_crypto_has_cbc(&c, NHTB_CBC_AES));
    old.cbc = NULL;
    cr_assert_not(nhi_crypto_has_cbc(&c, NHTB_CBC_AES));
}
