/* SPDX-License-Identifier: Apache-2.0
 * What a revocation list says, part by part, behind a vendor that takes every signature: what is not
 * understood says nothing, and what says "revoked" is believed however old it is. RFC 5280 5. */
#include "pki/der_text.h"
#include "vectors/support.h"

#define NOW INT64_C(1767225600) /* 2026-01-01 */

enum {
    CRL_VERSION,
    CRL_INNER,
    CRL_ISSUER,
    CRL_TIMES,
    CRL_REVOKED,
    CRL_MORE,
    CRL_OUTER,
    CRL_BITS,
    CRL_PARTS
};

#define GOOD NHI_NOT_REVOKED
#define YES  NHI_REVOKED
#define NONE NHI_STATUS_UNKNOWN

#define SERIAL_7    "30{02{07}17{'250101000000Z'}}"
#define SERIAL_8    "30{02{08}17{'250101000000Z'}}"
#define WITH(value) "a0{30{" value "}}"
#define POINT(body) WITH("30{06{551d1c}01{ff}04{30{" body "}}}")

static nhtb_span list_with(der_buf *d, size_t part, const char *with)
{
    static const char *const good[CRL_PARTS] = {
        "02{01}",           DER_ECDSA, DER_CN("ca"), "17{'250101000000Z'}17{'270101000000Z'}",
        "30{" SERIAL_8 "}", "",        DER_ECDSA,    "00aa",
    };
    const char *p[CRL_PARTS];
    char text[DER_TEXT_MAX];
    for (size_t i = 0; i < CRL_PARTS; i++)
        p[i] = i == part ? with : good[i];
    snprintf(text, sizeof text, "30{30{%s30{%s}%s%s%s%s}30{%s}03{%s}}", p[0], p[1], p[2], p[3],
             p[4], p[5], p[6], p[7]);
    return der_text(d, text);
}

static int verify_all(nhtb_span spki, uint16_t alg, uint16_t hash, nhtb_span message, nhtb_span sig)
{
    (void)spki;
    (void)alg;
    (void)hash;
    (void)message;
    (void)sig;
    return NHTB_SIG_GOOD;
}

typedef struct setting {
    nhtb_crypto c;
    nhtb_pk_ops pk;
    der_buf cert_der, issuer_der;
    nhi_cert cert, issuer; /* serial 7 */
} setting;

static void set(setting *s, const char *leaf_ext, const char *issuer_ext)
{
    const char *by[CERT_PARTS] = {[CERT_SUBJECT] = DER_CN("ca"), [CERT_MORE] = issuer_ext};
    s->c = real_backends[0]();
    s->pk = *s->c.pk;
    s->pk.verify = verify_all;
    s->c.pk = &s->pk;
    const char *leaf[CERT_PARTS] = {[CERT_MORE] = leaf_ext};
    cr_assert(nhi_cert_read(&s->cert, der_cert(&s->cert_der, leaf)));
    cr_assert(nhi_cert_read(&s->issuer, der_cert(&s->issuer_der, by)));
}

static nhi_revoked says(const setting *s, size_t part, const char *with)
{
    der_buf d;
    nhtb_span list = list_with(&d, part, with);
    return nhi_crl_status(&s->c, &list, 1, &s->cert, &s->issuer, NOW);
}

Test(crl, each_part_has_one_form)
{
    static const struct {
        size_t part;
        const char *with;
        bool good;
    } v[] = {
        {CRL_VERSION, "", true}, /* version 1 */
        {CRL_VERSION, "02{00}", false},
        {CRL_VERSION, "02{02}", false},
        {CRL_INNER, "06{2a8648ce3d040303}", false},
        {CRL_OUTER, "06{2a8648ce3d040303}", false},
        {CRL_ISSUER, "31{}", false},
        {CRL_ISSUER, "30{31{}}", false},
        {CRL_TIMES, "17{'250101000000Z'}", true}, /* no next update */
        {CRL_TIMES, "18{'20250101000000Z'}18{'20270101000000Z'}", true},
        {CRL_TIMES, "", false},
        {CRL_TIMES, "17{'250101000000'}", false},
        {CRL_TIMES, "17{'250101000000Z'}17{'27'}", false},
        {CRL_TIMES, "17{'250101000000Z'}18{'27'}", false},
        {CRL_REVOKED, "", true},
        {CRL_REVOKED, "30{}0500", false},
        {CRL_MORE, "a0{30{}}", true},
        {CRL_MORE, "a0{30{}0500}", false},
        {CRL_MORE, "a0{31{}}", false},
        {CRL_MORE, "a0{30{30{06{551d14}}}}", false},
        {CRL_MORE, "a0{30{30{06{551d14}04{}0500}}}", false},
        {CRL_MORE, "a0{30{0500}}", false},
        {CRL_MORE, "a0{30{}}0500", false},
        {CRL_BITS, "00", false},
        {CRL_BITS, "01aa", false},
        {CRL_BITS, "00aa}04{", false},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        der_buf d;
        cr_expect_eq(nhi_crl_valid(list_with(&d, v[i].part, v[i].with)), v[i].good, "%zu", i);
    }
}

Test(crl, what_is_not_understood_says_nothing)
{
    static const struct {
        size_t part;
        const char *with;
        nhi_revoked want;
    } v[] = {
        {CRL_PARTS, "", GOOD},
        {CRL_REVOKED, "", GOOD},
        {CRL_REVOKED, "30{" SERIAL_7 "}", YES},
        {CRL_REVOKED, "30{" SERIAL_8 SERIAL_7 "}", YES},
        {CRL_REVOKED, "30{" SERIAL_7 "0500}", NONE}, /* what follows cannot be read */
        {CRL_REVOKED, "30{30{02{07}}}", NONE},
        {CRL_REVOKED, "30{30{02{07}17{'250101000000Z'}0500}}", NONE},
        {CRL_REVOKED, "30{30{04{07}17{'250101000000Z'}}}", NONE},
        /* entry extensions: a reason is known, another critical one may change what is meant */
        {CRL_REVOKED, "30{30{02{08}17{'250101000000Z'}30{30{06{551d15}01{ff}04{0a{01}}}}}}", GOOD},
        {CRL_REVOKED, "30{30{02{08}17{'250101000000Z'}30{30{06{551d1d}01{ff}04{}}}}}", NONE},
        {CRL_REVOKED, "30{30{02{08}17{'250101000000Z'}30{30{06{551d1d}01{00}04{}}}}}", GOOD},
        {CRL_REVOKED, "30{30{02{08}17{'250101000000Z'}30{30{06{551d1d}01{ffff}04{}}}}}", GOOD},
        {CRL_REVOKED, "30{30{02{08}17{'250101000000Z'}30{30{06{551d18}04{}}}}}", GOOD},
        {CRL_REVOKED, "30{30{02{08}17{'250101000000Z'}30{30{06{551c15}01{ff}04{}}}}}", NONE},
        {CRL_REVOKED, "30{30{02{08}17{'250101000000Z'}30{30{06{561d15}01{ff}04{}}}}}", NONE},
        {CRL_REVOKED, "30{30{02{08}17{'250101000000Z'}30{30{06{551d1500}01{ff}04{}}}}}", NONE},
        {CRL_REVOKED, "30{30{02{08}17{'250101000000Z'}30{0500}}}", NONE},
        {CRL_MORE, WITH("30{06{551d14}04{02{05}}}30{06{551d23}04{30{}}}"), GOOD},
        {CRL_MORE, WITH("30{06{551d1b}01{ff}04{02{05}}}"), NONE}, /* a delta */
        {CRL_MORE, WITH("30{06{551d2e}04{30{}}}"), NONE},         /* newer news elsewhere */
        {CRL_MORE, WITH("30{06{2a0304}04{}}"), GOOD},
        {CRL_MORE, WITH("30{06{2a0304}01{ff}04{}}"), NONE},
        {CRL_MORE, WITH("30{06{2a0304}01{ff}04{}}30{06{551d14}04{}}"), NONE},
        {CRL_MORE, WITH("30{06{561d14}01{ff}04{}}"), NONE},
        {CRL_MORE, WITH("30{06{551e14}01{ff}04{}}"), NONE},
        {CRL_MORE, POINT("81{ff}"), GOOD}, /* only users: the certificate is one */
        {CRL_MORE, POINT("82{ff}"), NONE}, /* only CAs */
        {CRL_MORE, POINT("82{00}"), GOOD},
        {CRL_MORE, POINT("82{}"), GOOD},
        {CRL_MORE, POINT("83{0780}"), NONE}, /* some reasons */
        {CRL_MORE, POINT("84{ff}"), NONE},   /* indirect */
        {CRL_MORE, POINT("85{ff}"), NONE},   /* attribute certificates */
        {CRL_MORE, POINT("}0500 30{"), NONE},
        {CRL_MORE, POINT("a0{a0{86{'http://a/'}}}"), NONE}, /* the certificate names no point */
        {CRL_ISSUER, DER_CN("other"), NONE},
        {CRL_TIMES, "17{'250101000000Z'}", NONE},
        {CRL_TIMES, "17{'250101000000Z'}17{'260101000000Z'}", GOOD}, /* its last second */
        {CRL_TIMES, "17{'250101000000Z'}17{'251231235959Z'}", NONE},
        {CRL_TIMES, "17{'260101000000Z'}17{'270101000000Z'}", GOOD},
        {CRL_TIMES, "17{'260101000001Z'}17{'270101000000Z'}", NONE},
        {CRL_BITS, "00", NONE},
    };
    setting s;
    set(&s, "", "");
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++)
        cr_expect_eq(says(&s, v[i].part, v[i].with), v[i].want, "%zu", i);
}

Test(crl, revoked_stays_revoked_whatever_the_date)
{
    static const char *const lists[] = {
        "17{'200101000000Z'}17{'200201000000Z'}30{" SERIAL_7 "}", /* long out of date */
        "17{'300101000000Z'}17{'310101000000Z'}30{" SERIAL_7 "}", /* to come */
        "17{'200101000000Z'}30{" SERIAL_7 "}",
    };
    setting s;
    set(&s, "", "");
    for (size_t i = 0; i < NHI_ARRAY_LEN(lists); i++) {
        der_buf d, good_der;
        char text[512];
        snprintf(text, sizeof text, "30{30{02{01}30{" DER_ECDSA "}%s%s}30{" DER_ECDSA "}03{00aa}}",
                 DER_CN("ca"), lists[i]);
        nhtb_span v[2] = {list_with(&good_der, CRL_PARTS, ""), der_text(&d, text)};
        cr_expect_eq(nhi_crl_status(&s.c, v, 1, &s.cert, &s.issuer, NOW), NHI_NOT_REVOKED);
        cr_expect_eq(nhi_crl_status(&s.c, v, 2, &s.cert, &s.issuer, NOW), NHI_REVOKED, "%zu", i);
    }
}

Test(crl, a_list_is_about_those_whose_point_it_names)
{
    setting s;
    set(&s,
        "a3{30{" DER_EXT("13", "", "30{01{ff}}")
            DER_EXT("1f", "", "30{30{a0{a0{86{'http://a/'}}}}}") "}}",
        "");
    cr_assert(s.cert.ca);
    cr_assert_eq(says(&s, CRL_MORE, POINT("a0{a0{86{'http://a/'}}}")), NHI_NOT_REVOKED);
    cr_assert_eq(says(&s, CRL_MORE, POINT("a0{a0{86{'http://b/'}}}")), NHI_STATUS_UNKNOWN);
    cr_assert_eq(says(&s, CRL_MORE, POINT("81{ff}")), NHI_STATUS_UNKNOWN, "it is a CA");
    cr_assert_eq(says(&s, CRL_MORE, POINT("82{ff}")), NHI_NOT_REVOKED);
    cr_assert_eq(says(&s, CRL_MORE, POINT("81{00}")), NHI_NOT_REVOKED);
}

Test(crl, who_may_not_sign_lists_is_not_believed)
{
    static const struct {
        const char *usage;
        nhi_revoked want;
    } v[] = {{"", NHI_NOT_REVOKED},
             {"a3{30{30{06{551d0f}04{03{0106}}}}}", NHI_NOT_REVOKED},
             {"a3{30{30{06{551d0f}04{03{0204}}}}}", NHI_STATUS_UNKNOWN}}; /* certificates only */
    setting s;
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        set(&s, "", v[i].usage);
        cr_expect_eq(says(&s, CRL_PARTS, ""), v[i].want, "%zu", i);
    }
    set(&s, "", "");
    s.issuer.key = NHI_KEY_NONE;
    cr_assert_eq(says(&s, CRL_PARTS, ""), NHI_STATUS_UNKNOWN, "a key below the floor");
    set(&s, "", "");
    der_buf d; /* SHA-1 in both places */
    nhtb_span list = der_text(&d, "30{30{02{01}30{06{2a8648ce3d0401}}" DER_CN(
                                      "ca") "17{'250101000000Z'}17{'270101000000Z'}}"
                                            "30{06{2a8648ce3d0401}}03{00aa}}");
    cr_assert(nhi_crl_valid(list));
    cr_assert_eq(nhi_crl_status(&s.c, &list, 1, &s.cert, &s.issuer, NOW), NHI_STATUS_UNKNOWN);
    s.c = real_backends[0]();
    cr_assert_eq(says(&s, CRL_PARTS, ""), NHI_STATUS_UNKNOWN, "no signature of theirs");
}
