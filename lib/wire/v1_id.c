/* SPDX-License-Identifier: Apache-2.0
 * Identification payloads of IKEv1: in phase 1 who a peer is, in phase 2 which traffic (RFC 2407
 * 4.6.2). Called by ike/v1. Any thread. */
#include "wire/v1.h"

#define TEXT_MAX 255
#define DN_MAX   2048

bool nhi_v1_id_read(nhi_v1_id *id, nhtb_span body)
{
    nhi_rd r;
    nhi_rd_init(&r, body.p, body.n);
    id->type = nhi_rd_u8(&r);
    id->proto = nhi_rd_u8(&r);
    id->port = nhi_rd_u16(&r);
    id->data = nhi_rd_rest(&r);
    switch (id->type) {
    case NHI_V1_ID_IPV4: return id->data.n == 4;
    case NHI_V1_ID_IPV4_SUBNET:
    case NHI_V1_ID_IPV4_RANGE: return id->data.n == 8;
    case NHI_V1_ID_IPV6: return id->data.n == 16;
    case NHI_V1_ID_IPV6_SUBNET:
    case NHI_V1_ID_IPV6_RANGE: return id->data.n == 32;
    case NHI_V1_ID_DN: return id->data.n > 0 && id->data.n <= DN_MAX;
    case 0: return false;
    default: return id->data.n > 0 && id->data.n <= TEXT_MAX;
    }
}

void nhi_v1_id_write(nhi_wr *w, const nhi_v1_id *id)
{
    nhi_wr_u8(w, id->type);
    nhi_wr_u8(w, id->proto);
    nhi_wr_u16(w, id->port);
    nhi_wr_span(w, id->data);
}

/** Address and mask as the range they cover; false: the mask has a hole. */
static bool subnet_to_range(nhtb_ts *ts, const uint8_t *addr, const uint8_t *mask, size_t n)
{
    bool ended = false;
    for (size_t i = 0; i < n; i++) {
        uint8_t hole = (uint8_t)~mask[i];
        if ((hole & (hole + 1)) != 0 || (ended && mask[i] != 0)) {
            return false;
        }
        ended = ended || mask[i] != 0xff;
        ts->lo.b[i] = addr[i] & mask[i];
        ts->hi.b[i] = addr[i] | hole;
    }
    return true;
}

bool nhi_v1_id_to_ts(nhtb_ts *ts, const nhi_v1_id *id)
{
    const uint8_t *p = id->data.p;
    bool v6 = id->type == NHI_V1_ID_IPV6 || id->type == NHI_V1_ID_IPV6_SUBNET ||
              id->type == NHI_V1_ID_IPV6_RANGE;
    size_t n = v6 ? 16 : 4;
    *ts = (nhtb_ts){.proto = id->proto, .port_lo = id->port, .port_hi = id->port};
    ts->lo.family = ts->hi.family = v6 ? 6 : 4;
    if (id->port == 0) {
        ts->port_hi = 65535;
    } else if (id->proto == 0) {
        return false; /* a port of no protocol */
    }
    switch (id->type) {
    case NHI_V1_ID_IPV4:
    case NHI_V1_ID_IPV6:
        memcpy(ts->lo.b, p, n);
        memcpy(ts->hi.b, p, n);
        return true;
    case NHI_V1_ID_IPV4_SUBNET:
    case NHI_V1_ID_IPV6_SUBNET: return subnet_to_range(ts, p, p + n, n);
    case NHI_V1_ID_IPV4_RANGE:
    case NHI_V1_ID_IPV6_RANGE:
        memcpy(ts->lo.b, p, n);
        memcpy(ts->hi.b, p + n, n);
        return nhi_addr_cmp(&ts->lo, &ts->hi) <= 0;
    default: return false;
    }
}

/** Is lo..hi a subnet? Its mask then. */
static bool range_mask(const nhtb_ts *ts, size_t n, uint8_t mask[16])
{
    bool ended = false;
    for (size_t i = 0; i < n; i++) {
        uint8_t hole = ts->lo.b[i] ^ ts->hi.b[i];
        mask[i] = (uint8_t)~hole;
        if ((hole & (hole + 1)) != 0 || (ts->lo.b[i] & hole) != 0 || (ended && mask[i] != 0)) {
            return false;
        }
        ended = ended || mask[i] != 0xff;
    }
    return true;
}

bool nhi_v1_id_write_ts(nhi_wr *w, const nhtb_ts *ts)
{
    size_t n = nhi_addr_len(&ts->lo);
    bool any_port = ts->port_lo == 0 && ts->port_hi == 65535;
    uint8_t mask[16];
    if (n == 0 || (!any_port && ts->port_lo != ts->port_hi)) {
        return false;
    }
    bool host = nhi_addr_cmp(&ts->lo, &ts->hi) == 0, subnet = range_mask(ts, n, mask);
    uint8_t v4 = host ? NHI_V1_ID_IPV4 : subnet ? NHI_V1_ID_IPV4_SUBNET : NHI_V1_ID_IPV4_RANGE;
    uint8_t v6 = host ? NHI_V1_ID_IPV6 : subnet ? NHI_V1_ID_IPV6_SUBNET : NHI_V1_ID_IPV6_RANGE;
    nhi_wr_u8(w, n == 4 ? v4 : v6);
    nhi_wr_u8(w, ts->proto);
    nhi_wr_u16(w, any_port ? 0 : ts->port_lo);
    nhi_wr_bytes(w, ts->lo.b, n);
    if (!host) {
        nhi_wr_bytes(w, subnet ? mask : ts->hi.b, n);
    }
    return true;
}
