/* SPDX-License-Identifier: Apache-2.0
 * Hands fresh keys to a host that asked for them (nhtb_host.keylog), so that a packet dissector can
 * look inside. Called where an IKE SA gets its keys (v2/init_*, v2/rekey_ike) and where a pair is
 * installed (child.c). Left out of a build without NHTB_KEYLOG: keylog_none.c. Control thread. */
#include "ike/room.h"

/* keymat is key | salt | integrity key (nhi_bulk_keymat_len). */
static void set_keys(nhtb_keylog *k, unsigned i, const nhi_bulk_facts *f, const uint8_t *keymat)
{
    const size_t n = (size_t)f->key_len + f->salt_len;
    k->encr_key[i] = (nhtb_span){keymat, n};
    k->integ_key[i] = (nhtb_span){keymat + n, f->integ_len};
}

static nhtb_keylog record(nhtb_keylog_kind kind, const nhi_bulk_facts *f)
{
    nhtb_keylog k = {.size = sizeof k, .kind = (uint8_t)kind};
    k.encr = f->encr;
    k.key_bits = f->key_bits;
    k.integ = f->integ;
    return k;
}

void nhi_ike_keylog_sa(const nhi_ike_sa *sa)
{
    const nhtb_host *h = &sa->ike->mem->host;
    if (!h->keylog || !sa->sk.facts)
        return;
    nhtb_keylog k = record(NHTB_KEYLOG_IKE, sa->sk.facts);
    k.spi_i = sa->spi_i;
    k.spi_r = sa->spi_r;
    set_keys(&k, 0, sa->sk.facts, sa->keys.ei);
    set_keys(&k, 1, sa->sk.facts, sa->keys.er);
    h->keylog(h->user, &k);
}

void nhi_ike_keylog_v1(const nhi_ike_sa *sa, nhtb_span key)
{
    const nhtb_host *h = &sa->ike->mem->host;
    if (!h->keylog)
        return;
    nhtb_keylog k = {.size = sizeof k, .kind = NHTB_KEYLOG_IKEV1};
    k.encr = sa->suite.encr;
    k.key_bits = sa->suite.key_bits;
    k.spi_i = sa->spi_i;
    k.spi_r = sa->spi_r;
    k.encr_key[0] = key;
    h->keylog(h->user, &k);
}

void nhi_ike_keylog_child(const nhi_ike *ike, const nhi_ike_child_sa *s)
{
    const nhtb_host *h = &ike->mem->host;
    if (!h->keylog)
        return;
    nhtb_keylog k = record(NHTB_KEYLOG_ESP, s->facts);
    k.esn = s->esn;
    k.spi = s->spi_in;
    k.from = s->path.remote;
    k.to = s->path.local;
    set_keys(&k, 0, s->facts, s->key_in.p);
    h->keylog(h->user, &k);
    k.spi = s->spi_out;
    k.from = s->path.local;
    k.to = s->path.remote;
    set_keys(&k, 0, s->facts, s->key_out.p);
    h->keylog(h->user, &k);
}
