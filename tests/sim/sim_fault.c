/* SPDX-License-Identifier: Apache-2.0
 * Fault points: every call of a node to its host or backend asks here whether it is to fail. One
 * counter over all nodes of the process, so that the n-th call of a scenario fails and no other. */
#include "sim/sim_int.h"

static struct {
    bool on;
    uint64_t n, nth;
    uint64_t by_kind[SIM_FAULTS];
    int hit;
} fault;

void sim_fault_arm(uint64_t nth)
{
    memset(&fault, 0, sizeof fault);
    fault.on = true;
    fault.nth = nth;
    fault.hit = -1;
}

void sim_fault_disarm(void)
{
    fault.on = false;
}

uint64_t sim_fault_points(int kind)
{
    return kind < 0 ? fault.n : fault.by_kind[kind];
}

int sim_fault_hit(void)
{
    return fault.hit;
}

bool sim_fault(sim_fault_kind kind)
{
    if (!fault.on)
        return false;
    fault.by_kind[kind]++;
    if (++fault.n != fault.nth)
        return false;
    fault.hit = (int)kind;
    if (getenv("NHTB_SIM_LOG"))
        fprintf(stderr, "fault: point %llu, %s\n", (unsigned long long)fault.n,
                sim_fault_name((int)kind));
    return true;
}

const char *sim_fault_name(int kind)
{
    static const char *const name[] = {"allocation", "random", "bulk key",   "seal",
                                       "open",       "kdf",    "public key", "send"};
    return kind >= 0 && kind < SIM_FAULTS ? name[kind] : "none";
}

/* ---- a backend around the null backend ---- */
#if defined(NHTB_HAVE_NULL)
#include <nhtb/backend_null.h>

static int f_key_init(void *mem, const nhtb_bulk_key *k, unsigned lanes, uint64_t lane_mask)
{
    return sim_fault(SIM_FAULT_KEY) ? NHTB_ERR_CRYPTO
                                    : nhtb_null_bulk()->key_init(mem, k, lanes, lane_mask);
}

static void f_seal(void *lane, unsigned lane_index, nhtb_bulk_job *jobs, size_t n)
{
    nhtb_null_bulk()->seal(lane, lane_index, jobs, n);
    for (size_t i = 0; i < n; i++)
        if (sim_fault(SIM_FAULT_SEAL)) {
            memset(jobs[i].dst, 0, jobs[i].len);
            jobs[i].status = NHTB_BULK_FAIL;
        }
}

static void f_open(void *lane, unsigned lane_index, nhtb_bulk_job *jobs, size_t n)
{
    nhtb_null_bulk()->open(lane, lane_index, jobs, n);
    for (size_t i = 0; i < n; i++)
        if (sim_fault(SIM_FAULT_OPEN)) {
            memset(jobs[i].dst, 0, jobs[i].len);
            jobs[i].status = NHTB_BULK_FAIL;
        }
}

static size_t hash_len(uint16_t hash)
{
    static const uint8_t len[] = {0, 20, 32, 48, 64};
    return hash < sizeof len ? len[hash] : 0;
}

static int f_hash(uint16_t hash, const nhtb_span *v, size_t n, uint8_t *out)
{
    if (!sim_fault(SIM_FAULT_KDF))
        return nhtb_null_kdf()->hash(hash, v, n, out);
    memset(out, 0, hash_len(hash));
    return NHTB_ERR_CRYPTO;
}

static int f_hmac(uint16_t hash, nhtb_span key, const nhtb_span *v, size_t n, uint8_t *out)
{
    if (!sim_fault(SIM_FAULT_KDF))
        return nhtb_null_kdf()->hmac(hash, key, v, n, out);
    memset(out, 0, hash_len(hash));
    return NHTB_ERR_CRYPTO;
}

/** Messages of IKEv1. */
static int f_cbc(uint16_t cipher, bool encrypt, nhtb_span key, uint8_t *iv, const uint8_t *src,
                 uint8_t *dst, size_t n)
{
    if (!sim_fault(encrypt ? SIM_FAULT_SEAL : SIM_FAULT_OPEN))
        return nhtb_null_kdf()->cbc(cipher, encrypt, key, iv, src, dst, n);
    memset(dst, 0, n);
    return NHTB_ERR_CRYPTO;
}

static int f_make(uint16_t method, void *ctx, const uint8_t seed[NHTB_KE_SEED], uint8_t *pub,
                  size_t *pub_len)
{
    return sim_fault(SIM_FAULT_PK) ? NHTB_ERR_CRYPTO
                                   : nhtb_null_pk()->dh_make(method, ctx, seed, pub, pub_len);
}

static int f_shared(uint16_t method, void *ctx, nhtb_span peer, uint8_t *secret, size_t *secret_len)
{
    return sim_fault(SIM_FAULT_PK)
               ? NHTB_ERR_CRYPTO
               : nhtb_null_pk()->dh_shared(method, ctx, peer, secret, secret_len);
}

nhtb_crypto sim_fault_crypto(void)
{
    static nhtb_bulk_ops bulk;
    static nhtb_kdf_ops kdf;
    static nhtb_pk_ops pk;
    nhtb_crypto c = nhtb_null_crypto();
    bulk = *c.bulk;
    kdf = *c.kdf;
    pk = *c.pk;
    bulk.key_init = f_key_init;
    bulk.seal = f_seal;
    bulk.open = f_open;
    kdf.hash = f_hash;
    kdf.hmac = f_hmac;
    kdf.cbc = f_cbc;
    pk.dh_make = f_make;
    pk.dh_shared = f_shared;
    return (nhtb_crypto){&bulk, &kdf, &pk};
}

#if defined(NHTB_HAVE_OPENSSL)
#include <nhtb/backend_openssl.h>

static int f_sign(nhtb_span key, uint16_t alg, uint16_t hash, nhtb_span message,
                  const uint8_t seed[NHTB_SIG_SEED], uint8_t *sig, size_t *n)
{
    return sim_fault(SIM_FAULT_PK)
               ? NHTB_ERR_CRYPTO
               : nhtb_openssl_crypto().pk->sign(key, alg, hash, message, seed, sig, n);
}

static int f_verify(nhtb_span spki, uint16_t alg, uint16_t hash, nhtb_span message, nhtb_span sig)
{
    return sim_fault(SIM_FAULT_PK)
               ? NHTB_SIG_FAIL
               : nhtb_openssl_crypto().pk->verify(spki, alg, hash, message, sig);
}

static int f_chain(const nhtb_chain *in, uint16_t path[NHTB_CHAIN_MAX], size_t *n)
{
    return sim_fault(SIM_FAULT_PK) ? NHTB_ERR_CRYPTO : nhtb_openssl_crypto().pk->chain(in, path, n);
}

bool sim_fault_crypto_sig(nhtb_crypto *out)
{
    static nhtb_pk_ops both;
    const nhtb_pk_ops *sig = nhtb_openssl_crypto().pk;
    *out = sim_fault_crypto();
    both = *out->pk;
    both.size = sizeof both;
    both.has_sig = sig->has_sig;
    both.key_public = sig->key_public;
    both.sign = f_sign;
    both.verify = f_verify;
    both.chain = f_chain;
    out->pk = &both;
    return true;
}

#else

bool sim_fault_crypto_sig(nhtb_crypto *out)
{
    (void)out;
    return false;
}

#endif
#endif
