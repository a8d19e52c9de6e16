/* SPDX-License-Identifier: Apache-2.0
 * Super-packets of a TUN device (IFF_VNET_HDR): the header before each packet into packet fields, and
 * neighbours of one TCP or UDP flow put together to one packet again. Pure; any thread. Virtio 1.2
 * 5.1.6, RFC 9293 3.1, RFC 768. */
#ifndef GATEWAY_VNET_H
#define GATEWAY_VNET_H

#include <nhtb/nhtb.h>

#include <linux/virtio_net.h>
#include <sys/uio.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

typedef struct virtio_net_hdr vnet_hdr;

/** What the header says of a packet that was read; len and off are set. False: a kind of
 *  segmentation that was not asked for. */
bool vnet_read(const vnet_hdr *h, nhtb_pkt *p);

#define VNET_SEGMENTS 128 /* packets in one super-packet */
#define VNET_HEAD     128 /* IPv6, TCP with all options */

/** Packets that are about to be written as one. Payloads are borrowed until it is written. */
typedef struct vnet_join {
    vnet_hdr hdr;
    uint8_t head[VNET_HEAD];
    struct iovec iov[2 + VNET_SEGMENTS]; /* header, first packet's headers, payloads */
    const uint8_t *first;
    size_t first_len, bytes; /* bytes: of the super-packet, headers counted once */
    uint32_t l4, head_len, seg;
    uint16_t n; /* packets; 0: empty */
    uint8_t proto;
    bool open, checked; /* takes more; the first one's checksum is right */
} vnet_join;

/** Starts with a packet (n bytes at p). udp: datagrams may be put together as well. */
void vnet_join_begin(vnet_join *j, const uint8_t *p, size_t n, bool udp);
/** Adds the packet behind it in its flow. False: it does not fit, or its checksum is wrong (which
 *  must reach the receiver as it is). */
bool vnet_join_add(vnet_join *j, const uint8_t *p, size_t n);
/** The pieces to write; returns their number. with_hdr false: the device has no vnet header, then
 *  only single packets are begun. */
int vnet_join_pieces(vnet_join *j, bool with_hdr, struct iovec **v);

#endif
