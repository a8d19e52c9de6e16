/* SPDX-License-Identifier: Apache-2.0
 * The next-hop announcement over quick mode (NOTIFY_NS_NHTB_INFORM): last payload of messages 1 and 2,
 * in the framing the peer uses. Liberal in form; what is read counts only because HASH(1) or HASH(2)
 * covers it, and is judged by the engine like an IKEv2 one. Never fails an exchange. protocol-facts
 * 1.3 - 1.5. Called by quick_*. Control thread. */
#include "ike/v1/quick.h"

#define SPI_MAX 16

/** Data forms by their length; the extra bytes repeat what the peer put there (a mask, a prefix
 *  length: both ends of a tunnel lie in one subnet). */
static size_t write_data(uint8_t dst[16], const nhtb_addr *own, const nhi_v1_framing *f)
{
    size_t n = nhi_nhtb_data_write(dst, own);
    if (n != 4)
        return n;
    switch (f->form) {
    case NHTB_V1_FORM_TLV:
        memmove(dst + 4, dst, 4);
        nhi_put32(dst, 0x00010004);
        return 8;
    case NHTB_V1_FORM_MASK: memcpy(dst + 4, f->extra, 4); return 8;
    case NHTB_V1_FORM_PREFIX: dst[4] = f->extra[0]; return 5;
    default: return 4;
    }
}

static nhi_v1_framing framing_of(nhtb_span spi, uint8_t protocol, nhtb_span d)
{
    nhi_v1_framing f = {.seen = true, .protocol = protocol, .spi_len = (uint8_t)spi.n};
    if (d.n == 8 && nhi_get32(d.p) == 0x00010004) {
        f.form = NHTB_V1_FORM_TLV;
    } else if (d.n == 8) {
        f.form = NHTB_V1_FORM_MASK;
        memcpy(f.extra, d.p + 4, 4);
    } else if (d.n == 5) {
        f.form = NHTB_V1_FORM_PREFIX;
        f.extra[0] = d.p[4];
    }
    return f;
}

/** What the entry says, until the peer has shown what it speaks. */
static nhi_v1_framing own_framing(const nhi_v1_x *x)
{
    const nhi_ike_peer *p = x->sa->peer;
    const nhtb_v1 *v = p->cfg.v1;
    if (p->framing.seen)
        return p->framing;
    return (nhi_v1_framing){.form = v->announce_form,
                            .protocol = v->announce_protocol,
                            .spi_len = v->announce_no_spi ? 0 : 4,
                            .extra = {255, 255, 255, 0}};
}

/** AUTO: an initiator always, a responder on a multipoint interface or to who announced itself; IPv4
 *  alone: the IPv6 form is an extension of ours, nobody else is known to read it (protocol-facts 1.4). */
static bool told(const nhi_v1_x *x, const nhi_ike_own *own)
{
    uint8_t mode = x->sa->peer->cfg.announce;
    if (mode != NHTB_ANNOUNCE_AUTO)
        return mode == NHTB_ANNOUNCE_ON;
    return own->addr.family == 4 && (x->initiator || own->multipoint || x->nego.learnt.family != 0);
}

void nhi_v1_announce_write(nhi_v1_x *x, nhi_ike_builder *b)
{
    nhi_ike *ike = x->sa->ike;
    nhi_ike_own own;
    uint8_t data[16], spi[SPI_MAX] = {0};
    if (!ike->env.own_addr(ike->env.user, x->sa->peer_id, x->nego.cfg, &own) || !told(x, &own))
        return;
    nhi_v1_framing f = own_framing(x);
    if (f.form == NHTB_V1_FORM_PREFIX && !f.seen)
        f.extra[0] = 24;
    nhi_put32(spi, x->nego.child->spi_in);
    const nhi_v1_notify n = {NHI_V1_DOI,
                             f.protocol,
                             NHI_NOTIFY_NHTB,
                             {spi, f.spi_len},
                             {data, write_data(data, &own.addr, &f)}};
    nhi_v1_build_notify(b, &n);
    ike->count.notify_nhtb_sent++;
}

static bool find(const nhi_v1_msg *m, nhi_v1_notify *out)
{
    const nhi_v1_pl *p;
    for (size_t k = 0; (p = nhi_v1_msg_get(m, NHI_V1_NOTIFY, k)); k++)
        if (nhi_v1_notify_read(out, p->body) && out->type == NHI_NOTIFY_NHTB)
            return true;
    return false;
}

void nhi_v1_announce_read(nhi_v1_x *x, const nhi_v1_msg *m)
{
    nhi_ike *ike = x->sa->ike;
    nhi_ike_peer *p = x->sa->peer;
    nhi_v1_notify n;
    memset(&x->nego.learnt, 0, sizeof x->nego.learnt);
    if (!find(m, &n))
        return;
    if (p->cfg.announce == NHTB_ANNOUNCE_OFF || n.doi > NHI_V1_DOI || n.spi.n > SPI_MAX ||
        !nhi_nhtb_data_read(n.data, &x->nego.learnt)) {
        memset(&x->nego.learnt, 0, sizeof x->nego.learnt);
        ike->count.notify_nhtb_ignored++;
        return;
    }
    p->framing = framing_of(n.spi, n.protocol, n.data);
    ike->count.notify_nhtb_received++;
}

void nhi_v1_announce_ignore(nhi_ike *ike, const nhi_v1_msg *m)
{
    nhi_v1_notify n;
    if (find(m, &n))
        ike->count.notify_nhtb_ignored++;
}
