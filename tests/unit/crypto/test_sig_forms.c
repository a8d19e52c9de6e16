/* SPDX-License-Identifier: Apache-2.0
 * The two forms of an ECDSA signature, of which each has one spelling; AlgorithmIdentifiers that say
 * something we would have to guess; and what a job is not made of. RFC 3279 2.2.3, RFC 4754, RFC 4055. */
#include "pki/der_text.h"
#include "pki/pki_util.h"

#define R32 "0101010101010101010101010101010101010101010101010101010101010101"
#define H32 "8101010101010101010101010101010101010101010101010101010101010101"

Test(sig_forms, an_ecdsa_signature_has_one_der_form)
{
    static const struct {
        const char *der;
        size_t order;
        bool good;
    } v[] = {
        {"30{02{" R32 "}02{" R32 "}}", 32, true},
        {"30{02{01}02{7f}}", 32, true},
        {"30{02{00" H32 "}02{" R32 "}}", 32, true},
        {"30{02{" H32 "}02{" R32 "}}", 32, false},   /* negative */
        {"30{02{00" R32 "}02{" R32 "}}", 32, false}, /* not the shortest */
        {"30{02{" R32 "}02{00" R32 "}}", 32, false},
        {"30{02{}02{01}}", 32, false},
        {"30{02{01}02{}}", 32, false},
        {"30{02{00}02{00}}", 32, true},         /* zero is for the curve to refuse */
        {"30{02{01" R32 "}02{01}}", 32, false}, /* longer than the order */
        {"30{02{01}02{01" R32 "}}", 32, false},
        {"30{02{01" R32 "}02{01}}", 48, true},
        {"30{02{01}}", 32, false},
        {"30{02{01}02{01}02{01}}", 32, false},
        {"30{02{01}02{01}}00", 32, false},
        {"31{02{01}02{01}}", 32, false},
        {"30{03{01}02{01}}", 32, false},
        {"30{02{01}03{01}}", 32, false},
        {"3081{02{01}02{01}}", 32, false},
        {"", 32, false},
        {"30{02{01}02{01}}", 0, false}, /* no curve */
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        der_buf d, back;
        uint8_t plain[2 * 66];
        size_t n = sizeof plain;
        nhtb_span der = der_text(&d, v[i].der);
        cr_expect_eq(nhi_ecdsa_from_der(der, v[i].order, plain, &n), v[i].good, "%zu", i);
        if (!v[i].good)
            continue;
        size_t back_n = sizeof back.b;
        cr_expect_eq(n, 2 * v[i].order);
        cr_expect(nhi_ecdsa_to_der((nhtb_span){plain, n}, back.b, &back_n));
        cr_expect(nhi_der_equal((nhtb_span){back.b, back_n}, der), "%zu: there and back", i);
        size_t room = 2 * v[i].order - 1;
        cr_expect_not(nhi_ecdsa_from_der(der, v[i].order, plain, &room), "%zu: no room", i);
        room = back_n - 1;
        cr_expect_not(nhi_ecdsa_to_der((nhtb_span){plain, n}, back.b, &room), "%zu: no room", i);
    }
}

Test(sig_forms, plain_signatures_are_two_halves_of_a_curve)
{
    static const struct {
        size_t n;
        bool good;
    } v[] = {{0, false}, {1, false},  {63, false}, {64, true},
             {96, true}, {132, true}, {134, false}};
    uint8_t plain[134], der[160];
    memset(plain, 0xff, sizeof plain);
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        size_t n = sizeof der, back_n = sizeof plain;
        uint8_t back[134];
        bool good = nhi_ecdsa_to_der((nhtb_span){plain, v[i].n}, der, &n);
        cr_assert_eq(good, v[i].good, "%zu octets", v[i].n);
        if (!good)
            continue;
        cr_assert(nhi_ecdsa_from_der((nhtb_span){der, n}, v[i].n / 2, back, &back_n));
        cr_assert_arr_eq(back, plain, v[i].n);
    }
}

/* ---- algorithms ---- */

#define SHA256 "30{06{608648016503040201}0500}"
#define MGF1   "30{06{2a864886f70d010108}" SHA256 "}"
#define PSS(p) "06{2a864886f70d01010a}30{" p "}"

Test(sig_forms, pss_says_everything_aloud_and_the_same_hash_twice)
{
    static const struct {
        const char *body;
        bool good;
    } v[] = {
        {PSS("a0{" SHA256 "}a1{" MGF1 "}a2{02{20}}"), true},
        {PSS("a0{" SHA256 "}a1{" MGF1 "}a2{02{20}}a3{02{01}}"), true},
        {PSS("a0{30{06{608648016503040201}}}a1{" MGF1 "}a2{02{20}}"), true}, /* no NULL */
        {PSS("a0{" SHA256 "}a1{" MGF1 "}a2{02{20}}a3{02{02}}"), false},      /* trailer */
        {PSS("a0{" SHA256 "}a1{" MGF1 "}a2{02{20}}a3{02{01}0500}"), false},
        {PSS("a0{" SHA256 "}a1{" MGF1 "}a2{02{20}}0500"), false},
        {PSS("a0{" SHA256 "}a1{" MGF1 "}a2{02{14}}"), false}, /* another salt */
        {PSS("a0{" SHA256 "}a1{" MGF1 "}a2{02{20}0500}"), false},
        {PSS("a0{" SHA256 "}a1{" MGF1 "}"), false}, /* the default: 20 */
        {PSS("a0{" SHA256 "}a2{02{20}}"), false},   /* the default: SHA-1 */
        {PSS("a1{" MGF1 "}a2{02{20}}"), false},
        {PSS(""), false},
        {"06{2a864886f70d01010a}", false},
        {PSS("a0{" SHA256 "}a1{" MGF1 "}a2{02{20}}") "0500", false},
        {PSS("a0{" SHA256 "0500}a1{" MGF1 "}a2{02{20}}"), false},
        {PSS("a0{" SHA256 "}a1{" MGF1 "0500}a2{02{20}}"), false},
        {PSS("a0{30{06{2b0e03021a}0500}}a1{" MGF1 "}a2{02{20}}"), false}, /* SHA-1 */
        {PSS("a0{30{06{608648016503040202}0500}}a1{" MGF1 "}a2{02{20}}"), false},
        {PSS("a0{30{06{608648016503040204}0500}}a1{" MGF1 "}a2{02{20}}"), false}, /* SHA-224 */
        {PSS("a0{30{06{608648016503040201}0500 0500}}a1{" MGF1 "}a2{02{20}}"), false},
        {PSS("a0{30{06{608648016503040201}05{00}}}a1{" MGF1 "}a2{02{20}}"), false},
        {PSS("a0{" SHA256 "}a1{30{06{2a864886f70d010109}" SHA256 "}}a2{02{20}}"), false},
        {PSS("a0{" SHA256 "}a1{30{06{2a864886f70d010108}" SHA256 "0500}}a2{02{20}}"), false},
        {"06{2a8648ce3d040302}", true},
        {"06{2a8648ce3d040302}0500", false}, /* ECDSA has no parameters */
        {"06{2a864886f70d01010b}0500", true},
        {"06{2a864886f70d01010b}05{00}", false},
        {"06{2a864886f70d01010b}0500 0500", false},
        {"06{2a864886f70d01010b}30{}", false},
        {"06{2a864886f70d010104}0500", false}, /* MD5 */
        {"06{2b6570}", false},
        {"", false},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        der_buf d;
        uint16_t alg, hash;
        cr_expect_eq(nhi_sig_alg_read(der_text(&d, v[i].body), &alg, &hash), v[i].good, "%zu", i);
    }
}

Test(sig_forms, what_has_no_identifier_is_not_written)
{
    uint8_t out[NHI_SIG_ALG_MAX];
    cr_assert_eq(nhi_sig_alg_write(NHTB_SIG_NONE, NHTB_HASH_SHA256, out), 0);
    cr_assert_eq(nhi_sig_alg_write(NHTB_SIG_ECDSA + 1, NHTB_HASH_SHA256, out), 0);
    cr_assert_eq(nhi_sig_alg_write(NHTB_SIG_ECDSA, NHTB_HASH_NONE, out), 0);
}

/* ---- jobs ---- */

Test(sig_forms, a_job_is_made_of_bounded_parts)
{
    static uint8_t big[NHI_SIG_BYTES + 1];
    nhtb_crypto c = real_backends[0]();
    nhi_mem mem = test_mem(NULL);
    nhi_pki p = {.refs = 1};
    nhi_sig_work fine = {.pki = &p, .certs = {{big, 10}}, .n_certs = 1};
    fine.message = fine.sig = (nhtb_span){big, 16};
    nhi_sig_work v[6];
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++)
        v[i] = fine;
    v[0].pki = NULL;
    v[1].n_certs = NHTB_PKI_CERTS + 1;
    v[2].certs[0].n = sizeof big;
    v[3].message.n = sizeof big;
    v[4].sig.n = NHTB_SIG_MAX + 1;
    v[5].id.data = (nhtb_span){big, sizeof big};
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        int err = 0;
        cr_expect_null(nhi_job_verify(&mem, &c, &v[i], NULL, &err), "%zu", i);
        cr_expect_eq(err, NHTB_ERR_ARG, "%zu", i);
        cr_expect(mem.bytes == 0 && p.refs == 1);
    }
    nhtb_pk_ops old = *c.pk;
    old.size = offsetof(nhtb_pk_ops, has_sig);
    c.pk = &old;
    int err = 0;
    cr_assert_null(nhi_job_verify(&mem, &c, &fine, NULL, &err));
    cr_assert_eq(err, NHTB_ERR_ARG, "a backend from before signatures");
    cr_assert_eq(nhi_key_of(&c, pki_text("x")), NHI_KEY_NONE);
}

Test(sig_forms, signatures_of_no_or_too_many_octets_are_bad)
{
    static uint8_t big[NHTB_SIG_MAX + 1];
    pki_der der;
    nhi_cert cert;
    nhi_sig_how how = {NHTB_SIG_RSA_PKCS1, NHTB_HASH_SHA256, false};
    cr_assert(nhi_cert_read(&cert, pki_read(&der, pki_hub)));
    for (size_t b = 0; b < N_REAL; b++) {
        nhtb_crypto c = real_backends[b]();
        cr_assert_eq(nhi_verify(&c, cert.spki, &how, pki_text("m"), (nhtb_span){big, 0}),
                     NHTB_SIG_BAD);
        cr_assert_eq(nhi_verify(&c, cert.spki, &how, pki_text("m"), (nhtb_span){big, sizeof big}),
                     NHTB_SIG_BAD);
    }
}
