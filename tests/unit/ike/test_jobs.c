/* SPDX-License-Identifier: Apache-2.0
 * The queue of public-key jobs: what counts against its bound, and whose fault a job is that came
 * back without a result. RFC 7296 2.6. */
#include "duo.h"

static duo *initiated(nhtb_job **j)
{
    duo *p = duo_new();
    duo_start(p);
    cr_assert_eq(nhi_ike_initiate(p->s[0].ike, p->s[0].peer, p->now), 0);
    cr_assert_eq(p->s[0].ike->n_jobs, 1);
    if (j)
        *j = nhi_ike_job_next(p->s[0].ike);
    return p;
}

Test(ike_jobs, a_job_whose_sa_goes_while_it_waits_counts_no_longer)
{
    duo *p = initiated(NULL);
    nhi_ike_clear(p->s[0].ike, p->s[0].peer, p->now);
    duo_drain(p, 0);
    cr_assert_eq(p->s[0].ike->n_jobs, 0);
    cr_assert_null(nhi_ike_job_next(p->s[0].ike));
    duo_end(p);
}

Test(ike_jobs, a_taken_job_counts_until_it_is_handed_back)
{
    nhtb_job *j;
    duo *p = initiated(&j);
    cr_assert_null(nhi_ike_job_next(p->s[0].ike), "it is given once");
    nhi_ike_clear(p->s[0].ike, p->s[0].peer, p->now);
    cr_assert_eq(p->s[0].ike->n_jobs, 1, "a thread still works on it");
    nhtb_job_run(j);
    nhi_ike_job_done(p->s[0].ike, j, p->now);
    cr_assert_eq(p->s[0].ike->n_jobs, 0);
    duo_drain(p, 0);
    EXPECT(p, 0, "ike_failed:deleted_by_us");
    duo_end(p);
}

Test(ike_jobs, a_shared_secret_that_was_not_computed_is_not_the_peers_fault)
{
    for (unsigned ran = 0; ran < 2; ran++) {
        duo *p = duo_new();
        duo_start(p);
        duo_initiate(p, 0);
        duo_deliver(p);
        cr_assert_eq(p->n, 1);
        datagram d = p->q[0];
        p->n = 0;
        cr_assert_eq(nhi_ike_recv(p->s[0].ike, &d.path, d.kind, (nhtb_span){d.p, d.n}, p->now), 0);
        nhtb_job *j = nhi_ike_job_next(p->s[0].ike);
        cr_assert_not_null(j);
        cr_assert_eq(j->kind, NHI_JOB_DH_SHARED);
        if (ran) {
            nhtb_job_run(j);
            j->status = NHTB_ERR_CRYPTO; /* a public value that is none */
        }
        nhi_ike_job_done(p->s[0].ike, j, p->now);
        duo_drain(p, 0);
        EXPECT(p, 0, ran ? "ike_failed:malformed" : "ike_failed:crypto");
        cr_assert_eq(p->s[0].ike->n_jobs, 0);
        duo_end(p);
    }
}
