/* SPDX-License-Identifier: Apache-2.0
 * See duo.h. */
#include "duo.h"

static void *take(void *user, size_t n, size_t align)
{
    side *s = user;
    void *p = NULL;
    if (++s->allocs == s->fail_alloc)
        return NULL;
    if (posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, n))
        return NULL;
    memset(p, 0xa5, n);
    s->live++;
    return p;
}

static void give(void *user, void *p, size_t n)
{
    (void)n;
    ((side *)user)->live -= p != NULL;
    free(p);
}

static int randomness(void *user, uint8_t *dst, size_t n)
{
    side *s = user;
    if (s->fail_random && --s->fail_random == 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        dst[i] = (uint8_t)(rand() >> 4);
    return 0;
}

static int spi_reserve(void *user, nhtb_peer_id peer, uint32_t *spi)
{
    side *s = user;
    (void)peer;
    if (s->spi_fail)
        return NHTB_ERR_LIMIT;
    *spi = s->next_spi++;
    s->reserved++;
    return 0;
}

static void spi_release(void *user, uint32_t spi)
{
    (void)spi;
    ((side *)user)->reserved--;
}

static bool own_addr(void *user, nhtb_peer_id peer, uint16_t child, nhi_ike_own *out)
{
    side *s = user;
    (void)peer;
    (void)child;
    *out = (nhi_ike_own){s->own, s->multipoint};
    return s->has_own;
}

static nhtb_time last_in(void *user, nhtb_peer_id peer)
{
    (void)peer;
    return ((side *)user)->last_in;
}

static nhtb_time last_out(void *user, nhtb_peer_id peer)
{
    (void)peer;
    return ((side *)user)->last_out;
}

nhtb_addr ip(const char *text)
{
    nhtb_addr a;
    cr_assert_eq(nhtb_addr_parse(text, &a), 0);
    return a;
}

nhtb_span str(const char *text)
{
    return (nhtb_span){(const uint8_t *)text, strlen(text)};
}

nhtb_ts net4(const char *text, uint8_t len)
{
    nhtb_prefix p = {.addr = ip(text), .len = len};
    return nhtb_ts_from_prefix(&p);
}

static nhtb_settings settings(void)
{
    nhtb_settings s;
    memset(&s, 0, sizeof s);
    s.size = sizeof s;
    s.workers = 1;
    s.vendor_id = true;
    s.nat_keepalive_s = 20;
    s.retransmit_ms = 500;
    s.retransmit_cap_ms = 10000;
    s.retransmit_total_s = 165;
    s.half_open_timeout_s = 30;
    s.cookie_threshold = 32;
    s.overlap_s = 5;
    s.nhtb_notify = 40001;
    s.limits.peers = 8;
    s.limits.sas = 256;
    s.limits.half_open = 64;
    s.limits.ike_message = 4096;
    return s;
}

duo *duo_new(void)
{
    static const char *const names[] = {"a", "b"}, *const addrs[] = {"192.0.2.1", "192.0.2.2"};
    duo *p = calloc(1, sizeof *p);
    cr_assert(p != NULL);
    srand(7);
    p->now = 1000 * S;
    p->nat_shift = 10000;
    for (int i = 0; i < 2; i++) {
        side *s = &p->s[i];
        s->settings = settings();
        s->crypto = nhtb_null_crypto();
        s->mem.host = (nhtb_host){.size = sizeof(nhtb_host),
                                  .user = s,
                                  .alloc = take,
                                  .free = give,
                                  .random = randomness};
        s->next_spi = 0x10000u * (unsigned)(i + 1);
        s->cfg.size = sizeof s->cfg;
        s->cfg.name = names[!i];
        s->cfg.path.local = ip(addrs[i]);
        s->cfg.path.remote = ip(addrs[!i]);
        s->cfg.local_id = (nhtb_identity){NHTB_ID_FQDN, str(names[i])};
        s->cfg.remote_id = (nhtb_identity){NHTB_ID_FQDN, str(names[!i])};
        s->cfg.psk = str("secret");
        s->cfg.initial_contact = true;
        s->cfg.liveness_s = UINT32_MAX;
        s->cfg.n_children = 1;
        s->cfg.children = s->child;
        for (int k = 0; k < 4; k++) {
            static const char *const vpn[] = {"vpn0", "vpn1", "vpn2", "vpn3"};
            s->child[k].size = sizeof s->child[k];
            s->child[k].name = vpn[k];
        }
    }
    return p;
}

duo *duo_new_v1(nhtb_v1_mode mode)
{
    duo *p = duo_new();
    for (int i = 0; i < 2; i++) {
        side *s = &p->s[i];
        s->v1 = (nhtb_v1){.size = sizeof s->v1,
                          .mode = (uint8_t)mode,
                          .nat_t = true,
                          .nat_t_drafts = true,
                          .dpd = true,
                          .fragmentation = true,
                          .responder_lifetime = true};
        s->cfg.v1 = &s->v1;
    }
    return p;
}

void duo_start_side(duo *p, int i)
{
    side *s = &p->s[i];
    uint8_t seed[32] = {(uint8_t)(i + 1)};
    nhi_rng_init(&s->jitter, seed);
    nhi_wheel_init(&s->wheel);
    nhi_ike_env env = {.mem = &s->mem,
                       .wheel = &s->wheel,
                       .crypto = &s->crypto,
                       .settings = &s->settings,
                       .jitter = &s->jitter,
                       .user = s,
                       .spi_reserve = spi_reserve,
                       .spi_release = spi_release,
                       .own_addr = own_addr,
                       .last_in = last_in,
                       .last_out = last_out};
    cr_assert_eq(nhi_ike_new(&s->ike, &env, p->now), 0);
    if (s->cfg.name) {
        cr_assert_eq(nhi_ike_peer_new(s->ike, &s->cfg, &s->peer), 0);
        nhi_ike_peer_start(s->ike, s->peer, p->now);
    }
}

void duo_start(duo *p)
{
    for (int i = 0; i < 2; i++)
        duo_start_side(p, i);
    for (int i = 0; i < 2; i++)
        duo_drain(p, i);
}

void duo_end(duo *p)
{
    for (int i = 0; i < 2; i++) {
        side *s = &p->s[i];
        nhtb_job *j;
        while (s->ike && (j = nhi_ike_job_next(s->ike)))
            nhi_ike_job_done(s->ike, j, p->now);
        nhi_ike_del(s->ike);
        cr_assert_eq(s->live, 0, "side %d keeps %llu blocks", i, (unsigned long long)s->live);
        cr_assert_eq(s->mem.asserts_failed, 0);
    }
    free(p);
}

static void word(side *s, const char *text, int child, const char *suffix)
{
    size_t n = strlen(s->trace);
    char num[12] = "";
    if (child >= 0)
        snprintf(num, sizeof num, "%d", child);
    snprintf(s->trace + n, sizeof s->trace - n, "%s%s%s%s", n ? " " : "", text, num, suffix);
}

/** Addresses as the other side sees them. */
static void translate(const duo *p, int from, const nhtb_path *sent, nhtb_path *seen)
{
    memset(seen, 0, sizeof *seen);
    seen->local = sent->remote;
    seen->local_port = sent->remote_port;
    seen->remote = sent->local;
    seen->remote_port = sent->local_port;
    if (!p->nat)
        return;
    if (from == 1) {
        seen->remote = ip("198.51.100.7");
        seen->remote_port = (uint16_t)(sent->local_port + p->nat_shift);
    } else {
        seen->local = p->s[1].cfg.path.local;
        seen->local_port = (uint16_t)(sent->remote_port - p->nat_shift);
    }
}

static void queue(duo *p, int from, const nhi_ike_act *a)
{
    int to = !from;
    unsigned k = p->sent[to]++;
    if (p->cut[to] || (k < 64 && (p->lose[to] >> k & 1)))
        return;
    cr_assert_lt(p->n, 64);
    datagram *d = &p->q[p->n++];
    d->to = to;
    d->kind = a->pkt_kind;
    translate(p, from, &a->path, &d->path);
    size_t skip = a->pkt_kind == NHTB_PKT_UDP_4500 && a->data.n > 4 ? 4 : 0;
    if (skip)
        cr_assert_eq(memcmp(a->data.p, "\0\0\0\0", 4), 0);
    d->n = a->data.n - skip;
    cr_assert_leq(d->n, sizeof d->p);
    memcpy(d->p, a->data.p + skip, d->n);
}

static void install(duo *p, int i, const nhi_ike_act *a)
{
    side *s = &p->s[i];
    word(s, "install", a->child, a->sa.use_now ? "+" : "");
    s->installed++;
    s->last_spi_in = a->sa.spi_in;
    s->last_spi_out = a->sa.spi_out;
    s->key_n = a->sa.key_in.n;
    memcpy(s->key_in, a->sa.key_in.p, s->key_n);
    memcpy(s->key_out, a->sa.key_out.p, s->key_n);
    s->child_path = a->sa.path;
    s->n_local_ts = a->sa.n_local_ts;
    s->local_ts = a->sa.local_ts[0];
    s->remote_ts = a->sa.remote_ts[0];
    if (s->install_fail) {
        s->installed--;
        nhi_ike_install_failed(s->ike, a->sa.spi_in, NHTB_ERR_MEMORY, p->now);
    }
}

static void act(duo *p, int i, const nhi_ike_act *a)
{
    side *s = &p->s[i];
    char text[80];
    switch (a->kind) {
    case NHI_ACT_SEND: queue(p, i, a); break;
    case NHI_ACT_CHILD_INSTALL: install(p, i, a); break;
    case NHI_ACT_CHILD_USE: word(s, "use", a->child, ""); break;
    case NHI_ACT_CHILD_DRAIN: word(s, "drain", a->child, ""); break;
    case NHI_ACT_CHILD_REMOVE:
        word(s, "remove", a->child, "");
        s->installed--;
        s->reserved--;
        break;
    case NHI_ACT_LEARN:
        word(s, "learn", a->child, "");
        s->learnt = a->addr;
        break;
    case NHI_ACT_ASSIGN:
        word(s, "assign", a->child, "");
        s->learnt = a->addr;
        break;
    case NHI_ACT_MOVE:
        word(s, "move", -1, "");
        s->moved = a->path;
        break;
    case NHI_ACT_PEER_LEFT: word(s, "left", -1, ""); break;
    case NHI_ACT_ASK:
        word(s, "ask", -1, "");
        s->question = a->event.question;
        break;
    case NHI_ACT_EVENT:
        snprintf(text, sizeof text, "%s%s%s", nhtb_event_name(a->event.kind),
                 a->event.detail ? ":" : "",
                 a->event.detail ? nhtb_detail_name(a->event.detail) : "");
        word(s, text, -1, "");
        break;
    }
}

void duo_drain(duo *p, int i)
{
    side *s = &p->s[i];
    nhi_ike_act a;
    nhtb_job *j;
    for (;;) {
        while (nhi_ike_act_next(s->ike, &a))
            act(p, i, &a);
        j = nhi_ike_job_next(s->ike);
        if (!j)
            return;
        nhtb_job_run(j);
        nhi_ike_job_done(s->ike, j, p->now);
    }
}

void duo_deliver_at(duo *p, size_t k)
{
    datagram d = p->q[k];
    memmove(&p->q[k], &p->q[k + 1], (p->n - k - 1) * sizeof d);
    p->n--;
    if (d.n == 1)
        return;                   /* keepalive */
    uint8_t *exact = malloc(d.n); /* so that a sanitizer sees the first byte too far */
    cr_assert(exact != NULL);
    memcpy(exact, d.p, d.n);
    unsigned why = nhi_ike_recv(p->s[d.to].ike, &d.path, d.kind, (nhtb_span){exact, d.n}, p->now);
    free(exact);
    if (why)
        p->s[d.to].refuse_reason = why;
    duo_drain(p, d.to);
}

bool duo_deliver(duo *p)
{
    if (!p->n)
        return false;
    duo_deliver_at(p, 0);
    return true;
}

void duo_run(duo *p)
{
    for (int i = 0; i < 2; i++)
        if (p->s[i].ike)
            duo_drain(p, i);
    for (unsigned i = 0; i < 1000 && duo_deliver(p); i++)
        ;
    cr_assert_eq(p->n, 0, "the two never come to rest");
}

static void fire(duo *p)
{
    nhi_timer *t;
    for (int i = 0; i < 2; i++)
        while (p->s[i].ike && (t = nhi_wheel_pop(&p->s[i].wheel, p->now))) {
            nhi_ike_timer(p->s[i].ike, t, p->now);
            duo_drain(p, i);
        }
}

void duo_pass(duo *p, nhtb_time ns)
{
    nhtb_time end = p->now + ns;
    while (p->now < end) {
        nhtb_time next = end;
        for (int i = 0; i < 2; i++) {
            nhtb_time d = p->s[i].ike ? nhi_wheel_deadline(&p->s[i].wheel) : NHTB_NEVER;
            if (d < next)
                next = d;
        }
        p->now = next > p->now ? next : p->now + MS;
        fire(p);
        duo_run(p);
    }
}

void duo_initiate(duo *p, int i)
{
    cr_assert_eq(nhi_ike_initiate(p->s[i].ike, p->s[i].peer, p->now), 0);
    duo_drain(p, i);
}

void duo_clear(duo *p)
{
    p->s[0].trace[0] = p->s[1].trace[0] = 0;
}

void duo_up(duo *p)
{
    duo_start(p);
    duo_initiate(p, 0);
    duo_run(p);
    cr_assert(duo_sa(p, 0) && duo_sa(p, 1));
    cr_assert(duo_child(p, 0, 0) && duo_child(p, 1, 0));
    duo_clear(p);
}

nhi_ike_sa *duo_sa(duo *p, int i)
{
    nhi_ike_peer *q = nhi_ike_peer_get(p->s[i].ike, p->s[i].peer);
    nhi_ike_sa *sa = q ? nhi_ike_peer_sa(q) : NULL;
    return sa && sa->state == NHI_SA_UP ? sa : NULL;
}

nhi_ike_child *duo_child(duo *p, int i, uint16_t cfg)
{
    nhi_ike_peer *q = nhi_ike_peer_get(p->s[i].ike, p->s[i].peer);
    return q ? nhi_ike_child_live(q, cfg, NULL) : NULL;
}

size_t duo_sas(duo *p, int i)
{
    size_t n = 0;
    NHI_LIST_FOR(it, &p->s[i].ike->sas)
    n += NHI_CONTAINER(it, nhi_ike_sa, link)->state == NHI_SA_UP;
    return n;
}
