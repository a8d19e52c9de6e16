/* SPDX-License-Identifier: Apache-2.0
 * Both ends of a VPN in one file and one thread, without sockets: a hub with a multipoint tunnel
 * interface and one spoke. IKEv2 with a pre-shared key, then a ping from the spoke's network to the
 * hub's and back. The hub learns by itself which tunnel leads to 10.0.0.2 (next-hop tunnel binding).
 * Only public headers are used. Exit status 0: the answer came back. */
#include <nhtb/nhtb.h>
#if defined(NHTB_HAVE_OPENSSL) && !defined(NHTB_HAVE_MBEDTLS)
#include <nhtb/backend_openssl.h>
#define backend nhtb_openssl_crypto
#else
#include <nhtb/backend_mbedtls.h>
#define backend nhtb_mbedtls_crypto
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF = 2048, SPARES = 4 };

typedef struct side {
    const char *name;
    nhtb_ctx *ctx;       /* control plane: IKE, tables */
    nhtb_worker *worker; /* data plane: ESP */
    struct side *other;  /* "the network" */
    nhtb_iface_id st0;
    unsigned delivered; /* inner packets that came out here */
} side;

static nhtb_time now = 1; /* the library has no clock: the host gives the time */

/* ---- what the host plugs in: memory and randomness ---- */

static void *host_alloc(void *user, size_t n, size_t align)
{
    (void)user;
    return aligned_alloc(align, (n + align - 1) / align * align);
}

static void host_free(void *user, void *p, size_t n)
{
    (void)user;
    (void)n;
    free(p);
}

static int host_random(void *user, uint8_t *dst, size_t n)
{
    FILE *f = fopen("/dev/urandom", "rb");
    size_t got = f ? fread(dst, 1, n, f) : 0;
    (void)user;
    if (f)
        fclose(f);
    return got == n ? 0 : -1;
}

static void check(int err, const char *what)
{
    if (err == NHTB_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, nhtb_strerror(err));
    exit(1);
}

/* ---- packets: the host owns all of them ---- */

static nhtb_pkt packet(uint8_t *buf, const void *data, size_t len, uint8_t kind)
{
    nhtb_pkt p = {.buf = buf, .cap = BUF, .off = NHTB_HEADROOM, .len = (uint32_t)len, .kind = kind};
    if (len)
        memcpy(buf + p.off, data, len);
    return p;
}

static void to_host(side *s, const nhtb_pkt *p);
static void to_network(side *s, const nhtb_pkt *p);

/* One packet through the data plane (out: towards the network), then whatever its verdict says. */
static void through_worker(side *s, nhtb_pkt *p, bool out)
{
    static uint8_t bufs[SPARES][BUF];
    nhtb_pkt spares[SPARES], *in[1] = {p}, *spare[SPARES], *result[SPARES + 2];
    for (int i = 0; i < SPARES; i++) {
        spares[i] = packet(bufs[i], NULL, 0, 0);
        spare[i] = &spares[i];
    }
    nhtb_burst b = {.in = in,
                    .n_in = 1,
                    .spare = spare,
                    .n_spare = SPARES,
                    .out = result,
                    .cap_out = SPARES + 2};
    if (out)
        nhtb_worker_out(s->worker, &b, now);
    else
        nhtb_worker_in(s->worker, &b, now);
    for (size_t i = 0; i < b.n_out; i++) {
        nhtb_pkt copy = *result[i]; /* delivering it may use the spares again */
        uint8_t data[BUF];
        memcpy(data, copy.buf, copy.cap);
        copy.buf = data;
        if (copy.verdict == NHTB_PKT_TX)
            to_network(s, &copy);
        else if (copy.verdict == NHTB_PKT_DELIVER)
            to_host(s, &copy);
        else if (copy.verdict == NHTB_PKT_PUNT)
            check(nhtb_feed(s->ctx, &(nhtb_pkt *){&copy}, 1, now), "feed");
    }
    nhtb_worker_rest(s->worker);
}

/* The wire: what one side sends, the other receives with the addresses seen from its end. */
static void to_network(side *s, const nhtb_pkt *p)
{
    uint8_t buf[BUF];
    nhtb_path path = {.local = p->path->remote,
                      .remote = p->path->local,
                      .local_port = p->path->remote_port,
                      .remote_port = p->path->local_port};
    nhtb_pkt in = packet(buf, p->buf + p->off, p->len, p->kind);
    in.path = &path;
    if (in.kind == NHTB_PKT_IKE_500)
        check(nhtb_feed(s->other->ctx, &(nhtb_pkt *){&in}, 1, now), "feed");
    else
        through_worker(s->other, &in, false);
}

/* A decrypted packet. Behind the hub lives a machine that answers pings. */
static void to_host(side *s, const nhtb_pkt *p)
{
    uint8_t buf[BUF], *ip;
    nhtb_pkt reply = packet(buf, p->buf + p->off, p->len, NHTB_PKT_INNER);
    ip = buf + reply.off;
    s->delivered++;
    printf("%s: %u bytes from %d.%d.%d.%d, ICMP type %d\n", s->name, p->len, ip[12], ip[13], ip[14],
           ip[15], ip[20]);
    if (ip[20] != 8)
        return;
    uint8_t src[4];
    memcpy(src, ip + 12, 4);
    memcpy(ip + 12, ip + 16, 4);
    memcpy(ip + 16, src, 4);
    ip[20] = 0;  /* echo reply: */
    ip[22] += 8; /* the checksum grows by what the type lost (no carry in this packet) */
    reply.iface = p->iface;
    through_worker(s, &reply, true);
}

/* ---- the control loop: what a real host does in its event loop ---- */

static bool turn(side *s)
{
    uint8_t buf[BUF];
    nhtb_job *job;
    nhtb_event ev;
    bool busy = false;
    if (nhtb_deadline(s->ctx) <= now)
        nhtb_timeout(s->ctx, now);
    while (nhtb_next_job(s->ctx, &job)) { /* public-key work; a thread pool could do it */
        nhtb_job_run(job);
        nhtb_job_done(s->ctx, job, now);
        busy = true;
    }
    nhtb_pkt p = packet(buf, NULL, 0, 0);
    while (nhtb_drain(s->ctx, &(nhtb_pkt *){&p}, 1, now) == 1) {
        if (p.verdict == NHTB_PKT_TX)
            to_network(s, &p);
        p = packet(buf, NULL, 0, 0);
        busy = true;
    }
    for (nhtb_event_init(&ev); nhtb_next_event(s->ctx, &ev); nhtb_event_init(&ev))
        printf("%s: event %s%s%s\n", s->name, nhtb_event_name(ev.kind), ev.detail ? ": " : "",
               nhtb_detail_text(ev.detail));
    return busy;
}

static void run(side *a, side *b, nhtb_time until)
{
    for (; now < until; now += 10 * NHTB_NS_PER_MS) {
        for (bool busy = true; busy;) {
            busy = turn(a);
            busy = turn(b) || busy;
        }
    }
}

/* ---- configuration: one transaction per side ---- */

static nhtb_identity fqdn(const char *text)
{
    return (nhtb_identity){NHTB_ID_FQDN, {(const uint8_t *)text, strlen(text)}};
}

static nhtb_addr addr(const char *text)
{
    nhtb_addr a;
    check(nhtb_addr_parse(text, &a), text);
    return a;
}

static nhtb_prefix prefix(const char *text)
{
    nhtb_prefix p;
    check(nhtb_prefix_parse(text, &p), text);
    return p;
}

static void open_side(side *s, const char *name, side *other)
{
    nhtb_settings settings;
    nhtb_settings_init(&settings);
    nhtb_host host = {
        .size = sizeof host, .alloc = host_alloc, .free = host_free, .random = host_random};
    nhtb_crypto crypto = backend();
    s->name = name;
    s->other = other;
    check(nhtb_ctx_new(&s->ctx, &settings, &host, &crypto), "context");
    check(nhtb_worker_new(&s->worker, s->ctx, 0), "worker");
}

static void configure(side *s, bool hub)
{
    static const uint8_t psk[] = "a long and random pre-shared key";
    nhtb_txn *t;
    nhtb_peer_id peer_id;
    nhtb_iface st0;
    nhtb_child child;
    nhtb_peer peer;
    nhtb_route far = {.size = sizeof far, .kind = NHTB_ROUTE_TUNNEL};
    nhtb_route own = {.size = sizeof own, .kind = NHTB_ROUTE_LOCAL};

    nhtb_iface_init(&st0);
    st0.name = "st0.0";
    st0.kind = NHTB_IFACE_MULTIPOINT; /* many tunnels, told apart by next hop */
    st0.addr4.addr = addr(hub ? "10.0.0.1" : "10.0.0.2");
    st0.addr4.len = 24;
    check(nhtb_txn_begin(s->ctx, &t), "transaction");
    check(nhtb_txn_iface(t, &st0, &s->st0), "interface");

    nhtb_child_init(&child);
    child.name = hub ? "to-spoke" : "to-hub";
    child.iface = s->st0;
    nhtb_peer_init(&peer);
    peer.name = hub ? "spoke" : "hub";
    peer.psk = (nhtb_span){psk, sizeof psk - 1};
    peer.local_id = fqdn(hub ? "hub.example" : "spoke.example");
    peer.remote_id = fqdn(hub ? "spoke.example" : "hub.example");
    peer.path.local = addr(hub ? "192.0.2.1" : "198.51.100.2");
    if (!hub) /* the hub leaves it open: a spoke may come from anywhere */
        peer.path.remote = addr("192.0.2.1");
    peer.establish = hub ? NHTB_ESTABLISH_RESPONDER_ONLY : NHTB_ESTABLISH_IMMEDIATELY;
    peer.children = &child;
    peer.n_children = 1;
    check(nhtb_txn_peer(t, &peer, &peer_id), "peer");

    /* The other side's network is behind its tunnel address; who has that address is learnt. */
    far.prefix = prefix(hub ? "192.168.2.0/24" : "192.168.1.0/24");
    far.iface = s->st0;
    far.next_hop = addr(hub ? "10.0.0.2" : "10.0.0.1");
    own.prefix = prefix(hub ? "192.168.1.0/24" : "192.168.2.0/24");
    check(nhtb_txn_route(t, &far), "route");
    check(nhtb_txn_route(t, &own), "route");
    check(nhtb_txn_commit(t, now), "commit");
}

static void show_bindings(const side *s)
{
    nhtb_binding_info row = {.size = sizeof row};
    uint32_t cursor = 0;
    char text[NHTB_ADDR_TEXT];
    while (nhtb_binding_next(s->ctx, &cursor, &row))
        printf("%s: next hop %s on %s -> VPN %s (%s, %s)\n", s->name,
               nhtb_addr_format(&row.next_hop, text, sizeof text), row.iface_name, row.vpn,
               row.is_static ? "Static" : "Auto", row.up ? "up" : "down");
}

int main(void)
{
    /* 192.168.2.9 pings 192.168.1.7 */
    static const uint8_t ping[28] = {0x45, 0,    0,    28,   0,    1,    0,   0,   64, 1,
                                     0xf6, 0x7f, 192,  168,  2,    9,    192, 168, 1,  7,
                                     8,    0,    0xe5, 0xca, 0x12, 0x34, 0,   1};
    uint8_t buf[BUF];
    side hub = {0}, spoke = {0};
    open_side(&hub, "hub  ", &spoke);
    open_side(&spoke, "spoke", &hub);
    configure(&hub, true);
    configure(&spoke, false);
    run(&hub, &spoke, 1 * NHTB_NS_PER_S); /* IKE_SA_INIT, IKE_AUTH */
    show_bindings(&hub);
    show_bindings(&spoke);

    nhtb_pkt p = packet(buf, ping, sizeof ping, NHTB_PKT_INNER);
    p.iface = spoke.st0;
    through_worker(&spoke, &p, true);
    run(&hub, &spoke, 2 * NHTB_NS_PER_S);

    bool ok = hub.delivered == 1 && spoke.delivered == 1;
    printf("%s\n", ok ? "ping answered through the tunnel" : "no answer");
    nhtb_worker_del(hub.worker);
    nhtb_worker_del(spoke.worker);
    nhtb_ctx_del(hub.ctx);
    nhtb_ctx_del(spoke.ctx);
    return ok ? 0 : 1;
}
