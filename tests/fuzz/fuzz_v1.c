/* SPDX-License-Identifier: Apache-2.0
 * See fuzz_v1.h. */
#include "fuzz/fuzz_v1.h"

#include "unit/ike/v1_forge.h"

static nhtb_span text(const char *s)
{
    return (nhtb_span){(const uint8_t *)s, strlen(s)};
}

void fuzz_v1_entry(nhtb_v1 *v, nhtb_v1_user *user, bool server, unsigned opt)
{
    nhtb_v1_init(v);
    v->mode = opt & 16 ? NHTB_V1_AGGRESSIVE : NHTB_V1_MAIN;
    *user = (nhtb_v1_user){text("alice"), text("wonderland"), {.family = 0}};
    if (!(opt & 32))
        return;
    v->xauth = v->config = server ? NHTB_V1_SERVER : NHTB_V1_CLIENT;
    v->config_push = (opt & 64) != 0;
    v->user = user->name;
    v->password = user->password;
    v->users = user;
    v->n_users = 1;
    v->pool.addr = (nhtb_addr){.family = 4, .b = {10, 0, 0, 0}};
    v->pool.len = 24;
}

/** What of the list becomes of it: each payload out, twice, cut, of another type or with other bytes. */
static void edit(void *user, const nhi_v1_msg *m, nhi_ike_builder *b)
{
    fuzz_in *in = user;
    static uint8_t body[4096];
    unsigned ops = fuzz_u8(in), at = fuzz_u8(in);
    for (size_t k = 1; k < m->n; k++) {
        nhtb_span s = m->pl[k].body;
        uint8_t type = m->pl[k].type;
        bool here = k == 1 + at % m->n;
        if (here && ops & 1)
            continue;
        if (here && ops & 2)
            nhi_ike_build_payload(b, type, s);
        if (here && ops & 4)
            s.n = fuzz_u8(in) % (s.n + 1);
        if (here && ops & 8)
            type = fuzz_u8(in) % 24;
        if (here && ops & 16 && s.n && s.n < sizeof body) {
            memcpy(body, s.p, s.n);
            body[fuzz_u16(in) % s.n] ^= fuzz_u8(in);
            s.p = body;
        }
        if (type)
            nhi_ike_build_payload(b, type, s);
    }
    if (ops & 32)
        nhi_ike_build_payload(b, (uint8_t)(1 + fuzz_below(in, 21)), fuzz_take(in, fuzz_u8(in)));
}

static nhi_ike_sa *sa_of(nhi_ike *ike, uint64_t i, uint64_t r)
{
    nhi_ike_sa *sa = nhi_map_get(&ike->by_spi, &i);
    sa = sa ? sa : nhi_map_get(&ike->by_spi, &r);
    return sa && sa->v1 && sa->have_keys && sa->spi_i == i && sa->spi_r == r ? sa : NULL;
}

bool fuzz_v1_edit(nhi_ike *from, nhi_ike *to, uint8_t *msg, size_t *n, size_t cap, fuzz_in *in)
{
    uint64_t i = nhi_get64(msg), r = nhi_get64(msg + 8);
    nhi_ike_sa *a = sa_of(from, i, r), *b = sa_of(to, i, r);
    if (!a || !b || !nhi_get32(msg + 20) || !(msg[19] & NHI_V1_F_ENCRYPT))
        return false;
    return v1_forge(a, b, msg, n, cap, (fuzz_u8(in) & 7) == 0, edit, in);
}
