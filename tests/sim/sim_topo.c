/* SPDX-License-Identifier: Apache-2.0
 * Configuration in one line, and the usual subject: a hub with its spokes. */
#include "sim/sim_int.h"

/* ---- questions to the tables ---- */

nhtb_stats sim_stats(sim_node *n)
{
    nhtb_stats st;
    memset(&st, 0, sizeof st);
    st.size = sizeof st;
    int err = nhtb_stats_get(n->ctx, &st);
    if (err)
        sim_die(n->s, "stats", err);
    return st;
}

uint64_t sim_reason(sim_node *n, nhtb_reason r)
{
    return sim_stats(n).reasons[r];
}

unsigned sim_tunnels_up(sim_node *n)
{
    return sim_stats(n).tunnels_up;
}

unsigned sim_bindings(sim_node *n, bool only_up)
{
    nhtb_binding_info row;
    uint32_t cursor = 0;
    unsigned count = 0;
    for (row.size = sizeof row; nhtb_binding_next(n->ctx, &cursor, &row); row.size = sizeof row)
        count += !only_up || row.up;
    return count;
}

/* ---- one-line configuration ---- */

static nhtb_txn *begin(sim_node *n)
{
    nhtb_txn *t = NULL;
    int err = nhtb_txn_begin(n->ctx, &t);
    if (err)
        sim_die(n->s, "transaction", err);
    return t;
}

static void commit(sim_node *n, nhtb_txn *t, int err, const char *what)
{
    if (!err)
        err = nhtb_txn_commit(t, n->s->now);
    if (err)
        sim_die(n->s, what, err);
    sim_pump(n);
}

static nhtb_prefix host_prefix(const sim *s, const char *text)
{
    nhtb_prefix p;
    char buf[64];
    memset(&p, 0, sizeof p);
    snprintf(buf, sizeof buf, "%s", text);
    char *slash = strchr(buf, '/');
    if (slash)
        *slash = 0;
    if (nhtb_addr_parse(buf, &p.addr))
        sim_die(s, text, NHTB_ERR_ARG);
    p.len = slash ? (uint8_t)atoi(slash + 1) : p.addr.family == 4 ? 32 : 128;
    return p;
}

static int txn_iface(nhtb_txn *t, const sim *s, const char *name, nhtb_iface_kind kind,
                     const char *addr_len, nhtb_iface_id *id)
{
    nhtb_iface i;
    nhtb_iface_init(&i);
    i.name = name;
    i.kind = (uint8_t)kind;
    if (addr_len) {
        nhtb_prefix p = host_prefix(s, addr_len);
        *(p.addr.family == 4 ? &i.addr4 : &i.addr6) = p;
    }
    return nhtb_txn_iface(t, &i, id);
}

nhtb_iface_id sim_iface(sim_node *n, const char *name, nhtb_iface_kind kind, const char *addr_len)
{
    nhtb_iface_id id = {0};
    nhtb_txn *t = begin(n);
    commit(n, t, txn_iface(t, n->s, name, kind, addr_len, &id), "interface");
    return id;
}

static int txn_route(nhtb_txn *t, const sim *s, nhtb_iface_id iface, const char *prefix,
                     const char *next_hop)
{
    nhtb_route r;
    memset(&r, 0, sizeof r);
    r.size = sizeof r;
    r.kind = iface.id ? NHTB_ROUTE_TUNNEL : NHTB_ROUTE_LOCAL;
    r.iface = iface;
    if (nhtb_prefix_parse(prefix, &r.prefix) ||
        (next_hop && nhtb_addr_parse(next_hop, &r.next_hop)))
        sim_die(s, prefix, NHTB_ERR_ARG);
    return nhtb_txn_route(t, &r);
}

void sim_route(sim_node *n, nhtb_iface_id iface, const char *prefix, const char *next_hop)
{
    nhtb_txn *t = begin(n);
    commit(n, t, txn_route(t, n->s, iface, prefix, next_hop), "route");
}

void sim_local(sim_node *n, const char *prefix)
{
    sim_route(n, (nhtb_iface_id){0}, prefix, NULL);
}

int sim_binding(sim_node *n, nhtb_iface_id iface, const char *next_hop, nhtb_peer_id peer)
{
    nhtb_binding b;
    nhtb_txn *t = begin(n);
    memset(&b, 0, sizeof b);
    b.size = sizeof b;
    b.iface = iface;
    b.peer = peer;
    if (nhtb_addr_parse(next_hop, &b.next_hop))
        sim_die(n->s, next_hop, NHTB_ERR_ARG);
    int err = nhtb_txn_binding(t, &b);
    if (err)
        nhtb_txn_abort(t);
    else
        err = nhtb_txn_commit(t, n->s->now);
    sim_pump(n);
    return err;
}

static nhtb_span span_of(const char *s)
{
    return s ? (nhtb_span){(const uint8_t *)s, strlen(s)} : (nhtb_span){NULL, 0};
}

static nhtb_identity fqdn(const char *s)
{
    return s ? (nhtb_identity){NHTB_ID_FQDN, span_of(s)} : (nhtb_identity){0};
}

static uint16_t words(const sim *s, nhtb_protocol proto, const char *text, nhtb_proposal *p)
{
    const char *bad = NULL;
    if (!text)
        return 0;
    if (nhtb_proposal_parse(proto, text, p, &bad))
        sim_die(s, text, NHTB_ERR_ARG);
    return 1;
}

static uint16_t selector(const sim *s, const char *text, nhtb_ts *ts)
{
    nhtb_prefix p;
    if (!text)
        return 0;
    if (nhtb_prefix_parse(text, &p))
        sim_die(s, text, NHTB_ERR_ARG);
    *ts = nhtb_ts_from_prefix(&p);
    return 1;
}

enum { CHILDREN = 8 };

static void fill_child(nhtb_child *c, const sim_peer_opts *o, const char *name)
{
    nhtb_child_init(c);
    c->name = name;
    c->iface = o->iface;
    c->lifetime_s = o->child_lifetime_s;
    c->lifetime_packets = o->child_packets;
    c->lifetime_bytes = o->child_bytes;
}

static void fill_peer(nhtb_peer *p, const sim_node *n, const sim_peer_opts *o)
{
    nhtb_peer_init(p);
    p->name = o->name;
    p->path.local = n->addr;
    p->local_id = fqdn(o->local_id);
    p->remote_id = fqdn(o->remote_id);
    p->psk = span_of(o->pki ? NULL : o->psk);
    p->pki = o->pki;
    p->establish = o->establish;
    p->announce = o->announce;
    p->force_encap = o->force_encap;
    p->liveness_s = o->liveness_s;
    p->lifetime_s = o->lifetime_s;
    p->path_mtu = o->path_mtu;
    p->v1 = o->v1;
    if (o->remote && nhtb_addr_parse(o->remote, &p->path.remote))
        sim_die(n->s, o->remote, NHTB_ERR_ARG);
    if (o->remote && p->path.remote.family == 6)
        p->path.local = n->addr6;
}

int sim_peer_txn(nhtb_txn *t, const sim_node *n, const sim_peer_opts *o, nhtb_peer_id *out)
{
    nhtb_peer p;
    nhtb_child c[CHILDREN];
    char name[CHILDREN][32];
    nhtb_proposal ike, esp;
    nhtb_ts local, remote;
    uint16_t count = o->n_children ? o->n_children : 1;
    fill_peer(&p, n, o);
    p.n_proposals = words(n->s, NHTB_PROTO_IKE, o->ike, &ike);
    p.proposals = p.n_proposals ? &ike : NULL;
    for (uint16_t i = 0; i < count && i < CHILDREN; i++) {
        snprintf(name[i], sizeof name[i], "%.20s-%u", o->name, (unsigned)i);
        fill_child(&c[i], o, name[i]);
        c[i].n_proposals = words(n->s, NHTB_PROTO_ESP, o->esp, &esp);
        c[i].proposals = c[i].n_proposals ? &esp : NULL;
        c[i].n_local_ts = selector(n->s, o->local_ts, &local);
        c[i].local_ts = c[i].n_local_ts ? &local : NULL;
        c[i].n_remote_ts = selector(n->s, o->remote_ts, &remote);
        c[i].remote_ts = c[i].n_remote_ts ? &remote : NULL;
    }
    p.children = c;
    p.n_children = count;
    return nhtb_txn_peer(t, &p, out);
}

/** Commits unless err says that there is nothing to commit. */
static int end(sim_node *n, nhtb_txn *t, int err)
{
    if (err)
        nhtb_txn_abort(t);
    else
        err = nhtb_txn_commit(t, n->s->now);
    sim_pump(n);
    return err;
}

int sim_peer(sim_node *n, const sim_peer_opts *o, nhtb_peer_id *out)
{
    nhtb_txn *t = begin(n);
    return end(n, t, sim_peer_txn(t, n, o, out));
}

int sim_peer_vpn(sim_node *n, nhtb_peer *p, nhtb_iface_id st0, nhtb_peer_id *out)
{
    nhtb_txn *t = begin(n);
    nhtb_child c;
    nhtb_child_init(&c);
    c.name = "vpn";
    c.iface = st0;
    p->children = &c;
    p->n_children = 1;
    p->path.local = *sim_addr(n);
    return end(n, t, nhtb_txn_peer(t, p, out));
}

/* ---- hub and spokes ---- */

static char *text_ring(void)
{
    static char ring[16][32];
    static unsigned at;
    return ring[at++ % 16];
}

const char *sim_lan(unsigned i, unsigned h)
{
    char *t = text_ring();
    snprintf(t, 32, "172.%u.%u.%u", 16 + (i >> 8) % 16, i & 255, h & 255);
    return t;
}

const char *sim_hub_lan(unsigned h)
{
    char *t = text_ring();
    snprintf(t, 32, "192.168.0.%u", h & 255);
    return t;
}

const char *sim_tunnel_addr(unsigned i)
{
    char *t = text_ring();
    snprintf(t, 32, "10.0.%u.%u", ((i + 2) >> 8) & 255, (i + 2) & 255);
    return t;
}

static const char *with(const char *a, const char *suffix)
{
    char both[64];
    snprintf(both, sizeof both, "%.31s%.16s", a, suffix);
    char *t = text_ring();
    memcpy(t, both, 31);
    t[31] = 0;
    return t;
}

static const char *spoke_id(unsigned i)
{
    char *t = text_ring();
    snprintf(t, 32, "spoke%u.example", i);
    return t;
}

static const char *spoke_outer(unsigned i)
{
    char *t = text_ring();
    snprintf(t, 32, "198.18.%u.%u", ((i + 1) >> 8) & 255, (i + 1) & 255);
    return t;
}

static void hub_new(sim_topo *t, const sim_topo_opts *o, const nhtb_settings *settings)
{
    sim_node_opts no = {
        .name = "hub", .addr = "192.0.2.1", .crypto = o->crypto, .settings = *settings};
    t->hub = sim_node_new(t->s, &no);
    if (!t->hub)
        sim_die(t->s, "hub", sim_node_error(t->s));
    nhtb_txn *x = begin(t->hub);
    int err = txn_iface(x, t->s, "st0.0", NHTB_IFACE_MULTIPOINT, "10.0.0.1/16", &t->hub_st0);
    if (!err)
        err = txn_route(x, t->s, (nhtb_iface_id){0}, "192.168.0.0/24", NULL);
    for (unsigned i = 0; !err && i < t->n; i++) {
        sim_peer_opts po = o->peer;
        char name[32];
        snprintf(name, sizeof name, "spoke%u", i);
        po.name = name;
        po.remote = NULL;
        po.local_id = "hub.example";
        po.remote_id = o->spoke_id ? o->spoke_id : spoke_id(i);
        po.iface = t->hub_st0;
        po.establish = NHTB_ESTABLISH_RESPONDER_ONLY;
        if (o->hub_ike)
            po.ike = o->hub_ike;
        if (o->hub_v1)
            po.v1 = o->hub_v1;
        if (o->hub_pki)
            po.pki = o->hub_pki;
        if (o->hub_child_lifetime_s)
            po.child_lifetime_s = o->hub_child_lifetime_s;
        err = sim_peer_txn(x, t->hub, &po, &t->hub_peer[i]);
        if (!err)
            err = txn_route(x, t->s, t->hub_st0, with(sim_lan(i, 0), "/24"), sim_tunnel_addr(i));
    }
    commit(t->hub, x, err, "hub");
}

static void spoke_new(sim_topo *t, const sim_topo_opts *o, unsigned i)
{
    sim_node_opts no = {.name = with("spoke", ""), .addr = spoke_outer(i), .crypto = o->crypto};
    char name[32];
    snprintf(name, sizeof name, "spoke%u", i);
    no.name = name;
    no.settings = o->settings ? *o->settings : sim_settings(2);
    sim_node *n = t->spoke[i] = sim_node_new(t->s, &no);
    if (!n)
        sim_die(t->s, name, sim_node_error(t->s));
    nhtb_txn *x = begin(n);
    bool multi = o->spoke_kind == NHTB_IFACE_MULTIPOINT;
    const char *gw = multi ? "10.0.0.1" : NULL;
    int err = txn_iface(x, t->s, "st0.0", o->spoke_kind, with(sim_tunnel_addr(i), "/16"),
                        &t->spoke_st0[i]);
    if (!err)
        err = txn_route(x, t->s, t->spoke_st0[i], "192.168.0.0/24", gw);
    if (!err && o->transit_routes)
        err = txn_route(x, t->s, t->spoke_st0[i], "172.16.0.0/12", gw);
    if (!err)
        err = txn_route(x, t->s, (nhtb_iface_id){0}, with(sim_lan(i, 0), "/24"), NULL);
    sim_peer_opts po = o->peer;
    po.name = "hub";
    po.remote = "192.0.2.1";
    po.local_id = o->spoke_id ? o->spoke_id : spoke_id(i);
    po.remote_id = "hub.example";
    po.iface = t->spoke_st0[i];
    if (!err)
        err = sim_peer_txn(x, n, &po, &t->spoke_peer[i]);
    commit(n, x, err, name);
}

static void *zeroed(size_t n, size_t size)
{
    void *p = calloc(n, size);
    if (!p)
        abort();
    return p;
}

void sim_topo_new(sim_topo *t, sim *s, const sim_topo_opts *o)
{
    sim_topo_opts v = *o;
    if (!v.peer.psk)
        v.peer.psk = "the usual test key";
    memset(t, 0, sizeof *t);
    t->s = s;
    t->n = v.n;
    t->spoke = zeroed(v.n, sizeof(sim_node *));
    t->spoke_st0 = zeroed(v.n, sizeof *t->spoke_st0);
    t->hub_peer = zeroed(v.n, sizeof *t->hub_peer);
    t->spoke_peer = zeroed(v.n, sizeof *t->spoke_peer);
    nhtb_settings settings = v.settings ? *v.settings : sim_settings(v.n);
    hub_new(t, &v, &settings);
    for (unsigned i = 0; i < v.n; i++)
        spoke_new(t, &v, i);
}

void sim_topo_del(sim_topo *t)
{
    free(t->spoke);
    free(t->spoke_st0);
    free(t->hub_peer);
    free(t->spoke_peer);
    memset(t, 0, sizeof *t);
}

/* Cheap questions first: this is asked after every step of a run. */
bool sim_topo_up(void *topo)
{
    sim_topo *t = topo;
    if (sim_events(t->hub, NHTB_EVENT_TUNNEL_UP) < t->n || sim_tunnels_up(t->hub) < t->n)
        return false;
    for (unsigned i = 0; i < t->n; i++)
        if (sim_tunnels_up(t->spoke[i]) < 1)
            return false;
    return true;
}
