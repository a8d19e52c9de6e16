/* SPDX-License-Identifier: Apache-2.0
 * What must hold between the two ends of twins.h. */
#include <criterion/criterion.h>

#include "unit/ike/twins.h"

#include "ike/v1/v1.h"

nhi_ike_sa *twins_sa(twins *p, unsigned end, unsigned state)
{
    NHI_LIST_FOR(it, &p->e[end].ike->sas)
    {
        nhi_ike_sa *sa = NHI_CONTAINER(it, nhi_ike_sa, link);
        if (sa->state == state)
            return sa;
    }
    return NULL;
}

nhi_ike_child *twins_child(twins *p, unsigned end, uint16_t cfg)
{
    nhi_ike_peer *peer = nhi_ike_peer_get(p->e[end].ike, p->e[end].peer);
    return peer ? nhi_ike_child_live(peer, cfg, NULL) : NULL;
}

static const nhi_ike_sa *counterpart(const twins_end *e, const nhi_ike_sa *sa)
{
    NHI_LIST_FOR(it, &e->ike->sas)
    {
        const nhi_ike_sa *o = NHI_CONTAINER(it, nhi_ike_sa, link);
        if (o->spi_i == sa->spi_i && o->spi_r == sa->spi_r && o->initiator != sa->initiator)
            return o;
    }
    return NULL;
}

static bool established(const nhi_ike_sa *sa)
{
    return sa->state == NHI_SA_UP || sa->state == NHI_SA_REKEYED;
}

static const twins_esp *mirror(const twins_end *e, const twins_esp *s)
{
    for (unsigned i = 0; i < e->n_esp; i++)
        if (e->esp[i].state == ESP_INSTALLED && e->esp[i].spi_in == s->spi_out)
            return &e->esp[i];
    return NULL;
}

static const char *keys_fault(const twins *p)
{
    NHI_LIST_FOR(it, &p->e[0].ike->sas)
    {
        const nhi_ike_sa *a = NHI_CONTAINER(it, nhi_ike_sa, link);
        const nhi_ike_sa *b = counterpart(&p->e[1], a);
        if (b && established(a) && established(b) &&
            (a->keys.d.n != b->keys.d.n || memcmp(a->keys.d.b, b->keys.d.b, a->keys.d.n) != 0))
            return "both ends are up with different IKE keys";
    }
    for (unsigned i = 0; i < p->e[0].n_esp; i++) {
        const twins_esp *a = &p->e[0].esp[i];
        const twins_esp *b = a->state == ESP_INSTALLED ? mirror(&p->e[1], a) : NULL;
        if (b && b->spi_out == a->spi_in &&
            (a->n != b->n || memcmp(a->key_in, b->key_out, a->n) != 0 ||
             memcmp(a->key_out, b->key_in, a->n) != 0))
            return "both ends installed a pair with different keys";
        if (b && b->child != a->child)
            return "the ends disagree on the configuration of a pair";
    }
    return NULL;
}

void twins_check_keys(const twins *p)
{
    const char *s = keys_fault(p);
    cr_assert(!s, "%s", s);
}

static unsigned count(const twins_end *e, uint16_t child, const twins_esp **one, unsigned *used)
{
    unsigned n = 0;
    *used = 0;
    for (unsigned i = 0; i < e->n_esp; i++) {
        const twins_esp *s = &e->esp[i];
        if (s->state != ESP_INSTALLED || s->child != child)
            continue;
        n++;
        *used += s->use;
        *one = s;
    }
    return n;
}

static unsigned live_sas(const twins_end *e)
{
    unsigned n = 0;
    NHI_LIST_FOR(it, &e->ike->sas)
    n += NHI_CONTAINER(it, nhi_ike_sa, link)->state != NHI_SA_LINGER;
    return n;
}

static const char *balance_fault(const twins_end *e)
{
    unsigned in = 0;
    for (unsigned i = 0; i < e->n_esp; i++) {
        if (e->esp[i].state == ESP_RESERVED)
            return "an SPI stays reserved";
        in += e->esp[i].state == ESP_INSTALLED;
    }
    if (e->installs - e->removes != in || e->reserved != e->released + e->removes + in)
        return "installs and removes do not balance";
    return e->ike->n_children != in ? "a child object without a pair" : NULL;
}

const char *twins_fault(const twins *p, bool none_allowed)
{
    const char *s = keys_fault(p);
    for (unsigned i = 0; i < 2 && !s; i++)
        s = balance_fault(&p->e[i]);
    if (s)
        return s;
    unsigned sas[2] = {live_sas(&p->e[0]), live_sas(&p->e[1])};
    if (sas[0] > 1 || sas[1] > 1 || sas[0] != sas[1])
        return "not one IKE SA on both ends, nor none";
    unsigned pairs = 0;
    for (uint16_t c = 0; c < p->o.children; c++) {
        const twins_esp *a = NULL, *b = NULL;
        unsigned ua, ub, na = count(&p->e[0], c, &a, &ua), nb = count(&p->e[1], c, &b, &ub);
        if (!na && !nb && none_allowed)
            continue;
        if (na != 1 || nb != 1)
            return na > 1 || nb > 1 ? "more than one pair survives" : "a pair is missing";
        if (a->spi_in != b->spi_out || a->spi_out != b->spi_in)
            return "the ends disagree on the SPIs";
        if (ua != 1 || ub != 1)
            return "an end does not send on its pair";
        pairs++;
    }
    return pairs && !sas[0] ? "pairs without an IKE SA" : NULL;
}

static const twins_esp *sends_on(const twins_end *e, uint16_t child)
{
    const twins_esp *found = NULL;
    for (unsigned i = 0; i < e->n_esp; i++)
        if (e->esp[i].state == ESP_INSTALLED && e->esp[i].child == child && e->esp[i].use)
            found = &e->esp[i];
    return found;
}

static bool is_up(const twins_end *e)
{
    NHI_LIST_FOR(it, &e->ike->sas)
    {
        if (NHI_CONTAINER(it, nhi_ike_sa, link)->state == NHI_SA_UP)
            return true;
    }
    return false;
}

const char *twins_v1_fault(const twins *p)
{
    const char *s = keys_fault(p);
    for (unsigned i = 0; i < 2 && !s; i++) {
        if (!is_up(&p->e[i]))
            return "an end has no SA";
        for (uint16_t c = 0; c < p->o.children; c++) {
            const twins_esp *own = sends_on(&p->e[i], c);
            const twins_esp *there = own ? mirror(&p->e[!i], own) : NULL;
            if (!own)
                return "an end does not send";
            if (!there || there->state != ESP_INSTALLED || there->spi_out != own->spi_in)
                return "an end sends on what the other has not";
        }
    }
    return s;
}

unsigned twins_check_mirror(const twins *p, bool none_allowed)
{
    const char *s = twins_fault(p, none_allowed);
    cr_assert(!s, "%s", s);
    unsigned up = 0;
    for (uint16_t c = 0; c < p->o.children; c++) {
        const twins_esp *one = NULL;
        unsigned used;
        if (count(&p->e[0], c, &one, &used))
            up |= 1u << c;
    }
    return up;
}

/* ---- digest ---- */

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

static uint64_t print_v1(uint64_t h, const nhi_v1 *v)
{
    h = mix(h, (uint64_t)v->vids << 16 | (uint64_t)v->natt << 8 | v->next_mid);
    h = mix(h, nhi_get64(v->iv));
    h = mix(h, (uint64_t)v->probe.out << 32 | v->probe.in);
    h = mix(h, v->in_digest);
    NHI_LIST_FOR(it, &v->xs)
    {
        const nhi_v1_x *x = NHI_CONTAINER(it, nhi_v1_x, link);
        h = mix(h, (uint64_t)x->mid << 32 | (uint64_t)x->state << 16 | (uint64_t)x->received << 8 |
                       x->sent);
        h = mix(h, nhi_get64(x->iv));
    }
    return h;
}

static uint64_t print_sa(uint64_t h, const nhi_ike_sa *sa)
{
    h = mix(h, sa->state);
    h = mix(h, sa->spi_i);
    h = mix(h, sa->spi_r);
    h = mix(h, (uint64_t)sa->in.next << 32 | sa->out.next);
    h = mix(h, (uint64_t)sa->in.busy << 1 | sa->out.busy);
    h = mix(h, (uint64_t)sa->task << 8 | sa->want);
    h = mix(h, sa->want_create);
    h = mix(h, (uint64_t)sa->path.remote_port << 16 | sa->kind);
    h = mix(h, sa->last_in);
    h = mix(h, sa->have_keys);
    if (sa->v1)
        h = print_v1(h, sa->v1);
    NHI_LIST_FOR(it, &sa->children)
    {
        const nhi_ike_child *c = NHI_CONTAINER(it, nhi_ike_child, link);
        h = mix(h, (uint64_t)c->spi_in << 32 | c->spi_out);
        h = mix(h, (uint64_t)c->state << 16 | (uint64_t)c->in_use << 1 | c->installed);
        h = mix(h, c->want);
    }
    return h;
}

uint64_t twins_print(const twins *p, unsigned end)
{
    const twins_end *e = &p->e[end];
    uint64_t h = mix(1, e->installs);
    h = mix(h, e->removes);
    h = mix(h, e->reserved);
    h = mix(h, e->released);
    h = mix(h, e->ike->n_sas);
    NHI_LIST_FOR(it, &e->ike->sas)
    h = print_sa(h, NHI_CONTAINER(it, nhi_ike_sa, link));
    return h;
}

uint64_t twins_print_up(const twins *p, unsigned end)
{
    const twins_end *e = &p->e[end];
    uint64_t h = mix(mix(1, e->installs), e->removes);
    NHI_LIST_FOR(it, &e->ike->sas)
    {
        const nhi_ike_sa *sa = NHI_CONTAINER(it, nhi_ike_sa, link);
        if (sa->state == NHI_SA_UP)
            h = print_sa(h, sa);
    }
    return h;
}
