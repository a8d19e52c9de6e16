/* SPDX-License-Identifier: Apache-2.0
 * Reads "ipsec": those of the library's settings and limits that are the user's to choose. Capacities
 * that follow from the rest of the file are counted by main.c. Called by config.c. Control thread. */
#include "config_read.h"

static bool rd_window(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    if (!rd_u32(r, v, dst, f))
        return false;
    const uint32_t w = *(uint32_t *)dst;
    return w % 64 == 0 ? true : rd_fail(r, "must be 0 or a multiple of 64 up to 65536");
}

static bool rd_fragment(cfg_rd *r, const cJSON *v, void *dst, const cfg_field *f)
{
    if (!rd_u16(r, v, dst, f))
        return false;
    const uint16_t n = *(uint16_t *)dst;
    return n == 0 || n >= 576 ? true : rd_fail(r, "must be 0 or from 576 to 65535");
}

#define AT(member)    offsetof(nhtb_settings, member)
#define LIMIT(member) offsetof(nhtb_settings, limits.member)

static const cfg_field FIELDS[] = {
    {"replay_window", rd_window, AT(replay_window), 0, 65536, NULL, false},
    {"nat_keepalive_seconds", rd_u32, AT(nat_keepalive_s), 0, 3600, NULL, false},
    {"retransmit_milliseconds", rd_u32, AT(retransmit_ms), 50, 10000, NULL, false},
    {"retransmit_cap_milliseconds", rd_u32, AT(retransmit_cap_ms), 50, 60000, NULL, false},
    {"retransmit_total_seconds", rd_u32, AT(retransmit_total_s), 2, 3600, NULL, false},
    {"fragment_size", rd_fragment, AT(fragment_size), 0, 65535, NULL, false},
    {"overlap_seconds", rd_u32, AT(overlap_s), 0, 300, NULL, false},
    {"hold_milliseconds", rd_u32, AT(hold_ms), 0, 60000, NULL, false},
    {"held_packets", rd_u32, LIMIT(held), 0, 65536, NULL, false},
    {"vendor_id", rd_bool, AT(vendor_id), 0, 0, NULL, false},
    {"nhtb_notify_type", rd_u16, AT(nhtb_notify), 16384, 65535, NULL, false},
    {"cookie_threshold", rd_u32, AT(cookie_threshold), 0, 1000000, NULL, false},
    {"half_open", rd_u32, LIMIT(half_open), 1, 1000000, NULL, false},
    {"half_open_per_source", rd_u32, LIMIT(half_open_per_source), 0, 1000000, NULL, false},
    {"half_open_timeout_seconds", rd_u32, AT(half_open_timeout_s), 1, 600, NULL, false},
    {"jobs", rd_u32, LIMIT(jobs), 0, 1000000, NULL, false},
    {"ike_message_bytes", rd_u32, LIMIT(ike_message), 3000, 65536, NULL, false},
};

bool rd_ipsec(cfg_rd *r, const cJSON *v, void *settings, const cfg_field *f)
{
    nhtb_settings *s = settings;
    (void)f;
    if (!rd_object(r, v, s, FIELDS, sizeof FIELDS / sizeof *FIELDS))
        return false;
    if (s->retransmit_cap_ms >= s->retransmit_ms)
        return true;
    rd_push(r, "retransmit_cap_milliseconds");
    return rd_fail(r, "less than retransmit_milliseconds");
}
