/* SPDX-License-Identifier: Apache-2.0
 * Inner packets: built with a tag that the receiving node counts. See sim.h. */
#include "sim/sim_int.h"

static uint16_t checksum(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < n; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

size_t sim_build(uint8_t *buf, const nhtb_addr *src, const nhtb_addr *dst, uint32_t tag, size_t len)
{
    static const uint32_t magic = 0x51a7e571u;
    size_t hdr = src->family == 4 ? 20 : 40;
    if (len < hdr + 16)
        len = hdr + 16;
    memset(buf, 0, hdr + 8);
    for (size_t i = hdr + 16; i < len; i++)
        buf[i] = (uint8_t)(i + tag);
    if (src->family == 4) {
        buf[0] = 0x45;
        put16(buf + 2, len);
        put16(buf + 4, tag & 0xffff);
        buf[8] = 64;
        buf[9] = 17;
        memcpy(buf + 12, src->b, 4);
        memcpy(buf + 16, dst->b, 4);
        put16(buf + 10, checksum(buf, 20));
    } else {
        buf[0] = 0x60;
        put16(buf + 4, len - 40);
        buf[6] = 17;
        buf[7] = 64;
        memcpy(buf + 8, src->b, 16);
        memcpy(buf + 24, dst->b, 16);
    }
    put16(buf + hdr, 7000);
    put16(buf + hdr + 2, 7);
    put16(buf + hdr + 4, len - hdr);
    memcpy(buf + hdr + 8, &magic, 4);
    memcpy(buf + hdr + 12, &tag, 4);
    return len;
}

void sim_send_raw(sim_node *n, nhtb_iface_id iface, const void *p, size_t len, uint16_t gso_size,
                  uint16_t hdr_len)
{
    uint8_t *buf = malloc(NHTB_HEADROOM + len + NHTB_TAILROOM);
    if (!buf)
        abort();
    memcpy(buf + NHTB_HEADROOM, p, len);
    nhtb_pkt pkt = {.buf = buf,
                    .cap = (uint32_t)(NHTB_HEADROOM + len + NHTB_TAILROOM),
                    .off = NHTB_HEADROOM,
                    .len = (uint32_t)len,
                    .iface = iface,
                    .kind = NHTB_PKT_INNER,
                    .gso_size = gso_size,
                    .hdr_len = hdr_len};
    n->sent++;
    sim_through(n, n->n_workers > 1 ? (unsigned)(sim_rand(n->s) % n->n_workers) : 0, &pkt, true);
    free(buf);
    sim_pump(n);
}

void sim_send(sim_node *n, nhtb_iface_id iface, const char *src, const char *dst, uint32_t tag,
              size_t len)
{
    nhtb_addr a, b;
    uint8_t *buf = malloc(SIM_BUF);
    if (!buf || nhtb_addr_parse(src, &a) || nhtb_addr_parse(dst, &b) || len > SIM_BUF)
        sim_die(n->s, "sim_send", NHTB_ERR_ARG);
    len = sim_build(buf, &a, &b, tag, len);
    sim_send_raw(n, iface, buf, len, 0, 0);
    free(buf);
}

unsigned sim_got(const sim_node *n, uint32_t tag)
{
    return tag < n->n_tags ? n->tags[tag] : 0;
}

uint64_t sim_delivered(const sim_node *n)
{
    return n->delivered;
}

uint64_t sim_sent(const sim_node *n)
{
    return n->sent;
}

nhtb_span sim_last(const sim_node *n, nhtb_iface_id *iface)
{
    if (iface)
        *iface = n->last_iface;
    return (nhtb_span){n->last, n->last_len};
}

void sim_on_deliver(sim_node *n, void (*hook)(void *user, sim_node *n, const nhtb_pkt *p),
                    void *user)
{
    n->on_deliver = hook;
    n->on_deliver_user = user;
}
