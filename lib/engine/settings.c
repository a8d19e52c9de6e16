/* SPDX-License-Identifier: Apache-2.0
 * Defaults, their limits, and the size a static arena needs. Also the two helpers by which every
 * public entry reads and writes growable structs. Any thread; called by hosts and ctx.c. */
#include "engine/engine.h"

void nhtb_settings_default(nhtb_settings *s, uint32_t size)
{
    static const nhtb_settings def = {
        .workers = 1,
        .emit = NHTB_EMIT_PAYLOAD,
        .vendor_id = true,
        .replay_window = 1024,
        .hold_ms = 5000,
        .nat_keepalive_s = 20,
        .retransmit_ms = 500,
        .retransmit_cap_ms = 10000,
        .retransmit_total_s = 165,
        .half_open_timeout_s = 30,
        .cookie_threshold = 32,
        .overlap_s = 5,
        .nhtb_notify = 40001,
        .fragment_size = 1200,
        .limits = {.ifaces = 64,
                   .peers = 1024,
                   .tunnels = 2048,
                   .sas = 8192,
                   .routes = 65536,
                   .next_hops = 4096,
                   .bindings = 4096,
                   .half_open = 4096,
                   .held = 256,
                   .held_bytes = 2048,
                   .ike_message = 16384,
                   .policies = 1024,
                   .jobs = 256,
                   .half_open_per_source = 5},
    };
    if (!s || size < sizeof s->size)
        return;
    nhi_engine_give(s, size, &def, sizeof def);
}

void nhtb_iface_default(nhtb_iface *i, uint32_t size)
{
    static const nhtb_iface def = {.kind = NHTB_IFACE_POINT_TO_POINT,
                                   .transit = NHTB_TRANSIT_LIBRARY,
                                   .df = NHTB_DF_CLEAR,
                                   .rpf = true,
                                   .dscp = 0xff,
                                   .tcp_mss = NHTB_MSS_AUTO};
    if (i && size >= sizeof i->size)
        nhi_engine_give(i, size, &def, sizeof def);
}

void nhtb_peer_default(nhtb_peer *p, uint32_t size)
{
    static const nhtb_peer def = {.establish = NHTB_ESTABLISH_ON_TRAFFIC,
                                  .announce = NHTB_ANNOUNCE_AUTO,
                                  .initial_contact = true,
                                  .liveness_tries = 3};
    if (p && size >= sizeof p->size)
        nhi_engine_give(p, size, &def, sizeof def);
}

void nhtb_child_default(nhtb_child *c, uint32_t size)
{
    static const nhtb_child def = {.size = 0};
    if (c && size >= sizeof c->size)
        nhi_engine_give(c, size, &def, sizeof def);
}

int nhi_engine_take(void *dst, const void *src, size_t known)
{
    uint32_t size;
    if (!src)
        return NHTB_ERR_ARG;
    memcpy(&size, src, sizeof size);
    if (size < known)
        return NHTB_ERR_ARG;
    const uint8_t *p = src;
    for (size_t i = known; i < size; i++)
        if (p[i])
            return NHTB_ERR_ARG;
    memcpy(dst, src, known);
    return NHTB_OK;
}

void nhi_engine_give(void *dst, uint32_t dst_size, const void *src, size_t known)
{
    memset(dst, 0, dst_size);
    memcpy(dst, src, dst_size < known ? dst_size : known);
    memcpy(dst, &dst_size, dst_size < sizeof dst_size ? dst_size : sizeof dst_size);
}

static bool in_range(uint32_t v, uint32_t lo, uint32_t hi)
{
    return v >= lo && v <= hi;
}

static bool limits_ok(const nhtb_limits *l)
{
    const uint32_t most = (1u << 24) - 1; /* slab ids */
    return in_range(l->ifaces, 1, 65535) && in_range(l->peers, 1, most) &&
           in_range(l->tunnels, 1, most) && in_range(l->sas, 1, 1u << 22) &&
           in_range(l->routes, 1, 1u << 26) && in_range(l->next_hops, 1, most) &&
           in_range(l->bindings, 1, most) && in_range(l->half_open, 1, most) &&
           l->held <= 1u << 20 && in_range(l->held_bytes, 68, 1u << 16) &&
           in_range(l->ike_message, 3000, 1u << 16) && l->policies <= most;
}

int nhi_engine_settings_take(nhtb_settings *dst, const nhtb_settings *src)
{
    int err = nhi_engine_take(dst, src, sizeof *dst);
    if (err)
        return err;
    bool window = dst->replay_window == 0 ||
                  (in_range(dst->replay_window, 64, 65536) && dst->replay_window % 64 == 0);
    bool ok = in_range(dst->workers, 1, 63) && dst->emit <= NHTB_EMIT_IP && window &&
              dst->retransmit_ms >= 10 && dst->retransmit_cap_ms >= dst->retransmit_ms &&
              dst->retransmit_total_s >= 1 && dst->half_open_timeout_s >= 1 &&
              dst->nhtb_notify >= 16384 /* status types */ &&
              (dst->fragment_size == 0 || dst->fragment_size >= 576);
    return ok && limits_ok(&dst->limits) ? NHTB_OK : NHTB_ERR_ARG;
}

static size_t largest_key(const nhtb_crypto *c, unsigned lanes)
{
    size_t most = 0;
    for (uint16_t alg = 1; alg < NHTB_BULK_ALG_END; alg++) {
        size_t n = c->bulk->has(alg) ? c->bulk->key_size(alg, lanes) : 0;
        most = n > most ? n : most;
    }
    return most;
}

/* Generous per-object figures: what the rooms allocate for one object, rounded up to the arena's
 * size classes (at most twice the size asked for). A test allocates everything and compares. */
enum {
    SIZE_CTX = 96 * 1024,
    SIZE_IFACE = 2048,
    SIZE_PEER = 4096,
    SIZE_TUNNEL = 2048,
    SIZE_CELL = 1024, /* without key */
    SIZE_SELECTORS = 2048,
    SIZE_ROUTE = 512, /* trie nodes, old and new during a transaction */
    SIZE_NEXT_HOP = 256,
    SIZE_BINDING = 512,
    SIZE_HALF_OPEN = 8192,
    SIZE_POLICY = 256,
    SIZE_EVENT = 512,
    SIZE_WORKER = 256 * 1024
};

size_t nhtb_ctx_size(const nhtb_settings *s, const nhtb_crypto *c)
{
    nhtb_settings v;
    if (nhi_engine_settings_take(&v, s) || !c || !c->bulk || !c->kdf || !c->pk)
        return 0;
    const nhtb_limits *l = &v.limits;
    unsigned lanes = v.workers + 1u;
    uint64_t key = largest_key(c, lanes);
    uint64_t sum = SIZE_CTX;
    sum += (uint64_t)l->ifaces * (SIZE_IFACE + 64u * v.workers + 8u * l->tunnels / 8u);
    sum += (uint64_t)l->peers * (SIZE_PEER + 2 * key + 4u * l->ike_message);
    sum += (uint64_t)l->tunnels * (SIZE_TUNNEL + SIZE_EVENT);
    sum += (uint64_t)l->sas * 2 * (SIZE_CELL + SIZE_SELECTORS + key + 2u * v.replay_window / 8);
    sum += (uint64_t)l->routes * SIZE_ROUTE + (uint64_t)l->next_hops * SIZE_NEXT_HOP;
    sum += (uint64_t)l->bindings * SIZE_BINDING;
    sum += (uint64_t)l->half_open * (SIZE_HALF_OPEN + 2u * l->ike_message);
    sum += (uint64_t)l->held * (sizeof(nhi_held) + sizeof(nhi_out) + l->held_bytes);
    sum += (uint64_t)l->policies * SIZE_POLICY + 2u * NHI_ENGINE_OUT_BYTES;
    sum += (uint64_t)v.workers * SIZE_WORKER + (uint64_t)lanes * c->bulk->lane_size();
    sum *= 2;
    return sum > SIZE_MAX ? 0 : (size_t)sum;
}
