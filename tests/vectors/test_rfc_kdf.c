/* SPDX-License-Identifier: Apache-2.0
 * Published answers for HMAC-SHA-2 on every real backend: RFC 4231 4.2 to 4.5, 4.7 and 4.8, through
 * the prf and cut into two spans at every place. */
#include "support.h"

static const struct hmac_case {
    const char *key, *text, *mac[3]; /* SHA-256, SHA-384, SHA-512 */
} rfc4231[] = {
    {
        "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
        "4869205468657265",
        {
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9"
            "076ede7f4af152e8b2fa9cb6",
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7"
            "d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
        },
    },
    {
        "4a656665",
        "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
        {
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca"
            "5e69e2c78b3239ecfab21649",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75"
            "c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        },
    },
    {
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
        "dddddddddddddddddddddddddddd",
        {
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            "88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39d"
            "c13814b94e3ab6e101a34f27",
            "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e8482"
            "79a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
        },
    },
    {
        "0102030405060708090a0b0c0d0e0f10111213141516171819",
        "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
        "cdcdcdcdcdcdcdcdcdcdcdcdcdcd",
        {
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            "3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e6801dd23"
            "c4a7d679ccf8a386c674cffb",
            "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c1"
            "1aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
        },
    },
    {
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b65"
        "79202d2048617368204b6579204669727374",
        {
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab"
            "4030fe8296248df163f44952",
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037"
            "e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
        },
    },
    {
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "5468697320697320612074657374207573696e672061206c6172676572207468616e2062"
        "6c6f636b2d73697a65206b657920616e642061206c6172676572207468616e20626c6f63"
        "6b2d73697a6520646174612e20546865206b6579206e6565647320746f20626520686173"
        "686564206265666f7265206265696e6720757365642062792074686520484d414320616c"
        "676f726974686d2e",
        {
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5a678cc31"
            "e799176d3860e6110c46523e",
            "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac"
            "3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
        },
    },
};

static const uint16_t prfs[] = {NHI_PRF_SHA256, NHI_PRF_SHA384, NHI_PRF_SHA512};

static void hmac_check(const nhtb_crypto *c, const struct hmac_case *v, size_t which)
{
    uint8_t key[256], text[256], mac[64];
    nhtb_span k = {key, unhex(v->key, key, sizeof key)};
    size_t n = unhex(v->text, text, sizeof text), mac_len = unhex(v->mac[which], mac, sizeof mac);
    for (size_t cut = 0; cut <= n; cut++) {
        nhtb_span parts[2] = {{text, cut}, {text + cut, n - cut}};
        nhi_secret out;
        cr_assert_eq(nhi_prf(c, prfs[which], k, parts, 2, &out), 0);
        cr_assert_eq(out.n, mac_len);
        cr_assert_arr_eq(out.b, mac, mac_len, "%s cut at %zu", c->kdf->name, cut);
    }
}

Test(rfc_kdf, hmac_answers_of_rfc4231)
{
    cr_assert_gt(N_REAL, 0);
    for (size_t i = 0; i < N_REAL; i++) {
        nhtb_crypto c = real_backends[i]();
        for (size_t v = 0; v < NHI_ARRAY_LEN(rfc4231); v++) {
            for (size_t which = 0; which < NHI_ARRAY_LEN(prfs); which++)
                hmac_check(&c, &rfc4231[v], which);
        }
    }
}
