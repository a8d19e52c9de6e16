/* SPDX-License-Identifier: Apache-2.0
 * Whole published ESP packets: each one of an algorithm we have is opened, its inner packet and
 * trailer compared, and sealed again to the identical bytes. RFC 4303 2, RFC 4106, RFC 4868. */
#include "json.h"

static uint16_t integ_of(const char *auth)
{
    if (strcmp(auth, "sha256_hmac") == 0)
        return NHI_INTEG_SHA256_128;
    if (strcmp(auth, "sha384_hmac") == 0)
        return NHI_INTEG_SHA384_192;
    return strcmp(auth, "sha512_hmac") == 0 ? NHI_INTEG_SHA512_256 : UINT16_MAX;
}

static const char *text_or(const cJSON *o, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
    return text != NULL ? text : "";
}

static const nhi_bulk_facts *facts_of(const cJSON *v)
{
    uint16_t bits = (uint16_t)(number_of(v, "key_length") * 8);
    if (strcmp(text_of(v, "protocol"), "esp") != 0)
        return NULL;
    if (strcmp(text_or(v, "aead"), "aes_gcm") == 0)
        return nhi_bulk_find(NHI_ENCR_AES_GCM16, bits, NHI_INTEG_NONE);
    if (strcmp(text_or(v, "cipher"), "aes_cbc") == 0)
        return nhi_bulk_find(NHI_ENCR_AES_CBC, bits, integ_of(text_or(v, "auth")));
    return NULL;
}

static void keymat_of(const cJSON *v, const nhi_bulk_facts *f, uint8_t keymat[128])
{
    cr_assert_eq(bytes_of(v, "key", keymat, 64), f->key_len);
    if (f->aead)
        cr_assert_eq(bytes_of(v, "salt", keymat + f->key_len, 4), 4);
    else
        cr_assert_eq(bytes_of(v, "auth_key", keymat + f->key_len, 64), f->integ_len);
}

/* RFC 4303 2.4: pad bytes 1, 2, 3 ..., pad length, next header (4 or 41: tunnel mode). */
static void check_inner(const uint8_t *plain, size_t n, const uint8_t *inner, size_t inner_len)
{
    cr_assert_geq(n, inner_len + 2);
    size_t pad = n - inner_len - 2;
    cr_assert_arr_eq(plain, inner, inner_len);
    for (size_t i = 0; i < pad; i++)
        cr_assert_eq(plain[inner_len + i], i + 1);
    cr_assert_eq(plain[n - 2], pad);
    cr_assert_eq(plain[n - 1], inner[0] >> 4 == 4 ? 4 : 41);
}

static void check_packet(const cJSON *v, const nhi_bulk_facts *f, const nhtb_bulk_ops *ops)
{
    uint8_t keymat[128], inner[2048], packet[2048], plain[2048], sealed[2048], icv[32];
    keymat_of(v, f, keymat);
    size_t inner_len = bytes_of(v, "input_text", inner, sizeof inner);
    size_t n = bytes_of(v, "output_text", packet, sizeof packet);
    uint8_t *esp = packet + (packet[0] >> 4 == 4 ? 20 : 40), *text = esp + 8 + f->iv_len;
    size_t len = (size_t)(packet + n - text) - f->icv_len;
    test_key in = test_key_make(ops, f, keymat, false, 1);
    test_key out = test_key_make(ops, f, keymat, true, 1);
    nhtb_bulk_job j = {.src = text, .dst = plain, .iv = esp + 8, .aad = esp, .icv = text + len};
    j.len = (uint32_t)len;
    j.aad_len = 8;
    cr_assert_eq(test_open(&in, 0, &j), NHTB_BULK_OK, "%s: %s", ops->name, text_of(v, "name"));
    check_inner(plain, len, inner, inner_len);
    j.src = plain;
    j.dst = sealed;
    j.icv = icv;
    cr_assert_eq(test_seal(&out, 0, &j), NHTB_BULK_OK);
    cr_assert_arr_eq(sealed, text, len);
    cr_assert_arr_eq(icv, text + len, f->icv_len);
    test_key_free(&out);
    test_key_free(&in);
}

Test(esp_packets, open_and_seal_to_identical_bytes)
{
    cJSON *root = vectors_load("esp_ah_packets.json");
    if (root == NULL)
        return;
    for (size_t b = 0; b < N_REAL; b++) {
        nhtb_crypto c = real_backends[b]();
        size_t ran = 0, other = 0;
        const cJSON *v;
        cJSON_ArrayForEach(v, cJSON_GetObjectItemCaseSensitive(root, "vectors"))
        {
            const nhi_bulk_facts *f = facts_of(v);
            if (f != NULL) {
                check_packet(v, f, c.bulk);
                ran++;
            } else {
                other++;
            }
        }
        printf("esp_ah_packets.json: %s ran %zu packets (%zu of other algorithms)\n", c.bulk->name,
               ran, other);
        cr_assert_eq(ran, 8);
        cr_assert_eq(ran + other, 27);
    }
    cJSON_Delete(root);
}
