/* SPDX-License-Identifier: Apache-2.0
 * Endpoints (outer header templates) and the inner MTU of a path. Filled by db on the control
 * thread, read by workers. RFC 4303 2.4, RFC 3948 2.1, RFC 791, RFC 8200. */
#include "fib/fib.h"

enum { PROTO_UDP = 17, PROTO_ESP = 50, DEFAULT_TTL = 64, ESP_FIXED = 8, ESP_TRAILER = 2 };

static void fill_ipv4(uint8_t *h, const nhtb_path *p, uint8_t proto)
{
    h[0] = 0x45;
    h[8] = DEFAULT_TTL;
    h[9] = proto;
    memcpy(h + 12, p->local.b, 4);
    memcpy(h + 16, p->remote.b, 4);
}

static void fill_ipv6(uint8_t *h, const nhtb_path *p, uint8_t proto)
{
    h[0] = 0x60;
    h[6] = proto;
    h[7] = DEFAULT_TTL;
    memcpy(h + 8, p->local.b, 16);
    memcpy(h + 24, p->remote.b, 16);
}

void nhi_endpoint_fill(nhi_endpoint *e, const nhtb_path *p, uint32_t path_mtu)
{
    memset(e->hdr, 0, sizeof e->hdr);
    e->path = *p;
    e->path_mtu = path_mtu;
    e->udp = p->local_port != 0 || p->remote_port != 0;
    uint8_t proto = e->udp ? PROTO_UDP : PROTO_ESP;
    if (p->remote.family == 6) {
        e->ip_len = 40;
        fill_ipv6(e->hdr, p, proto);
    } else {
        e->ip_len = 20;
        fill_ipv4(e->hdr, p, proto);
    }
    e->hdr_len = (uint8_t)(e->ip_len + (e->udp ? 8 : 0));
    if (e->udp) {
        nhi_put16(e->hdr + e->ip_len, p->local_port);
        nhi_put16(e->hdr + e->ip_len + 2, p->remote_port);
    }
}

static uint32_t tunnel_mtu(const nhi_endpoint *e, const nhi_bulk_facts *f)
{
    uint32_t fixed = (uint32_t)e->hdr_len + ESP_FIXED + f->iv_len + f->icv_len;
    if (e->path_mtu <= fixed)
        return 0;
    uint32_t align = nhi_bulk_align(f);
    uint32_t text = (e->path_mtu - fixed) / align * align;
    return text > ESP_TRAILER ? text - ESP_TRAILER : 0;
}

void nhi_path_update_mtu(nhi_path *p)
{
    const nhi_endpoint *e = nhi_a_load(&p->endpoint);
    const nhi_cell *c = nhi_a_load(&p->out);
    const nhi_iface_pub *i = nhi_a_load(&p->iface);
    if (e == NULL || c == NULL)
        return; /* nothing is sent: the last value stays for display */
    uint32_t mtu = tunnel_mtu(e, c->facts);
    if (i != NULL && i->mtu != 0 && i->mtu < mtu)
        mtu = i->mtu;
    nhi_a_store(&p->inner_mtu, mtu);
}
