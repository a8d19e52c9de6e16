/* SPDX-License-Identifier: Apache-2.0
 * The build without NHTB_IKEV1: entries that ask for it are refused, its messages are of an unknown
 * version. Stands for lib/ike/v1; see v1/hooks.h. Control thread. */
#include "ike/room.h"

bool nhi_v1_sa_may(nhi_ike_state from, nhi_ike_state to)
{
    (void)from;
    (void)to;
    return false;
}

int nhi_v1_check(const nhtb_peer *p)
{
    (void)p;
    return NHTB_ERR_UNSUPPORTED;
}

bool nhi_v1_cut_proposal(nhtb_proposal *p, bool built_in)
{
    (void)p;
    (void)built_in;
    return false;
}

unsigned nhi_v1_recv(nhi_ike *ike, const nhi_ike_hdr *h, nhtb_span msg, const nhtb_path *path,
                     uint8_t kind, nhtb_time now)
{
    (void)ike;
    (void)h;
    (void)msg;
    (void)path;
    (void)kind;
    (void)now;
    return NHTB_REASON_IKE_VERSION;
}

int nhi_v1_start(nhi_ike_sa *sa, nhtb_time now)
{
    (void)sa;
    (void)now;
    return NHTB_ERR_UNSUPPORTED;
}

void nhi_v1_resume(nhi_ike_sa *sa, nhtb_span psk, nhtb_time now)
{
    (void)sa;
    (void)psk;
    (void)now;
}

void nhi_v1_made(nhi_ike_nego *x, nhtb_time now)
{
    (void)x;
    (void)now;
}

void nhi_v1_shared(nhi_ike_nego *x, nhtb_span secret, nhtb_time now)
{
    (void)x;
    (void)secret;
    (void)now;
}

void nhi_v1_job_failed(nhi_ike_nego *x, int status, bool by_peer, nhtb_time now)
{
    (void)x;
    (void)status;
    (void)by_peer;
    (void)now;
}

void nhi_v1_cert_done(nhi_ike_nego *x, nhtb_job *j, nhtb_time now)
{
    (void)x;
    (void)j;
    (void)now;
}

void nhi_v1_pump(nhi_ike_sa *sa, nhtb_time now)
{
    (void)sa;
    (void)now;
}

int nhi_v1_child_keys(const nhi_ike_child *c, const nhi_ike_nego *x, nhtb_span shared, uint8_t *i2r,
                      uint8_t *r2i)
{
    (void)c;
    (void)x;
    (void)shared;
    (void)i2r;
    (void)r2i;
    return NHTB_ERR_UNSUPPORTED;
}

void nhi_v1_sa_delete(nhi_ike_sa *sa, nhtb_detail detail, nhtb_time now)
{
    (void)sa;
    (void)detail;
    (void)now;
}

void nhi_v1_timer(nhi_ike *ike, nhi_timer *t, nhtb_time now)
{
    (void)ike;
    (void)t;
    (void)now;
}

void nhi_v1_show(const nhi_ike_sa *sa, nhtb_ike_sa_info *out)
{
    (void)sa;
    (void)out;
}

void nhi_v1_explain_own(const nhi_ike_peer *p, uint16_t child, char *dst, size_t n)
{
    (void)p;
    (void)child;
    (void)dst;
    (void)n;
}

void nhi_v1_child_gone(nhi_ike_sa *sa, const nhi_ike_child *c)
{
    (void)sa;
    (void)c;
}

void nhi_v1_child_seen(nhi_ike_child *c, nhtb_time now)
{
    (void)c;
    (void)now;
}

void nhi_v1_quiet(nhi_ike_sa *sa)
{
    (void)sa;
}

void nhi_v1_free(nhi_ike_sa *sa)
{
    (void)sa;
}

void nhi_v1_begin(nhi_ike *ike)
{
    (void)ike;
}

int nhi_ike_answer_user(nhi_ike *ike, uint32_t question, const nhtb_reply *r, nhtb_time now)
{
    (void)ike;
    (void)question;
    (void)r;
    (void)now;
    return NHTB_ERR_STALE;
}

int nhi_ike_question(nhi_ike *ike, uint32_t question, nhtb_span *user, nhtb_span *password)
{
    (void)ike;
    (void)question;
    (void)user;
    (void)password;
    return NHTB_ERR_STALE;
}
