/* SPDX-License-Identifier: Apache-2.0
 * Proposals as text both ways, what is refused and where, defaults, and filtering by capability. */
#include "vectors/support.h"

static const struct text_case {
    nhtb_protocol proto;
    const char *in, *out; /* out NULL: same as in */
} good[] = {
    {NHTB_PROTO_IKE, "aes256gcm16-prfsha256-x25519", NULL},
    {NHTB_PROTO_IKE, "aes256gcm16-sha384-x25519", "aes256gcm16-prfsha384-x25519"},
    {NHTB_PROTO_IKE, "aes128-sha256-ecp256", "aes128-sha256-prfsha256-ecp256"},
    {NHTB_PROTO_IKE, "aes256-aes128-sha512-sha256-prfsha384-modp2048-x25519", NULL},
    {NHTB_PROTO_IKE, "x25519-prfsha256-chacha20poly1305", "chacha20poly1305-prfsha256-x25519"},
    {NHTB_PROTO_IKE, "aes256gcm16-prfsha384-ecp384-ecp521-modp3072-modp4096", NULL},
    {NHTB_PROTO_IKE, "aes256gcm16-prfsha512-x25519-modp4096-ecp256-modp3072-ecp384-modp2048-ecp521",
     NULL},
    {NHTB_PROTO_IKE, "3des-sha1-modp1024", "3des-sha1-prfsha1-modp1024"},
    {NHTB_PROTO_IKE, "aes128-3des-sha1-sha256-prfsha1-modp1536-modp1024", NULL},
    {NHTB_PROTO_ESP, "3des-sha1-noesn", NULL},
    {NHTB_PROTO_ESP, "aes256gcm16-ecp521-noesn", NULL},
    {NHTB_PROTO_ESP, "aes128-sha256-ecp256-esn-noesn", NULL},
    {NHTB_PROTO_ESP, "aes128gcm16-noesn", NULL},
    {NHTB_PROTO_ESP, "aes128gcm16", "aes128gcm16-esn-noesn"},
    {NHTB_PROTO_ESP, "aes256gcm16-chacha20poly1305-x25519-noesn-esn", NULL},
};

Test(proposal, text_is_read_and_written)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(good); i++) {
        const struct text_case *t = &good[i];
        const char *bad = "unset", *want = t->out != NULL ? t->out : t->in;
        nhtb_proposal p, again;
        char text[256];
        cr_assert_eq(nhtb_proposal_parse(t->proto, t->in, &p, &bad), 0, "%s: %s", t->in, bad);
        cr_assert_null(bad);
        cr_assert_eq(nhtb_proposal_format(t->proto, &p, text, sizeof text), strlen(want));
        cr_assert_str_eq(text, want);
        cr_assert_eq(nhtb_proposal_parse(t->proto, text, &again, NULL), 0);
        cr_assert_eq(memcmp(&p, &again, sizeof p), 0, "%s", t->in);
    }
}

Test(proposal, what_is_refused_is_pointed_at)
{
    static const struct {
        nhtb_protocol proto;
        const char *text;
        size_t at;
    } bad[] = {
        {NHTB_PROTO_IKE, "", 0},
        {NHTB_PROTO_IKE, "aes256gcm16-prfsha256", 21},            /* no key exchange */
        {NHTB_PROTO_IKE, "aes256gcm16-x25519", 18},               /* no prf */
        {NHTB_PROTO_IKE, "prfsha256-x25519", 16},                 /* no cipher */
        {NHTB_PROTO_IKE, "aes128-prfsha256-x25519", 23},          /* no integrity */
        {NHTB_PROTO_IKE, "aes128-sha256-x25519-esn", 21},         /* ESP only */
        {NHTB_PROTO_IKE, "aes128gcm16-aes128-sha256-x25519", 12}, /* mixed kinds */
        {NHTB_PROTO_IKE, "aes128-md5-x25519", 7},
        {NHTB_PROTO_IKE, "aes128-sha256-ecp385", 14},
        {NHTB_PROTO_IKE, "aes128-sha256-modp768", 14},
        {NHTB_PROTO_IKE, "des-sha1-modp1024", 0},
        {NHTB_PROTO_IKE, "3des-prfmd5-modp1024", 5},
        {NHTB_PROTO_IKE, "aes128-sha256-ecp384-ecp384", 21},
        {NHTB_PROTO_IKE, "aes128--sha256-x25519", 7},
        {NHTB_PROTO_IKE, "aes128-sha256-x25519-", 21},
        {NHTB_PROTO_IKE, "AES128-sha256-x25519", 0},
        {NHTB_PROTO_ESP, "aes128", 6},                 /* no integrity */
        {NHTB_PROTO_ESP, "aes128-aes128-sha256", 7},   /* twice */
        {NHTB_PROTO_ESP, "aes128gcm16-sha256", 18},    /* one too many */
        {NHTB_PROTO_ESP, "aes128gcm16-prfsha256", 12}, /* IKE only */
        {NHTB_PROTO_ESP, "aes128gcm16-esn-esn", 16},
        {NHTB_PROTO_ESP, "aes128gcm16-esn-noesn-esn", 22},
    };
    for (size_t i = 0; i < NHI_ARRAY_LEN(bad); i++) {
        const char *at = NULL;
        nhtb_proposal p;
        memset(&p, 0x5a, sizeof p);
        cr_assert_eq(nhtb_proposal_parse(bad[i].proto, bad[i].text, &p, &at), NHTB_ERR_ARG);
        cr_assert_eq((size_t)(at - bad[i].text), bad[i].at, "%s at %s", bad[i].text, at);
        cr_assert_eq(p.n_encr, 0x5a, "out changed on failure");
    }
    nhtb_proposal p;
    cr_assert_eq(nhtb_proposal_parse(NHTB_PROTO_IKE, NULL, &p, NULL), NHTB_ERR_ARG);
    cr_assert_eq(nhtb_proposal_parse((nhtb_protocol)2, "aes128-sha256", &p, NULL), NHTB_ERR_ARG);
}

Test(proposal, format_terminates_and_tells_the_needed_length)
{
    nhtb_proposal p;
    char text[8];
    cr_assert_eq(nhtb_proposal_parse(NHTB_PROTO_ESP, "aes128-sha256-noesn", &p, NULL), 0);
    cr_assert_eq(nhtb_proposal_format(NHTB_PROTO_ESP, &p, text, sizeof text), 19);
    cr_assert_eq(strlen(text), 7);
    p.encr[0].id = 999;
    char longer[64];
    nhtb_proposal_format(NHTB_PROTO_ESP, &p, longer, sizeof longer);
    cr_assert_str_eq(longer, "unknown-sha256-noesn");
}

Test(proposal, defaults_name_all_but_the_costly_groups)
{
    nhtb_crypto c = all_backends[0]();
    nhtb_proposal p[4];
    char text[256];
    cr_assert_eq(nhi_proposal_default(&c, NHTB_PROTO_IKE, p, 4), 2);
    nhtb_proposal_format(NHTB_PROTO_IKE, &p[0], text, sizeof text);
    cr_assert_str_eq(text, "aes256gcm16-aes128gcm16-chacha20poly1305-prfsha256-prfsha384-prfsha512-"
                           "x25519-ecp256-modp2048");
    cr_assert_eq(nhi_proposal_default(&c, NHTB_PROTO_ESP, p, 4), 2);
    nhtb_proposal_format(NHTB_PROTO_ESP, &p[1], text, sizeof text);
    cr_assert_str_eq(text, "aes256-aes128-sha256-sha384-sha512-esn-noesn");
    cr_assert_eq(nhi_proposal_default(&c, NHTB_PROTO_ESP, p, 1), 1);
    cr_assert_eq(nhi_proposal_default(&c, NHTB_PROTO_ESP, p, 0), 0);
}

Test(proposal, what_is_kept_for_old_peers_is_recognised_and_never_a_default)
{
    static const struct {
        nhtb_protocol proto;
        const char *text;
        uint32_t old;
    } v[] = {
        {NHTB_PROTO_IKE, "3des-sha256-modp2048", NHTB_OLD_3DES},
        {NHTB_PROTO_IKE, "aes128-sha1-prfsha256-modp2048", NHTB_OLD_SHA1},
        {NHTB_PROTO_IKE, "aes128-sha256-prfsha1-modp2048", NHTB_OLD_PRF_SHA1},
        {NHTB_PROTO_IKE, "aes128-sha256-x25519-modp1024", NHTB_OLD_GROUP},
        {NHTB_PROTO_IKE, "aes128-sha256-x25519-modp1536", NHTB_OLD_GROUP},
        {NHTB_PROTO_ESP, "aes128-aes256-sha256-sha1", NHTB_OLD_SHA1},
        {NHTB_PROTO_IKE, "3des-sha1-modp1024", 15},
        {NHTB_PROTO_IKE, "aes128-sha256-modp2048", 0},
        {NHTB_PROTO_ESP, "aes128gcm16", 0},
    };
    nhtb_proposal p[4];
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        cr_assert_eq(nhtb_proposal_parse(v[i].proto, v[i].text, p, NULL), 0);
        cr_assert_eq(nhtb_proposal_old(p), v[i].old, "%s", v[i].text);
    }
    nhtb_crypto c = all_backends[0]();
    for (int proto = NHTB_PROTO_IKE; proto <= NHTB_PROTO_ESP; proto += 2) {
        size_t n = nhi_proposal_default(&c, (nhtb_protocol)proto, p, 4);
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(nhtb_proposal_old(&p[i]), 0);
    }
}

static bool only_some_bulk(uint16_t alg)
{
    return alg == NHTB_BULK_AES128_GCM16 || alg == NHTB_BULK_AES128_CBC_SHA256_128 ||
           alg == NHTB_BULK_AES256_CBC_SHA256_128 || alg == NHTB_BULK_AES256_CBC_SHA512_256;
}

static bool only_sha256(uint16_t hash)
{
    return hash == NHTB_HASH_SHA256;
}

static bool only_p256(uint16_t method)
{
    return method == NHTB_KE_P256;
}

static const nhtb_bulk_ops some_bulk = {.has = only_some_bulk};
static const nhtb_kdf_ops some_kdf = {.has = only_sha256};
static const nhtb_pk_ops some_pk = {.has = only_p256};

static const char *filtered(nhtb_protocol proto, const char *in, char *text, size_t n)
{
    nhtb_crypto c = {&some_bulk, &some_kdf, &some_pk};
    nhtb_proposal p;
    cr_assert_eq(nhtb_proposal_parse(proto, in, &p, NULL), 0);
    if (!nhi_proposal_filter(&c, proto, &p))
        return "none";
    nhtb_proposal_format(proto, &p, text, n);
    return text;
}

Test(proposal, filter_keeps_what_the_backends_offer)
{
    char t[256];
    nhtb_protocol ike = NHTB_PROTO_IKE, esp = NHTB_PROTO_ESP;
    cr_assert_str_eq(
        filtered(ike, "aes256gcm16-aes128gcm16-prfsha512-prfsha256-x25519-ecp256", t, sizeof t),
        "aes128gcm16-prfsha256-ecp256");
    cr_assert_str_eq(filtered(ike, "aes128gcm16-prfsha256-x25519", t, sizeof t), "none");
    cr_assert_str_eq(filtered(ike, "aes128gcm16-prfsha512-ecp256", t, sizeof t), "none");
    cr_assert_str_eq(filtered(ike, "chacha20poly1305-prfsha256-ecp256", t, sizeof t), "none");
    cr_assert_str_eq(filtered(esp, "aes128gcm16-noesn", t, sizeof t), "aes128gcm16-noesn");
    cr_assert_str_eq(filtered(esp, "aes128gcm16-x25519-noesn", t, sizeof t), "none");
    cr_assert_str_eq(filtered(esp, "aes256-aes128-sha512-sha256-noesn", t, sizeof t),
                     "aes256-aes128-sha256-noesn"); /* any pair the peer picks must work */
    cr_assert_str_eq(filtered(esp, "aes256-sha512-sha256-noesn", t, sizeof t),
                     "aes256-sha512-sha256-noesn");
    cr_assert_str_eq(filtered(esp, "aes128-sha512-noesn", t, sizeof t), "none");
    nhtb_crypto c = {&some_bulk, &some_kdf, &some_pk};
    nhtb_proposal p = {.n_encr = 200};
    cr_assert_not(nhi_proposal_filter(&c, esp, &p));
}
