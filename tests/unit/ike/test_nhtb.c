/* SPDX-License-Identifier: Apache-2.0
 * Who is told our tunnel address and whose word is taken. protocol-facts 1.4 item 5, 1.5. */
#include "duo.h"

static duo *with(nhtb_announce a, nhtb_announce b, bool vid_a, bool vid_b)
{
    duo *p = duo_new();
    for (int i = 0; i < 2; i++) {
        p->s[i].has_own = true;
        p->s[i].own = ip(i ? "10.0.0.2" : "10.0.0.1");
        p->s[i].cfg.announce = (uint8_t)(i ? b : a);
        p->s[i].settings.vendor_id = i ? vid_b : vid_a;
    }
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert(duo_sa(p, 0) && duo_sa(p, 1));
    return p;
}

Test(ike_nhtb, gating_by_vendor_id_and_knob)
{
    static const struct {
        nhtb_announce a, b;
        bool vid_a, vid_b, a_sends, b_sends, a_learns, b_learns;
    } v[] = {
        {NHTB_ANNOUNCE_AUTO, NHTB_ANNOUNCE_AUTO, true, true, true, true, true, true},
        /* a stranger, as it sends no Vendor ID of ours, never gets the notify */
        {NHTB_ANNOUNCE_AUTO, NHTB_ANNOUNCE_AUTO, true, false, false, true, true, false},
        {NHTB_ANNOUNCE_AUTO, NHTB_ANNOUNCE_AUTO, false, false, false, false, false, false},
        {NHTB_ANNOUNCE_ON, NHTB_ANNOUNCE_AUTO, true, false, true, true, true, true},
        {NHTB_ANNOUNCE_ON, NHTB_ANNOUNCE_ON, false, false, true, true, true, true},
        {NHTB_ANNOUNCE_OFF, NHTB_ANNOUNCE_AUTO, true, true, false, true, false, false},
        {NHTB_ANNOUNCE_OFF, NHTB_ANNOUNCE_ON, false, false, false, true, false, false},
    };
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        duo *p = with(v[i].a, v[i].b, v[i].vid_a, v[i].vid_b);
        cr_assert_eq(p->s[0].ike->count.notify_nhtb_sent, v[i].a_sends, "row %zu", i);
        cr_assert_eq(p->s[1].ike->count.notify_nhtb_sent, v[i].b_sends, "row %zu", i);
        cr_assert_eq(p->s[0].learnt.family, v[i].a_learns ? 4 : 0, "row %zu", i);
        cr_assert_eq(p->s[1].learnt.family, v[i].b_learns ? 4 : 0, "row %zu", i);
        duo_end(p);
    }
}

Test(ike_nhtb, ipv6_goes_in_sixteen_octets)
{
    duo *p = duo_new();
    for (int i = 0; i < 2; i++) {
        p->s[i].has_own = true;
        p->s[i].own = ip(i ? "2001:db8::2" : "2001:db8::1");
    }
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert(nhtb_addr_equal(&p->s[0].learnt, &p->s[1].own));
    duo_end(p);
}

Test(ike_nhtb, a_rekey_announces_again)
{
    duo *p = with(NHTB_ANNOUNCE_AUTO, NHTB_ANNOUNCE_AUTO, true, true);
    p->s[1].own = ip("10.0.0.9");
    nhi_ike_rekey(p->s[0].ike, p->s[0].peer, NHTB_REKEY_CHILD, p->now);
    duo_run(p);
    cr_assert(nhtb_addr_equal(&p->s[0].learnt, &p->s[1].own));
    duo_end(p);
}

Test(ike_nhtb, nothing_is_learnt_from_who_fails_to_authenticate)
{
    duo *p = duo_new();
    p->s[0].has_own = true;
    p->s[0].own = ip("10.0.0.1");
    p->s[0].cfg.announce = NHTB_ANNOUNCE_ON;
    p->s[1].cfg.psk = str("other");
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    EXPECT(p, 1, "auth_failed:authentication");
    cr_assert_eq(p->s[1].ike->count.notify_nhtb_received, 0);
    duo_end(p);
}
