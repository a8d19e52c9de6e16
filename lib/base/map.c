/* SPDX-License-Identifier: Apache-2.0
 * Seeded hash map with open addressing and linear probing: SPIs, addresses, identities to objects.
 * Deletion shifts followers back, so there are no tombstones and no rehash to clean them. Control
 * thread. */
#include "base/map.h"

#define CAP_MIN 16

static uint8_t *slot_at(const nhi_map *m, size_t i)
{
    return m->slots + i * m->stride;
}

static void *value_at(const nhi_map *m, size_t i)
{
    void *v;
    memcpy(&v, slot_at(m, i), sizeof v);
    return v;
}

static uint8_t *key_at(const nhi_map *m, size_t i)
{
    return slot_at(m, i) + sizeof(void *);
}

static size_t home(const nhi_map *m, const void *key)
{
    return (size_t)nhi_siphash(m->seed, key, m->key_len) & (m->cap - 1);
}

/** The slot of the key, or the empty slot where it belongs. cap must not be 0. */
static size_t find(const nhi_map *m, const void *key)
{
    size_t i = home(m, key);
    while (value_at(m, i) && memcmp(key_at(m, i), key, m->key_len) != 0) {
        i = (i + 1) & (m->cap - 1);
    }
    return i;
}

static void set(nhi_map *m, size_t i, const void *key, void *value)
{
    memcpy(slot_at(m, i), &value, sizeof value);
    memcpy(key_at(m, i), key, m->key_len);
}

void nhi_map_init(nhi_map *m, nhi_mem *mem, size_t key_len, size_t max, const uint8_t seed[16])
{
    memset(m, 0, sizeof *m);
    m->mem = mem;
    m->key_len = key_len;
    m->stride = (sizeof(void *) + key_len + sizeof(void *) - 1) & ~(sizeof(void *) - 1);
    m->max = max;
    memcpy(m->seed, seed, sizeof m->seed);
}

void nhi_map_fini(nhi_map *m)
{
    nhi_mem_free(m->mem, m->slots, m->cap * m->stride);
    m->slots = NULL;
    m->cap = m->used = 0;
}

void *nhi_map_get(const nhi_map *m, const void *key)
{
    return m->used == 0 ? NULL : value_at(m, find(m, key));
}

/** At most three quarters full: the probe for an absent key always ends. */
static bool enough(size_t cap, size_t entries)
{
    return entries <= cap - cap / 4;
}

static int resize(nhi_map *m, size_t cap)
{
    uint8_t *slots = nhi_mem_array(m->mem, cap, m->stride);
    if (!slots) {
        return NHTB_ERR_MEMORY;
    }
    nhi_map old = *m;
    m->slots = slots;
    m->cap = cap;
    for (size_t i = 0; i < old.cap; i++) {
        void *v = value_at(&old, i);
        if (v) {
            set(m, find(m, key_at(&old, i)), key_at(&old, i), v);
        }
    }
    nhi_mem_free(m->mem, old.slots, old.cap * old.stride);
    return NHTB_OK;
}

int nhi_map_reserve(nhi_map *m, size_t n)
{
    if (n > m->max - m->used) {
        return NHTB_ERR_LIMIT;
    }
    size_t cap = m->cap;
    while (!enough(cap, m->used + n)) {
        if (cap > SIZE_MAX / 2) {
            return NHTB_ERR_MEMORY;
        }
        cap = cap == 0 ? CAP_MIN : cap * 2;
    }
    return cap == m->cap ? NHTB_OK : resize(m, cap);
}

int nhi_map_put(nhi_map *m, const void *key, void *value)
{
    if (m->used != 0) {
        size_t i = find(m, key);
        if (value_at(m, i)) {
            set(m, i, key, value);
            return NHTB_OK;
        }
    }
    int err = nhi_map_reserve(m, 1);
    if (err) {
        return err;
    }
    set(m, find(m, key), key, value);
    m->used++;
    return NHTB_OK;
}

/** Fills the hole at i with followers of the same probe run that may move back. */
static void close_gap(nhi_map *m, size_t i)
{
    size_t mask = m->cap - 1;
    for (size_t j = (i + 1) & mask; value_at(m, j); j = (j + 1) & mask) {
        size_t wanted = home(m, key_at(m, j));
        if (((j - wanted) & mask) >= ((j - i) & mask)) {
            memcpy(slot_at(m, i), slot_at(m, j), m->stride);
            i = j;
        }
    }
    memset(slot_at(m, i), 0, m->stride);
}

void *nhi_map_del(nhi_map *m, const void *key)
{
    if (m->used == 0) {
        return NULL;
    }
    size_t i = find(m, key);
    void *v = value_at(m, i);
    if (v) {
        close_gap(m, i);
        m->used--;
    }
    return v;
}

void *nhi_map_next(const nhi_map *m, size_t *cursor)
{
    while (*cursor < m->cap) {
        void *v = value_at(m, (*cursor)++);
        if (v) {
            return v;
        }
    }
    return NULL;
}
