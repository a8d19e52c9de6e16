/* SPDX-License-Identifier: Apache-2.0
 * Small IKEv1 payloads and their builders. */
#include "mutate.h"

#include "wire/v1.h"

static uint8_t buf[4096];
static nhi_ike_builder b;

static nhtb_span built(void)
{
    size_t n = nhi_ike_build_finish(&b);
    cr_assert(n >= 4);
    return (nhtb_span){buf + 4, n - 4};
}

static void begin(void)
{
    nhi_ike_build_inner(&b, buf, sizeof buf);
}

Test(v1_misc, a_notify_comes_back)
{
    nhi_v1_notify n = {1, 3, 40001, {(const uint8_t *)"spi!", 4}, {(const uint8_t *)"data", 4}}, g;
    begin();
    nhi_v1_build_notify(&b, &n);
    nhtb_span body = built();
    cr_assert_eq(b.first, NHI_V1_NOTIFY);
    cr_assert(nhi_v1_notify_read(&g, body) && g.doi == 1 && g.protocol == 3 && g.type == 40001);
    cr_assert(g.spi.n == 4 && memcmp(g.spi.p, "spi!", 4) == 0);
    cr_assert(g.data.n == 4 && memcmp(g.data.p, "data", 4) == 0);
    for (size_t cut = 0; cut < body.n; cut++) {
        uint8_t *c = exact_copy(body.p, cut);
        cr_assert_eq(nhi_v1_notify_read(&g, (nhtb_span){c, cut}), cut >= 12, "cut at %zu", cut);
        free(c);
    }
    for (unsigned type = 0; type < 65536; type += 97) {
        nhi_put16(buf + 4 + 6, type);
        cr_assert(nhi_v1_notify_read(&g, body) && g.type == type);
    }
    static const uint8_t long_spi[256];
    n.spi = (nhtb_span){long_spi, 256};
    begin();
    nhi_v1_build_notify(&b, &n);
    cr_assert_eq(nhi_ike_build_finish(&b), 0);
}

Test(v1_misc, a_delete_comes_back_and_its_count_is_true)
{
    nhi_v1_delete d = {1, 3, 4, 2, {(const uint8_t *)"abcdefgh", 8}}, g;
    begin();
    nhi_v1_build_delete(&b, &d);
    nhtb_span body = built();
    cr_assert(nhi_v1_delete_read(&g, body) && g.n == 2 && g.spi_len == 4 && g.spis.n == 8);
    for (size_t cut = 0; cut < body.n; cut++) {
        cr_assert_not(nhi_v1_delete_read(&g, (nhtb_span){body.p, cut}), "cut at %zu", cut);
    }
    for (unsigned v = 0; v < 256; v++) {
        uint8_t c[16];
        memcpy(c, body.p, sizeof c);
        c[5] = (uint8_t)v;
        cr_assert_eq(nhi_v1_delete_read(&g, (nhtb_span){c, 16}), v == 4, "SPI of %u", v);
        memcpy(c, body.p, sizeof c);
        c[7] = (uint8_t)v;
        cr_assert_eq(nhi_v1_delete_read(&g, (nhtb_span){c, 16}), v == 2, "%u SPIs", v);
    }
    uint8_t none[8] = {0, 0, 0, 1, 1, 0, 0, 9};
    cr_assert_not(nhi_v1_delete_read(&g, (nhtb_span){none, 8}), "SPIs of no length");
    d.n = 3;
    begin();
    nhi_v1_build_delete(&b, &d);
    cr_assert_eq(nhi_ike_build_finish(&b), 0);
}

Test(v1_misc, certificates_have_an_encoding)
{
    uint8_t enc;
    nhtb_span data;
    for (unsigned e = 0; e < 256; e++) {
        begin();
        nhi_v1_build_cert(&b, NHI_V1_CERT, (uint8_t)e, (nhtb_span){(const uint8_t *)"der", 3});
        cr_assert(nhi_v1_cert_read(built(), &enc, &data) && enc == e && data.n == 3);
    }
    cr_assert(nhi_v1_cert_read((nhtb_span){buf + 4, 1}, &enc, &data) && data.n == 0);
    cr_assert_not(nhi_v1_cert_read((nhtb_span){buf + 4, 0}, &enc, &data));
}

Test(v1_misc, nat_oa_is_an_address)
{
    nhtb_addr a, got;
    const char *texts[] = {"192.0.2.1", "2001:db8::9"};
    for (size_t i = 0; i < 2; i++) {
        nhtb_addr_parse(texts[i], &a);
        begin();
        nhi_v1_build_nat_oa(&b, NHI_V1_NAT_OA, &a);
        nhtb_span body = built();
        cr_assert(nhi_v1_nat_oa_read(body, &got) && nhtb_addr_equal(&a, &got));
        for (size_t cut = 0; cut < body.n; cut++) {
            cr_assert_not(nhi_v1_nat_oa_read((nhtb_span){body.p, cut}, &got));
        }
        for (unsigned type = 0; type < 256; type++) {
            buf[4] = (uint8_t)type;
            cr_assert_eq(nhi_v1_nat_oa_read(body, &got), type == (i == 0 ? 1u : 5u));
        }
    }
}

Test(v1_misc, configuration_comes_back)
{
    nhi_v1_cfg c;
    begin();
    nhi_v1_build_cfg_begin(&b, NHI_V1_CFG_SET, 0xbeef);
    nhi_v1_attr_write_short(&b.w, 16527, 1);
    nhi_ike_build_end(&b);
    nhtb_span body = built();
    cr_assert(nhi_v1_cfg_read(&c, body) && c.type == 3 && c.id == 0xbeef && c.attrs.n == 4);
    for (size_t cut = 0; cut < body.n; cut++) {
        uint8_t *copy = exact_copy(body.p, cut);
        cr_assert_eq(nhi_v1_cfg_read(&c, (nhtb_span){copy, cut}), cut == 4);
        free(copy);
    }
}

Test(v1_misc, fragments_are_numbered_from_one_to_the_bound)
{
    nhi_v1_frag f = {7, 1, true, {(const uint8_t *)"part", 4}}, g;
    for (unsigned k = 0; k < 256; k++) {
        f.number = (uint8_t)k;
        f.last = k % 2 != 0;
        begin();
        nhi_v1_build_fragment(&b, &f);
        bool ok = nhi_v1_frag_read(&g, built());
        cr_assert_eq(ok, k >= 1 && k <= NHI_V1_FRAGS);
        cr_assert(!ok || (g.id == 7 && g.number == k && g.last == f.last && g.data.n == 4));
    }
    f.number = 1;
    begin();
    nhi_v1_build_fragment(&b, &f);
    nhtb_span body = built();
    for (size_t cut = 0; cut < body.n; cut++) {
        cr_assert_eq(nhi_v1_frag_read(&g, (nhtb_span){body.p, cut}), cut > 4);
    }
}

Test(v1_misc, an_identity_comes_back)
{
    nhi_v1_id id = {2, 17, 500, {(const uint8_t *)"spoke1", 6}}, g;
    begin();
    nhi_v1_build_id(&b, &id);
    cr_assert(nhi_v1_id_read(&g, built()) && g.type == 2 && g.proto == 17 && g.port == 500);
    cr_assert(g.data.n == 6 && memcmp(g.data.p, "spoke1", 6) == 0);
}

Test(v1_misc, padding_fills_the_last_block)
{
    const nhi_ike_hdr h = {1, 2, 0, NHI_V1_VERSION, NHI_V1_EX_QUICK, 0, 9, 0};
    for (size_t body = 0; body <= 40; body++) {
        for (size_t header = 0; header < 2; header++) {
            uint8_t zeros[40] = {0};
            if (header) {
                nhi_ike_build_init(&b, buf, sizeof buf, &h);
            } else {
                nhi_ike_build_inner(&b, buf, sizeof buf);
            }
            nhi_ike_build_payload(&b, NHI_V1_VID, (nhtb_span){zeros, body});
            size_t n = nhi_v1_build_pad(&b, 16), start = header ? NHI_IKE_HDR : 0;
            cr_assert(n >= start + 4 + body && n < start + 4 + body + 16);
            cr_assert_eq((n - start) % 16, 0);
        }
    }
    nhi_ike_build_inner(&b, buf, 6);
    nhi_ike_build_payload(&b, NHI_V1_VID, (nhtb_span){buf, 0});
    cr_assert_eq(nhi_v1_build_pad(&b, 8), 0, "no room");
    begin();
    nhi_ike_build_begin(&b, NHI_V1_VID);
    cr_assert_eq(nhi_v1_build_pad(&b, 8), 0, "inside a payload");
}

static void any(const uint8_t *p, size_t n)
{
    nhtb_span s = {p, n};
    nhi_v1_notify no;
    nhi_v1_delete d;
    nhi_v1_cfg c;
    nhi_v1_frag f;
    nhtb_addr a;
    if (nhi_v1_notify_read(&no, s)) {
        check_inside(no.spi, p, n);
        check_inside(no.data, p, n);
    }
    if (nhi_v1_delete_read(&d, s)) {
        check_inside(d.spis, p, n);
    }
    if (nhi_v1_cfg_read(&c, s)) {
        check_inside(c.attrs, p, n);
    }
    if (nhi_v1_frag_read(&f, s)) {
        check_inside(f.data, p, n);
    }
    nhi_v1_nat_oa_read(s, &a);
}

Test(v1_misc, damaged_payloads_stay_inside_their_message)
{
    const uint8_t p[] = {0, 0, 0, 1, 3, 4, 0, 1, 9, 9, 9, 9, 0x80, 1, 0, 2};
    mutate(any, p, sizeof p);
}
