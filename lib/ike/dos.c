/* SPDX-License-Identifier: Apache-2.0
 * What one source may cost us before it has proved who it is: half-open SAs and failed
 * authentications per IPv4 address or IPv6 /64. Counted in a sketch of two rows with a secret hash: a
 * fixed size, no allocation, nothing a flood of sources could fill; a collision in both rows makes us
 * stricter, never laxer. Called by init_r, recv, table and sa. RFC 7296 2.6, 5. Control thread. */
#include "ike/room.h"

#define ROWS        2
#define SLOTS_MIN   64
#define SLOTS_MAX   4096
#define FAILS_BURST 20 /* failed authentications at once; one more each second */

struct nhi_ike_dos_slot {
    uint16_t half;  /* half-open SAs */
    uint16_t fails; /* less those forgiven until at_s */
    uint32_t at_s;
};

int nhi_ike_dos_init(nhi_ike *ike)
{
    nhi_ike_dos *d = &ike->dos;
    uint32_t n = SLOTS_MIN;
    while (n < SLOTS_MAX && n < ike->env.settings->limits.half_open)
        n *= 2;
    int err = nhi_mem_random(ike->mem, d->key, sizeof d->key);
    if (err)
        return err;
    d->slots = nhi_mem_alloc(ike->mem, ROWS * n * sizeof *d->slots, 16);
    if (!d->slots)
        return NHTB_ERR_MEMORY;
    d->n = n;
    return 0;
}

void nhi_ike_dos_fini(nhi_ike *ike)
{
    nhi_mem_free(ike->mem, ike->dos.slots, ROWS * ike->dos.n * sizeof *ike->dos.slots);
}

typedef struct cells {
    nhi_ike_dos_slot *v[ROWS];
} cells;

/** The two slots of a source. One customer has a whole IPv6 /64, so that is one source. */
static cells find(nhi_ike *ike, const nhtb_path *path)
{
    nhi_ike_dos *d = &ike->dos;
    size_t n = path->remote.family == 6 ? 8 : 4;
    uint64_t h = nhi_siphash(d->key, path->remote.b, n);
    cells c = {{&d->slots[h & (d->n - 1)], &d->slots[d->n + (h >> 32 & (d->n - 1))]}};
    return c;
}

void nhi_ike_dos_half(nhi_ike *ike, const nhtb_path *path, bool more)
{
    cells c = find(ike, path);
    for (size_t i = 0; i < ROWS; i++) {
        if (more && c.v[i]->half < UINT16_MAX)
            c.v[i]->half++;
        else if (!more && c.v[i]->half)
            c.v[i]->half--;
    }
}

static void forgive(nhi_ike_dos_slot *s, uint32_t now_s)
{
    uint32_t gone = now_s - s->at_s;
    s->fails = gone < s->fails ? (uint16_t)(s->fails - gone) : 0;
    s->at_s = now_s;
}

static uint32_t seconds(nhtb_time now)
{
    return (uint32_t)((uint64_t)now / (uint64_t)NHTB_NS_PER_S);
}

void nhi_ike_dos_failed(nhi_ike *ike, const nhtb_path *path, nhtb_time now)
{
    cells c = find(ike, path);
    for (size_t i = 0; i < ROWS; i++) {
        forgive(c.v[i], seconds(now));
        if (c.v[i]->fails < FAILS_BURST)
            c.v[i]->fails++;
    }
}

bool nhi_ike_dos_may_fail(nhi_ike *ike, const nhtb_path *path, nhtb_time now)
{
    cells c = find(ike, path);
    for (size_t i = 0; i < ROWS; i++)
        forgive(c.v[i], seconds(now));
    return c.v[0]->fails < FAILS_BURST || c.v[1]->fails < FAILS_BURST;
}

static uint16_t half_of(nhi_ike *ike, const nhtb_path *path)
{
    cells c = find(ike, path);
    return c.v[0]->half < c.v[1]->half ? c.v[0]->half : c.v[1]->half;
}

bool nhi_ike_dos_crowded(nhi_ike *ike, const nhtb_path *path, uint32_t threshold)
{
    const nhtb_limits *l = &ike->env.settings->limits;
    /* the second half of a source's share is for those who can be reached there: spoofed requests
     * alone never lock it out */
    return ike->half_open >= threshold || (l->jobs && ike->n_jobs >= l->jobs / 2) ||
           (l->half_open_per_source && half_of(ike, path) > l->half_open_per_source / 2);
}

unsigned nhi_ike_dos_gate(nhi_ike *ike, const nhtb_path *path, nhtb_time now)
{
    const nhtb_limits *l = &ike->env.settings->limits;
    if (ike->half_open >= l->half_open)
        return NHTB_REASON_IKE_HALF_OPEN;
    if (l->half_open_per_source && half_of(ike, path) >= l->half_open_per_source)
        return NHTB_REASON_IKE_SOURCE;
    if (l->jobs && ike->n_jobs >= l->jobs)
        return NHTB_REASON_IKE_BUSY;
    if (!nhi_ike_dos_may_fail(ike, path, now))
        return NHTB_REASON_IKE_AUTH_RATE;
    return NHTB_REASON_NONE;
}
