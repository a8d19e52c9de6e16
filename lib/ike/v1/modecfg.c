/* SPDX-License-Identifier: Apache-2.0
 * Mode config, both sides, asked for (pull) or pushed: the client gets an IPv4 address, perhaps name
 * servers, and what Cisco Unity clients want to know. An address given binds as next hop to the
 * tunnel; an address received goes to the host as an event. Unknown attributes are skipped. draft-
 * dukes-ike-mode-cfg-02. Called by conf.c, quick.c. Control thread. */
#include "ike/v1/conf.h"

static void tell(nhi_ike_sa *sa, nhtb_event_kind kind, const nhtb_addr *addr, nhtb_time now)
{
    nhi_ike_act *a = nhi_ike_act_add(sa->ike, NHI_ACT_EVENT, false);
    if (!a)
        return;
    a->peer = a->event.peer = sa->peer_id;
    a->event.size = (uint32_t)sizeof a->event;
    a->event.kind = (uint16_t)kind;
    a->event.time = now;
    a->event.count = 1;
    a->event.child = UINT16_MAX;
    a->event.iface = sa->peer->cfg.children[0].iface;
    a->event.addr = *addr;
    a->event.path = sa->path;
}

/* ---- server: which address ---- */

static bool is_held(const nhi_ike_peer *not_this, const nhtb_addr *a)
{
    nhi_ike *ike = not_this->ike;
    uint32_t cursor = 0, id;
    nhi_ike_peer *p;
    while ((p = nhi_slab_next(&ike->peers, &cursor, &id)))
        if (p != not_this && !nhi_list_empty(&p->sas) && p->address_given &&
            nhtb_addr_equal(&p->address, a))
            return true;
    return false;
}

static bool is_own(const nhi_ike_sa *sa, const nhtb_addr *a)
{
    nhi_ike_own own;
    return sa->ike->env.own_addr(sa->ike->env.user, sa->peer_id, 0, &own) &&
           nhtb_addr_equal(&own.addr, a);
}

/** The k-th address of a pool; network and broadcast address are not given. */
static bool pool_address(const nhtb_prefix *pool, uint32_t k, nhtb_addr *out)
{
    uint32_t hosts = pool->len >= 31 ? (pool->len == 32 ? 1 : 2)
                                     : (uint32_t)((UINT64_C(1) << (32 - pool->len)) - 2);
    if (pool->addr.family != 4 || k >= hosts) /* a pool is a /8 at most */
        return false;
    *out = pool->addr;
    nhi_put32(out->b, nhi_get32(pool->addr.b) + k + (pool->len >= 31 ? 0 : 1));
    return true;
}

/** Identities have their addresses like users (a user with an empty password). */
static void fixed_by_identity(const nhi_ike_sa *sa, nhtb_addr *out)
{
    const nhtb_v1 *e = nhi_v1_conf_entry(sa);
    for (uint16_t i = 0; i < e->n_users; i++) {
        const nhtb_v1_user *u = &e->users[i];
        if (!u->password.n && u->name.n == sa->remote_id_n &&
            memcmp(u->name.p, sa->remote_id, u->name.n) == 0)
            *out = u->address;
    }
}

#define POOL_TRIES 65536

/** The host's or the list's wish, what the peer had before, the first free one of the pool. */
static bool choose_address(nhi_ike_sa *sa, nhtb_addr *out)
{
    nhi_ike_peer *p = sa->peer;
    const nhtb_prefix *pool = &nhi_v1_conf_entry(sa)->pool;
    *out = sa->v1->conf->address;
    if (out->family != 4)
        fixed_by_identity(sa, out);
    if (out->family == 4)
        return !is_held(p, out) && !is_own(sa, out);
    if (p->address_given && nhi_addr_in(pool, &p->address) && !is_held(p, &p->address)) {
        *out = p->address;
        return true;
    }
    for (uint32_t k = 0; k < POOL_TRIES && pool_address(pool, k, out); k++)
        if (!is_held(p, out) && !is_own(sa, out))
            return true;
    return false;
}

static void write_number4(nhi_wr *w, unsigned type, const uint8_t b[4])
{
    nhi_v1_attr_write(w, type, (nhtb_span){b, 4});
}

/** Network, mask, and what Unity reserves for ports: 14 bytes each. */
static void write_split(nhi_wr *w, const nhtb_v1 *e)
{
    uint8_t b[14 * 16]; /* as many as config.c takes */
    size_t n = 0;
    for (uint16_t i = 0; i < e->n_split; i++) {
        const nhtb_prefix *s = &e->split[i]; /* IPv4: config.c */
        memset(b + n, 0, 14);
        memcpy(b + n, s->addr.b, 4);
        nhi_put32(b + n + 4, s->len ? UINT32_MAX << (32 - s->len) : 0);
        n += 14;
    }
    if (n)
        nhi_v1_attr_write(w, NHI_V1_MC_SPLIT_INCLUDE, (nhtb_span){b, n});
}

/** Everything a client may want: those that asked for less skip the rest. */
static void write_config(nhi_wr *w, const nhi_ike_sa *sa, const nhtb_addr *a)
{
    static const uint8_t host_mask[4] = {255, 255, 255, 255};
    const nhtb_v1 *e = nhi_v1_conf_entry(sa);
    write_number4(w, NHI_V1_MC_IP4_ADDRESS, a->b);
    write_number4(w, NHI_V1_MC_IP4_NETMASK, host_mask);
    for (size_t i = 0; i < NHI_ARRAY_LEN(e->dns); i++)
        if (e->dns[i].family == 4)
            write_number4(w, NHI_V1_MC_IP4_DNS, e->dns[i].b);
    if (!(sa->v1->vids & NHI_V1_VID_UNITY))
        return;
    if (e->banner.n)
        nhi_v1_attr_write(w, NHI_V1_MC_BANNER, e->banner);
    if (e->domain.n)
        nhi_v1_attr_write(w, NHI_V1_MC_DOMAIN, e->domain);
    write_split(w, e);
}

static void given(nhi_ike_sa *sa, const nhtb_addr *a, nhtb_time now)
{
    nhi_ike_peer *p = sa->peer;
    bool news = !p->address_given || !nhtb_addr_equal(&p->address, a);
    p->address = *a;
    p->address_given = true;
    if (news)
        tell(sa, NHTB_EVENT_ADDRESS_GIVEN, a, now);
}

unsigned nhi_v1_modecfg_asked(nhi_v1_x *x, const nhi_v1_cfg *c, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_ike_sa *sa = x->sa;
    nhtb_addr a;
    (void)c;
    /* before XAuth has passed nobody gets anything */
    if (nhi_v1_conf_entry(sa)->config != NHTB_V1_SERVER || !nhi_v1_xauth_over(sa, now))
        return NHTB_REASON_IKE_STATE;
    nhi_v1_send_inner(sa->ike, &b);
    nhi_v1_build_cfg_begin(&b, NHI_V1_CFG_REPLY, x->id);
    bool has = choose_address(sa, &a);
    if (has)
        write_config(&b.w, sa, &a);
    else
        nhi_ike_act_event(sa->ike, NHTB_EVENT_LIMIT, NHTB_DETAIL_CAPACITY, 0, sa->peer_id,
                          UINT16_MAX, &sa->path, now);
    if (nhi_v1_conf_send(x, &b, NHI_V1_ANSWER, now))
        return NHTB_REASON_MEMORY;
    if (has)
        given(sa, &a, now);
    return NHTB_REASON_NONE;
}

int nhi_v1_modecfg_push(nhi_ike_sa *sa, nhtb_time now)
{
    nhi_ike_builder b;
    nhtb_addr a;
    int err = 0;
    if (!choose_address(sa, &a)) {
        nhi_ike_act_event(sa->ike, NHTB_EVENT_LIMIT, NHTB_DETAIL_CAPACITY, 0, sa->peer_id,
                          UINT16_MAX, &sa->path, now);
        nhi_v1_refuse(sa, NHTB_DETAIL_CAPACITY, 0, now);
        return 0;
    }
    nhi_v1_x *x = nhi_v1_x_new(sa, NHI_V1_EX_TRANSACTION, now, &err);
    if (!x)
        return err;
    x->step = NHI_V1_STEP_PUSH;
    nhi_v1_send_inner(sa->ike, &b);
    nhi_v1_build_cfg_begin(&b, NHI_V1_CFG_SET, (uint16_t)(x->mid & 0xffff));
    write_config(&b.w, sa, &a);
    err = nhi_v1_conf_send(x, &b, NHI_V1_AWAIT, now);
    if (err)
        nhi_v1_x_kill(x);
    else
        given(sa, &a, now);
    return err;
}

/* ---- client ---- */

int nhi_v1_modecfg_pull(nhi_ike_sa *sa, nhtb_time now)
{
    static const uint16_t wanted[] = {NHI_V1_MC_IP4_ADDRESS, NHI_V1_MC_IP4_NETMASK,
                                      NHI_V1_MC_IP4_DNS};
    nhi_ike_builder b;
    int err = 0;
    nhi_v1_x *x = nhi_v1_x_new(sa, NHI_V1_EX_TRANSACTION, now, &err);
    if (!x)
        return err;
    x->step = NHI_V1_STEP_PULL;
    nhi_v1_send_inner(sa->ike, &b);
    nhi_v1_build_cfg_begin(&b, NHI_V1_CFG_REQUEST, (uint16_t)(x->mid & 0xffff));
    for (size_t i = 0; i < NHI_ARRAY_LEN(wanted); i++)
        nhi_v1_attr_write(&b.w, wanted[i], (nhtb_span){NULL, 0});
    err = nhi_v1_conf_send(x, &b, NHI_V1_AWAIT, now);
    if (err)
        nhi_v1_x_kill(x);
    return err;
}

static bool read_address(nhtb_span attrs, nhtb_addr *out)
{
    nhi_v1_attr a;
    return nhi_v1_conf_attr(attrs, NHI_V1_MC_IP4_ADDRESS, &a) && a.value.n == 4 &&
           nhi_addr_from_bytes(out, 4, a.value.p) && nhi_addr_is_unicast(out);
}

static void received(nhi_ike_sa *sa, const nhtb_addr *a, nhtb_time now)
{
    nhi_ike_peer *p = sa->peer;
    bool news = p->address.family == 0 || !nhtb_addr_equal(&p->address, a);
    p->address = *a;
    if (news)
        tell(sa, NHTB_EVENT_ADDRESS_RECEIVED, a, now);
    sa->v1->conf->config_due = false;
    if (sa->state == NHI_SA_V1_CONFIG)
        nhi_v1_conf_next(sa, now);
}

unsigned nhi_v1_modecfg_reply(nhi_v1_x *x, const nhi_v1_cfg *c, nhtb_time now)
{
    nhi_ike_sa *sa = x->sa;
    nhtb_addr a;
    nhi_v1_x_done(x, now);
    if (read_address(c->attrs, &a))
        received(sa, &a, now);
    else if (sa->state == NHI_SA_V1_CONFIG)
        nhi_v1_refuse(sa, NHTB_DETAIL_CAPACITY, 0, now); /* the server has none for us */
    return NHTB_REASON_NONE;
}

/** ACK repeats the types of what was taken, without values. */
unsigned nhi_v1_modecfg_set(nhi_v1_x *x, const nhi_v1_cfg *c, nhtb_time now)
{
    nhi_ike_builder b;
    nhi_ike_sa *sa = x->sa;
    nhtb_addr a;
    nhi_rd r;
    nhi_v1_attr one;
    if (nhi_v1_conf_entry(sa)->config != NHTB_V1_CLIENT || sa->v1->conf->xauth_due)
        return NHTB_REASON_IKE_STATE;
    bool has = read_address(c->attrs, &a);
    nhi_v1_send_inner(sa->ike, &b);
    nhi_v1_build_cfg_begin(&b, NHI_V1_CFG_ACK, x->id);
    nhi_rd_init(&r, c->attrs.p, c->attrs.n);
    for (unsigned i = 0; i < 64 && nhi_v1_attr_next(&r, &one); i++)
        nhi_v1_attr_write(&b.w, one.type, (nhtb_span){NULL, 0});
    if (nhi_v1_conf_send(x, &b, NHI_V1_ANSWER, now))
        return NHTB_REASON_MEMORY;
    if (has)
        received(sa, &a, now);
    return NHTB_REASON_NONE;
}

/* ---- phase 2 ---- */

void nhi_v1_modecfg_bind(const nhi_ike_child *c)
{
    const nhi_ike_peer *p = c->sa->peer;
    nhi_ike_act *a = p->address_given ? nhi_ike_act_add(c->sa->ike, NHI_ACT_ASSIGN, true) : NULL;
    if (!a)
        return;
    a->peer = c->sa->peer_id;
    a->child = c->cfg;
    a->addr = p->address;
}

bool nhi_v1_modecfg_allows(const nhi_ike_peer *p, const nhtb_ts *remote)
{
    const nhtb_prefix *pool = &p->cfg.v1->pool;
    if (p->cfg.v1->config != NHTB_V1_SERVER || remote->lo.family != 4)
        return true;
    if (p->address_given && nhtb_addr_equal(&remote->lo, &p->address) &&
        nhtb_addr_equal(&remote->hi, &p->address))
        return true;
    nhtb_addr last = pool->addr;
    if (pool->addr.family != 4)
        return true;
    nhi_put32(last.b, nhi_get32(pool->addr.b) | (uint32_t)((UINT64_C(1) << (32 - pool->len)) - 1));
    return nhi_addr_cmp(&remote->hi, &pool->addr) < 0 || nhi_addr_cmp(&remote->lo, &last) > 0;
}
