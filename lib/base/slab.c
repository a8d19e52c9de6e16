/* SPDX-License-Identifier: Apache-2.0
 * Pools of equal objects with generation ids: a stale id is recognised, never followed. Used for
 * peers, interfaces, SAs, tunnels. A chunk holds its objects first (so they keep the chunk's cache
 * line alignment), then one slot record each. Control thread. */
#include "base/slab.h"

#define CHUNK_BYTES    32768u /* chunks aim at this size */
#define CHUNK_BITS_MAX 6u

typedef struct slot {
    uint32_t gen;  /* of the object that lives here, or of the next one */
    uint32_t next; /* free list: index + 1, 0: last */
    bool live;
} slot;

static size_t stride(const nhi_slab *s)
{
    return (s->obj_size + 15) & ~(size_t)15;
}

static size_t chunk_len(const nhi_slab *s)
{
    return (size_t)1 << s->chunk_bits;
}

static size_t chunk_bytes(const nhi_slab *s)
{
    return chunk_len(s) * (stride(s) + sizeof(slot));
}

static size_t table_len(const nhi_slab *s)
{
    return (s->max + chunk_len(s) - 1) >> s->chunk_bits;
}

static void *object_at(const nhi_slab *s, uint32_t index)
{
    uint8_t *chunk = s->chunks[index >> s->chunk_bits];
    return chunk + (index & (chunk_len(s) - 1)) * stride(s);
}

static slot *slot_at(const nhi_slab *s, uint32_t index)
{
    uint8_t *chunk = s->chunks[index >> s->chunk_bits];
    slot *slots = (slot *)(void *)(chunk + chunk_len(s) * stride(s));
    return slots + (index & (chunk_len(s) - 1));
}

static uint32_t index_of(const nhi_slab *s, uint32_t id)
{
    return id & (((uint32_t)1 << s->index_bits) - 1);
}

static uint32_t next_gen(const nhi_slab *s, uint32_t gen)
{
    uint32_t g = (gen + 1) & (UINT32_MAX >> s->index_bits);
    return g == 0 ? 1 : g;
}

void nhi_slab_init(nhi_slab *s, nhi_mem *mem, size_t obj_size, size_t max)
{
    memset(s, 0, sizeof *s);
    s->mem = mem;
    s->obj_size = obj_size;
    s->max = max;
    s->index_bits = 1;
    while (((size_t)1 << s->index_bits) < max) {
        s->index_bits++;
    }
    s->chunk_bits = CHUNK_BITS_MAX;
    while (s->chunk_bits > 0 && (stride(s) << s->chunk_bits) > CHUNK_BYTES) {
        s->chunk_bits--;
    }
}

void nhi_slab_fini(nhi_slab *s)
{
    for (size_t i = 0; i < s->n_chunks; i++) {
        nhi_mem_wipe_free(s->mem, s->chunks[i], chunk_bytes(s));
    }
    nhi_mem_free(s->mem, s->chunks, table_len(s) * sizeof *s->chunks);
    nhi_slab_init(s, s->mem, s->obj_size, s->max);
}

static bool add_chunk(nhi_slab *s)
{
    if (!s->chunks) {
        s->chunks = nhi_mem_array(s->mem, table_len(s), sizeof *s->chunks);
        if (!s->chunks) {
            return false;
        }
    }
    void *chunk = nhi_mem_alloc(s->mem, chunk_bytes(s), NHI_CACHE_LINE);
    if (!chunk) {
        return false;
    }
    s->chunks[s->n_chunks++] = chunk;
    return true;
}

/** Index of a slot to use. Fresh slots of existing chunks go first: the later a slot is reused, the
 *  longer a stale id stays recognisable. */
static bool pick(nhi_slab *s, uint32_t *index)
{
    bool room = s->made < s->max;
    if (room && s->made < s->n_chunks << s->chunk_bits) {
        *index = (uint32_t)s->made++;
        return true;
    }
    if (s->free_head != 0) {
        *index = s->free_head - 1;
        s->free_head = slot_at(s, *index)->next;
        s->free_tail = s->free_head == 0 ? 0 : s->free_tail;
        return true;
    }
    if (!room || !add_chunk(s)) {
        return false;
    }
    *index = (uint32_t)s->made++;
    return true;
}

void *nhi_slab_new(nhi_slab *s, uint32_t *id)
{
    uint32_t index;
    if (!pick(s, &index)) {
        return NULL;
    }
    slot *sl = slot_at(s, index);
    sl->gen = sl->gen == 0 ? 1 : sl->gen;
    sl->live = true;
    sl->next = 0;
    s->used++;
    *id = sl->gen << s->index_bits | index;
    void *obj = object_at(s, index);
    memset(obj, 0, s->obj_size);
    return obj;
}

static slot *live_slot(const nhi_slab *s, uint32_t id)
{
    uint32_t index = index_of(s, id);
    if (index >= s->made) {
        return NULL;
    }
    slot *sl = slot_at(s, index);
    return sl->live && sl->gen == id >> s->index_bits ? sl : NULL;
}

void *nhi_slab_get(const nhi_slab *s, uint32_t id)
{
    return live_slot(s, id) ? object_at(s, index_of(s, id)) : NULL;
}

bool nhi_slab_del(nhi_slab *s, uint32_t id)
{
    slot *sl = live_slot(s, id);
    if (!sl) {
        return false;
    }
    uint32_t index = index_of(s, id);
    nhi_wipe(object_at(s, index), s->obj_size);
    sl->live = false;
    sl->gen = next_gen(s, sl->gen);
    sl->next = 0;
    if (s->free_tail != 0) {
        slot_at(s, s->free_tail - 1)->next = index + 1;
    } else {
        s->free_head = index + 1;
    }
    s->free_tail = index + 1;
    s->used--;
    return true;
}

void *nhi_slab_next(const nhi_slab *s, uint32_t *cursor, uint32_t *id)
{
    for (uint32_t i = *cursor; i < s->made; i++) {
        const slot *sl = slot_at(s, i);
        if (sl->live) {
            *cursor = i + 1;
            *id = sl->gen << s->index_bits | i;
            return object_at(s, i);
        }
    }
    *cursor = (uint32_t)s->made;
    return NULL;
}
