/* SPDX-License-Identifier: Apache-2.0
 * Hierarchical timer wheel. A timer sits on the level of the highest base-64 digit in which its tick
 * differs from the current tick, so lower levels are always due before higher ones, nothing wraps,
 * and a jump of the clock visits occupied slots only. Timers of the current tick are compared with
 * the exact time: none fires early. Called by engine/timer.c. Control thread. */
#include "base/wheel.h"

#define TICK_BITS 20 /* a tick is 2^20 ns */
#define DIGIT(tick, level)                                                                         \
    ((unsigned)((tick) >> (NHI_WHEEL_BITS * (level))) & (NHI_WHEEL_SLOTS - 1))

static nhi_timer *timer_of(nhi_list *l)
{
    return NHI_CONTAINER(l, nhi_timer, link);
}

void nhi_wheel_init(nhi_wheel *w)
{
    memset(w, 0, sizeof *w);
    for (unsigned l = 0; l < NHI_WHEEL_LEVELS; l++) {
        for (unsigned i = 0; i < NHI_WHEEL_SLOTS; i++) {
            nhi_list_init(&w->slot[l][i]);
        }
    }
    nhi_list_init(&w->due);
}

void nhi_timer_init(nhi_timer *t, uint16_t kind)
{
    nhi_list_init(&t->link);
    t->due = NHTB_NEVER;
    t->kind = kind;
}

/** Links a timer whose due is set, by the current tick. */
static void place(nhi_wheel *w, nhi_timer *t)
{
    uint64_t tick = t->due >> TICK_BITS;
    if (tick < w->tick) {
        nhi_list_add_tail(&w->due, &t->link);
        return;
    }
    unsigned level = 0;
    for (uint64_t diff = (tick ^ w->tick) >> NHI_WHEEL_BITS; diff != 0; diff >>= NHI_WHEEL_BITS) {
        level++;
    }
    unsigned i = DIGIT(tick, level);
    nhi_list_add_tail(&w->slot[level][i], &t->link);
    w->occupied[level] |= UINT64_C(1) << i;
}

/** Clears the slot's bit when the list head l is an empty slot of the wheel. */
static void note_empty(nhi_wheel *w, const nhi_list *l)
{
    uintptr_t off = (uintptr_t)l - (uintptr_t)&w->slot[0][0];
    if (off < sizeof w->slot && nhi_list_empty(l)) {
        size_t i = off / sizeof *l;
        w->occupied[i / NHI_WHEEL_SLOTS] &= ~(UINT64_C(1) << i % NHI_WHEEL_SLOTS);
    }
}

static void unlink(nhi_wheel *w, nhi_timer *t)
{
    const nhi_list *neighbour = t->link.next; /* the head, when t is the only one */
    nhi_list_del(&t->link);
    note_empty(w, neighbour);
}

void nhi_wheel_arm(nhi_wheel *w, nhi_timer *t, nhtb_time due)
{
    nhi_wheel_cancel(w, t);
    if (due == NHTB_NEVER) {
        return;
    }
    t->due = due;
    place(w, t);
    w->armed++;
}

void nhi_wheel_cancel(nhi_wheel *w, nhi_timer *t)
{
    if (!nhi_timer_armed(t)) {
        return;
    }
    unlink(w, t);
    t->due = NHTB_NEVER;
    w->armed--;
}

/** Level and slot of the earliest occupied slot; false when there is none. */
static bool first_slot(const nhi_wheel *w, unsigned *level, unsigned *i)
{
    for (unsigned l = 0; l < NHI_WHEEL_LEVELS; l++) {
        if (w->occupied[l] != 0) {
            *level = l;
            *i = (unsigned)__builtin_ctzll(w->occupied[l]);
            return true;
        }
    }
    return false;
}

/** First tick that belongs to a slot. */
static uint64_t slot_tick(const nhi_wheel *w, unsigned level, unsigned i)
{
    unsigned shift = NHI_WHEEL_BITS * level;
    uint64_t above = w->tick >> (shift + NHI_WHEEL_BITS) << (shift + NHI_WHEEL_BITS);
    return above | (uint64_t)i << shift;
}

nhtb_time nhi_wheel_deadline(const nhi_wheel *w)
{
    unsigned level, i;
    if (!nhi_list_empty(&w->due)) {
        return timer_of(w->due.next)->due;
    }
    if (!first_slot(w, &level, &i)) {
        return NHTB_NEVER;
    }
    if (level > 0) {
        return slot_tick(w, level, i) << TICK_BITS; /* then its timers move to lower levels */
    }
    nhtb_time least = NHTB_NEVER;
    NHI_LIST_FOR(it, &w->slot[0][i])
    {
        const nhi_timer *t = NHI_CONTAINER(it, const nhi_timer, link);
        least = t->due < least ? t->due : least;
    }
    return least;
}

/** Empties a slot whose tick has come: what is due goes to the due list, the rest moves down. */
static void cascade(nhi_wheel *w, unsigned level, unsigned i, nhtb_time now)
{
    nhi_list moved;
    nhi_list *slot = &w->slot[level][i];
    nhi_list_init(&moved);
    moved.next = slot->next;
    moved.prev = slot->prev;
    moved.next->prev = moved.prev->next = &moved;
    nhi_list_init(slot);
    w->occupied[level] &= ~(UINT64_C(1) << i);
    NHI_LIST_FOR_SAFE(it, nx, &moved)
    {
        nhi_list_del(it);
        if (timer_of(it)->due <= now) {
            nhi_list_add_tail(&w->due, it);
        } else {
            place(w, timer_of(it));
        }
    }
}

static void advance(nhi_wheel *w, nhtb_time now)
{
    uint64_t target = now >> TICK_BITS;
    unsigned level, i;
    while (first_slot(w, &level, &i)) {
        uint64_t tick = slot_tick(w, level, i);
        if (tick > target) {
            break;
        }
        w->tick = tick;
        cascade(w, level, i, now);
        if (tick == target && level == 0) {
            break; /* what is left in it comes later in this tick */
        }
    }
    w->tick = target > w->tick ? target : w->tick;
}

nhi_timer *nhi_wheel_pop(nhi_wheel *w, nhtb_time now)
{
    if (nhi_list_empty(&w->due)) {
        advance(w, now);
    }
    if (nhi_list_empty(&w->due)) {
        return NULL;
    }
    nhi_timer *t = timer_of(w->due.next);
    nhi_wheel_cancel(w, t);
    return t;
}
