/* SPDX-License-Identifier: Apache-2.0
 * Signatures over the backend's pk table, and the jobs that make and prove them. Success is one
 * non-zero constant, never the absence of an error. Called by ike and by nhtb_job_run; jobs run on
 * any thread. RFC 7427, RFC 4754, RFC 2409 5.1. */
#include "crypto/sig.h"

#define SPKI_MAX 2048 /* RSA of 8192 bits takes 1,062 */

static bool reaches(const nhtb_pk_ops *pk)
{
    return pk != NULL && pk->size >= offsetof(nhtb_pk_ops, chain) + sizeof pk->chain &&
           pk->has_sig != NULL && pk->key_public != NULL && pk->sign != NULL &&
           pk->verify != NULL && pk->chain != NULL;
}

bool nhi_crypto_has_sig(const nhtb_crypto *c, uint16_t alg, uint16_t hash)
{
    return reaches(c->pk) && c->pk->has_sig(alg, hash);
}

/* ---- keys ---- */

nhi_key_kind nhi_key_of(const nhtb_crypto *c, nhtb_span key)
{
    uint8_t spki[SPKI_MAX];
    size_t n = sizeof spki;
    if (!reaches(c->pk) || c->pk->key_public(key, spki, &n) != 0)
        return NHI_KEY_NONE;
    return nhi_spki_kind((nhtb_span){spki, n});
}

bool nhi_key_fits(const nhtb_crypto *c, nhtb_span key, const nhi_cert *cert)
{
    uint8_t spki[SPKI_MAX];
    size_t n = sizeof spki;
    if (!reaches(c->pk) || c->pk->key_public(key, spki, &n) != 0)
        return false;
    return nhi_der_equal((nhtb_span){spki, n}, cert->spki);
}

size_t nhi_key_order_len(nhi_key_kind kind)
{
    switch (kind) {
    case NHI_KEY_P256: return 32;
    case NHI_KEY_P384: return 48;
    case NHI_KEY_P521: return 66;
    default: return 0;
    }
}

/* ---- ECDSA's two forms ---- */

static void number_write(nhi_wr *w, const uint8_t *p, size_t n)
{
    while (n > 1 && p[0] == 0) {
        p++;
        n--;
    }
    bool sign = (p[0] & 0x80) != 0;
    nhi_wr_u8(w, NHI_DER_INTEGER);
    nhi_wr_u8(w, (unsigned)n + sign);
    if (sign)
        nhi_wr_u8(w, 0);
    nhi_wr_bytes(w, p, n);
}

bool nhi_ecdsa_to_der(nhtb_span plain, uint8_t *out, size_t *n)
{
    uint8_t buf[2 * (66 + 4)];
    nhi_wr body, w;
    size_t half = plain.n / 2;
    if (half == 0 || half > 66 || plain.n % 2 != 0)
        return false;
    nhi_wr_init(&body, buf, sizeof buf);
    number_write(&body, plain.p, half);
    number_write(&body, plain.p + half, half);
    nhi_wr_init(&w, out, *n);
    nhi_wr_u8(&w, NHI_DER_SEQUENCE);
    if (body.n >= 0x80)
        nhi_wr_u8(&w, 0x81);
    nhi_wr_u8(&w, (unsigned)body.n);
    nhi_wr_bytes(&w, buf, body.n);
    *n = w.n;
    return !w.bad && !body.bad;
}

static bool number_read(nhi_rd *r, uint8_t *out, size_t n)
{
    nhtb_span v = nhi_der_get(r, NHI_DER_INTEGER);
    if (v.n == 0 || v.p[0] & 0x80 || (v.n > 1 && v.p[0] == 0 && !(v.p[1] & 0x80)))
        return false; /* negative, or not the shortest form */
    if (v.n > 1 && v.p[0] == 0) {
        v.p++;
        v.n--;
    }
    if (v.n > n)
        return false;
    memset(out, 0, n - v.n);
    memcpy(out + n - v.n, v.p, v.n);
    return true;
}

bool nhi_ecdsa_from_der(nhtb_span der, size_t order_len, uint8_t *out, size_t *n)
{
    nhi_rd w = nhi_der_open(der);
    nhi_rd r = nhi_der_open(nhi_der_get(&w, NHI_DER_SEQUENCE));
    if (order_len == 0 || *n < 2 * order_len || !number_read(&r, out, order_len) ||
        !number_read(&r, out + order_len, order_len) || !nhi_der_done(&r) || !nhi_der_done(&w))
        return false;
    *n = 2 * order_len;
    return true;
}

/* ---- one signature ---- */

int nhi_sign(const nhtb_crypto *c, nhtb_span key, const nhi_sig_how *how, nhtb_span message,
             const uint8_t seed[NHTB_SIG_SEED], uint8_t *sig, size_t *n)
{
    uint8_t der[NHTB_SIG_MAX];
    size_t der_n = sizeof der;
    if (!nhi_crypto_has_sig(c, how->alg, how->hash))
        return NHTB_ERR_UNSUPPORTED;
    bool plain = how->plain && how->alg == NHTB_SIG_ECDSA;
    if (!plain)
        return c->pk->sign(key, how->alg, how->hash, message, seed, sig, n);
    size_t order = nhi_key_order_len(nhi_key_of(c, key));
    int err = c->pk->sign(key, how->alg, how->hash, message, seed, der, &der_n);
    if (err == 0 && !nhi_ecdsa_from_der((nhtb_span){der, der_n}, order, sig, n))
        err = NHTB_ERR_CRYPTO;
    return err;
}

static bool key_suits(nhi_key_kind kind, const nhi_sig_how *how)
{
    return kind != NHI_KEY_NONE && (kind == NHI_KEY_RSA) == (how->alg != NHTB_SIG_ECDSA);
}

int nhi_verify(const nhtb_crypto *c, nhtb_span spki, const nhi_sig_how *how, nhtb_span message,
               nhtb_span sig)
{
    uint8_t der[2 * (66 + 4) + 3];
    size_t n = sizeof der;
    nhi_key_kind kind = nhi_spki_kind(spki);
    if (!nhi_crypto_has_sig(c, how->alg, how->hash) || !key_suits(kind, how) ||
        sig.n > NHTB_SIG_MAX || sig.n == 0)
        return NHTB_SIG_BAD;
    if (how->alg == NHTB_SIG_ECDSA && !how->plain) { /* vendors are more lenient than DER is */
        uint8_t ignored[2 * 66];
        size_t room = sizeof ignored;
        if (!nhi_ecdsa_from_der(sig, nhi_key_order_len(kind), ignored, &room))
            return NHTB_SIG_BAD;
    }
    if (how->alg == NHTB_SIG_ECDSA && how->plain) {
        if (sig.n != 2 * nhi_key_order_len(kind) || !nhi_ecdsa_to_der(sig, der, &n))
            return NHTB_SIG_BAD;
        sig = (nhtb_span){der, n};
    }
    return c->pk->verify(spki, how->alg, how->hash, message, sig);
}

/* ---- jobs ---- */

static nhtb_span copy(uint8_t **at, nhtb_span s)
{
    nhtb_span out = {*at, s.n};
    if (s.n != 0)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return out;
}

static nhi_sig_work *work_new(nhi_mem *mem, const nhtb_crypto *c, const nhi_sig_work *in)
{
    size_t n = in->message.n + in->sig.n + in->id.data.n;
    for (size_t i = 0; i < in->n_certs; i++)
        n += in->certs[i].n;
    nhi_sig_work *w = nhi_mem_alloc(mem, sizeof *w + n, 16);
    if (w == NULL)
        return NULL;
    uint8_t *at = (uint8_t *)(w + 1);
    *w = *in;
    w->block_n = sizeof *w + n;
    w->crypto = *c;
    w->message = copy(&at, in->message);
    w->sig = copy(&at, in->sig);
    w->id.data = copy(&at, in->id.data);
    for (size_t i = 0; i < in->n_certs; i++)
        w->certs[i] = copy(&at, in->certs[i]);
    w->out_n = 0;
    w->chain = NHI_X509_UNTRUSTED;
    w->id_held = false;
    w->verdict = NHTB_SIG_FAIL;
    nhi_pki_ref(w->pki);
    return w;
}

static bool bounded(const nhi_sig_work *in)
{
    size_t n = 0;
    if (in->n_certs > NHTB_PKI_CERTS || in->pki == NULL)
        return false;
    for (size_t i = 0; i < in->n_certs; i++)
        n += in->certs[i].n;
    return n <= NHI_SIG_BYTES && in->message.n <= NHI_SIG_BYTES && in->sig.n <= NHTB_SIG_MAX &&
           in->id.data.n <= NHI_SIG_BYTES;
}

static nhtb_job *job(nhi_mem *mem, const nhtb_crypto *c, nhi_job_kind kind, const nhi_sig_work *in,
                     void *owner, int *err)
{
    if (!bounded(in) || !reaches(c->pk)) {
        *err = NHTB_ERR_ARG;
        return NULL;
    }
    nhtb_job *j = nhi_job_new(mem, c, kind, owner, err);
    if (j == NULL)
        return NULL;
    j->sig = work_new(mem, c, in);
    *err = j->sig == NULL         ? NHTB_ERR_MEMORY
           : kind == NHI_JOB_SIGN ? nhi_mem_random(mem, j->sig->seed, sizeof j->sig->seed)
                                  : 0;
    if (*err != 0) {
        nhi_job_free(mem, j);
        return NULL;
    }
    return j;
}

nhtb_job *nhi_job_sign(nhi_mem *mem, const nhtb_crypto *c, const nhi_sig_work *in, void *owner,
                       int *err)
{
    return job(mem, c, NHI_JOB_SIGN, in, owner, err);
}

nhtb_job *nhi_job_verify(nhi_mem *mem, const nhtb_crypto *c, const nhi_sig_work *in, void *owner,
                         int *err)
{
    return job(mem, c, NHI_JOB_VERIFY, in, owner, err);
}

/* Method 1 of IKEv2 does not say which hash: the DigestInfo inside does (RFC 7296 3.8). */
static int verify_any(const nhi_sig_work *w, const nhi_cert *leaf)
{
    nhi_sig_how how = w->how;
    int r = NHTB_SIG_BAD;
    for (how.hash = NHTB_HASH_SHA1; how.hash <= NHTB_HASH_SHA512 && r != NHTB_SIG_GOOD;
         how.hash++) {
        if (w->pki->hashes >> how.hash & 1)
            r = nhi_verify(&w->crypto, leaf->spki, &how, w->message, w->sig);
    }
    return r;
}

static void verify_run(nhi_sig_work *w)
{
    const nhi_pki *p = w->pki;
    nhi_x509_in in = {.certs = w->certs,
                      .anchors = p->anchors,
                      .crls = p->crls,
                      .n_certs = w->n_certs,
                      .n_anchors = p->n_anchors,
                      .n_crls = p->n_crls,
                      .revocation = p->revocation,
                      .now = w->at};
    nhi_cert leaf;
    w->chain = nhi_x509_verify(&w->crypto, &in, &leaf);
    w->id_held = w->chain != NHI_X509_MALFORMED && nhi_cert_holds(&leaf, &w->id);
    int sig = w->chain == NHI_X509_MALFORMED ? NHTB_SIG_BAD
              : w->any_hash                  ? verify_any(w, &leaf)
                            : nhi_verify(&w->crypto, leaf.spki, &w->how, w->message, w->sig);
    if (w->chain != NHI_X509_GOOD || !w->id_held)
        sig = NHTB_SIG_BAD;
    w->verdict = sig;
}

int nhi_sig_run(nhi_job_kind kind, nhi_sig_work *w)
{
    if (kind == NHI_JOB_VERIFY) {
        verify_run(w);
        return 0; /* the verdict says it */
    }
    w->out_n = sizeof w->out;
    return nhi_sign(&w->crypto, w->pki->key, &w->how, w->message, w->seed, w->out, &w->out_n);
}

void nhi_sig_free(nhi_mem *mem, nhi_sig_work *w)
{
    if (w == NULL)
        return;
    nhi_pki_unref(mem, w->pki);
    nhi_mem_wipe_free(mem, w, w->block_n);
}
