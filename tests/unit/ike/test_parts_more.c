/* SPDX-License-Identifier: Apache-2.0
 * The pure parts at their edges: sealed messages that lie inside, suites and nonces out of range,
 * proposals that are almost right. RFC 7296 2.14, 3.3, 3.14; RFC 5282. */
#include <criterion/criterion.h>
#include <nhtb/backend_null.h>

#include "parts_util.h"

typedef struct ends {
    nhtb_crypto c;
    nhi_mem mem;
    nhi_bulk_lane lane;
    nhi_suite suite;
    nhi_sk i, r;
} ends;

static nhtb_proposal words(nhtb_protocol proto, const char *text)
{
    nhtb_proposal p;
    cr_assert_eq(nhtb_proposal_parse(proto, text, &p, NULL), 0, "%s", text);
    return p;
}

static void begin(ends *e, const char *text)
{
    nhtb_proposal p = words(NHTB_PROTO_IKE, text);
    nhi_ike_sa_pl offer;
    nhi_ike_keys keys;
    e->c = nhtb_null_crypto();
    e->mem = test_mem();
    nhi_propose_offer(&offer, NHTB_PROTO_IKE, &p, 1, NULL, 0, false);
    cr_assert(nhi_propose_choose(&e->suite, NHTB_PROTO_IKE, &p, 1, &offer, 0, false));
    cr_assert_eq(nhi_keymat_ike(&e->c, &e->suite, span("ni ni ni ni ni ni"),
                                span("nr nr nr nr nr nr"), span("shared"), 1, 2, NULL, 0, &keys),
                 0);
    cr_assert_eq(nhi_bulk_lane_make(&e->lane, &e->mem, &e->c, 1), 0);
    cr_assert_eq(nhi_sk_make(&e->i, &e->mem, &e->c, &e->suite, &keys, true, 2), 0);
    cr_assert_eq(nhi_sk_make(&e->r, &e->mem, &e->c, &e->suite, &keys, false, 2), 0);
}

static void end(ends *e)
{
    nhi_sk_wipe(&e->i, &e->mem, &e->c);
    nhi_sk_wipe(&e->r, &e->mem, &e->c);
    nhi_bulk_lane_wipe(&e->lane, &e->mem, &e->c);
    cr_assert_eq(e->mem.bytes, 0);
}

/** The text of a protected message is n bytes as they are, the pad length among them. */
static size_t seal_raw(ends *e, const uint8_t *text, size_t n, uint8_t *msg)
{
    const nhi_bulk_facts *f = e->i.facts;
    size_t head = NHI_IKE_HDR + 4 + f->iv_len, len = head + n + f->icv_len;
    nhi_ike_hdr h = {.spi_i = 1,
                     .spi_r = 2,
                     .next = NHI_PL_SK,
                     .version = NHI_IKE_VERSION,
                     .exchange = NHI_EX_INFORMATIONAL,
                     .length = (uint32_t)len};
    memset(msg, 0, head);
    nhi_ike_hdr_write(msg, &h);
    nhi_put16(msg + NHI_IKE_HDR + 2, (unsigned)(len - NHI_IKE_HDR));
    memcpy(msg + head, text, n);
    nhtb_bulk_job j = {.key = e->i.out.mem,
                       .src = msg + head,
                       .dst = msg + head,
                       .len = (uint32_t)n,
                       .iv = msg + NHI_IKE_HDR + 4,
                       .aad = msg,
                       .aad_len = NHI_IKE_HDR + 4,
                       .icv = msg + head + n,
                       .status = NHTB_BULK_FAIL};
    e->c.bulk->seal(e->lane.mem, e->lane.index, &j, 1);
    cr_assert_eq(j.status, NHTB_BULK_OK);
    return len;
}

Test(sk_more, authenticated_padding_longer_than_its_text_is_refused)
{
    static const struct {
        uint8_t pad;
        size_t n;
        unsigned want;
    } v[] = {{0, 1, NHTB_REASON_NONE},
             {1, 1, NHTB_REASON_IKE_MALFORMED},
             {15, 16, NHTB_REASON_NONE},
             {16, 16, NHTB_REASON_IKE_MALFORMED},
             {255, 16, NHTB_REASON_IKE_MALFORMED},
             {3, 16, NHTB_REASON_NONE}};
    ends e;
    begin(&e, "aes256gcm16-prfsha256-x25519");
    for (size_t i = 0; i < NHI_ARRAY_LEN(v); i++) {
        uint8_t text[16] = {0}, msg[128], out[128], first;
        text[v[i].n - 1] = v[i].pad;
        size_t n = 0, len = seal_raw(&e, text, v[i].n, msg);
        cr_assert_eq(nhi_sk_open(&e.r, &e.c, &e.lane, (nhtb_span){msg, len}, out, &n, &first),
                     v[i].want, "%zu", i);
        if (!v[i].want)
            cr_assert_eq(n, v[i].n - v[i].pad - 1);
    }
    end(&e);
}

Test(sk_more, cbc_text_is_whole_blocks)
{
    ends e;
    uint8_t text[16] = {0}, msg[128], out[128], first;
    size_t n = 0;
    begin(&e, "aes128-sha256-x25519");
    size_t len = seal_raw(&e, text, 16, msg);
    cr_assert_eq(nhi_sk_open(&e.r, &e.c, &e.lane, (nhtb_span){msg, len}, out, &n, &first), 0);
    nhi_put32(msg + 24, (uint32_t)len + 1); /* a byte more, lengths and all */
    nhi_put16(msg + NHI_IKE_HDR + 2, (unsigned)(len + 1 - NHI_IKE_HDR));
    msg[len] = 0;
    cr_assert_eq(nhi_sk_open(&e.r, &e.c, &e.lane, (nhtb_span){msg, len + 1}, out, &n, &first),
                 NHTB_REASON_IKE_MALFORMED);
    end(&e);
}

Test(sk_more, what_does_not_fit_is_not_sealed)
{
    static const uint8_t inner[70000];
    static uint8_t msg[80000];
    ends e;
    begin(&e, "aes128-sha256-x25519");
    nhi_ike_hdr h = {.version = NHI_IKE_VERSION};
    size_t len = nhi_sk_message_len(e.i.facts, 100) - 1;
    cr_assert_eq(
        nhi_sk_seal(&e.i, &e.mem, &e.c, &e.lane, &h, 0, (nhtb_span){inner, 100}, msg, &len),
        NHTB_ERR_SHORT);
    len = sizeof msg; /* room enough, but a payload's length has 16 bits */
    cr_assert_eq(
        nhi_sk_seal(&e.i, &e.mem, &e.c, &e.lane, &h, 0, (nhtb_span){inner, 65530}, msg, &len),
        NHTB_ERR_SHORT);
    cr_assert_eq(nhi_sk_fragment_room(e.i.facts, 40), 0, "not one block");
    end(&e);
}

static int no_random(void *user, uint8_t *dst, size_t n)
{
    (void)user;
    (void)dst;
    (void)n;
    return -1;
}

Test(sk_more, without_randomness_cbc_is_not_sealed)
{
    ends e;
    uint8_t msg[256];
    size_t len = sizeof msg;
    nhi_ike_hdr h = {.version = NHI_IKE_VERSION};
    begin(&e, "aes128-sha256-x25519");
    e.mem.host.random = no_random;
    cr_assert_neq(nhi_sk_seal(&e.i, &e.mem, &e.c, &e.lane, &h, 0, (nhtb_span){NULL, 0}, msg, &len),
                  0);
    end(&e);
}

Test(sk_more, a_suite_without_facts_or_with_other_keys_makes_nothing)
{
    nhtb_crypto c = nhtb_null_crypto();
    nhi_mem mem = test_mem();
    nhi_ike_keys keys = {.e_len = 36};
    nhi_suite s = {.encr = 999, .key_bits = 256, .prf = NHI_PRF_SHA256};
    nhi_sk k;
    cr_assert_eq(nhi_sk_make(&k, &mem, &c, &s, &keys, true, 2), NHTB_ERR_UNSUPPORTED);
    nhi_sk_wipe(&k, &mem, &c);
    s.encr = NHI_ENCR_AES_GCM16;
    keys.e_len = 35;
    cr_assert_eq(nhi_sk_make(&k, &mem, &c, &s, &keys, true, 2), NHTB_ERR_UNSUPPORTED);
    cr_assert_eq(mem.bytes, 0);
}

Test(keymat_more, unknown_algorithms_and_endless_nonces_make_no_keys)
{
    static const uint8_t nonce[300];
    nhtb_crypto c = nhtb_null_crypto();
    nhi_ike_keys keys;
    nhi_suite s = {.encr = NHI_ENCR_AES_GCM16, .key_bits = 256, .prf = NHI_PRF_SHA256};
    const nhtb_span ok = {nonce, 256}, more = {nonce, 257}, g = span("shared");
    cr_assert_eq(nhi_keymat_ike(&c, &s, ok, ok, g, 1, 2, NULL, 0, &keys), 0);
    cr_assert_eq(nhi_keymat_ike(&c, &s, ok, more, g, 1, 2, NULL, 0, &keys), NHTB_ERR_INTERNAL);
    s.prf = 999;
    cr_assert_eq(nhi_keymat_ike(&c, &s, ok, ok, g, 1, 2, NULL, 0, &keys), NHTB_ERR_UNSUPPORTED);
    s.prf = NHI_PRF_SHA256;
    s.key_bits = 77;
    cr_assert_eq(nhi_keymat_ike(&c, &s, ok, ok, g, 1, 2, NULL, 0, &keys), NHTB_ERR_UNSUPPORTED);
}

/* ---- proposals ---- */

static void add(nhi_ike_proposal *p, uint8_t type, uint16_t id, uint16_t bits)
{
    p->tf[p->n++] = (nhi_transform){.type = type, .id = id, .key_bits = bits};
}

Test(propose_more, transforms_that_may_be_left_out_count_as_none)
{
    nhtb_proposal own = words(NHTB_PROTO_ESP, "aes256gcm16-esn-noesn");
    nhi_suite s;
    nhi_ike_sa_pl in = {.n = 1};
    nhi_ike_proposal *q = &in.p[0];
    q->number = 1;
    q->protocol = NHTB_PROTO_ESP;
    q->spi_len = 4;
    nhi_put32(q->spi, 0x1000);
    add(q, NHI_TF_ENCR, NHI_ENCR_AES_GCM16, 256);
    cr_assert(nhi_propose_choose(&s, NHTB_PROTO_ESP, &own, 1, &in, 0, false));
    cr_assert_eq(s.esn, 0, "no ESN transform: 32-bit numbers");
    add(q, NHI_TF_ESN, 1, 0);
    cr_assert(nhi_propose_choose(&s, NHTB_PROTO_ESP, &own, 1, &in, 0, false));
    cr_assert_eq(s.esn, 1);
    nhtb_proposal only = words(NHTB_PROTO_ESP, "aes256gcm16-noesn");
    cr_assert_not(nhi_propose_choose(&s, NHTB_PROTO_ESP, &only, 1, &in, 0, false));
}

Test(propose_more, an_answer_must_be_one_of_the_offers_and_complete)
{
    nhtb_proposal own = words(NHTB_PROTO_ESP, "aes128-aes256-sha256-esn-x25519");
    uint8_t spi[4] = {0, 0, 0x20, 0};
    nhi_ike_sa_pl offer, in;
    nhi_suite s;
    nhi_propose_offer(&offer, NHTB_PROTO_ESP, &own, 1, spi, 4, false);
    const nhi_transform tf[] = {{.type = NHI_TF_ENCR, .id = NHI_ENCR_AES_CBC, .key_bits = 256},
                                {.type = NHI_TF_INTEG, .id = NHI_INTEG_SHA256_128},
                                {.type = NHI_TF_KE, .id = 31},
                                {.type = NHI_TF_ESN, .id = 1}};
    for (unsigned without = 0; without <= NHI_ARRAY_LEN(tf); without++) {
        memset(&in, 0, sizeof in);
        in.n = 1;
        in.p[0].number = offer.p[0].number;
        in.p[0].protocol = NHTB_PROTO_ESP;
        in.p[0].spi_len = 4;
        nhi_put32(in.p[0].spi, 0x3000);
        for (unsigned k = 0; k < NHI_ARRAY_LEN(tf); k++)
            if (k != without)
                in.p[0].tf[in.p[0].n++] = tf[k];
        bool whole = without == NHI_ARRAY_LEN(tf);
        cr_assert_eq(nhi_propose_accept(&s, NHTB_PROTO_ESP, &offer, &in), whole, "%u", without);
    }
    in.p[0].number++;
    cr_assert_not(nhi_propose_accept(&s, NHTB_PROTO_ESP, &offer, &in), "no such number");
    in.p[0].number--;
    add(&in.p[0], NHI_TF_ENCR, NHI_ENCR_AES_CBC, 256);
    cr_assert_not(nhi_propose_accept(&s, NHTB_PROTO_ESP, &offer, &in), "one of each type");
    in.p[0].n--;
    in.p[0].spi_len = 8;
    cr_assert_not(nhi_propose_accept(&s, NHTB_PROTO_ESP, &offer, &in));
    in.p[0].spi_len = 4;
    in.p[0].protocol = NHTB_PROTO_IKE;
    cr_assert_not(nhi_propose_accept(&s, NHTB_PROTO_ESP, &offer, &in));
    in.p[0].protocol = NHTB_PROTO_ESP;
    in.p[1] = in.p[0];
    in.n = 2;
    cr_assert_not(nhi_propose_accept(&s, NHTB_PROTO_ESP, &offer, &in), "one answer");
}

Test(propose_more, none_of_a_type_that_was_not_offered_may_be_said_aloud)
{
    nhtb_proposal own = words(NHTB_PROTO_ESP, "aes256gcm16-noesn");
    uint8_t spi[4] = {0, 0, 0x20, 0};
    nhi_ike_sa_pl offer, in = {.n = 1};
    nhi_suite s;
    nhi_propose_offer(&offer, NHTB_PROTO_ESP, &own, 1, spi, 4, true);
    nhi_ike_proposal *q = &in.p[0];
    q->number = offer.p[0].number;
    q->protocol = NHTB_PROTO_ESP;
    q->spi_len = 4;
    nhi_put32(q->spi, 0x3000);
    add(q, NHI_TF_ENCR, NHI_ENCR_AES_GCM16, 256);
    cr_assert(nhi_propose_accept(&s, NHTB_PROTO_ESP, &offer, &in));
    cr_assert_eq(s.esn, 0);
    static const uint8_t types[] = {NHI_TF_INTEG, NHI_TF_KE};
    for (size_t i = 0; i < NHI_ARRAY_LEN(types); i++) {
        add(q, types[i], 0, 0);
        cr_assert(nhi_propose_accept(&s, NHTB_PROTO_ESP, &offer, &in), "%zu", i);
        q->tf[q->n - 1].id = 12;
        cr_assert_not(nhi_propose_accept(&s, NHTB_PROTO_ESP, &offer, &in), "%zu", i);
        q->n--;
    }
    add(q, NHI_TF_PRF, 0, 0);
    cr_assert_not(nhi_propose_accept(&s, NHTB_PROTO_ESP, &offer, &in), "a PRF is never none");
}
