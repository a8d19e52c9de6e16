/* SPDX-License-Identifier: Apache-2.0
 * The builder: what it writes is what the parsers read; nothing is written beyond its buffer. */
#include "mutate.h"

#include "wire/ike.h"

static const uint8_t bytes[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
static const nhi_ike_hdr request = {.spi_i = 0x1122334455667788,
                                    .version = NHI_IKE_VERSION,
                                    .exchange = NHI_EX_SA_INIT,
                                    .flags = NHI_IKE_F_INITIATOR,
                                    .msg_id = 0};

static void add_all(nhi_ike_builder *b)
{
    const nhtb_identity id = {NHTB_ID_FQDN, {(const uint8_t *)"spoke-1.example", 15}};
    const nhtb_span none = {NULL, 0};
    nhi_ike_build_payload(b, NHI_PL_NONCE, (nhtb_span){bytes, 32});
    nhi_ike_build_ke(b, 31, (nhtb_span){bytes, 32});
    nhi_ike_build_notify(b, 0, none, NHI_N_NAT_DETECTION_SOURCE_IP, (nhtb_span){bytes, 20});
    nhi_ike_build_notify(b, 3, (nhtb_span){bytes, 4}, NHI_N_REKEY_SA, none);
    nhi_ike_build_id(b, NHI_PL_IDI, &id);
    nhi_ike_build_auth(b, 2, (nhtb_span){bytes, 32});
    nhi_ike_build_delete(b, 3, 4, 2, (nhtb_span){bytes, 8});
}

static void check_all(const nhi_ike_msg *m)
{
    nhi_ike_notify n;
    nhtb_identity id;
    nhtb_span s;
    uint16_t u16;
    uint8_t u8, len;
    cr_assert_eq(m->n, 7);
    cr_assert(nhi_ike_msg_get(m, NHI_PL_NONCE, 0)->body.n == 32);
    cr_assert(nhi_ike_ke_read(m->pl[1].body, &u16, &s) && u16 == 31 && s.n == 32);
    cr_assert(nhi_ike_notify_read(&n, m->pl[2].body));
    cr_assert(n.type == NHI_N_NAT_DETECTION_SOURCE_IP && n.spi.n == 0 && n.data.n == 20);
    cr_assert(nhi_ike_notify_read(&n, m->pl[3].body));
    cr_assert(n.type == NHI_N_REKEY_SA && n.protocol == 3 && n.spi.n == 4 && n.data.n == 0);
    cr_assert(nhi_ike_id_read(m->pl[4].body, &id) && id.type == NHTB_ID_FQDN && id.data.n == 15);
    cr_assert(nhi_ike_auth_read(m->pl[5].body, &u8, &s) && u8 == 2 && s.n == 32);
    cr_assert(nhi_ike_delete_read(m->pl[6].body, &u8, &len, &u16, &s));
    cr_assert(u8 == 3 && len == 4 && u16 == 2 && memcmp(s.p, bytes, 8) == 0);
}

Test(ike_build, a_message_is_parsed_as_built)
{
    uint8_t p[512];
    nhi_ike_builder b;
    nhi_ike_hdr h;
    nhi_ike_msg m;
    nhi_ike_build_init(&b, p, sizeof p, &request);
    add_all(&b);
    size_t n = nhi_ike_build_finish(&b);
    cr_assert_gt(n, NHI_IKE_HDR);
    cr_assert(nhi_ike_hdr_read(&h, p, n));
    cr_assert(h.spi_i == request.spi_i && h.next == NHI_PL_NONCE && h.length == n);
    cr_assert_eq(nhi_ike_msg_parse(&m, h.next, p + NHI_IKE_HDR, n - NHI_IKE_HDR), NHI_CHAIN_OK);
    check_all(&m);
}

Test(ike_build, an_inner_list_starts_with_first)
{
    uint8_t p[512];
    nhi_ike_builder b;
    nhi_ike_msg m;
    nhi_ike_build_inner(&b, p, sizeof p);
    cr_assert_eq(nhi_ike_build_finish(&b), 0, "an empty list has no bytes");
    add_all(&b);
    size_t n = nhi_ike_build_finish(&b);
    cr_assert_eq(nhi_ike_msg_parse(&m, b.first, p, n), NHI_CHAIN_OK);
    check_all(&m);
}

Test(ike_build, a_message_without_payloads_is_a_header)
{
    uint8_t p[28];
    nhi_ike_builder b;
    nhi_ike_hdr h;
    nhi_ike_build_init(&b, p, sizeof p, &request);
    cr_assert_eq(nhi_ike_build_finish(&b), 28);
    cr_assert(nhi_ike_hdr_read(&h, p, 28));
    cr_assert_eq(h.next, NHI_PL_NONE);
}

Test(ike_build, sk_names_what_is_inside)
{
    uint8_t inner[64], p[256];
    nhi_ike_builder in, out;
    nhi_ike_hdr h;
    nhi_ike_msg m;
    nhi_ike_build_inner(&in, inner, sizeof inner);
    nhi_ike_build_notify(&in, 0, (nhtb_span){NULL, 0}, NHI_N_INITIAL_CONTACT, (nhtb_span){NULL, 0});
    size_t k = nhi_ike_build_finish(&in);
    nhi_ike_build_init(&out, p, sizeof p, &request);
    nhi_ike_build_begin(&out, NHI_PL_SK);
    nhi_wr_patch8(&out.w, out.next_at, in.first);
    nhi_wr_bytes(&out.w, inner, k);
    nhi_ike_build_end(&out);
    size_t n = nhi_ike_build_finish(&out);
    cr_assert(nhi_ike_hdr_read(&h, p, n));
    cr_assert_eq(h.next, NHI_PL_SK);
    cr_assert_eq(nhi_ike_msg_parse(&m, h.next, p + 28, n - 28), NHI_CHAIN_OK);
    cr_assert(m.n == 1 && m.pl[0].next == NHI_PL_NOTIFY && m.pl[0].body.n == k);
}

Test(ike_build, what_does_not_fit_gives_zero_and_overruns_nothing)
{
    uint8_t p[512];
    nhi_ike_builder b;
    nhi_ike_build_init(&b, p, sizeof p, &request);
    add_all(&b);
    size_t need = nhi_ike_build_finish(&b);
    for (size_t cap = 0; cap <= need; cap++) {
        uint8_t *c = malloc(cap + 1);
        nhi_ike_build_init(&b, c, cap, &request);
        add_all(&b);
        cr_assert_eq(nhi_ike_build_finish(&b), cap == need ? need : 0);
        nhi_ike_build_inner(&b, c, cap);
        add_all(&b);
        cr_assert_eq(nhi_ike_build_finish(&b), cap >= need - 28 ? need - 28 : 0);
        free(c);
    }
}

Test(ike_build, misuse_and_impossible_sizes_give_zero)
{
    static uint8_t p[80000], long_spi[256];
    nhi_ike_builder b;
    nhi_ike_build_init(&b, p, sizeof p, &request);
    nhi_ike_build_begin(&b, NHI_PL_VID);
    cr_assert_eq(nhi_ike_build_finish(&b), 0, "a payload is open");
    nhi_ike_build_init(&b, p, sizeof p, &request);
    nhi_ike_build_end(&b);
    cr_assert_eq(nhi_ike_build_finish(&b), 0, "no payload is open");
    nhi_ike_build_init(&b, p, sizeof p, &request);
    nhi_ike_build_begin(&b, NHI_PL_VID);
    nhi_ike_build_begin(&b, NHI_PL_VID);
    nhi_ike_build_end(&b);
    cr_assert_eq(nhi_ike_build_finish(&b), 0, "one in another");
    for (size_t n = 65530; n < 65540; n++) {
        nhi_ike_build_init(&b, p, sizeof p, &request);
        nhi_ike_build_begin(&b, NHI_PL_VID);
        nhi_wr_zero(&b.w, n);
        nhi_ike_build_end(&b);
        cr_assert_eq(nhi_ike_build_finish(&b) != 0, n + 4 <= 65535);
    }
    nhi_ike_build_init(&b, p, sizeof p, &request);
    nhi_ike_build_delete(&b, 3, 4, 3, (nhtb_span){bytes, 8});
    cr_assert_eq(nhi_ike_build_finish(&b), 0, "SPIs and their count differ");
    nhi_ike_build_init(&b, p, sizeof p, &request);
    nhi_ike_build_notify(&b, 0, (nhtb_span){long_spi, 256}, 1, (nhtb_span){NULL, 0});
    cr_assert_eq(nhi_ike_build_finish(&b), 0, "an SPI of 256 bytes");
}
