/* SPDX-License-Identifier: Apache-2.0
 * IKEv1 keys, IVs and hashes against values computed from RFC 2409's formulas by an independent HMAC
 * (Python's), and messages encrypted and decrypted. */
#include <criterion/criterion.h>
#include <nhtb/backend_mbedtls.h>
#include <nhtb/backend_openssl.h>
#include <stdio.h>

#include "parts_util.h"

#include "ike/v1/parts.h"

enum { BACKENDS = 2 };
static nhtb_crypto backend(unsigned i)
{
    return i == 0 ? (nhtb_crypto){NULL, nhtb_openssl_kdf(), NULL}
                  : (nhtb_crypto){NULL, nhtb_mbedtls_kdf(), NULL};
}

static const struct vector {
    uint16_t prf;
    uint8_t key_len;
    const char *sig, *skeyid, *d, *a, *e, *key, *hash_i, *hash_r, *iv1, *iv2, *h1, *h2, *h3, *km36,
        *km64_pfs;
} vectors[] = {
    {NHI_PRF_SHA1, 24, "8ba96f1fcab3ce08564a7b6dc52afcb597e73729",
     "d658598d2945ea6585b1aefa02194d19b0c0736f", "6116d55893632bde55f1e26178cfa676fe86ac95",
     "b984e7afe092e841a46ce2897b3332ad3b8199ac", "8828234bc0cae11bf26d801a77596ba99f416cb3",
     "7ad2b6678b92b1429cbca2b3afd5f53871ca533ad5e3b4f0", "0d9e67d828c85a8ac547f3f13da2cbe9299d9367",
     "34eeea29f3f2c2334d737057472681e6c7498a21", "3366d5a6b740d1eb98fac5d7a6a130b0",
     "df99bcafb167f5c76ccd0a111cd45f15", "20cff985aec7543ec55c3c11543e62130781bff2",
     "84c92f6137faddca6092258163870f9bac37fb0e", "701d9d28d992a3d65ed368d5fdf8f487a3a37205",
     "7d68702828984440c8eff68d1967d764c27002d7e6a61bf14fdc08ef85aeb6128da6333b",
     "eb10c87c3f3ebeca7a487c41199844b707420ece111be28e8c90840646d359c36467e0e1d326fde9"
     "eed19ba7989b591a39e5d23d23376b4b92863db2aaedf071"},
    {NHI_PRF_SHA1, 32, "8ba96f1fcab3ce08564a7b6dc52afcb597e73729",
     "d658598d2945ea6585b1aefa02194d19b0c0736f", "6116d55893632bde55f1e26178cfa676fe86ac95",
     "b984e7afe092e841a46ce2897b3332ad3b8199ac", "8828234bc0cae11bf26d801a77596ba99f416cb3",
     "7ad2b6678b92b1429cbca2b3afd5f53871ca533ad5e3b4f0dbd0219186e97e3b",
     "0d9e67d828c85a8ac547f3f13da2cbe9299d9367", "34eeea29f3f2c2334d737057472681e6c7498a21",
     "3366d5a6b740d1eb98fac5d7a6a130b0", "df99bcafb167f5c76ccd0a111cd45f15",
     "20cff985aec7543ec55c3c11543e62130781bff2", "84c92f6137faddca6092258163870f9bac37fb0e",
     "701d9d28d992a3d65ed368d5fdf8f487a3a37205",
     "7d68702828984440c8eff68d1967d764c27002d7e6a61bf14fdc08ef85aeb6128da6333b",
     "eb10c87c3f3ebeca7a487c41199844b707420ece111be28e8c90840646d359c36467e0e1d326fde9"
     "eed19ba7989b591a39e5d23d23376b4b92863db2aaedf071"},
    {NHI_PRF_SHA256, 32, "3e7c387a69327c5083f390fa42cde3ca876a65fe0e1d0e548cdc088351e241e8",
     "3b64f0237e6aa49dbc1c9395db3045723a76139955be99ef3585a0ea4b6f50b9",
     "d11fe8e1cb7438180fb54344051b4ea0db13a85ac991bdb10869ffcb480c2b40",
     "be18b9303e1b77690c182852d4954eb2a3de01ab8af2da597170073de57ccd2f",
     "2ae5f6b98f86d09f029679dff2059c2ecd527069ac307110c87760e117bc1587",
     "2ae5f6b98f86d09f029679dff2059c2ecd527069ac307110c87760e117bc1587",
     "ee078a83c812467e1dcb7fe1fd581adcad9c3cd7612b0f4984ae2b46a16c34d4",
     "b6ab9fb0d4a0e8f668142b35908a1bd2a4c3db45340076a69bb7e8fd39a3502d",
     "a220867f081d6be559c058523cf04ec6", "137986b8eefd24d0b154572a06f04b23",
     "8ffb0c4f185d8d28d0d7179832bf1db688e3810bb714067300436b956c3ac29f",
     "48b63357c1b27000df8b2fbfb8903060f64c5cbda93eebbe14d8819bbf4b1d4c",
     "66ad151f7f9be35f7ffd8a90e3324a0ea90979ee2f3020c4de0ae294213e2734",
     "034c8a18cc9c6e20681a45098a51c7f7c89021f4737953e8d1de926c68f9b0278ac769b0",
     "d3b07051a23e45638ac8b33278f3b48320782878c8744a39061b48dc1ec521c0b34467b64bdf92ff"
     "0e26417233f39fdb47bf449c75a40099593e3e1587b27125"},
    {NHI_PRF_SHA384, 16,
     "8560b20afdfbc8092f4668c5c67897051d48293a9be4f9bfa570aceca7aa778e3e006ea914fc6846"
     "e69971922fa6296c",
     "02b029fc8a5623154cead3fb69d612a6593323c7928902d5b6aa0d991826d63f338bc0722efc3b1a"
     "c722d91e0d9b8973",
     "717a87b5553cf5fc9b9b058462fedcfb08705974e9c744b3fe65176d15da07f7a35925b849086aa3"
     "e68fd2661a788b2d",
     "0b36f849f24c73ad1b5f35f02560df3c1c0b6b5062975b054a391d09550fc9a4af605cb39cbed5c6"
     "ee87446b28429f62",
     "f8a20efa62332afac2a8cdb781d8bcc2312190338bb290f663e440821480bfa5b810697045c3c0e4"
     "860968a19a7fb8e3",
     "f8a20efa62332afac2a8cdb781d8bcc2",
     "956195e883fc0d52f515283382d76045876720622d9c5bdae05a5811b47e3f69489e9cbf2efdfa6e"
     "2ecca6baca4958b0",
     "a8686ac13a30b950aaf40c3c17d7c82811d829d5b5d1b98b00ec331fa1f2a28a0723d06fea808f90"
     "cfeb6493734241fe",
     "1856c930c7435690fdb7cb18f2a13f5d", "4c930c11a4c94b36f4830e6105298f44",
     "987e0f6073032637f1bdaed9527e89e7f0bce97164372a517900f68dd3bae6ec496fcc02555e4f53"
     "7e6b2a994b758773",
     "1b49be26c318922a6b796b98fd80eecbdd1dae33d72e048c84208aa51983b5ffa3cf3210246cf7ed"
     "6efcb85153506fa3",
     "d92955f442395a5267ebabba5f2c60851eeab4f9bb68b6fe5247993d48b5bc3e8315b0f9608eb51a"
     "67a6a63e610b3cb7",
     "02489ced03c15a658361b93bc9ed2e80532416778d029e9ad0757024ecaaee2b6cab635c",
     "c6b069ec5097b8875823f67d8bd00c0806695a186fa0eeaa06103f0cbf03f4882d24b671f8efd260"
     "e7f58af589968cb03e492f98b9da5ce393cc207fdffa1212"},
    {NHI_PRF_SHA512, 32,
     "0c37a5b49bb264e039ad18705fcb2ecafdf4f6be7c092b9d343a454583b598a19bb88570dacba946"
     "c195728decda5733934cf5c1d2504f44256a70a52a5e2cf7",
     "1f4402466eee8cd4c07fb93ea51e4eab3e8d99a1e5b49b1f4ceaba784c8c93ca8c6f14ec876a96fa"
     "71c2eac2c8484f855bfbc80887117d9f317e40a4c34952a6",
     "20bfc3da333a8d59c213dcab23378394589a575ee7d3bea632faf2f3caf29c54f100f9d7b22f66bf"
     "2d46c48c9a454b5f239be3a92afbdb80209e845a40017d63",
     "cccb6983cba16866c597532a3e070b410b64e94231d407b20ac2275990263684335b02ff30f41fbb"
     "0d0c3f6f9318e5903f07f16c8828e316da6ce670210c3680",
     "a4a526437848d8b7e9e9351447abdc9a6518119cd57afb386fed070817ea1d82eb8dea9d46d5c91b"
     "ab6366f40c73d374f9f326dec6df2f84bb2c6cfe864ed549",
     "a4a526437848d8b7e9e9351447abdc9a6518119cd57afb386fed070817ea1d82",
     "2894cfeee3dba0def46fe1422d128fa9335e06642b9d02156308de8a949cc3dee229ee409c969f95"
     "1e4017abbbc1e1ec76c9e2806c11b93aa21ef38b3601ded5",
     "fc658789c79e297dd1fc7cb565a699a89a2bc5cf7ebb2ebb3b6a65d878cbdfe499a77a2c97306285"
     "156fa2cacae70f4c5b9ae90ad2bc94b628c7a7c3a42a5b61",
     "cb26bfd0e43effb51390f6a60f37c001", "bc1202f4b49de6cf685cacefbdf2d592",
     "426329adea31ea552bb6ccfab2688eaa2f64870c5aece28e2ef65df1ff23869ab169ab16432311b2"
     "ad9906ce6b5d636da4da09b86eff549d3502dea4a7cceaa7",
     "9896b95e5a5daeea2d80f865cd43cd2b496ea34142569d781183afa160367b53692b47a5b64cbec6"
     "941b4d3cce3faa8a7e7c789d4c56e5f0bd1510aa19b4caa3",
     "e8a05cedf2da685f9640e76fa9dd1161641a34b2739c147d49f24cd4d832d5d0f4896da1ee266885"
     "b5bdff4d5c36820445f249129f46e09927c85551dad1954c",
     "dbfb0c0290196aefc9ca33e221ce0a28046395551e5b496a934235c49fe9f079a6851c25",
     "5a849c01c3eef18fb9141cf0d5aa9884ad6d7753856dda17fe03e1ef480c883f1ae569d05cdde54a"
     "70bf001fa27c64b09072f5f0d7c28a3ca4d873093261ea0d"},
};

static uint8_t shared[256], gxi[256], gxr[256], ni[32], nr[16];
static const char psk[] = "a pre-shared key of some length";
#define CKY_I UINT64_C(0x0102030405060708)
#define CKY_R UINT64_C(0x1112131415161718)
#define MID   0xdeadbeef

static void fill(void)
{
    for (unsigned i = 0; i < 256; i++) {
        shared[i] = (uint8_t)(i * 7 + 3);
        gxi[i] = (uint8_t)(i * 5 + 1);
        gxr[i] = (uint8_t)(i * 11 + 9);
    }
    for (unsigned i = 0; i < 32; i++) {
        ni[i] = (uint8_t)i;
    }
    for (unsigned i = 0; i < 16; i++) {
        nr[i] = (uint8_t)(100 + i);
    }
}

#define S(a) ((nhtb_span){(a), sizeof(a)})

static void same(const char *what, const uint8_t *p, size_t n, const char *hex)
{
    char text[2 * 128 + 1] = "";
    for (size_t i = 0; i < n; i++) {
        snprintf(text + 2 * i, 3, "%02x", p[i]);
    }
    cr_assert_str_eq(text, hex, "%s: %s, want %s", what, text, hex);
}

static void same_secret(const char *what, const nhi_secret *s, const char *hex)
{
    same(what, s->b, s->n, hex);
}

static void phase1(const nhtb_crypto *c, const struct vector *v, nhi_v1_keys *k)
{
    nhi_secret sig;
    cr_assert_eq(nhi_v1_skeyid_psk(c, v->prf, span(psk), S(ni), S(nr), &k->skeyid), 0);
    same_secret("SKEYID", &k->skeyid, v->skeyid);
    cr_assert_eq(nhi_v1_skeyid_sig(c, v->prf, S(ni), S(nr), S(shared), &sig), 0);
    same_secret("SKEYID of signatures", &sig, v->sig);
    cr_assert_eq(nhi_v1_keymat(c, v->prf, S(shared), CKY_I, CKY_R, v->key_len, k), 0);
    same_secret("SKEYID_d", &k->d, v->d);
    same_secret("SKEYID_a", &k->a, v->a);
    same_secret("SKEYID_e", &k->e, v->e);
    same("cipher key", k->key, k->key_len, v->key);
}

static void hashes(const nhtb_crypto *c, const struct vector *v, const nhi_v1_keys *k)
{
    nhtb_span sai = {(const uint8_t *)"\0\0\0\1\0\0\0\1offer", 13};
    nhtb_span idi = {(const uint8_t *)"\2\0\0\0spoke1.example", 18},
              rest = span("everything after HASH");
    nhi_secret h;
    cr_assert_eq(
        nhi_v1_hash_auth(c, v->prf, &k->skeyid, S(gxi), S(gxr), CKY_I, CKY_R, sai, idi, &h), 0);
    same_secret("HASH_I", &h, v->hash_i);
    cr_assert_eq(
        nhi_v1_hash_auth(c, v->prf, &k->skeyid, S(gxr), S(gxi), CKY_R, CKY_I, sai, idi, &h), 0);
    same_secret("HASH_R", &h, v->hash_r);
    cr_assert_eq(nhi_v1_hash1(c, v->prf, &k->a, MID, rest, &h), 0);
    same_secret("HASH(1)", &h, v->h1);
    cr_assert_eq(nhi_v1_hash2(c, v->prf, &k->a, MID, S(ni), rest, &h), 0);
    same_secret("HASH(2)", &h, v->h2);
    cr_assert_eq(nhi_v1_hash3(c, v->prf, &k->a, MID, S(ni), S(nr), &h), 0);
    same_secret("HASH(3)", &h, v->h3);
}

static void ivs_and_children(const nhtb_crypto *c, const struct vector *v, const nhi_v1_keys *k)
{
    uint8_t iv[16], out[64];
    nhi_bulk_facts f = {.key_len = 32, .salt_len = 4};
    cr_assert_eq(nhi_v1_iv_phase1(c, v->prf, S(gxi), S(gxr), 16, iv), 0);
    same("IV of phase 1", iv, 16, v->iv1);
    cr_assert_eq(nhi_v1_iv_phase2(c, v->prf, iv, MID, 16, iv), 0);
    same("IV of a message ID", iv, 16, v->iv2);
    cr_assert_eq(nhi_v1_keymat_child(c, v->prf, &k->d, &f, (nhtb_span){NULL, 0}, 3, 0xc0ffee01,
                                     S(ni), S(nr), out),
                 0);
    same("KEYMAT", out, 36, v->km36);
    f = (nhi_bulk_facts){.key_len = 32, .integ_len = 32};
    cr_assert_eq(
        nhi_v1_keymat_child(c, v->prf, &k->d, &f, S(shared), 3, 0xc0ffee01, S(ni), S(nr), out), 0);
    same("KEYMAT with PFS", out, 64, v->km64_pfs);
}

Test(v1_keymat, keys_and_hashes_are_those_of_rfc_2409)
{
    fill();
    for (unsigned b = 0; b < BACKENDS; b++) {
        nhtb_crypto c = backend(b);
        for (size_t i = 0; i < NHI_ARRAY_LEN(vectors); i++) {
            nhi_v1_keys k = {0}, zero = {0};
            phase1(&c, &vectors[i], &k);
            hashes(&c, &vectors[i], &k);
            ivs_and_children(&c, &vectors[i], &k);
            nhi_v1_keys_wipe(&k);
            cr_assert_eq(memcmp(&k, &zero, sizeof k), 0);
        }
    }
}

static int failing_hmac(uint16_t hash, nhtb_span key, const nhtb_span *v, size_t n, uint8_t *out)
{
    static unsigned calls;
    if (key.n == 1) {
        calls = key.p[0]; /* arms: this many calls succeed */
        return 0;
    }
    return calls-- > 0 ? nhtb_openssl_kdf()->hmac(hash, key, v, n, out) : NHTB_ERR_CRYPTO;
}

Test(v1_keymat, a_backend_that_fails_leaves_nothing_behind)
{
    nhtb_kdf_ops ops = *nhtb_openssl_kdf();
    nhtb_crypto c = {NULL, &ops, NULL};
    const nhi_v1_keys zero = {0};
    nhi_bulk_facts f = {.key_len = 32, .integ_len = 32};
    ops.hmac = failing_hmac;
    fill();
    for (uint8_t ok = 0; ok <= 5; ok++) {
        nhi_v1_keys k = {.skeyid.n = 20};
        uint8_t out[64] = {1};
        failing_hmac(0, (nhtb_span){&ok, 1}, NULL, 0, NULL);
        int err = nhi_v1_keymat(&c, NHI_PRF_SHA1, S(shared), CKY_I, CKY_R, 32, &k);
        cr_assert_eq(err != 0, ok < 5, "%u calls", ok);
        cr_assert(err == 0 || memcmp(&k, &zero, sizeof k) == 0);
        failing_hmac(0, (nhtb_span){&ok, 1}, NULL, 0, NULL);
        err = nhi_v1_keymat_child(&c, NHI_PRF_SHA256, &k.d, &f, S(shared), 3, 1, S(ni), S(nr), out);
        cr_assert_eq(err != 0, ok < 2);
        cr_assert(err == 0 || out[0] == 0);
    }
}

Test(v1_keymat, what_does_not_fit_is_refused)
{
    nhtb_crypto c = backend(0);
    nhi_v1_keys k = {0};
    static uint8_t big[300];
    nhi_secret s;
    uint8_t iv[16];
    cr_assert_eq(nhi_v1_keymat(&c, NHI_PRF_SHA256, S(big), 1, 2, 33, &k), NHTB_ERR_UNSUPPORTED);
    cr_assert_eq(nhi_v1_keymat(&c, 1, S(big), 1, 2, 16, &k), NHTB_ERR_UNSUPPORTED, "MD5");
    cr_assert_eq(nhi_v1_skeyid_sig(&c, NHI_PRF_SHA256, S(big), S(big), S(big), &s),
                 NHTB_ERR_INTERNAL);
    cr_assert_eq(nhi_v1_iv_phase1(&c, NHI_PRF_SHA256, S(big), S(big), 17, iv),
                 NHTB_ERR_UNSUPPORTED);
    cr_assert_eq(nhi_v1_iv_phase1(&c, 1, S(big), S(big), 16, iv), NHTB_ERR_UNSUPPORTED);
}

Test(v1_keymat, hashes_compare_whole_and_never_empty)
{
    nhi_secret want = {.b = {1, 2, 3, 4}, .n = 4};
    uint8_t got[5] = {1, 2, 3, 4, 5};
    cr_assert(nhi_v1_hash_equal(&want, (nhtb_span){got, 4}));
    cr_assert_not(nhi_v1_hash_equal(&want, (nhtb_span){got, 3}));
    cr_assert_not(nhi_v1_hash_equal(&want, (nhtb_span){got, 5}));
    for (unsigned bit = 0; bit < 32; bit++) {
        got[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_not(nhi_v1_hash_equal(&want, (nhtb_span){got, 4}));
        got[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    want.n = 0;
    cr_assert_not(nhi_v1_hash_equal(&want, (nhtb_span){got, 0}));
}

/* ---- whole messages ---- */

static const nhi_ike_hdr hdr = {CKY_I, CKY_R, 0, NHI_V1_VERSION, NHI_V1_EX_QUICK, 0, MID, 0};

static void round_trip(const nhtb_crypto *c, uint16_t encr, uint16_t bits, size_t inner_n)
{
    nhi_v1_cipher k;
    nhi_v1_keys keys = {.key_len = 0};
    uint8_t inner[80], msg[200], out[200], iv_s[16] = {7}, iv_o[16] = {7};
    size_t len = sizeof msg, n;
    nhi_ike_hdr h;
    cr_assert(nhi_v1_cipher_find(c, encr, bits, &k));
    keys.key_len = k.key_len;
    memset(keys.key, 0x5a, sizeof keys.key);
    memset(inner, 0xc3, sizeof inner);
    nhtb_span in = {inner, inner_n};
    cr_assert_eq(nhi_v1_seal(c, &k, &keys, iv_s, &hdr, NHI_V1_HASH, in, msg, &len), 0);
    cr_assert(nhi_ike_hdr_read(&h, msg, len) && h.next == NHI_V1_HASH);
    cr_assert(h.flags == NHI_V1_F_ENCRYPT && h.msg_id == MID);
    cr_assert_eq(memcmp(iv_s, msg + len - k.block, k.block), 0, "the last block is the next IV");
    cr_assert_eq(nhi_v1_open(c, &k, &keys, iv_o, (nhtb_span){msg, len}, out, &n), 0);
    cr_assert(n == len - NHI_IKE_HDR && n >= inner_n && n < inner_n + k.block && n % k.block == 0);
    cr_assert_eq(memcmp(out, inner, inner_n), 0);
    cr_assert_eq(memcmp(iv_s, iv_o, k.block), 0);
    for (size_t i = inner_n; i < n; i++) {
        cr_assert_eq(out[i], 0, "padding");
    }
    size_t small = len - 1;
    cr_assert_eq(nhi_v1_seal(c, &k, &keys, iv_s, &hdr, 8, in, msg, &small), NHTB_ERR_SHORT);
}

Test(v1_crypt, messages_come_back_with_every_cipher)
{
    static const uint16_t ciphers[][2] = {{12, 128}, {12, 192}, {12, 256}, {3, 0}};
    for (unsigned b = 0; b < BACKENDS; b++) {
        nhtb_crypto c = backend(b);
        for (size_t i = 0; i < NHI_ARRAY_LEN(ciphers); i++) {
            for (size_t n = 1; n <= 80; n++) {
                round_trip(&c, ciphers[i][0], ciphers[i][1], n);
            }
        }
    }
}

Test(v1_crypt, only_what_the_tables_name_is_a_cipher)
{
    nhtb_crypto c = backend(0), none = {0};
    nhi_v1_cipher k;
    for (unsigned encr = 0; encr < 300; encr++) {
        for (unsigned bits = 0; bits <= 512; bits += 64) {
            bool aes = encr == 12 && (bits == 128 || bits == 192 || bits == 256);
            cr_assert_eq(nhi_v1_cipher_find(&c, (uint16_t)encr, (uint16_t)bits, &k),
                         aes || encr == 3);
        }
    }
    cr_assert_not(nhi_v1_cipher_find(&none, 12, 128, &k));
}

Test(v1_crypt, lengths_that_are_no_blocks_are_malformed)
{
    nhtb_crypto c = backend(0);
    nhi_v1_cipher k;
    nhi_v1_keys keys = {.key_len = 16};
    uint8_t msg[200] = {0}, out[200], iv[16] = {0};
    nhi_v1_cipher_find(&c, 12, 128, &k);
    for (size_t len = 0; len < sizeof msg; len++) {
        size_t n = 0;
        bool ok = len >= 28 + 16 && (len - 28) % 16 == 0;
        unsigned why = nhi_v1_open(&c, &k, &keys, iv, (nhtb_span){msg, len}, out, &n);
        cr_assert_eq(why, ok ? NHTB_REASON_NONE : NHTB_REASON_IKE_MALFORMED, "%zu", len);
    }
    keys.key_len = 5;
    size_t n;
    cr_assert_eq(nhi_v1_open(&c, &k, &keys, iv, (nhtb_span){msg, 44}, out, &n), NHTB_REASON_CRYPTO);
}
