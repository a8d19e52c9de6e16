/* SPDX-License-Identifier: Apache-2.0
 * Published answers for ESP and SK payload protection on every real backend: RFC 7634 A and B
 * (ChaCha20-Poly1305), draft-mcgrew-gcm-test (AES-GCM), RFC 3602 4 (AES-CBC). */
#include "support.h"

static const struct aead_case {
    const char *name;
    uint16_t alg;
    const char *key, *salt, *iv, *aad, *plain, *cipher, *tag;
} aead_cases[] = {
    {
        "rfc7634 A",
        NHTB_BULK_CHACHA20_POLY1305,
        "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        "a0a1a2a3",
        "1011121314151617",
        "0102030400000005",
        "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec1000073627"
        "08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b"
        "2c2d2e2f303132333435363701020204",
        "24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c614ee8099"
        "d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3cbec163fac469b50"
        "2773f6fb94e664da9165b82829f641e0",
        "76aaa8266b7fb0f7b11b369907e1ad43",
    },
    {
        "rfc7634 B",
        NHTB_BULK_CHACHA20_POLY1305,
        "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        "a0a1a2a3",
        "1011121314151617",
        "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029",
        "0000000c000040010000000a00",
        "610394701f8d017f7c12924889",
        "6b71bfe25236efd7cdc67066906315b2",
    },
    {
        "mcgrew 1",
        NHTB_BULK_AES128_GCM16,
        "4c80cdefbb5d10da906ac73c3613a634",
        "2e443b68",
        "4956ed7e3b244cfe",
        "000043218765432100000000",
        "45000048699a000080114db7c0a80102c0a801010a9bf15638d301000001000000000000"
        "045f736970045f756470037369700963796265726369747902646b000021000101020201",
        "fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34cfa2436f"
        "14a3f3cf65925bf1f4a13c5d15b21e1884f5ff6247aeabb786b93bce61bc17d768fd9732",
        "459018148f6cbe722fd04796562dfdb4",
    },
    {
        "mcgrew 12",
        NHTB_BULK_AES128_GCM16,
        "7d773d00c144c525ac619d18c84a3f47",
        "d9664267",
        "43457e9182443bc6",
        "335467aeffffffff",
        "01020201",
        "437f866b",
        "cb3f699fe9b0822bac961c4504bef270",
    },
    {
        "mcgrew ESN",
        NHTB_BULK_AES256_GCM16,
        "6c6567616c697a656d6172696a75616e61616e64646f69746265666f72656961",
        "7475726e",
        "333021696765746d",
        "796b6963ffffffffffffffff",
        "45000030da3a00008001df3bc0a80005c0a800010800c6cd020007006162636465666768"
        "696a6b6c6d6e6f707172737401020201",
        "f97ab2aa356d8edce17644ac8c78e25dd24dedbb29ebf1b64a274b39b49c3a864cd3d78c"
        "a4ae68a32b42458fb57dbe821dcc63b9",
        "d0937ba2945f669368661a329fb4c053",
    },
    {
        "mcgrew 3",
        NHTB_BULK_AES256_GCM16,
        "abbccddef00112233445566778899aababbccddef00112233445566778899aab",
        "11223344",
        "0102030405060708",
        "4a2cbfe300000002",
        "4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee00000000070024000"
        "20bf0000020405b40101040201020201",
        "ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5d763748a6379"
        "85771d347f0545659f14e99def842d8e",
        "b335f4eecfdbf831824b4c4915956c96",
    },
};

typedef struct aead_bytes {
    uint8_t keymat[64], iv[8], aad[64], plain[256], cipher[256], tag[16], got[256], icv[16];
    size_t len, aad_len;
} aead_bytes;

static void aead_read(const struct aead_case *v, aead_bytes *b)
{
    size_t key_len = unhex(v->key, b->keymat, 32);
    cr_assert_eq(unhex(v->salt, b->keymat + key_len, 4), 4);
    cr_assert_eq(unhex(v->iv, b->iv, sizeof b->iv), 8);
    b->aad_len = unhex(v->aad, b->aad, sizeof b->aad);
    b->len = unhex(v->plain, b->plain, sizeof b->plain);
    cr_assert_eq(unhex(v->cipher, b->cipher, sizeof b->cipher), b->len);
    cr_assert_eq(unhex(v->tag, b->tag, sizeof b->tag), 16);
}

static void aead_check(const nhtb_bulk_ops *ops, const struct aead_case *v)
{
    const nhi_bulk_facts *f = nhi_bulk_of(v->alg);
    aead_bytes b = {0};
    aead_read(v, &b);
    test_key out = test_key_make(ops, f, b.keymat, true, 1);
    test_key in = test_key_make(ops, f, b.keymat, false, 1);
    nhtb_bulk_job j = {.src = b.plain, .dst = b.got, .iv = b.iv, .aad = b.aad, .icv = b.icv};
    j.len = (uint32_t)b.len;
    j.aad_len = (uint32_t)b.aad_len;
    cr_assert_eq(test_seal(&out, 0, &j), NHTB_BULK_OK);
    cr_assert_arr_eq(b.got, b.cipher, b.len, "%s: %s", ops->name, v->name);
    cr_assert_arr_eq(b.icv, b.tag, 16, "%s: %s", ops->name, v->name);
    j.src = b.got;
    cr_assert_eq(test_open(&in, 0, &j), NHTB_BULK_OK);
    cr_assert_arr_eq(b.got, b.plain, b.len);
    test_key_free(&in);
    test_key_free(&out);
}

Test(rfc_bulk, aead_answers_of_rfc7634_and_mcgrew)
{
    cr_assert_gt(N_REAL, 0);
    for (size_t i = 0; i < N_REAL; i++) {
        for (size_t v = 0; v < NHI_ARRAY_LEN(aead_cases); v++)
            aead_check(real_backends[i]().bulk, &aead_cases[v]);
    }
}

static const struct cbc_case {
    const char *key, *iv, *plain, *cipher;
} rfc3602[] = {
    {
        "06a9214036b8a15b512e03d534120006",
        "3dafba429d9eb430b422da802c9fac41",
        "53696e676c6520626c6f636b206d7367",
        "e353779c1079aeb82708942dbe77181a",
    },
    {
        "c286696d887c9aa0611bbb3e2025a45a",
        "562e17996d093d28ddb3ba695a2e6f58",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1",
    },
    {
        "6c3ea0477630ce21a2ce334aa746c2cd",
        "c782dc4c098c66cbd9cd27d825682c81",
        "5468697320697320612034382d62797465206d657373616765202865786163746c792033"
        "2041455320626c6f636b7329",
        "d0a02b3836451753d493665d33f0e8862dea54cdb293abc7506939276772f8d5021c1921"
        "6bad525c8579695d83ba2684",
    },
    {
        "56e47a38c5598974bc46903dba290349",
        "8ce82eefbea0da3c44699ed7db51b7d9",
        "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3"
        "c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf",
        "c30e32ffedc0774e6aff6af0869f71aa0f3af07a9a31a9c684db207eb0ef8e4e35907aa6"
        "32c3ffdf868bb7b29d3d46ad83ce9f9a102ee99d49a53e87f4c3da55",
    },
};

/* The MAC of the composite is fixed elsewhere (RFC 4231); here the ciphertext counts. */
static void cbc_check(const nhtb_bulk_ops *ops, const struct cbc_case *v)
{
    const nhi_bulk_facts *f = nhi_bulk_of(NHTB_BULK_AES128_CBC_SHA256_128);
    uint8_t keymat[64] = {0}, iv[16], plain[64], cipher[64], got[64], icv[16], aad[8] = {0};
    cr_assert_eq(unhex(v->key, keymat, 16), 16);
    cr_assert_eq(unhex(v->iv, iv, sizeof iv), 16);
    size_t n = unhex(v->plain, plain, sizeof plain);
    cr_assert_eq(unhex(v->cipher, cipher, sizeof cipher), n);
    test_key out = test_key_make(ops, f, keymat, true, 1);
    test_key in = test_key_make(ops, f, keymat, false, 1);
    nhtb_bulk_job j = {.src = plain, .dst = got, .iv = iv, .aad = aad, .icv = icv};
    j.len = (uint32_t)n;
    j.aad_len = sizeof aad;
    cr_assert_eq(test_seal(&out, 0, &j), NHTB_BULK_OK);
    cr_assert_arr_eq(got, cipher, n, "%s", ops->name);
    j.src = got;
    cr_assert_eq(test_open(&in, 0, &j), NHTB_BULK_OK);
    cr_assert_arr_eq(got, plain, n);
    test_key_free(&in);
    test_key_free(&out);
}

Test(rfc_bulk, cbc_answers_of_rfc3602)
{
    for (size_t i = 0; i < N_REAL; i++) {
        for (size_t v = 0; v < NHI_ARRAY_LEN(rfc3602); v++)
            cbc_check(real_backends[i]().bulk, &rfc3602[v]);
    }
}
