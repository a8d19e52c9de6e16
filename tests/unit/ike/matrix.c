/* SPDX-License-Identifier: Apache-2.0
 * See matrix.h. */
#include "unit/ike/matrix.h"

#include <criterion/criterion.h>

/* ---- states ---- */

static void rekey_ike(twins *p, unsigned end)
{
    cr_assert(!nhi_ike_rekey(p->e[end].ike, p->e[end].peer, NHTB_REKEY_IKE, p->now));
    twins_settle(p, end);
}

static void clear(twins *p, unsigned end)
{
    cr_assert(!nhi_ike_clear(p->e[end].ike, p->e[end].peer, p->now));
    twins_settle(p, end);
}

static void deliver(twins *p, unsigned n)
{
    while (n--)
        twins_deliver(p, 0);
}

static void answer(twins *p, unsigned end)
{
    static const uint8_t psk[] = "a secret for two";
    cr_assert(
        !nhi_ike_answer(p->e[end].ike, p->e[end].question, (nhtb_span){psk, sizeof psk}, p->now));
    twins_settle(p, end);
}

/** A message whose public-key work stays, but for the first `n` jobs. */
static void deliver_held(twins *p, unsigned end, unsigned n)
{
    p->o.hold_jobs = true;
    deliver(p, 1);
    while (n--)
        twins_job(p, end);
}

static void before_up(twins *p, unsigned state)
{
    p->o.hold_jobs = state == NHI_SA_INIT_KE;
    twins_initiate(p, 0);
    switch (state) {
    case NHI_SA_AUTH_KE:
        deliver(p, 1);
        deliver_held(p, 0, 0);
        break;
    case NHI_SA_AUTH_SIGN:
        deliver(p, 1);
        deliver_held(p, 0, 1);
        break;
    case NHI_SA_AUTH_VERIFY:
        deliver(p, 3);
        deliver_held(p, 0, 0);
        break;
    case NHI_SA_R_KE: deliver_held(p, 1, 0); break;
    case NHI_SA_R_VERIFY:
    case NHI_SA_R_SIGN:
        deliver(p, 2);
        deliver_held(p, 1, state == NHI_SA_R_SIGN);
        break;
    case NHI_SA_AUTH_SENT:
    case NHI_SA_R_HALF: deliver(p, 2); break;
    case NHI_SA_R_ASK:
        answer(p, 0);
        deliver(p, 3);
        break;
    default: break;
    }
}

/** end: the one that holds the SA under test. */
static void after_up(twins *p, unsigned state, unsigned end)
{
    switch (state) {
    case NHI_SA_LARVAL:
        p->o.hold_jobs = end == 0;
        rekey_ike(p, 0);
        p->o.hold_jobs = true;
        if (end)
            deliver(p, 1);
        break;
    case NHI_SA_REKEYED:
        rekey_ike(p, !end);
        deliver(p, 1);
        break;
    case NHI_SA_DELETING: clear(p, end); break;
    case NHI_SA_LINGER:
    case NHI_SA_DEAD:
        clear(p, !end);
        deliver(p, 1);
        if (state == NHI_SA_DEAD)
            twins_run(p, 20 * NHTB_NS_PER_S);
        break;
    default: break;
    }
}

static nhi_ike_sa *counterpart(twins *p, const matrix_sa *m)
{
    NHI_LIST_FOR(it, &p->e[!m->end].ike->sas)
    {
        nhi_ike_sa *o = NHI_CONTAINER(it, nhi_ike_sa, link);
        if (o->spi_i == m->spi_i && o->spi_r == m->spi_r && o->initiator != m->initiator)
            return o;
    }
    return NULL;
}

static void take_keys(twins *p, matrix_sa *m)
{
    twins_end *other = &p->e[!m->end];
    nhi_ike_sa *o = counterpart(p, m);
    if (o && o->have_keys) {
        m->sk = o->sk;
        return;
    }
    nhi_suite s = {.encr = 20, .key_bits = 256, .prf = 5, .ke = 31};
    nhi_ike_keys k;
    memset(&k, 7, sizeof k);
    k.e_len = (uint16_t)nhi_bulk_keymat_len(nhi_bulk_find(20, 256, 0));
    cr_assert(!nhi_sk_make(&m->sk, &other->mem, &other->crypto, &s, &k, !m->initiator, 2));
    m->made = true;
}

static void note(matrix_sa *m, const nhi_ike_sa *sa)
{
    m->spi_i = sa->spi_i;
    m->spi_r = sa->spi_r;
    m->next_in = sa->in.next;
    m->next_out = sa->out.next;
    m->kind = sa->kind;
    if (sa->path.local.family)
        m->path = sa->path;
    NHI_LIST_FOR(it, &sa->children)
    m->child_spi = NHI_CONTAINER(it, nhi_ike_child, link)->spi_out;
}

static bool with_certificates(const matrix_row *row)
{
    switch (row->state) {
    case NHI_SA_AUTH_SIGN:
    case NHI_SA_AUTH_VERIFY:
    case NHI_SA_R_VERIFY:
    case NHI_SA_R_SIGN: return true;
    default: return false;
    }
}

void matrix_bring(twins *p, const matrix_row *row, matrix_sa *out)
{
    bool up = row->state >= NHI_SA_UP || row->state == NHI_SA_LARVAL;
    bool ask = row->state == NHI_SA_ASK || row->state == NHI_SA_R_ASK;
    twins_opts o = {.seed = 11, .children = 2, .no_psk = ask, .certs = with_certificates(row)};
    memset(out, 0, sizeof *out);
    out->end = !row->initiator;
    out->initiator = row->initiator;
    twins_open(p, &o);
    out->path = p->e[out->end].path;
    out->kind = NHTB_PKT_IKE_500;
    if (up) {
        nhi_ike_on_traffic(p->e[0].ike, p->e[0].peer, 0, p->now);
        twins_settle(p, 0);
        twins_drain(p);
        note(out, twins_sa(p, out->end, NHI_SA_UP));
        after_up(p, row->state, out->end);
    } else {
        before_up(p, row->state);
    }
    while (p->n_flight)
        twins_drop(p, 0);
    if (row->state == NHI_SA_DEAD) {
        cr_assert_eq(p->e[out->end].ike->n_sas, 0);
    } else {
        nhi_ike_sa *sa = twins_sa(p, out->end, row->state);
        cr_assert(sa, "no way into %s", nhi_ike_sa_state_name(row->state));
        note(out, sa);
    }
    p->o.hold_jobs = p->o.hold_jobs && row->state != NHI_SA_UP;
    take_keys(p, out);
}

void matrix_close(twins *p, matrix_sa *m)
{
    twins_end *other = &p->e[!m->end];
    if (m->made)
        nhi_sk_wipe(&m->sk, &other->mem, &other->crypto);
    twins_close(p);
}

unsigned matrix_state(twins *p, const matrix_sa *m)
{
    uint64_t own = m->initiator ? m->spi_i : m->spi_r;
    const nhi_ike_sa *sa = nhi_map_get(&p->e[m->end].ike->by_spi, &own);
    return sa ? sa->state : NHI_SA_DEAD;
}

/* ---- messages ---- */

static const uint8_t filler[64] = {1, 2, 3, 4, 5, 6, 7, 8};

static void add_sa(nhi_ike_builder *b, nhtb_protocol proto, uint8_t spi_len, bool in_auth)
{
    static nhi_ike_sa_pl pl;
    nhtb_proposal v;
    const char *text =
        proto == NHTB_PROTO_IKE ? "aes256gcm16-prfsha256-x25519" : "aes256gcm16-noesn";
    cr_assert(!nhtb_proposal_parse(proto, text, &v, NULL));
    nhi_propose_offer(&pl, proto, &v, 1, filler, spi_len, in_auth);
    nhi_ike_build_begin(b, NHI_PL_SA);
    nhi_ike_sa_write(&b->w, &pl);
    nhi_ike_build_end(b);
}

static void add_ke(nhi_ike_builder *b)
{
    nhi_ike_build_payload(b, NHI_PL_NONCE, (nhtb_span){filler, 32});
    nhi_ike_build_ke(b, NHTB_KE_X25519, (nhtb_span){filler, 32});
}

static void add_ts(nhi_ike_builder *b, unsigned child)
{
    nhtb_ts t = {.lo = {.family = 4, .b = {(uint8_t)(10 + child)}},
                 .hi = {.family = 4, .b = {(uint8_t)(10 + child), 255, 255, 255}},
                 .port_hi = 65535};
    for (unsigned i = 0; i < 2; i++) {
        nhi_ike_build_begin(b, i ? NHI_PL_TSR : NHI_PL_TSI);
        nhi_ike_ts_write(&b->w, &t, 1);
        nhi_ike_build_end(b);
    }
}

static void add_child(nhi_ike_builder *b, unsigned child)
{
    add_sa(b, NHTB_PROTO_ESP, 4, false);
    nhi_ike_build_payload(b, NHI_PL_NONCE, (nhtb_span){filler, 32});
    add_ts(b, child);
}

static void add_auth(nhi_ike_builder *b, const matrix_sa *m, bool response)
{
    nhtb_identity id = {NHTB_ID_FQDN, {(const uint8_t *)(m->end ? "a.ex" : "b.ex"), 4}};
    nhi_ike_build_id(b, response ? NHI_PL_IDR : NHI_PL_IDI, &id);
    nhi_ike_build_auth(b, 2, (nhtb_span){filler, 32});
    add_sa(b, NHTB_PROTO_ESP, 4, true);
    add_ts(b, 0);
}

static void payloads(nhi_ike_builder *b, const matrix_sa *m, unsigned kind)
{
    uint8_t spi[4];
    nhi_put32(spi, m->child_spi);
    switch (kind) {
    case M_INIT_Q:
    case M_INIT_P:
        add_sa(b, NHTB_PROTO_IKE, 0, false);
        add_ke(b);
        break;
    case M_AUTH_Q:
    case M_AUTH_P: add_auth(b, m, kind == M_AUTH_P); break;
    case M_REKEY_CHILD_Q:
        nhi_ike_build_notify(b, NHTB_PROTO_ESP, (nhtb_span){spi, 4}, NHI_N_REKEY_SA,
                             (nhtb_span){NULL, 0});
        add_child(b, 0);
        break;
    case M_REKEY_CHILD_P: add_child(b, 0); break;
    case M_NEW_Q:
    case M_NEW_P: add_child(b, 1); break;
    case M_REKEY_IKE_Q:
    case M_REKEY_IKE_P:
        add_sa(b, NHTB_PROTO_IKE, 8, false);
        add_ke(b);
        break;
    case M_DELETE_CHILD_Q:
    case M_DELETE_CHILD_P:
        nhi_ike_build_delete(b, NHTB_PROTO_ESP, 4, 1, (nhtb_span){spi, 4});
        break;
    case M_DELETE_IKE_Q:
    case M_DELETE_IKE_P: nhi_ike_build_delete(b, NHTB_PROTO_IKE, 0, 0, (nhtb_span){NULL, 0}); break;
    default: break;
    }
}

static uint8_t exchange_of(unsigned kind)
{
    if (kind <= M_INIT_P)
        return NHI_EX_SA_INIT;
    if (kind <= M_AUTH_P)
        return NHI_EX_AUTH;
    if (kind <= M_REKEY_IKE_P)
        return NHI_EX_CREATE_CHILD;
    return kind == M_UNKNOWN_Q || kind == M_UNKNOWN_P ? 240 : NHI_EX_INFORMATIONAL;
}

size_t matrix_message(twins *p, matrix_sa *m, unsigned kind, unsigned variant, uint8_t *out)
{
    twins_end *other = &p->e[!m->end];
    nhi_ike_builder b;
    uint8_t inner[1024];
    bool response = kind & 1 && kind < M_IKEV1, init = kind <= M_INIT_P;
    bool from_i = init ? !response : !m->initiator;
    nhi_ike_hdr h = {.spi_i = m->spi_i ? m->spi_i : 0x1111,
                     .spi_r = m->spi_r ? m->spi_r : 0x2222,
                     .version = kind == M_IKEV1   ? 0x10
                                : kind == M_IKEV3 ? 0x30
                                                  : NHI_IKE_VERSION,
                     .exchange = exchange_of(kind),
                     .msg_id = init       ? 0
                               : response ? m->next_out
                                          : m->next_in};
    if (kind == M_INIT_Q)
        h.spi_r = 0;
    if (variant == V_WRONG_ID)
        h.msg_id += 5;
    if (variant == V_WRONG_ROLE)
        from_i = !from_i;
    h.flags = (uint8_t)((from_i ? NHI_IKE_F_INITIATOR : 0) | (response ? NHI_IKE_F_RESPONSE : 0));
    if (init) {
        nhi_ike_build_init(&b, out, TWINS_MSG, &h);
        payloads(&b, m, kind);
        return nhi_ike_build_finish(&b);
    }
    size_t n = TWINS_MSG;
    nhi_ike_build_inner(&b, inner, sizeof inner);
    payloads(&b, m, kind);
    nhi_ike_build_finish(&b);
    uint8_t first = b.w.n ? b.first : NHI_PL_NONE;
    cr_assert(!nhi_sk_seal(&m->sk, &other->mem, &other->crypto, &other->ike->lane, &h, first,
                           (nhtb_span){inner, b.w.n}, out, &n));
    return n;
}
