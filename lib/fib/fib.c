/* SPDX-License-Identifier: Apache-2.0
 * The published whole: life of the tables and the lookups that need nothing else. Made and ended by
 * engine on the control thread; lookups by workers. House-style 3.5. */
#include "fib/fib.h"

#include "fib/lpm.h"

enum { SPI_BITS_MAX = 24 }; /* leaves at least 8 bits of generation */

static uint32_t bits_for(uint32_t n)
{
    uint32_t bits = 0;
    while (bits < SPI_BITS_MAX && (UINT32_C(1) << bits) < n)
        bits++;
    return bits;
}

typedef struct dims {
    uint32_t slots, next_hops, ifaces, spis, manual, worker_bits;
} dims;

/* Every worker could be the anchor of all SAs, so each has room for all of them; twice, because a
 * rekey holds two pairs and a slot rests before it is used again. */
static dims dims_of(const nhtb_settings *s)
{
    uint32_t sa_bits = bits_for(s->limits.sas), w = bits_for(s->workers);
    uint32_t spi_bits = sa_bits + w + 1;
    uint32_t slots = 2 * s->limits.next_hops + 2; /* a freed one rests until readers moved on */
    return (dims){
        .slots = slots,
        .next_hops = UINT32_C(2) << bits_for(slots),
        .ifaces = UINT32_C(1) << bits_for(s->limits.ifaces),
        .spis = UINT32_C(1) << (spi_bits < SPI_BITS_MAX ? spi_bits : SPI_BITS_MAX),
        .manual = UINT32_C(2) << sa_bits,
        .worker_bits = w,
    };
}

static size_t manual_bytes(size_t entries)
{
    return sizeof(nhi_manual) + entries * sizeof(nhi_cell *);
}

static size_t hops_bytes(size_t entries)
{
    return sizeof(nhi_next_hops) + entries * sizeof(uint32_t);
}

size_t nhi_fib_size(const nhtb_settings *s)
{
    dims d = dims_of(s);
    size_t words = (size_t)d.ifaces + d.spis;
    return d.slots * sizeof(nhi_slot) + 2 * hops_bytes(d.next_hops) + words * sizeof(void *) +
           2 * manual_bytes(d.manual) + nhi_cell_size(0, false) +
           nhi_lpm_size(4, s->limits.routes) + nhi_lpm_size(6, s->limits.routes);
}

static bool tables_alloc(nhi_fib *f, const nhtb_settings *s, const dims *d)
{
    nhi_mem *m = f->mem;
    f->slot = nhi_mem_array(m, d->slots, sizeof *f->slot);
    nhi_next_hops *hops = nhi_mem_alloc(m, hops_bytes(d->next_hops), 16);
    if (hops != NULL)
        hops->size = hops_bytes(d->next_hops);
    nhi_a_store(&f->next_hop, hops);
    f->iface = nhi_mem_array(m, d->ifaces, sizeof *f->iface);
    f->spi = nhi_mem_array(m, d->spis, sizeof *f->spi);
    nhi_manual *manual = nhi_mem_alloc(m, manual_bytes(d->manual), 16);
    if (manual != NULL)
        manual->size = manual_bytes(d->manual);
    nhi_a_store(&f->manual, manual);
    f->gone = nhi_mem_alloc(m, sizeof *f->gone, NHI_CACHE_LINE);
    f->lpm4 = nhi_lpm_new(m, &f->qsbr, 4, s->limits.routes);
    f->lpm6 = nhi_lpm_new(m, &f->qsbr, 6, s->limits.routes);
    return f->slot != NULL && hops != NULL && f->iface != NULL && f->spi != NULL &&
           manual != NULL && f->gone != NULL && f->lpm4 != NULL && f->lpm6 != NULL;
}

int nhi_fib_init(nhi_fib *f, nhi_mem *mem, const nhtb_settings *s)
{
    memset(f, 0, sizeof *f);
    f->mem = mem;
    nhi_qsbr_init(&f->qsbr);
    dims d = dims_of(s);
    f->n_slots = d.slots;
    f->next_hop_mask = d.next_hops - 1;
    f->n_ifaces = d.ifaces;
    f->iface_mask = d.ifaces - 1;
    f->spi_mask = d.spis - 1;
    f->manual_mask = d.manual - 1;
    f->worker_bits = d.worker_bits;
    if (tables_alloc(f, s, &d))
        return 0;
    nhi_fib_fini(f);
    return NHTB_ERR_MEMORY;
}

void nhi_fib_fini(nhi_fib *f)
{
    if (f->mem == NULL)
        return;
    nhi_lpm_del(f->lpm4);
    nhi_lpm_del(f->lpm6);
    nhi_mem_free(f->mem, f->slot, f->n_slots * sizeof *f->slot);
    nhi_mem_free(f->mem, nhi_a_load(&f->next_hop), hops_bytes((size_t)f->next_hop_mask + 1));
    nhi_mem_free(f->mem, f->iface, f->n_ifaces * sizeof *f->iface);
    nhi_mem_free(f->mem, f->spi, ((size_t)f->spi_mask + 1) * sizeof *f->spi);
    nhi_mem_free(f->mem, nhi_a_load(&f->manual), manual_bytes((size_t)f->manual_mask + 1));
    nhi_mem_free(f->mem, f->gone, sizeof *f->gone);
    memset(f, 0, sizeof *f);
}

uint32_t nhi_fib_lookup4(const nhi_fib *f, const uint8_t a[4])
{
    return nhi_lpm_get(f->lpm4, a);
}

uint32_t nhi_fib_lookup6(const nhi_fib *f, const uint8_t a[16])
{
    return nhi_lpm_get(f->lpm6, a);
}

uint32_t nhi_fib_lookup(const nhi_fib *f, const nhtb_addr *a)
{
    if (a->family == 4)
        return nhi_fib_lookup4(f, a->b);
    return a->family == 6 ? nhi_fib_lookup6(f, a->b) : NHI_SLOT_NONE;
}

void nhi_fib_lookup_bulk(const nhi_fib *f, uint8_t family, const uint8_t *const *a, uint32_t *out,
                         size_t n)
{
    nhi_lpm_get_bulk(family == 4 ? f->lpm4 : f->lpm6, a, out, n);
}

nhi_iface_pub *nhi_fib_iface(const nhi_fib *f, nhtb_iface_id id)
{
    nhi_iface_pub *i = nhi_a_load_acq(&f->iface[id.id & f->iface_mask]);
    return i != NULL && i->id == id.id ? i : NULL;
}
