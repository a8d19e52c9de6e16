/* SPDX-License-Identifier: Apache-2.0
 * Key exchange as jobs: made and ended on the control thread, run on any thread, each touching only
 * its own memory. Called by ike and by hosts through nhtb_job_run. RFC 7296 1.2, 2.14, 3.4. */
#include "crypto/kex.h"

#include "crypto/sig.h"

nhtb_job *nhi_job_new(nhi_mem *mem, const nhtb_crypto *c, nhi_job_kind kind, void *owner, int *err)
{
    nhtb_job *j = nhi_mem_alloc(mem, sizeof *j, 16);
    if (!j) {
        *err = NHTB_ERR_MEMORY;
        return NULL;
    }
    nhi_list_init(&j->link);
    j->pk = c->pk;
    j->kind = kind;
    j->state = NHI_JOB_WAITING;
    j->owner = owner;
    j->status = NHTB_ERR_CRYPTO; /* what a job that never ran ends with */
    return j;
}

nhtb_job *nhi_job_make(nhi_mem *mem, const nhtb_crypto *c, uint16_t method, void *owner, int *err)
{
    if (!nhi_crypto_has_ke(c, method)) {
        *err = NHTB_ERR_UNSUPPORTED;
        return NULL;
    }
    nhtb_job *j = nhi_job_new(mem, c, NHI_JOB_DH_MAKE, owner, err);
    if (!j)
        return NULL;
    j->kex.method = method;
    j->kex.ctx_size = c->pk->dh_size(method);
    j->kex.ctx = nhi_mem_alloc(mem, j->kex.ctx_size, 16);
    *err = j->kex.ctx ? nhi_mem_random(mem, j->seed, sizeof j->seed) : NHTB_ERR_MEMORY;
    if (*err) {
        nhi_job_free(mem, j);
        return NULL;
    }
    return j;
}

nhtb_job *nhi_job_shared(nhi_mem *mem, const nhtb_crypto *c, nhi_kex *kex, nhtb_span peer,
                         void *owner, int *err)
{
    if (!kex->ctx || peer.n > NHTB_KE_PUBLIC_MAX) {
        *err = NHTB_ERR_CRYPTO;
        return NULL;
    }
    nhtb_job *j = nhi_job_new(mem, c, NHI_JOB_DH_SHARED, owner, err);
    if (!j)
        return NULL;
    j->kex = *kex;
    nhi_wipe(kex, sizeof *kex);
    memcpy(j->peer, peer.p, peer.n);
    j->peer_len = peer.n;
    *err = 0;
    return j;
}

void nhtb_job_run(nhtb_job *j)
{
    if (j->state == NHI_JOB_RUN)
        return;
    if (j->sig) {
        j->status = nhi_sig_run(j->kind, j->sig);
    } else if (j->kind == NHI_JOB_DH_MAKE) {
        j->kex.pub_len = sizeof j->kex.pub;
        j->status = j->pk->dh_make(j->kex.method, j->kex.ctx, j->seed, j->kex.pub, &j->kex.pub_len);
        nhi_wipe(j->seed, sizeof j->seed);
    } else {
        j->secret_len = sizeof j->secret;
        j->status = j->pk->dh_shared(j->kex.method, j->kex.ctx, (nhtb_span){j->peer, j->peer_len},
                                     j->secret, &j->secret_len);
    }
    j->state = NHI_JOB_RUN;
}

static void wipe(nhi_mem *mem, const nhtb_pk_ops *pk, nhi_kex *kex)
{
    if (kex->ctx) {
        pk->dh_wipe(kex->method, kex->ctx);
        nhi_mem_wipe_free(mem, kex->ctx, kex->ctx_size);
    }
    nhi_wipe(kex, sizeof *kex);
}

void nhi_job_free(nhi_mem *mem, nhtb_job *j)
{
    if (!j)
        return;
    nhi_list_del(&j->link);
    wipe(mem, j->pk, &j->kex);
    nhi_sig_free(mem, j->sig);
    nhi_mem_wipe_free(mem, j, sizeof *j);
}

void nhi_kex_wipe(nhi_mem *mem, const nhtb_crypto *c, nhi_kex *kex)
{
    wipe(mem, c->pk, kex);
}
