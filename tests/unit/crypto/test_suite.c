/* SPDX-License-Identifier: Apache-2.0
 * The tables of facts against the RFCs' sizes, and capability queries. */
#include "vectors/support.h"

Test(suite, every_bulk_algorithm_has_facts_that_add_up)
{
    for (uint16_t alg = 1; alg < NHTB_BULK_ALG_END; alg++) {
        const nhi_bulk_facts *f = nhi_bulk_of(alg);
        cr_assert_not_null(f);
        cr_assert_eq(nhi_bulk_find(f->encr, f->key_bits, f->integ), f);
        cr_assert_eq(f->aead, f->integ == NHI_INTEG_NONE);
        cr_assert_eq(f->salt_len, f->aead ? 4 : 0);
        bool des = f->encr == NHI_ENCR_3DES, sha1 = f->integ == NHI_INTEG_SHA1_96;
        cr_assert_eq(f->iv_len, f->aead || des ? 8 : 16);
        cr_assert_eq(f->icv_len, f->aead ? 16 : sha1 ? 12 : f->integ_len / 2);
        cr_assert_eq(f->integ_len == 20, sha1);
        cr_assert_eq(nhi_bulk_align(f), f->aead ? 4 : des ? 8 : 16);
        cr_assert_eq(nhi_bulk_keymat_len(f), (uint32_t)(f->key_len + f->salt_len + f->integ_len));
        cr_assert(f->key_bits == 0 || f->key_bits == f->key_len * 8);
        cr_assert_eq(f->soft_bytes, UINT64_C(1) << (des ? 28 : 36));
        cr_assert_eq(f->hard_bytes, UINT64_C(1) << (des ? 30 : 38));
        cr_assert_not_null(f->name);
    }
    cr_assert_null(nhi_bulk_of(NHTB_BULK_NONE));
    cr_assert_null(nhi_bulk_of(NHTB_BULK_ALG_END));
}

Test(suite, unknown_combinations_are_not_found)
{
    cr_assert_null(nhi_bulk_find(NHI_ENCR_AES_GCM16, 192, NHI_INTEG_NONE));
    cr_assert_null(nhi_bulk_find(NHI_ENCR_AES_GCM16, 128, NHI_INTEG_SHA256_128));
    cr_assert_null(nhi_bulk_find(NHI_ENCR_AES_CBC, 128, NHI_INTEG_NONE));
    cr_assert_null(nhi_bulk_find(NHI_ENCR_CHACHA20_POLY1305, 256, NHI_INTEG_NONE));
    cr_assert_null(nhi_bulk_find(11, 0, NHI_INTEG_SHA256_128)); /* ENCR_NULL */
    cr_assert_null(nhi_bulk_find(2, 0, NHI_INTEG_SHA1_96));     /* DES */
    cr_assert_null(nhi_bulk_find(NHI_ENCR_AES_CBC, 128, 1));    /* HMAC-MD5-96 */
    cr_assert_eq(nhi_prf_hash(1), NHTB_HASH_NONE);              /* HMAC-MD5 */
    cr_assert_eq(nhi_hash_len(NHTB_HASH_NONE), 0);
    cr_assert_eq(nhi_ke_public_len(1), 0); /* MODP-768 */
    cr_assert_eq(nhi_ke_secret_len(1), 0);
}

/* RFC 3526, RFC 5903 7, RFC 8031 2. */
Test(suite, key_exchange_lengths_fit_the_buffers_of_the_contract)
{
    static const struct {
        uint16_t method, iana, public_len, secret_len;
    } want[] = {
        {NHTB_KE_MODP1024, 2, 128, 128},  {NHTB_KE_MODP1536, 5, 192, 192},
        {NHTB_KE_MODP2048, 14, 256, 256}, {NHTB_KE_MODP3072, 15, 384, 384},
        {NHTB_KE_MODP4096, 16, 512, 512}, {NHTB_KE_P256, 19, 64, 32},
        {NHTB_KE_P384, 20, 96, 48},       {NHTB_KE_P521, 21, 132, 66},
        {NHTB_KE_X25519, 31, 32, 32},
    };
    cr_assert_eq(NHI_ARRAY_LEN(want), NHI_ARRAY_LEN(ke_methods));
    for (size_t i = 0; i < NHI_ARRAY_LEN(want); i++) {
        cr_assert_eq(want[i].method, want[i].iana);
        cr_assert_eq(nhi_ke_public_len(want[i].method), want[i].public_len);
        cr_assert_eq(nhi_ke_secret_len(want[i].method), want[i].secret_len);
        cr_assert_leq(want[i].public_len, NHTB_KE_PUBLIC_MAX);
        cr_assert_leq(want[i].secret_len, NHTB_KE_SECRET_MAX);
    }
}

Test(suite, every_backend_offers_everything_we_know)
{
    for (size_t b = 0; b < N_ALL; b++) {
        nhtb_crypto c = all_backends[b]();
        cr_assert_eq(c.bulk->size, sizeof(nhtb_bulk_ops));
        cr_assert_eq(c.kdf->size, sizeof(nhtb_kdf_ops));
        cr_assert_eq(c.pk->size, sizeof(nhtb_pk_ops));
        for (uint16_t alg = 1; alg < NHTB_BULK_ALG_END; alg++) {
            const nhi_bulk_facts *f = nhi_bulk_of(alg);
            cr_assert_eq(nhi_crypto_has_bulk(&c, f->encr, f->key_bits, f->integ),
                         test_has(c.bulk, f));
        }
        for (uint16_t prf = NHI_PRF_SHA256; prf <= NHI_PRF_SHA512; prf++)
            cr_assert(nhi_crypto_has_prf(&c, prf));
        for (size_t m = 0; m < NHI_ARRAY_LEN(ke_methods); m++)
            cr_assert(nhi_crypto_has_ke(&c, ke_methods[m]));
        cr_assert_not(nhi_crypto_has_bulk(&c, 3, 0, 0));
        cr_assert_not(nhi_crypto_has_prf(&c, 1));
        cr_assert_not(nhi_crypto_has_ke(&c, 1));
    }
}

Test(suite, missing_tables_offer_nothing)
{
    nhtb_crypto none = {NULL, NULL, NULL};
    nhtb_proposal p[2];
    cr_assert_not(nhi_crypto_has_bulk(&none, NHI_ENCR_AES_GCM16, 128, 0));
    cr_assert_not(nhi_crypto_has_prf(&none, NHI_PRF_SHA256));
    cr_assert_not(nhi_crypto_has_ke(&none, NHTB_KE_X25519));
    cr_assert_eq(nhi_proposal_default(&none, NHTB_PROTO_IKE, p, 2), 0);
}
