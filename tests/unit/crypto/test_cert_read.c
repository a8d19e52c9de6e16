/* SPDX-License-Identifier: Apache-2.0
 * What a certificate must look like to be read at all, part by part, and what its key and its
 * extensions say. RFC 5280 4.1, 4.2, RFC 4945 5.1.3. */
#include "pki/der_text.h"

#define KEY_ID DER_EXT("0e", "", "04{aa}")

Test(cert_read, each_part_has_one_form)
{
    static const struct {
        size_t part;
        const char *with;
        bool good;
    } v[] = {
        {CERT_VERSION, "", true}, /* version 1 */
        {CERT_VERSION, "a0{02{01}}", true},
        {CERT_VERSION, "a0{02{02}}", true},
        {CERT_VERSION, "a0{02{00}}", false}, /* the default is not written */
        {CERT_VERSION, "a0{02{03}}", false},
        {CERT_VERSION, "a0{02{02}02{02}}", false},
        {CERT_VERSION, "a0{0a{02}}", false},
        {CERT_SERIAL, "02{}", false},
        {CERT_SERIAL, "04{07}", false},
        {CERT_SERIAL, "", false},
        {CERT_INNER, "06{2a8648ce3d040303}", false}, /* not the one outside */
        {CERT_OUTER, "06{2a8648ce3d040303}", false},
        {CERT_ISSUER, "30{30{}}", false},
        {CERT_ISSUER, "31{}", false},
        {CERT_ISSUER, "30{}", true},
        {CERT_SUBJECT, "30{}", true},
        {CERT_SUBJECT, "30{31{}}", false},
        {CERT_SUBJECT, "30{31{30{06{550403}0c{'a'}0500}}}", false},
        {CERT_SUBJECT, "30{31{30{06{550403}}}}", false},
        {CERT_SUBJECT, "30{31{3005}}", false},
        {CERT_TIMES, "30{17{'200101000000Z'}}", false},
        {CERT_TIMES, "30{17{'200101000000Z'}17{'400101000000Z'}0500}", false},
        {CERT_TIMES, "30{17{'2001010000Z'}17{'400101000000Z'}}", false},
        {CERT_TIMES, "30{18{'20200101000000Z'}18{'21200101000000Z'}}", true},
        {CERT_SPKI, "30{}", true}, /* a key we do not know is read, and refused later */
        {CERT_SPKI, "03{0004}", false},
        {CERT_MORE, "81{00aa}", false}, /* unique identifiers */
        {CERT_MORE, "82{00aa}", false},
        {CERT_MORE, "a3{30{" KEY_ID "}}", true},
        {CERT_MORE, "a3{30{}}", false},
        {CERT_MORE, "a3{30{" KEY_ID KEY_ID "}}", false}, /* one twice */
        {CERT_MORE, "a3{30{" KEY_ID "}}0500", false},
        {CERT_MORE, "a3{30{" KEY_ID "}0500}", false},
        {CERT_MORE, "a3{30{30{06{551d0e}}}}", false},
        {CERT_MORE, "a3{30{30{06{551d0e}04{}0500}}}", false},
        {CERT_MORE, "a3{30{31{}}}", false},
        {CERT_MORE, "0500", false},
        {CERT_BITS, "00", false},
        {CERT_BITS, "01aa", false}, /* unused bits */
        {CERT_BITS, "00aa}04{", false},
    };
    static const nhi_cert none;
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        const char *with[CERT_PARTS] = {NULL};
        der_buf d;
        nhi_cert c;
        with[v[i].part] = v[i].with;
        cr_expect_eq(nhi_cert_read(&c, der_cert(&d, with)), v[i].good, "%zu", i);
        cr_expect(v[i].good || memcmp(&c, &none, sizeof c) == 0, "%zu: half of it stays", i);
    }
}

Test(cert_read, extensions_belong_to_version_3)
{
    static const char *const versions[] = {"", "a0{02{01}}", "a0{02{02}}"};
    for (size_t i = 0; i < 3; i++) {
        der_buf d;
        nhi_cert c;
        const char *with[CERT_PARTS] = {
            [CERT_VERSION] = versions[i], [CERT_MORE] = "a3{30{" KEY_ID "}}"};
        cr_assert_eq(nhi_cert_read(&c, der_cert(&d, with)), i == 2, "%zu", i);
    }
}

Test(cert_read, more_than_32_extensions_are_refused)
{
    for (unsigned n = 31; n <= 33; n++) {
        char text[DER_TEXT_MAX] = "";
        der_buf d;
        nhi_cert c;
        for (unsigned i = 0; i < n; i++) {
            size_t at = strlen(text);
            snprintf(text + at, sizeof text - at, "30{06{2a03%02x}04{}}", i);
        }
        cr_assert_eq(nhi_cert_read(&c, der_cert_ext(&d, text)), n <= 32, "%u", n);
    }
}

/* ---- what extensions say ---- */

Test(cert_read, basic_constraints)
{
    static const struct {
        const char *value;
        bool good, ca;
        int32_t path_len;
    } v[] = {
        {"30{}", true, false, -1},
        {"30{01{00}}", true, false, -1},
        {"30{01{ff}}", true, true, -1},
        {"30{01{ff}02{00}}", true, true, 0},
        {"30{01{ff}02{03}}", true, true, 3},
        {"30{02{03}}", true, false, 3},
        {"30{01{ffff}}", false, false, -1},
        {"30{01{}}", false, false, -1},
        {"30{01{ff}02{ff}}", false, false, -1}, /* below zero */
        {"30{01{ff}02{}}", false, false, -1},
        {"30{01{ff}02{0100000000}}", false, false, -1},
        {"30{01{ff}0500}", false, false, -1},
        {"30{01{ff}}0500", false, false, -1},
        {"31{}", false, false, -1},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        der_buf d;
        nhi_cert c;
        char text[128];
        snprintf(text, sizeof text, "30{06{551d13}04{%s}}", v[i].value);
        cr_expect_eq(nhi_cert_read(&c, der_cert_ext(&d, text)), v[i].good, "%zu", i);
        if (v[i].good)
            cr_expect(c.ca == v[i].ca && c.path_len == v[i].path_len, "%zu", i);
    }
}

Test(cert_read, key_usage)
{
    static const struct {
        const char *value;
        bool good;
        uint8_t usage;
    } v[] = {
        {"03{0780}", true, NHI_USAGE_SIGNATURE},
        {"03{0106}", true, 6},
        {"03{00}", true, 0},
        {"03{070080}", true, 0}, /* decipherOnly is the ninth */
        {"03{0880}", false, 0},
        {"03{}", false, 0},
        {"03{0780}0500", false, 0},
        {"04{0780}", false, 0},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        der_buf d;
        nhi_cert c;
        char text[128];
        snprintf(text, sizeof text, "30{06{551d0f}04{%s}}", v[i].value);
        cr_expect_eq(nhi_cert_read(&c, der_cert_ext(&d, text)), v[i].good, "%zu", i);
        if (v[i].good)
            cr_expect(c.has_usage && c.usage == v[i].usage, "%zu", i);
    }
}

Test(cert_read, purposes_that_ipsec_peers_have)
{
    static const struct {
        const char *oids;
        bool good, fits;
    } v[] = {
        {"06{551d2500}", true, true},         /* any */
        {"06{2b06010505080202}", true, true}, /* Microsoft's IKE intermediate */
        {"06{2b06010505070311}", true, true}, /* ipsecIKE */
        {"06{2b06010505070301}", true, true}, /* TLS server */
        {"06{2b06010505070302}", true, true}, /* TLS client */
        {"06{2b06010505070305}", true, true}, /* the three old ones */
        {"06{2b06010505070306}", true, true},
        {"06{2b06010505070307}", true, true},
        {"06{2b06010505070303}", true, false}, /* code signing */
        {"06{2b06010505070304}", true, false}, /* mail */
        {"06{2b06010505070308}", true, false}, /* time stamps */
        {"06{2b06010505080311}", true, false}, /* of another arc */
        {"06{2b060105050703}", true, false},
        {"06{2b06010505070304}06{2b06010505070311}", true, true},
        {"06{2b06010505070311}06{2b06010505070304}", true, true},
        {"", true, false},
        {"0500", false, false},
        {"06{551d2500}0500", false, false},
        {"06{551d2500}}30{", false, false},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        der_buf d;
        nhi_cert c;
        char text[256];
        snprintf(text, sizeof text, "30{06{551d25}04{30{%s}}}", v[i].oids);
        cr_expect_eq(nhi_cert_read(&c, der_cert_ext(&d, text)), v[i].good, "%zu", i);
        if (v[i].good)
            cr_expect(c.has_eku && c.eku_fits == v[i].fits, "%zu", i);
    }
}

Test(cert_read, an_unknown_extension_is_strange_when_critical)
{
    static const struct {
        const char *ext;
        bool strange;
    } v[] = {
        {"30{06{2a0304}04{}}", false},
        {"30{06{2a0304}01{00}04{}}", false},
        {"30{06{2a0304}01{ff}04{}}", true},
        {"30{06{551d24}01{ff}04{}}", true},  /* policyConstraints */
        {"30{06{551d21}01{ff}04{}}", true},  /* policyMappings */
        {"30{06{551d36}01{ff}04{}}", true},  /* inhibitAnyPolicy */
        {"30{06{551d20}01{ff}04{}}", false}, /* certificatePolicies */
        {"30{06{551d23}01{ff}04{}}", false},
        {"30{06{561d20}01{ff}04{}}", true},
        {"30{06{551c20}01{ff}04{}}", true},
        {"30{06{551d2000}01{ff}04{}}", true},
        {"30{06{2a0304}01{ff}04{}}30{06{2a0305}04{}}", true},
        {"30{06{2a0304}04{}}30{06{2a0305}01{ff}04{}}", true},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        der_buf d;
        nhi_cert c;
        cr_assert(nhi_cert_read(&c, der_cert_ext(&d, v[i].ext)), "%zu", i);
        cr_expect_eq(c.strange, v[i].strange, "%zu", i);
    }
}

/* ---- keys ---- */

Test(cert_read, keys_are_named_curves_or_well_formed_rsa)
{
    static const struct {
        const char *spki;
        nhi_key_kind kind;
    } v[] = {
        {DER_P256_SPKI, NHI_KEY_P256},
        {"30{30{06{2a8648ce3d0201}06{2b81040022}}03{0004}}", NHI_KEY_P384},
        {"30{30{06{2a8648ce3d0201}06{2b81040023}}03{0004}}", NHI_KEY_P521},
        {"30{30{06{2a8648ce3d0201}06{2b81040021}}03{0004}}", NHI_KEY_NONE}, /* P-224 */
        {"30{30{06{2a8648ce3d0201}06{2a8648ce3d0301}}03{0004}}", NHI_KEY_NONE},
        {"30{30{06{2a8648ce3d0201}}03{0004}}", NHI_KEY_NONE},     /* no curve */
        {"30{30{06{2a8648ce3d0201}30{}}03{0004}}", NHI_KEY_NONE}, /* explicit */
        {"30{30{06{2a8648ce3d0202}06{2a8648ce3d030107}}03{0004}}", NHI_KEY_NONE},
        {"30{30{06{2a8648ce3d0201}06{2a8648ce3d030107}}03{00}}", NHI_KEY_NONE},
        {"30{30{06{2a8648ce3d0201}06{2a8648ce3d030107}}03{0104}}", NHI_KEY_NONE},
        {"30{30{06{2a8648ce3d0201}06{2a8648ce3d030107}}03{0004}0500}", NHI_KEY_NONE},
        {DER_P256_SPKI "0500", NHI_KEY_NONE},
        {"30{30{06{2b6570}}03{0004}}", NHI_KEY_NONE}, /* Ed25519 */
        {"30{30{}03{0004}}", NHI_KEY_NONE},
        {"", NHI_KEY_NONE},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        der_buf d;
        cr_expect_eq(nhi_spki_kind(der_text(&d, v[i].spki)), v[i].kind, "%zu", i);
    }
}

/** A modulus of `bits` bits whose last octet is `last`. */
static nhi_key_kind rsa(unsigned bits, const char *last, const char *exponent, const char *more)
{
    char text[DER_TEXT_MAX], *at = text;
    der_buf d;
    unsigned octets = (bits + 7) / 8;
    at += sprintf(at, "30{30{06{2a864886f70d010101}0500}03{0030{02{00");
    at += sprintf(at, "%02x", 1u << (bits + 7) % 8);
    for (unsigned i = 2; i < octets; i++)
        at += sprintf(at, "55");
    sprintf(at, "%s}02{%s}%s}}}", last, exponent, more);
    return nhi_spki_kind(der_text(&d, text));
}

Test(cert_read, rsa_keys_have_a_floor_and_a_roof)
{
    static const struct {
        unsigned bits;
        const char *last, *exponent, *more;
        bool good;
    } v[] = {
        {2048, "01", "010001", "", true},
        {2047, "01", "010001", "", false},
        {2041, "01", "010001", "", false},
        {8192, "01", "010001", "", true},
        {8193, "01", "010001", "", false},
        {3072, "01", "010001", "", true},
        {3072, "02", "010001", "", false}, /* even */
        {3072, "01", "010000", "", false},
        {3072, "01", "00ffff", "", false}, /* 16 bits */
        {3072, "01", "03", "", false},
        {3072, "01", "00ffffffffffffffff", "", true},
        {3072, "01", "01ffffffffffffffff", "", false}, /* 65 bits */
        {3072, "01", "", "", false},
        {3072, "01", "810001", "", false}, /* below zero */
        {3072, "01", "010001", "0500", false},
        {3072, "01", "010001", "}0500 30{", false},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++)
        cr_expect_eq(rsa(v[i].bits, v[i].last, v[i].exponent, v[i].more),
                     v[i].good ? NHI_KEY_RSA : NHI_KEY_NONE, "%zu", i);
    der_buf d;
    cr_assert_eq(
        nhi_spki_kind(der_text(&d, "30{30{06{2a864886f70d010101}0500}03{0030{02{00}02{010001}}}}")),
        NHI_KEY_NONE, "a modulus of zero");
}
