/* SPDX-License-Identifier: Apache-2.0
 * See twins_script.h. */
#include "unit/ike/twins_script.h"

#include <criterion/criterion.h>
#include <stdlib.h>

typedef void step(twins *p);

static void up(twins *p)
{
    twins_initiate(p, 0);
}

static void rekey(twins *p, unsigned end, nhtb_rekey what)
{
    (void)nhi_ike_rekey(p->e[end].ike, p->e[end].peer, what, p->now);
    twins_settle(p, end);
}

static void rekey_child_0(twins *p)
{
    rekey(p, 0, NHTB_REKEY_CHILD);
}

static void rekey_child_1(twins *p)
{
    rekey(p, 1, NHTB_REKEY_CHILD);
}

static void rekey_ike_0(twins *p)
{
    rekey(p, 0, NHTB_REKEY_IKE);
}

static void rekey_ike_1(twins *p)
{
    rekey(p, 1, NHTB_REKEY_IKE);
}

static void liveness(twins *p)
{
    nhi_ike_sa *sa = twins_sa(p, 1, NHI_SA_UP);
    cr_assert(sa);
    sa->want |= NHI_WANT_LIVENESS;
    nhi_ike_task_pump(sa, p->now);
    twins_settle(p, 1);
}

static void delete_child(twins *p)
{
    nhi_ike_child *c = twins_child(p, 1, 0);
    cr_assert(c);
    nhi_ike_child_hard(p->e[1].ike, c->spi_in, p->now);
    twins_settle(p, 1);
}

static void delete_ike(twins *p)
{
    (void)nhi_ike_clear(p->e[1].ike, p->e[1].peer, p->now);
    twins_settle(p, 1);
}

static step *const steps[] = {up,          rekey_child_0, rekey_child_1, rekey_ike_0,
                              rekey_ike_1, liveness,      delete_child,  delete_ike};

/** True: the hook ended the script. */
static bool deliver_all(twins *p, twins_script *s)
{
    while (p->n_flight) {
        twins_dgram d = twins_take(p, 0);
        bool end = s->hook && s->hook(s->user, p, &d, s->n);
        s->n++;
        if (!end)
            twins_feed(p, &d, d.b, d.n);
        free(d.b);
        if (end)
            return true;
    }
    return false;
}

void twins_script_play(twins *p, twins_script *s)
{
    twins_open(p, &s->o);
    nhi_ike_peer_get(p->e[0].ike, p->e[0].peer)->cfg.establish = NHTB_ESTABLISH_IMMEDIATELY;
    s->n = 0;
    for (size_t i = 0; i < NHI_ARRAY_LEN(steps); i++) {
        steps[i](p);
        if (deliver_all(p, s) || !twins_sa(p, 0, NHI_SA_UP) || !twins_sa(p, 1, NHI_SA_UP))
            return; /* ended by the hook, or by what it did */
    }
}

bool twins_script_settles(twins *p, nhtb_time most)
{
    for (nhtb_time end = p->now + most; p->now < end;) {
        twins_run(p, 7 * NHTB_NS_PER_S);
        if (!twins_fault(p, false))
            return true;
    }
    return false;
}

const char *twins_script_name(const twins_dgram *d)
{
    static const char *const names[4][2] = {
        {"IKE_SA_INIT request", "IKE_SA_INIT response"},
        {"IKE_AUTH request", "IKE_AUTH response"},
        {"CREATE_CHILD_SA request", "CREATE_CHILD_SA response"},
        {"INFORMATIONAL request", "INFORMATIONAL response"},
    };
    return names[(d->b[18] - 34) & 3][d->b[19] & NHI_IKE_F_RESPONSE ? 1 : 0];
}
