/* SPDX-License-Identifier: Apache-2.0
 * Inside of the ipsec-mb backend: the key context, the lane, and the passes over one chunk of jobs.
 * Included by this folder only.
 *
 * The vendor's key schedules depend on the CPU path that a manager has chosen, and making a manager
 * runs the vendor's self-test (2 ms), so key_init only keeps the raw key. The first lane that uses a
 * key expands it with its own manager; a lane that comes while another is at it expands a copy for
 * the call it is in. Nobody waits, and afterwards the expanded key is read-only for all lanes. */
#ifndef NHI_IPSECMB_IPSECMB_H
#define NHI_IPSECMB_IPSECMB_H

#include <stdatomic.h>
#include <string.h>

#include <intel-ipsec-mb.h>

#include <nhtb/crypto.h>

#define NHI_IMB_CHUNK     64    /* jobs worked on at once: dp's batch */
#define NHI_IMB_RUN_MAX   69632 /* bytes of one HMAC input whose parts are apart in memory */
#define NHI_IMB_STATE_MAX 64    /* SHA-512 */
#define NHI_IMB_COPIES    2

typedef enum nhi_imb_kind {
    NHI_IMB_REFUSED = 0, /* the job's status is set already */
    NHI_IMB_GCM,
    NHI_IMB_CHACHA,
    NHI_IMB_CBC
} nhi_imb_kind;

typedef struct nhi_imb_cbc {
    _Alignas(16) uint32_t enc[4 * 15];
    _Alignas(16) uint32_t dec[4 * 15];
    _Alignas(64) uint8_t inner[NHI_IMB_STATE_MAX];
    uint8_t outer[NHI_IMB_STATE_MAX];
} nhi_imb_cbc;

typedef union nhi_imb_expanded {
    _Alignas(64) struct gcm_key_data gcm;
    nhi_imb_cbc cbc;
} nhi_imb_expanded;

enum { NHI_IMB_RAW = 0, NHI_IMB_EXPANDING, NHI_IMB_READY };

typedef struct nhi_imb_key {
    /* one cache line in front of the expanded key: all that a packet needs besides it */
    _Alignas(64) _Atomic uint32_t state;
    uint16_t alg;
    uint8_t kind, key_len, icv_len, lanes;
    bool seal;
    uint8_t salt[4];
    uint64_t lane_mask;
    uint8_t enc[32]; /* raw; ChaCha20-Poly1305 uses it as it is and ends here */
    nhi_imb_expanded x;
    uint8_t integ[64]; /* composites, until expanded */
    uint8_t integ_len;
} nhi_imb_key;

typedef struct nhi_imb_lane {
    IMB_MGR *mgr;    /* behind this struct */
    uint32_t powers; /* where gcm_key_data has the lowest powers of the hash key */
    struct gcm_context_data gcm;
    const nhi_imb_expanded *x[NHI_IMB_CHUNK]; /* the expanded key of each job */
    uint8_t kind[NHI_IMB_CHUNK];
    _Alignas(64) uint8_t nonce[NHI_IMB_CHUNK][16];
    uint8_t tag[NHI_IMB_CHUNK][64]; /* computed */
    uint8_t icv[NHI_IMB_CHUNK][32]; /* received */
    IMB_JOB job[NHI_IMB_CHUNK];
    uint8_t index[NHI_IMB_CHUNK];          /* of the caller's job that job[i] serves */
    nhi_imb_expanded copy[NHI_IMB_COPIES]; /* of keys that another lane is expanding */
    size_t n_copies;
    uint8_t run[NHI_IMB_RUN_MAX];
} nhi_imb_lane;

/* Constant time. */
static inline bool nhi_imb_equal16(const uint8_t *a, const uint8_t *b)
{
    uint64_t x[2], y[2];
    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}
static inline bool nhi_imb_equal(const uint8_t *a, const uint8_t *b, size_t n)
{
    unsigned diff = 0;
    for (size_t i = 0; i < n; i++)
        diff |= (unsigned)a[i] ^ b[i];
    return diff == 0;
}

/* aead.c, cbc.c: the jobs of one kind in a chunk; kind[], x[] and nonce[] are set. */
void nhi_imb_gcm_seal(nhi_imb_lane *l, nhtb_bulk_job *jobs, size_t n);
void nhi_imb_gcm_open(nhi_imb_lane *l, nhtb_bulk_job *jobs, size_t n);
void nhi_imb_chacha(nhi_imb_lane *l, nhtb_bulk_job *jobs, size_t n, bool seal);
/** Jobs of one composite algorithm. */
void nhi_imb_cbc_seal(nhi_imb_lane *l, nhtb_bulk_job *jobs, size_t n, uint16_t alg);
void nhi_imb_cbc_open(nhi_imb_lane *l, nhtb_bulk_job *jobs, size_t n, uint16_t alg);

#endif
