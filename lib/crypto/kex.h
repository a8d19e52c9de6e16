/* SPDX-License-Identifier: Apache-2.0
 * Public-key jobs: a key pair to make, a shared secret to compute, a signature to make or prove. Made and ended by the control
 * thread, run by any thread; a job touches only its own memory. nhtb_job_run lives in kex.c. */
#ifndef NHI_CRYPTO_KEX_H
#define NHI_CRYPTO_KEX_H

#include <nhtb/job.h>

#include "base/list.h"
#include "crypto/suite.h"

/** One key exchange: the private half lives in ctx until wiped. */
typedef struct nhi_kex {
    uint16_t method; /* 0: none */
    void *ctx;       /* pk->dh_size bytes */
    size_t ctx_size;
    uint8_t pub[NHTB_KE_PUBLIC_MAX];
    size_t pub_len;
} nhi_kex;

typedef enum nhi_job_kind {
    NHI_JOB_DH_MAKE = 1,
    NHI_JOB_DH_SHARED = 2,
    NHI_JOB_SIGN = 3,
    NHI_JOB_VERIFY = 4
} nhi_job_kind;
struct nhi_sig_work;
typedef enum nhi_job_state { NHI_JOB_WAITING, NHI_JOB_TAKEN, NHI_JOB_RUN } nhi_job_state;

struct nhtb_job {
    nhi_list link; /* queue of waiting jobs */
    const nhtb_pk_ops *pk;
    nhi_job_kind kind;
    nhi_job_state state;
    bool orphan; /* its SA is gone: wiped when handed back */
    int status;  /* 0 or NHTB_ERR_* after the run */
    void *owner; /* the IKE room's object; NULL when orphan */
    nhi_kex kex; /* moved in; MAKE fills pub, both keep ctx */
    uint8_t seed[NHTB_KE_SEED];
    uint8_t peer[NHTB_KE_PUBLIC_MAX];
    size_t peer_len;
    uint8_t secret[NHTB_KE_SECRET_MAX];
    size_t secret_len;
    struct nhi_sig_work *sig; /* SIGN, VERIFY (sig.h) */
};

/** A job with nothing in it yet. */
nhtb_job *nhi_job_new(nhi_mem *mem, const nhtb_crypto *c, nhi_job_kind kind, void *owner, int *err);

/** Allocates a MAKE job with fresh seed and context; NULL with *err set. */
nhtb_job *nhi_job_make(nhi_mem *mem, const nhtb_crypto *c, uint16_t method, void *owner, int *err);
/** A SHARED job; takes kex over on success (its ctx moves into the job). */
nhtb_job *nhi_job_shared(nhi_mem *mem, const nhtb_crypto *c, nhi_kex *kex, nhtb_span peer,
                         void *owner, int *err);
/** Wipes and frees a job with what it still holds. NULL allowed. */
void nhi_job_free(nhi_mem *mem, nhtb_job *j);
void nhi_kex_wipe(nhi_mem *mem, const nhtb_crypto *c, nhi_kex *kex);

#endif
