/* SPDX-License-Identifier: Apache-2.0
 * Certificates: what is read, names and their text, identities, constraints, and one table of paths
 * that every backend must judge alike, with the cause. RFC 5280, RFC 4945. */
#include "pki/pki_util.h"

/* ---- the table ---- */

static const struct path_case {
    const char *leaf, *helper, *anchor, *crl;
    uint8_t revocation;
    nhi_x509 want;
} paths[] = {
    {pki_hub, pki_sub, pki_root, "", NHTB_REVOCATION_RELAXED, NHI_X509_GOOD},
    {pki_hub, "", pki_root, "", NHTB_REVOCATION_RELAXED, NHI_X509_UNTRUSTED},
    {pki_hub, "", pki_sub, "", NHTB_REVOCATION_RELAXED, NHI_X509_GOOD}, /* any anchor ends it */
    {pki_hub, pki_sub, pki_other_root, "", NHTB_REVOCATION_RELAXED, NHI_X509_UNTRUSTED},
    {pki_stranger, "", pki_root, "", NHTB_REVOCATION_RELAXED, NHI_X509_UNTRUSTED},
    {pki_stranger, pki_other_root, pki_root, "", NHTB_REVOCATION_RELAXED, NHI_X509_UNTRUSTED},
    {pki_p256, pki_sub, pki_root, "", NHTB_REVOCATION_RELAXED, NHI_X509_GOOD},
    {pki_p384, "", pki_root, "", NHTB_REVOCATION_RELAXED, NHI_X509_GOOD},
    {pki_p521, "", pki_root, "", NHTB_REVOCATION_RELAXED, NHI_X509_GOOD},
    {pki_old, "", pki_root, "", NHTB_REVOCATION_RELAXED, NHI_X509_EXPIRED},
    {pki_future, "", pki_root, "", NHTB_REVOCATION_RELAXED, NHI_X509_EXPIRED},
    {pki_inside, pki_tight, pki_root, "", NHTB_REVOCATION_RELAXED, NHI_X509_GOOD},
    {pki_outside, pki_tight, pki_root, "", NHTB_REVOCATION_RELAXED, NHI_X509_UNTRUSTED},
    {pki_outside, "", pki_tight, "", NHTB_REVOCATION_RELAXED, NHI_X509_UNTRUSTED},
    {pki_deep, pki_deep_ca, pki_sub, "", NHTB_REVOCATION_RELAXED, NHI_X509_UNTRUSTED},
    {pki_by_leaf, pki_hub, pki_sub, "", NHTB_REVOCATION_RELAXED, NHI_X509_UNTRUSTED},
    {pki_mail_only, "", pki_root, "", NHTB_REVOCATION_RELAXED, NHI_X509_UNTRUSTED},
    {pki_critical, "", pki_root, "", NHTB_REVOCATION_RELAXED, NHI_X509_UNTRUSTED},
    {pki_weak, "", pki_root, "", NHTB_REVOCATION_RELAXED, NHI_X509_WEAK},
    {pki_e3, "", pki_root, "", NHTB_REVOCATION_RELAXED, NHI_X509_WEAK},
    {pki_revoked, pki_sub, pki_root, "", NHTB_REVOCATION_RELAXED, NHI_X509_GOOD}, /* no list */
    {pki_revoked, pki_sub, pki_root, pki_sub_crl, NHTB_REVOCATION_RELAXED, NHI_X509_REVOKED},
    {pki_revoked, pki_sub, pki_root, pki_sub_crl_old, NHTB_REVOCATION_RELAXED, NHI_X509_REVOKED},
    {pki_hub, pki_sub, pki_root, pki_other_crl, NHTB_REVOCATION_RELAXED, NHI_X509_GOOD},
    {pki_hub, pki_sub, pki_root, pki_sub_crl, NHTB_REVOCATION_IFURI, NHI_X509_GOOD},
    {pki_hub, pki_sub, pki_root, pki_sub_crl_old, NHTB_REVOCATION_IFURI, NHI_X509_NO_STATUS},
    {pki_hub, pki_sub, pki_root, "", NHTB_REVOCATION_IFURI, NHI_X509_NO_STATUS},
    {pki_p256, pki_sub, pki_root, "", NHTB_REVOCATION_IFURI, NHI_X509_GOOD},
    {pki_p384, "", pki_root, pki_root_crl, NHTB_REVOCATION_STRICT, NHI_X509_GOOD},
    {pki_p384, "", pki_root, pki_other_crl, NHTB_REVOCATION_STRICT, NHI_X509_NO_STATUS},
    {pki_p384, "", pki_root, pki_sub_crl, NHTB_REVOCATION_STRICT, NHI_X509_NO_STATUS},
    {pki_hub, pki_sub, pki_root, pki_sub_crl, NHTB_REVOCATION_STRICT, NHI_X509_NO_STATUS},
};

static nhi_x509 judge(const nhtb_crypto *c, const struct path_case *p, int64_t now)
{
    pki_der d[4];
    nhi_cert leaf;
    nhtb_span certs[2], anchor = pki_read(&d[2], p->anchor), crl = {NULL, 0};
    nhi_x509_in in = {.certs = certs, .n_certs = 1, .anchors = &anchor, .n_anchors = 1};
    certs[0] = pki_read(&d[0], p->leaf);
    if (p->helper[0] != '\0')
        certs[in.n_certs++] = pki_read(&d[1], p->helper);
    if (p->crl[0] != '\0')
        crl = pki_read(&d[3], p->crl);
    in.crls = &crl;
    in.n_crls = p->crl[0] != '\0';
    in.revocation = p->revocation;
    in.now = now;
    return nhi_x509_verify(c, &in, &leaf);
}

Test(cert, every_backend_gives_the_tables_verdict)
{
    for (size_t b = 0; b < N_REAL; b++) {
        nhtb_crypto c = real_backends[b]();
        for (size_t i = 0; i < NHI_ARRAY_LEN(paths); i++) {
            nhi_x509 got = judge(&c, &paths[i], PKI_NOW);
            cr_expect_eq(got, paths[i].want, "%s: case %zu: %d", c.pk->name, i, (int)got);
        }
    }
}

/* A vendor that calls everything a path: what the library checks by itself must still stand. Only
 * signatures and which anchor it is are the vendor's alone. */
static int chain_lies(const nhtb_chain *in, uint16_t path[NHTB_CHAIN_MAX], size_t *n)
{
    for (*n = 0; *n <= in->n_certs; (*n)++)
        path[*n] = (uint16_t)*n;
    return 0;
}

Test(cert, the_rules_do_not_depend_on_the_vendors_judgement)
{
    nhtb_crypto c = real_backends[0]();
    nhtb_pk_ops pk = *c.pk;
    size_t vendors = 0;
    pk.chain = chain_lies;
    c.pk = &pk;
    for (size_t i = 0; i < NHI_ARRAY_LEN(paths); i++) {
        nhi_x509 got = judge(&c, &paths[i], PKI_NOW);
        bool signature = paths[i].want == NHI_X509_UNTRUSTED && got == NHI_X509_GOOD;
        vendors += signature;
        cr_expect(got == paths[i].want || signature, "case %zu: %d", i, (int)got);
    }
    cr_assert_eq(vendors, 2); /* other_root has root's name, but not its key */
}

/* 2038 and 2106 are where 32 bits end; the fixture is valid from 2020 to 2120. */
Test(cert, time_has_64_bits)
{
    static const struct {
        int64_t now;
        nhi_x509 want;
    } v[] = {{INT64_C(1577836799), NHI_X509_EXPIRED},   {INT64_C(1577836800), NHI_X509_GOOD},
             {INT64_C(2147483648), NHI_X509_GOOD},      {INT64_C(4294967296), NHI_X509_GOOD},
             {INT64_C(4733510399), NHI_X509_GOOD},      {INT64_C(4733510400), NHI_X509_EXPIRED},
             {INT64_C(253402300800), NHI_X509_EXPIRED}, {INT64_C(-1), NHI_X509_EXPIRED}};
    for (size_t b = 0; b < N_REAL; b++) {
        nhtb_crypto c = real_backends[b]();
        for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++)
            cr_expect_eq(judge(&c, &paths[0], v[i].now), v[i].want, "%s: %lld", c.pk->name,
                         (long long)v[i].now);
    }
}

Test(cert, a_backend_without_signatures_trusts_nobody)
{
    nhtb_crypto c = real_backends[0]();
    nhtb_pk_ops old = *c.pk;
    c.pk = &old;
    for (old.size = offsetof(nhtb_pk_ops, has_sig); old.size < sizeof old; old.size += 8)
        cr_assert_eq(judge(&c, &paths[0], PKI_NOW), NHI_X509_UNTRUSTED);
    old.size = sizeof old;
    cr_assert_eq(judge(&c, &paths[0], PKI_NOW), NHI_X509_GOOD);
}

/* ---- damage: whatever it does, nothing is read beyond the end, and nothing bad is believed ---- */

Test(cert, every_truncation_and_flipped_bit_of_a_certificate_is_refused)
{
    pki_der d, sub, root;
    nhi_cert leaf;
    pki_read(&d, pki_p256);
    nhtb_span certs[2] = {d.span, pki_read(&sub, pki_sub)}, anchor = pki_read(&root, pki_root);
    nhi_x509_in in = {.certs = certs, .anchors = &anchor, .n_certs = 2, .n_anchors = 1};
    in.now = PKI_NOW;
    for (size_t n = 0; n < d.span.n; n++) {
        uint8_t *exact = malloc(n != 0 ? n : 1);
        memcpy(exact, d.b, n);
        cr_assert_not(nhi_cert_read(&leaf, (nhtb_span){exact, n}), "%zu octets", n);
        free(exact);
    }
    for (size_t bit = 0; bit < d.span.n * 8; bit += 3) {
        nhtb_crypto c = real_backends[bit / 3 % N_REAL]();
        d.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_neq(nhi_x509_verify(&c, &in, &leaf), NHI_X509_GOOD, "%s: bit %zu", c.pk->name,
                      bit);
        d.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

Test(cert, every_flipped_bit_of_a_list_makes_it_say_nothing)
{
    pki_der d, sub, der;
    nhi_cert issuer, cert;
    pki_read(&d, pki_sub_crl);
    cr_assert(nhi_cert_read(&issuer, pki_read(&sub, pki_sub)));
    cr_assert(nhi_cert_read(&cert, pki_read(&der, pki_revoked)));
    for (size_t bit = 0; bit < d.span.n * 8; bit += 3) {
        nhtb_crypto c = real_backends[bit / 3 % N_REAL]();
        cr_assert_eq(nhi_crl_status(&c, &d.span, 1, &cert, &issuer, PKI_NOW), NHI_REVOKED);
        d.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(nhi_crl_status(&c, &d.span, 1, &cert, &issuer, PKI_NOW), NHI_STATUS_UNKNOWN,
                     "bit %zu", bit);
        d.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < d.span.n; n++)
        cr_assert_not(nhi_crl_valid((nhtb_span){d.b, n}));
}

/* ---- identities ---- */

Test(cert, an_identity_is_held_by_its_own_type_and_value_alone)
{
    static const uint8_t v4[] = {192, 0, 2, 1}, other[] = {192, 0, 2, 2};
    pki_der der;
    nhi_cert c;
    cr_assert(nhi_cert_read(&c, pki_read(&der, pki_hub)));
    const struct {
        uint8_t type;
        nhtb_span data;
        bool held;
    } v[] = {
        {NHTB_ID_FQDN, pki_text("hub.example"), true},
        {NHTB_ID_FQDN, pki_text("HUB.example"), true},
        {NHTB_ID_FQDN, pki_text("hub.exampl"), false},
        {NHTB_ID_FQDN, pki_text("hub.example."), false},
        {NHTB_ID_FQDN, pki_text("*.example"), false},
        {NHTB_ID_FQDN, pki_text("hub"), false}, /* the common name */
        {NHTB_ID_FQDN, pki_text("hub@example.org"), false},
        {NHTB_ID_RFC822, pki_text("hub@example.org"), true},
        {NHTB_ID_RFC822, pki_text("hub.example"), false},
        {NHTB_ID_IPV4, {v4, 4}, true},
        {NHTB_ID_IPV4, {other, 4}, false},
        {NHTB_ID_IPV6, {v4, 4}, true}, /* lengths are judged where identities are read */
        {NHTB_ID_KEY_ID, pki_text("hub.example"), false},
        {NHTB_ID_DER_DN, c.subject, true},
        {NHTB_ID_DER_DN, c.issuer, false},
        {NHTB_ID_FQDN, {NULL, 0}, false},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        nhtb_identity id = {v[i].type, v[i].data};
        cr_expect_eq(nhi_cert_holds(&c, &id), v[i].held, "%zu", i);
    }
}

/* ---- names ---- */

static nhtb_span dn(uint8_t buf[256], const char *text)
{
    size_t n = 256;
    cr_assert_eq(nhtb_dn_parse(text, buf, &n), 0, "%s", text);
    return (nhtb_span){buf, n};
}

Test(cert, names_are_read_and_written)
{
    static const char *const same[] = {
        "C=DE, O=Example, OU=Gateways, CN=hub",
        "CN=a\\, b",
        "DC=org, DC=example, UID=7",
        "E=hub@example.org, serialNumber=12, ST=x, L=y, SN=z",
        "CN=\\\\",
    };
    char text[300];
    uint8_t buf[256];
    for (size_t i = 0; i < NHI_ARRAY_LEN(same); i++) {
        nhtb_span d = dn(buf, same[i]);
        cr_assert(nhi_dn_valid(d));
        cr_assert_eq(nhtb_dn_format(d, text, sizeof text), strlen(same[i]));
        cr_assert_str_eq(text, same[i]);
        for (size_t n = 0; n < d.n; n++)
            cr_assert_not(nhi_dn_valid((nhtb_span){d.p, n}));
    }
    static const char *const bad[] = {"",      "CN",    "CN=",    "=x",      "XX=1",
                                      "CN=a,", ",CN=a", "CN=a\\", "CN=\x01", "cn=a"};
    for (size_t i = 0; i < NHI_ARRAY_LEN(bad); i++) {
        size_t n = sizeof buf;
        cr_assert_eq(nhtb_dn_parse(bad[i], buf, &n), NHTB_ERR_ARG, "%s", bad[i]);
    }
    for (size_t room = 0; room < 20; room++) {
        size_t n = room;
        cr_assert_eq(nhtb_dn_parse("C=DE, CN=hub", buf, &n), NHTB_ERR_SHORT);
    }
}

Test(cert, names_compare_and_match_patterns)
{
    static const struct {
        const char *a, *b;
        bool equal, within, wildcard, container; /* a as base or pattern of b */
    } v[] = {
        {"C=DE, O=X, CN=a", "C=DE, O=X, CN=a", true, true, true, true},
        {"C=DE, O=X, CN=a", "C=DE, O=x, CN=A", true, true, true, true},
        {"C=DE, O=X, CN=a b", "C=DE, O=X, CN= a  b ", true, true, true, true},
        {"C=DE, O=X", "C=DE, O=X, CN=a", false, true, true, true},
        {"O=X, C=DE", "C=DE, O=X, CN=a", false, false, true, false},
        {"O=X, CN=a", "C=DE, O=X, CN=a", false, false, true, true},
        {"O=X, CN=*", "C=DE, O=X, CN=a", false, false, true, true},
        {"CN=*, O=X", "C=DE, O=X, CN=a", false, false, true, false},
        {"O=X, OU=*", "C=DE, O=X, CN=a", false, false, false, false},
        {"OU=p, OU=q", "O=X, OU=p, OU=q, CN=a", false, false, true, true},
        {"OU=q, OU=p", "O=X, OU=p, OU=q, CN=a", false, false, true, false},
        {"OU=p, OU=p", "O=X, OU=p, OU=q, CN=a", false, false, false, false},
        {"CN=a*", "CN=ab", false, false, false, false},
        {"C=DE, O=X, CN=a", "C=DE, O=X", false, false, false, false},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        uint8_t x[256], y[256];
        nhtb_span a = dn(x, v[i].a), b = dn(y, v[i].b);
        cr_expect_eq(nhi_dn_equal(a, b), v[i].equal, "%zu equal", i);
        cr_expect_eq(nhi_dn_within(a, b), v[i].within, "%zu within", i);
        cr_expect_eq(nhi_dn_match(NHI_DN_WILDCARD, a, b), v[i].wildcard, "%zu wildcard", i);
        cr_expect_eq(nhi_dn_match(NHI_DN_CONTAINER, a, b), v[i].container, "%zu container", i);
    }
}

/* ---- PEM ---- */

Test(cert, pem_blocks_are_found_and_bad_ones_refused)
{
    static const struct {
        const char *text;
        int got;
        size_t n;
    } v[] = {
        {"", 0, 0},
        {"no block here\n", 0, 0},
        {"-----BEGIN X-----\nQUJD\n-----END X-----\n", 1, 3},
        {"text\n-----BEGIN X-----\nQU\nJD\nRA==\n-----END X-----\n", 1, 4},
        {" -----BEGIN X-----\nQUJD\n-----END X-----\n", 0, 0}, /* not at the start of a line */
        {"-----BEGIN X-----\nQUJ\n-----END X-----\n", NHTB_ERR_ARG, 0},
        {"-----BEGIN X-----\nQ=JD\n-----END X-----\n", NHTB_ERR_ARG, 0},
        {"-----BEGIN X-----\nQU*D\n-----END X-----\n", NHTB_ERR_ARG, 0},
        {"-----BEGIN X-----\nQUJD\n", NHTB_ERR_ARG, 0},
        {"-----BEGIN X-----\n-----END X-----\n", NHTB_ERR_ARG, 0},
        {"-----BEGIN X", NHTB_ERR_ARG, 0},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        char label[NHI_PEM_LABEL];
        uint8_t out[16];
        size_t n = sizeof out;
        nhtb_span t = pki_text(v[i].text);
        int got = nhi_pem_next(&t, label, out, &n);
        cr_expect_eq(got, v[i].got, "%zu: %d", i, got);
        cr_expect(got != 1 || n == v[i].n, "%zu: %zu octets", i, n);
        n = 2;
        t = pki_text(v[i].text);
        if (v[i].got == 1)
            cr_expect_eq(nhi_pem_next(&t, label, out, &n), NHTB_ERR_SHORT);
    }
}
