/* SPDX-License-Identifier: Apache-2.0
 * Opens a batch: one open burst, replay commit (a number twice in one burst passes the early check
 * twice), notes of a moved peer, then trailer and inner packet. Inbound stages; worker thread.
 * RFC 4303 3.4.3, 3.4.4, 2.4 to 2.7. */
#include "dp/room.h"

enum { NEXT_IPV4 = 4, NEXT_IPV6 = 41, NEXT_NONE = 59 };

static void prepare(nhtb_worker *w, nhi_dp_item *it, size_t job)
{
    const nhi_dp_group *g = &w->group[it->group];
    it->in_path = it->in_cell->path;
    nhi_fetch(nhi_a_load_acq(&it->in_path->endpoint));
    it->text_len = it->esp_len - NHI_ESP_HDR - g->iv_len - g->icv_len;
    nhi_dp_esp_job(w, job, g, it->pkt->buf + it->esp_off, it->text_len, it->seq);
}

static bool moved(const nhi_cell *c, const nhtb_path *seen)
{
    const nhi_endpoint *e = nhi_a_load_acq(&c->path->endpoint);
    if (e == NULL || seen == NULL)
        return false;
    const nhtb_path *p = &e->path;
    if ((p->remote_port == 0) != (seen->remote_port == 0))
        return false; /* encapsulated or not is the peer's choice, not a move */
    bool remote = p->remote_port != seen->remote_port ||
                  memcmp(&p->remote, &seen->remote, sizeof p->remote) != 0;
    bool local = p->local.family != 0 && seen->local.family != 0 &&
                 (p->local_port != seen->local_port ||
                  memcmp(&p->local, &seen->local, sizeof p->local) != 0);
    return remote || local;
}

/* Only the newest authenticated packet says where the peer is: an old one may have been delayed or
 * sent again by somebody else. */
static void commit(nhtb_worker *w, nhi_dp_item *it, int status)
{
    nhi_cell *c = it->in_cell;
    if (status != NHTB_BULK_OK) {
        nhi_dp_drop_in(it, status == NHTB_BULK_BAD ? NHTB_REASON_ICV : NHTB_REASON_CRYPTO);
        return;
    }
    bool newest = it->seq > nhi_a_load(&c->top);
    unsigned reason = nhi_cell_replay_commit(c, it->seq);
    if (reason != 0) {
        nhi_dp_drop_in(it, reason);
        return;
    }
    nhi_dp_group *g = &w->group[it->group];
    g->done++;
    if (!newest || it->pkt->path == g->seen)
        return;
    g->seen = it->pkt->path; /* judged: the host's memory does not change during the call */
    if (moved(c, g->seen))
        nhi_cell_note_source(w->fib, c, g->seen);
}

void nhi_dp_open(nhtb_worker *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_set; i++) {
        if (!nhi_dp_alive(&w->set[i]))
            continue;
        w->job_item[n] = (uint8_t)i;
        prepare(w, &w->set[i], n++);
    }
    if (n == 0)
        return;
    w->crypto->bulk->open(w->lane.mem, w->lane.index, w->job, n);
    for (size_t k = 0; k < n; k++)
        commit(w, &w->set[w->job_item[k]], w->job[k].status);
}

/** The inner packet behind the trailer; what TFC padding follows it is cut off. */
static unsigned inner(nhi_dp_item *it, uint32_t text_off, uint32_t payload)
{
    nhtb_pkt *p = it->pkt;
    unsigned want = it->next_header == NEXT_IPV4 ? 4 : 6;
    if (it->next_header == NEXT_NONE)
        return NHTB_REASON_DUMMY;
    if (it->next_header != NEXT_IPV4 && it->next_header != NEXT_IPV6)
        return NHTB_REASON_NEXT_HEADER;
    p->off = text_off;
    p->len = payload;
    p->gso_size = 0;
    p->flags = 0;
    p->kind = NHTB_PKT_INNER;
    if (nhi_dp_inspect(it) != 0 || it->v.version != want)
        return NHTB_REASON_INNER_MALFORMED;
    p->len = it->v.total_len;
    return 0;
}

static void unwrap(nhtb_worker *w, nhi_dp_item *it)
{
    nhi_dp_group *g = &w->group[it->group];
    uint32_t text_off = it->esp_off + NHI_ESP_HDR + g->iv_len, payload = 0;
    unsigned reason = NHTB_REASON_PADDING;
    if (nhi_esp_trailer_get(it->pkt->buf + text_off, it->text_len, &payload, &it->next_header))
        reason = inner(it, text_off, payload);
    if (reason != 0) {
        nhi_dp_drop_in(it, reason);
        return;
    }
    it->in_iface = it->iface = nhi_a_load_acq(&it->in_path->iface);
    g->bytes += it->pkt->len;
    g->iface = it->in_iface;
    if (it->in_iface == NULL)
        nhi_dp_drop_in(it, NHTB_REASON_NO_IFACE);
    else
        it->pkt->iface.id = it->in_iface->id;
}

void nhi_dp_unwrap(nhtb_worker *w)
{
    for (size_t i = 0; i < w->n_set; i++)
        if (nhi_dp_alive(&w->set[i]))
            unwrap(w, &w->set[i]);
    nhi_dp_group_account(w);
}
