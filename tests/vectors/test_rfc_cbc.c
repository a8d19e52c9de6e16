/* SPDX-License-Identifier: Apache-2.0
 * Published answers for raw CBC (IKEv1 messages) on every real backend: NIST SP 800-38A F.2 for
 * AES, the TDES example of NIST's cryptographic toolkit for 3DES, and RFC 2202 3 for HMAC-SHA-1. */
#include "support.h"

static const struct cbc_case {
    uint16_t cipher;
    const char *key, *iv, *plain, *text;
} cases[] = {
    {NHTB_CBC_AES, "2b7e151628aed2a6abf7158809cf4f3c", "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
     "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
     "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
     "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"},
    {NHTB_CBC_AES, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
     "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
     "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
     "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"
     "571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd"},
    {NHTB_CBC_AES, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "000102030405060708090a0b0c0d0e0f",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
     "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
     "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
     "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"},
    {NHTB_CBC_3DES, "0123456789abcdef23456789abcdef01456789abcdef0123", "f69f2445df4f9b17",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
     "2079c3d53aa763e193b79e2569ab526251657048"
     "1f25b50f73c0bda85c8e0da7"},
};

static void each_cut(const nhtb_crypto *c, const struct cbc_case *v)
{
    uint8_t key[32], iv[16], plain[64], text[64], out[64];
    nhtb_span k = {key, unhex(v->key, key, sizeof key)};
    size_t n = unhex(v->plain, plain, sizeof plain), block = nhi_cbc_block(v->cipher);
    unhex(v->text, text, sizeof text);
    for (size_t cut = 0; cut <= n; cut += block) {
        unhex(v->iv, iv, sizeof iv);
        cr_assert_eq(nhi_cbc(c, v->cipher, true, k, iv, plain, out, cut), 0);
        cr_assert_eq(nhi_cbc(c, v->cipher, true, k, iv, plain + cut, out + cut, n - cut), 0);
        cr_assert_arr_eq(out, text, n);
        cr_assert_arr_eq(iv, text + n - block, block);
        unhex(v->iv, iv, sizeof iv);
        cr_assert_eq(nhi_cbc(c, v->cipher, false, k, iv, out, out, cut), 0);
        cr_assert_eq(nhi_cbc(c, v->cipher, false, k, iv, out + cut, out + cut, n - cut), 0);
        cr_assert_arr_eq(out, plain, n);
        cr_assert_arr_eq(iv, text + n - block, block);
    }
}

Test(rfc_cbc, published_answers_hold_however_the_text_is_cut_into_calls)
{
    for (size_t b = 0; b < N_REAL; b++) {
        nhtb_crypto c = real_backends[b]();
        for (size_t i = 0; i < NHI_ARRAY_LEN(cases); i++) {
            cr_assert(nhi_crypto_has_cbc(&c, cases[i].cipher));
            each_cut(&c, &cases[i]);
        }
    }
}

static const struct {
    const char *key, *text, *mac;
} rfc2202[] = {
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
     "b617318655057264e28bc0b6fb378c8ef146be00"},
    {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
     "dddddddddddddddddddddddddddddddd",
     "125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
    {"0102030405060708090a0b0c0d0e0f10111213141516171819",
     "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
     "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
     "4c9007f4026250c6bc8414f9bf50c86c2d7235da"},
    {"0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c", "546573742057697468205472756e636174696f6e",
     "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"},
};

Test(rfc_cbc, hmac_sha1_gives_the_answers_of_rfc_2202)
{
    for (size_t b = 0; b < N_REAL; b++) {
        nhtb_crypto c = real_backends[b]();
        for (size_t i = 0; i < NHI_ARRAY_LEN(rfc2202); i++) {
            uint8_t key[32], text[64], mac[20];
            nhi_secret out;
            nhtb_span k = {key, unhex(rfc2202[i].key, key, sizeof key)};
            nhtb_span t = {text, unhex(rfc2202[i].text, text, sizeof text)};
            unhex(rfc2202[i].mac, mac, sizeof mac);
            cr_assert_eq(nhi_prf(&c, NHI_PRF_SHA1, k, &t, 1, &out), 0);
            cr_assert_eq(out.n, 20);
            cr_assert_arr_eq(out.b, mac, sizeof mac);
        }
    }
}
