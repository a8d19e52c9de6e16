/* SPDX-License-Identifier: Apache-2.0
 * A negotiation: nonces, the key exchange job, the pair or SA in the making. Whatever ends it, its
 * end gives back all it holds, so no exchange leaves half of anything. RFC 7296 1.3, 2.10, 2.14. */
#include "ike/room.h"
#include "ike/v2/cert.h"

int nhi_ike_nego_begin(nhi_ike_nego *x, nhi_ike_sa *sa, nhi_ike_task kind, bool responder)
{
    nhi_ike_nego_end(x);
    x->sa = sa;
    x->responder = responder;
    int err = nhi_mem_random(sa->ike->mem, x->ours, sizeof x->ours);
    if (!err)
        x->kind = (uint8_t)kind;
    return err;
}

static void drop_job(nhi_ike *ike, nhtb_job *j)
{
    if (j->state == NHI_JOB_WAITING) {
        ike->n_jobs--;
        nhi_job_free(ike->mem, j);
        return;
    }
    j->orphan = true; /* a thread may hold it: wiped when it is handed back */
    j->owner = NULL;
}

void nhi_ike_nego_end(nhi_ike_nego *x)
{
    if (!x->sa)
        return;
    nhi_ike *ike = x->sa->ike;
    if (x->job)
        drop_job(ike, x->job);
    nhi_kex_wipe(ike->mem, ike->env.crypto, &x->kex);
    nhi_ike_buf_drop(ike, &x->peer_ke);
    nhi_ike_buf_drop(ike, &x->own_ke);
    if (x->child)
        nhi_ike_child_abort(x->child);
    if (x->fresh)
        nhi_ike_sa_kill(x->fresh);
    nhi_ike_sa *sa = x->sa;
    nhi_wipe(x, sizeof *x);
    x->sa = sa;
}

int nhi_ike_nego_queue(nhi_ike_nego *x, nhtb_job *j, int err)
{
    if (!j)
        return err ? err : NHTB_ERR_INTERNAL;
    x->job = j;
    nhi_list_add_tail(&x->sa->ike->jobs, &j->link);
    x->sa->ike->n_jobs++;
    return 0;
}

int nhi_ike_nego_make(nhi_ike_nego *x, uint16_t method)
{
    nhi_ike *ike = x->sa->ike;
    int err = 0;
    nhi_kex_wipe(ike->mem, ike->env.crypto, &x->kex);
    x->ke = method;
    nhtb_job *j = nhi_job_make(ike->mem, ike->env.crypto, method, x, &err);
    return nhi_ike_nego_queue(x, j, err);
}

int nhi_ike_nego_shared(nhi_ike_nego *x, nhtb_span peer)
{
    nhi_ike *ike = x->sa->ike;
    int err = 0;
    nhi_ike_buf *pub = nhi_ike_buf_new(ike, x->kex.pub_len);
    if (!pub)
        return NHTB_ERR_MEMORY;
    memcpy(pub->p, x->kex.pub, pub->n);
    nhi_ike_buf_drop(ike, &x->own_ke);
    x->own_ke = pub;
    nhtb_job *j = nhi_job_shared(ike->mem, ike->env.crypto, &x->kex, peer, x, &err);
    return nhi_ike_nego_queue(x, j, err);
}

bool nhi_ike_nego_theirs(nhi_ike_nego *x, const nhi_ike_msg *m, uint16_t prf)
{
    const nhi_ike_pl *n = nhi_ike_msg_get(m, NHI_PL_NONCE, 0);
    /* 2.10: 16 to 256 octets and at least half the key size of the prf */
    if (!n || n->body.n < 16 || n->body.n > NHI_IKE_NONCE_MAX ||
        n->body.n < nhi_hash_len((uint16_t)nhi_prf_hash(prf)) / 2)
        return false;
    memcpy(x->theirs, n->body.p, n->body.n);
    x->theirs_n = (uint16_t)n->body.n;
    return true;
}

nhtb_span nhi_ike_nego_pub(const nhi_ike_nego *x)
{
    return x->own_ke ? (nhtb_span){x->own_ke->p, x->own_ke->n}
                     : (nhtb_span){x->kex.pub, x->kex.pub_len};
}

nhtb_span nhi_ike_nego_ni(const nhi_ike_nego *x)
{
    return x->responder ? (nhtb_span){x->theirs, x->theirs_n}
                        : (nhtb_span){x->ours, sizeof x->ours};
}

nhtb_span nhi_ike_nego_nr(const nhi_ike_nego *x)
{
    return x->responder ? (nhtb_span){x->ours, sizeof x->ours}
                        : (nhtb_span){x->theirs, x->theirs_n};
}

int nhi_ike_nego_keys(const nhi_ike_nego *x, nhtb_span secret)
{
    nhi_ike_sa *sa = x->sa;
    nhi_ike *ike = sa->ike;
    int err = nhi_keymat_ike(ike->env.crypto, &sa->suite, nhi_ike_nego_ni(x), nhi_ike_nego_nr(x),
                             secret, sa->spi_i, sa->spi_r, NULL, 0, &sa->keys);
    if (!err)
        err = nhi_sk_make(&sa->sk, ike->mem, ike->env.crypto, &sa->suite, &sa->keys, !x->responder,
                          ike->env.settings->workers + 1u);
    if (!err)
        nhi_ike_keylog_sa(sa);
    nhi_wipe(sa->keys.ei, sizeof sa->keys.ei);
    nhi_wipe(sa->keys.er, sizeof sa->keys.er);
    sa->have_keys = !err;
    return err;
}

nhtb_job *nhi_ike_job_next(nhi_ike *ike)
{
    if (nhi_list_empty(&ike->jobs))
        return NULL;
    nhtb_job *j = NHI_CONTAINER(ike->jobs.next, nhtb_job, link);
    nhi_list_del(&j->link);
    j->state = NHI_JOB_TAKEN;
    return j;
}

static void made(nhi_ike_nego *x, nhtb_time now)
{
    if (x->sa->v1) {
        nhi_v1_made(x, now);
        return;
    }
    switch (x->kind) {
    case NHI_TASK_INIT:
        (x->responder ? nhi_ike_init_r_made : nhi_ike_init_i_made)(x->sa, now);
        break;
    case NHI_TASK_CREATE:
    case NHI_TASK_REKEY_CHILD:
        (x->responder ? nhi_ike_child_r_made : nhi_ike_child_i_made)(x->sa, now);
        break;
    case NHI_TASK_REKEY_IKE:
        (x->responder ? nhi_ike_rekey_ike_r_made : nhi_ike_rekey_ike_made)(x->sa, now);
        break;
    default: break;
    }
}

static void shared(nhi_ike_nego *x, nhtb_span s, nhtb_time now)
{
    if (x->sa->v1) {
        nhi_v1_shared(x, s, now);
        return;
    }
    switch (x->kind) {
    case NHI_TASK_INIT:
        (x->responder ? nhi_ike_init_r_shared : nhi_ike_init_i_shared)(x->sa, s, now);
        break;
    case NHI_TASK_CREATE:
    case NHI_TASK_REKEY_CHILD:
        (x->responder ? nhi_ike_child_r_shared : nhi_ike_child_i_shared)(x->sa, s, now);
        break;
    case NHI_TASK_REKEY_IKE:
        (x->responder ? nhi_ike_rekey_ike_r_shared : nhi_ike_rekey_ike_shared)(x->sa, s, now);
        break;
    default: break;
    }
}

/** A key exchange failed: before authentication the SA goes; later only this exchange does. */
static void failed(nhi_ike_nego *x, int status, bool by_peer, nhtb_time now)
{
    nhi_ike_sa *sa = x->sa;
    if (sa->v1) {
        nhi_v1_job_failed(x, status, by_peer, now);
        return;
    }
    if (x->kind == NHI_TASK_INIT) {
        nhtb_detail d = by_peer                     ? NHTB_DETAIL_MALFORMED
                        : status == NHTB_ERR_MEMORY ? NHTB_DETAIL_MEMORY
                                                    : NHTB_DETAIL_CRYPTO;
        nhi_ike_sa_end(sa, d, 0, false, now);
        return;
    }
    if (x->responder) {
        nhi_ike_nego_end(x);
        nhi_ike_send_notify(sa, by_peer ? NHI_N_INVALID_SYNTAX : NHI_N_TEMPORARY_FAILURE,
                            (nhtb_span){NULL, 0}, now);
    } else {
        /* the peer may hold a half of what we cannot compute: a delete of the whole SA is the only
         * state both sides surely share */
        if (by_peer)
            nhi_ike_sa_delete(sa, NHTB_DETAIL_MALFORMED, now);
        else
            nhi_ike_task_failed(sa, NHI_N_TEMPORARY_FAILURE, NHTB_DETAIL_CRYPTO, now);
    }
    nhi_ike_task_pump(sa, now);
}

void nhi_ike_job_done(nhi_ike *ike, nhtb_job *j, nhtb_time now)
{
    nhi_ike_begin(ike);
    ike->n_jobs--;
    if (j->orphan || !j->owner) {
        nhi_job_free(ike->mem, j);
        return;
    }
    nhi_ike_nego *x = j->owner;
    nhi_ike_sa *sa = x->sa;
    if (!nhi_check(ike->mem, x->job == j)) {
        nhi_job_free(ike->mem, j);
        return;
    }
    x->job = NULL;
    if (j->sig) {
        (sa->v1 ? nhi_v1_cert_done : nhi_ike_cert_done)(x, j, now);
        nhi_job_free(ike->mem, j);
        nhi_ike_task_pump(sa, now);
        return;
    }
    bool is_make = j->kind == NHI_JOB_DH_MAKE, ran = j->state == NHI_JOB_RUN;
    if (!ran || j->status) {
        failed(x, ran ? j->status : NHTB_ERR_INTERNAL,
               ran && !is_make && j->status == NHTB_ERR_CRYPTO, now);
    } else if (is_make) {
        x->kex = j->kex;
        memset(&j->kex, 0, sizeof j->kex);
        made(x, now);
    } else {
        shared(x, (nhtb_span){j->secret, j->secret_len}, now);
    }
    nhi_job_free(ike->mem, j);
    nhi_ike_task_pump(sa, now);
}
