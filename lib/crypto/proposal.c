/* SPDX-License-Identifier: Apache-2.0
 * Proposals as text, the built-in ones, and the cut-down to what the backends offer. AEADs and
 * ciphers with a separate integrity algorithm never share a proposal (RFC 5282 8).
 * Called by hosts (configuration), ike and engine; any thread. RFC 7296 3.3. */
#include "crypto/suite.h"

typedef enum kind { KIND_ENCR, KIND_INTEG, KIND_PRF, KIND_KE, KIND_ESN } kind;

static const struct word {
    const char *text;
    kind kind;
    uint16_t id, key_bits;
} words[] = {
    {"aes128gcm16", KIND_ENCR, NHI_ENCR_AES_GCM16, 128},
    {"aes256gcm16", KIND_ENCR, NHI_ENCR_AES_GCM16, 256},
    {"chacha20poly1305", KIND_ENCR, NHI_ENCR_CHACHA20_POLY1305, 0},
    {"aes128", KIND_ENCR, NHI_ENCR_AES_CBC, 128},
    {"aes256", KIND_ENCR, NHI_ENCR_AES_CBC, 256},
    {"sha256", KIND_INTEG, NHI_INTEG_SHA256_128, 0},
    {"sha384", KIND_INTEG, NHI_INTEG_SHA384_192, 0},
    {"sha512", KIND_INTEG, NHI_INTEG_SHA512_256, 0},
    {"prfsha256", KIND_PRF, NHI_PRF_SHA256, 0},
    {"prfsha384", KIND_PRF, NHI_PRF_SHA384, 0},
    {"prfsha512", KIND_PRF, NHI_PRF_SHA512, 0},
    {"x25519", KIND_KE, NHTB_KE_X25519, 0},
    {"ecp256", KIND_KE, NHTB_KE_P256, 0},
    {"ecp384", KIND_KE, NHTB_KE_P384, 0},
    {"ecp521", KIND_KE, NHTB_KE_P521, 0},
    {"modp2048", KIND_KE, NHTB_KE_MODP2048, 0},
    {"modp3072", KIND_KE, NHTB_KE_MODP3072, 0},
    {"modp4096", KIND_KE, NHTB_KE_MODP4096, 0},
    {"3des", KIND_ENCR, NHI_ENCR_3DES, 0}, /* from here to the groups: old peers only */
    {"sha1", KIND_INTEG, NHI_INTEG_SHA1_96, 0},
    {"prfsha1", KIND_PRF, NHI_PRF_SHA1, 0},
    {"modp1024", KIND_KE, NHTB_KE_MODP1024, 0},
    {"modp1536", KIND_KE, NHTB_KE_MODP1536, 0},
    {"esn", KIND_ESN, 1, 0},
    {"noesn", KIND_ESN, 0, 0},
};

static bool is_aead(uint16_t encr)
{
    return encr == NHI_ENCR_AES_GCM16 || encr == NHI_ENCR_CHACHA20_POLY1305;
}

static const struct word *word_find(const char *text, size_t n)
{
    for (size_t i = 0; i < NHI_ARRAY_LEN(words); i++) {
        if (nhi_strlen(words[i].text) == n && memcmp(words[i].text, text, n) == 0)
            return &words[i];
    }
    return NULL;
}

/* false: already there, or no room. */
static bool list_add(uint16_t *v, uint8_t *n, uint16_t id)
{
    for (size_t i = 0; i < *n; i++) {
        if (v[i] == id)
            return false;
    }
    if (*n >= NHTB_PROPOSAL_MAX)
        return false;
    v[(*n)++] = id;
    return true;
}

static bool encr_add(nhtb_proposal *p, uint16_t id, uint16_t key_bits)
{
    for (size_t i = 0; i < p->n_encr; i++) {
        if (p->encr[i].id == id && p->encr[i].key_bits == key_bits)
            return false;
    }
    if (p->n_encr >= NHTB_PROPOSAL_MAX || (p->n_encr > 0 && is_aead(p->encr[0].id) != is_aead(id)))
        return false;
    p->encr[p->n_encr].id = id;
    p->encr[p->n_encr++].key_bits = key_bits;
    return true;
}

static bool esn_add(nhtb_proposal *p, uint16_t id)
{
    if (p->n_esn >= 2 || (p->n_esn == 1 && p->esn[0] == id))
        return false;
    p->esn[p->n_esn++] = (uint8_t)id;
    return true;
}

static bool word_apply(nhtb_protocol proto, const struct word *w, nhtb_proposal *p)
{
    switch (w->kind) {
    case KIND_ENCR: return encr_add(p, w->id, w->key_bits);
    case KIND_INTEG: return list_add(p->integ, &p->n_integ, w->id);
    case KIND_PRF: return proto == NHTB_PROTO_IKE && list_add(p->prf, &p->n_prf, w->id);
    case KIND_KE: return list_add(p->ke, &p->n_ke, w->id);
    case KIND_ESN: return proto == NHTB_PROTO_ESP && esn_add(p, w->id);
    }
    return false;
}

static uint16_t prf_of_integ(uint16_t integ)
{
    switch (integ) {
    case NHI_INTEG_SHA1_96: return NHI_PRF_SHA1;
    case NHI_INTEG_SHA256_128: return NHI_PRF_SHA256;
    case NHI_INTEG_SHA384_192: return NHI_PRF_SHA384;
    default: return NHI_PRF_SHA512;
    }
}

/* Fills in what may be left out; false when a needed word is missing or one is too many. */
static bool complete(nhtb_protocol proto, nhtb_proposal *p)
{
    if (p->n_encr == 0)
        return false;
    bool ike = proto == NHTB_PROTO_IKE;
    if (ike && p->n_prf == 0) {
        for (size_t i = 0; i < p->n_integ; i++)
            p->prf[p->n_prf++] = prf_of_integ(p->integ[i]);
    }
    if (is_aead(p->encr[0].id)) {
        if (!ike && p->n_integ != 0)
            return false;
        /* "aes256gcm16-sha256" is a habit of IKE users: the hash then only names the PRF. */
        memset(p->integ, 0, sizeof p->integ);
        p->n_integ = 0;
    } else if (p->n_integ == 0) {
        return false;
    }
    if (!ike && p->n_esn == 0) {
        p->esn[0] = 1;
        p->n_esn = 2; /* extended preferred, 32-bit accepted */
    }
    return !ike || (p->n_prf != 0 && p->n_ke != 0);
}

int nhtb_proposal_parse(nhtb_protocol proto, const char *text, nhtb_proposal *out, const char **bad)
{
    const char *at = text, *ignored;
    nhtb_proposal p = {0};
    if (bad == NULL)
        bad = &ignored;
    *bad = text;
    if (text == NULL || out == NULL || (proto != NHTB_PROTO_IKE && proto != NHTB_PROTO_ESP))
        return NHTB_ERR_ARG;
    for (;;) {
        size_t n = 0;
        while (at[n] != '\0' && at[n] != '-')
            n++;
        const struct word *w = word_find(at, n);
        *bad = at;
        if (w == NULL || !word_apply(proto, w, &p))
            return NHTB_ERR_ARG;
        at += n;
        if (*at == '\0')
            break;
        at++;
    }
    *bad = at;
    if (!complete(proto, &p))
        return NHTB_ERR_ARG;
    *bad = NULL;
    *out = p;
    return 0;
}

static void write_word(nhi_fmt *f, kind k, uint16_t id, uint16_t key_bits)
{
    const char *text = "unknown";
    for (size_t i = 0; i < NHI_ARRAY_LEN(words); i++) {
        if (words[i].kind == k && words[i].id == id && words[i].key_bits == key_bits)
            text = words[i].text;
    }
    if (f->n != 0)
        nhi_fmt_str(f, "-");
    nhi_fmt_str(f, text);
}

static void write_list(nhi_fmt *f, kind k, const uint16_t *v, size_t n)
{
    for (size_t i = 0; i < n && i < NHTB_PROPOSAL_MAX; i++)
        write_word(f, k, v[i], 0);
}

size_t nhtb_proposal_format(nhtb_protocol proto, const nhtb_proposal *p, char *dst, size_t n)
{
    nhi_fmt f;
    nhi_fmt_init(&f, dst, n);
    for (size_t i = 0; i < p->n_encr && i < NHTB_PROPOSAL_MAX; i++)
        write_word(&f, KIND_ENCR, p->encr[i].id, p->encr[i].key_bits);
    write_list(&f, KIND_INTEG, p->integ, p->n_integ);
    if (proto == NHTB_PROTO_IKE)
        write_list(&f, KIND_PRF, p->prf, p->n_prf);
    write_list(&f, KIND_KE, p->ke, p->n_ke);
    for (size_t i = 0; proto == NHTB_PROTO_ESP && i < p->n_esn && i < 2; i++)
        write_word(&f, KIND_ESN, p->esn[i], 0);
    return f.n;
}

/* The larger groups work by name only: a responder that takes them from everybody lets strangers
 * choose a computation many times as long as X25519's. */
static const char *const default_ike[] = {
    "aes256gcm16-aes128gcm16-chacha20poly1305-prfsha256-prfsha384-prfsha512-x25519-ecp256-modp2048",
    "aes256-aes128-sha256-sha384-sha512-prfsha256-prfsha384-prfsha512-x25519-ecp256-modp2048",
};
static const char *const default_esp[] = {
    "aes256gcm16-aes128gcm16-chacha20poly1305-esn-noesn",
    "aes256-aes128-sha256-sha384-sha512-esn-noesn",
};

size_t nhi_proposal_default(const nhtb_crypto *c, nhtb_protocol proto, nhtb_proposal *v, size_t cap)
{
    const char *const *texts = proto == NHTB_PROTO_IKE ? default_ike : default_esp;
    size_t n = 0;
    for (size_t i = 0; i < NHI_ARRAY_LEN(default_ike) && n < cap; i++) {
        if (nhtb_proposal_parse(proto, texts[i], &v[n], NULL) == 0 &&
            nhi_proposal_filter(c, proto, &v[n]))
            n++;
    }
    return n;
}

/* A cipher stays when it works alone (AEAD) or with at least one of the integrity algorithms. */
static bool encr_works(const nhtb_crypto *c, const nhtb_proposal *p, size_t at)
{
    uint16_t id = p->encr[at].id, bits = p->encr[at].key_bits;
    if (is_aead(id))
        return nhi_crypto_has_bulk(c, id, bits, NHI_INTEG_NONE);
    for (size_t i = 0; i < p->n_integ; i++) {
        if (nhi_crypto_has_bulk(c, id, bits, p->integ[i]))
            return true;
    }
    return false;
}

/* An integrity algorithm stays when it works with every cipher kept: the peer may pick any pair. */
static bool integ_works(const nhtb_crypto *c, const nhtb_proposal *p, uint16_t integ)
{
    for (size_t i = 0; i < p->n_encr; i++) {
        if (!nhi_crypto_has_bulk(c, p->encr[i].id, p->encr[i].key_bits, integ))
            return false;
    }
    return true;
}

static void filter_encr(const nhtb_crypto *c, nhtb_proposal *p)
{
    uint8_t kept = 0;
    for (size_t i = 0; i < p->n_encr; i++) {
        if (encr_works(c, p, i))
            p->encr[kept++] = p->encr[i];
    }
    p->n_encr = kept;
}

static void filter_integ(const nhtb_crypto *c, nhtb_proposal *p)
{
    uint8_t kept = 0;
    for (size_t i = 0; i < p->n_integ; i++) {
        if (integ_works(c, p, p->integ[i]))
            p->integ[kept++] = p->integ[i];
    }
    p->n_integ = kept;
}

static void filter_list(const nhtb_crypto *c, bool (*has)(const nhtb_crypto *, uint16_t),
                        uint16_t *v, uint8_t *n)
{
    uint8_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        if (has(c, v[i]))
            v[kept++] = v[i];
    }
    *n = kept;
}

static bool counts_sane(const nhtb_proposal *p)
{
    return p->n_encr <= NHTB_PROPOSAL_MAX && p->n_prf <= NHTB_PROPOSAL_MAX &&
           p->n_integ <= NHTB_PROPOSAL_MAX && p->n_ke <= NHTB_PROPOSAL_MAX && p->n_esn <= 2;
}

static bool list_has(const uint16_t *v, size_t n, uint16_t what)
{
    for (size_t i = 0; i < n && i < NHTB_PROPOSAL_MAX; i++) {
        if (v[i] == what)
            return true;
    }
    return false;
}

uint32_t nhtb_proposal_old(const nhtb_proposal *p)
{
    uint32_t old = 0;
    for (size_t i = 0; i < p->n_encr && i < NHTB_PROPOSAL_MAX; i++) {
        if (p->encr[i].id == NHI_ENCR_3DES)
            old |= NHTB_OLD_3DES;
    }
    if (list_has(p->integ, p->n_integ, NHI_INTEG_SHA1_96))
        old |= NHTB_OLD_SHA1;
    if (list_has(p->prf, p->n_prf, NHI_PRF_SHA1))
        old |= NHTB_OLD_PRF_SHA1;
    if (list_has(p->ke, p->n_ke, NHTB_KE_MODP1024) || list_has(p->ke, p->n_ke, NHTB_KE_MODP1536))
        old |= NHTB_OLD_GROUP;
    return old;
}

bool nhi_proposal_filter(const nhtb_crypto *c, nhtb_protocol proto, nhtb_proposal *p)
{
    if (!counts_sane(p))
        return false;
    bool ike = proto == NHTB_PROTO_IKE, wants_ke = ike || p->n_ke != 0;
    filter_encr(c, p);
    if (p->n_encr == 0)
        return false;
    if (is_aead(p->encr[0].id))
        p->n_integ = 0;
    else
        filter_integ(c, p);
    filter_list(c, nhi_crypto_has_prf, p->prf, &p->n_prf);
    filter_list(c, nhi_crypto_has_ke, p->ke, &p->n_ke);
    bool integ_ok = is_aead(p->encr[0].id) || p->n_integ != 0;
    return integ_ok && (!ike || p->n_prf != 0) && (!wants_ke || p->n_ke != 0);
}
