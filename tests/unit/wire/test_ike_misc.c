/* SPDX-License-Identifier: Apache-2.0
 * Notify, KE, ID, AUTH, Delete. */
#include "mutate.h"

#include "wire/ike.h"

#define SPAN(...)                                                                                  \
    ((nhtb_span){(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})})

Test(ike_notify, is_read_in_parts)
{
    bool ok;
    nhi_ike_notify n;
    ok = nhi_ike_notify_read(&n, SPAN(3, 4, 0x40, 9, 1, 2, 3, 4, 5, 6));
    cr_assert(ok);
    cr_assert(n.protocol == 3 && n.type == NHI_N_REKEY_SA && n.spi.n == 4 && n.data.n == 2);
    cr_assert(n.spi.p[0] == 1 && n.data.p[1] == 6);
    ok = nhi_ike_notify_read(&n, SPAN(0, 0, 0x40, 0));
    cr_assert(ok);
    cr_assert(n.type == NHI_N_INITIAL_CONTACT && n.spi.n == 0 && n.data.n == 0);
    cr_assert_not(nhi_ike_notify_read(&n, SPAN(0, 1, 0x40, 0)), "no room for its SPI");
    cr_assert_not(nhi_ike_notify_read(&n, SPAN(0, 0, 0x40)));
    cr_assert_not(nhi_ike_notify_read(&n, (nhtb_span){NULL, 0}));
}

Test(ike_ke, has_a_method_and_some_data)
{
    bool ok;
    uint16_t method;
    nhtb_span data;
    ok = nhi_ike_ke_read(SPAN(0, 31, 0, 0, 9, 8), &method, &data);
    cr_assert(ok);
    cr_assert(method == 31 && data.n == 2 && data.p[0] == 9);
    cr_assert_not(nhi_ike_ke_read(SPAN(0, 31, 0, 0), &method, &data));
    cr_assert_not(nhi_ike_ke_read(SPAN(0, 31, 0), &method, &data));
}

Test(ike_id, lengths_fit_the_type)
{
    uint8_t p[4 + 300] = {0};
    nhtb_identity id;
    for (unsigned type = 0; type < 16; type++) {
        for (size_t n = 0; n <= 300; n++) {
            bool ok = n >= 1 && n <= NHTB_ID_MAX && type != 0;
            ok = type == NHTB_ID_IPV4 ? n == 4 : type == NHTB_ID_IPV6 ? n == 16 : ok;
            p[0] = (uint8_t)type;
            cr_assert_eq(nhi_ike_id_read((nhtb_span){p, 4 + n}, &id), ok, "type %u, %zu", type, n);
            cr_assert(!ok || (id.type == type && id.data.n == n && id.data.p == p + 4));
        }
    }
    cr_assert_not(nhi_ike_id_read((nhtb_span){p, 3}, &id));
}

Test(ike_auth, has_a_method_and_some_data)
{
    bool ok;
    uint8_t method;
    nhtb_span data;
    ok = nhi_ike_auth_read(SPAN(2, 0, 0, 0, 7, 7, 7), &method, &data);
    cr_assert(ok);
    cr_assert(method == 2 && data.n == 3);
    cr_assert_not(nhi_ike_auth_read(SPAN(2, 0, 0, 0), &method, &data));
    cr_assert_not(nhi_ike_auth_read(SPAN(2, 0, 0), &method, &data));
}

Test(ike_delete, counts_its_spis)
{
    bool ok;
    uint8_t protocol, len;
    uint16_t n;
    nhtb_span s;
    ok = nhi_ike_delete_read(SPAN(1, 0, 0, 0), &protocol, &len, &n, &s);
    cr_assert(ok);
    cr_assert(protocol == 1 && len == 0 && n == 0 && s.n == 0);
    ok = nhi_ike_delete_read(SPAN(3, 4, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8), &protocol, &len, &n, &s);
    cr_assert(ok);
    cr_assert(protocol == 3 && len == 4 && n == 2 && s.n == 8 && s.p[7] == 8);
    cr_assert_not(nhi_ike_delete_read(SPAN(3, 4, 0, 2, 1, 2, 3, 4), &protocol, &len, &n, &s));
    cr_assert_not(nhi_ike_delete_read(SPAN(3, 4, 0, 1, 1, 2, 3, 4, 5), &protocol, &len, &n, &s));
    cr_assert_not(nhi_ike_delete_read(SPAN(3, 255, 255, 255), &protocol, &len, &n, &s));
    cr_assert_not(nhi_ike_delete_read(SPAN(3, 4, 0), &protocol, &len, &n, &s));
}

static void read_any(const uint8_t *p, size_t n)
{
    const nhtb_span body = {p, n};
    nhi_ike_notify note;
    nhtb_identity id;
    uint16_t u16 = 0;
    uint8_t u8 = 0, len = 0;
    nhtb_span s = {NULL, 0};
    if (nhi_ike_notify_read(&note, body)) {
        check_inside(note.spi, p, n);
        check_inside(note.data, p, n);
        cr_assert_leq(touch(note.spi) + touch(note.data), 255 * n);
    }
    if (nhi_ike_ke_read(body, &u16, &s)) {
        check_inside(s, p, n);
    }
    if (nhi_ike_id_read(body, &id)) {
        check_inside(id.data, p, n);
    }
    if (nhi_ike_auth_read(body, &u8, &s)) {
        check_inside(s, p, n);
    }
    if (nhi_ike_delete_read(body, &u8, &len, &u16, &s)) {
        check_inside(s, p, n);
        cr_assert_eq(s.n, (size_t)len * u16);
    }
}

Test(ike_misc, damaged_payloads_never_leave_their_bytes)
{
    static const uint8_t notify[] = {3, 4, 0x40, 9, 1, 2, 3, 4, 5, 6};
    static const uint8_t id[] = {1, 0, 0, 0, 10, 0, 0, 1};
    static const uint8_t del[] = {3, 4, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8};
    mutate(read_any, notify, sizeof notify);
    mutate(read_any, id, sizeof id);
    mutate(read_any, del, sizeof del);
}
