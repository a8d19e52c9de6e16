/* SPDX-License-Identifier: Apache-2.0
 * See twins.h. */
#include "unit/ike/twins.h"

#include <criterion/criterion.h>
#include <nhtb/backend_null.h>
#include <stdlib.h>

/* ---- host ---- */

static void *host_alloc(void *user, size_t n, size_t align)
{
    twins_end *e = user;
    void *p = NULL;
    if (posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, n))
        return NULL;
    e->blocks++;
    e->bytes += n;
    return p;
}

static void host_free(void *user, void *p, size_t n)
{
    twins_end *e = user;
    if (!p)
        return;
    e->blocks--;
    e->bytes -= n;
    free(p);
}

static int host_random(void *user, uint8_t *dst, size_t n)
{
    twins_end *e = user;
    for (size_t i = 0; i < n; i++) {
        e->rnd = e->rnd * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        dst[i] = (uint8_t)(e->rnd >> 33);
    }
    return 0;
}

/* ---- shadow of the data plane ---- */

static twins_esp *esp_of(twins_end *e, uint32_t spi)
{
    for (unsigned i = 0; i < e->n_esp; i++)
        if (e->esp[i].spi_in == spi)
            return &e->esp[i];
    return NULL;
}

static int spi_reserve(void *user, nhtb_peer_id peer, uint32_t *spi)
{
    twins_end *e = user;
    cr_assert_eq(peer.id, e->peer.id);
    if (e->n_esp == TWINS_ESP)
        return NHTB_ERR_LIMIT;
    *spi = e->next_spi++;
    e->esp[e->n_esp++] = (twins_esp){.spi_in = *spi, .state = ESP_RESERVED};
    e->reserved++;
    return 0;
}

static void spi_release(void *user, uint32_t spi)
{
    twins_end *e = user;
    twins_esp *s = esp_of(e, spi);
    cr_assert(s && s->state == ESP_RESERVED, "an SPI that is not reserved was released");
    s->state = ESP_GONE;
    e->released++;
}

static bool own_addr(void *user, nhtb_peer_id peer, uint16_t child, nhi_ike_own *out)
{
    (void)user, (void)peer, (void)child, (void)out;
    return false;
}

static nhtb_time never_seen(void *user, nhtb_peer_id peer)
{
    (void)user, (void)peer;
    return 0;
}

static void installed(twins_end *e, const nhi_ike_act *a)
{
    twins_esp *s = esp_of(e, a->sa.spi_in);
    cr_assert(s && s->state == ESP_RESERVED, "a pair was installed without its SPI");
    cr_assert(a->sa.spi_out && a->sa.key_in.n && a->sa.key_in.n <= sizeof s->key_in);
    cr_assert_eq(a->sa.key_in.n, a->sa.key_out.n);
    s->state = ESP_INSTALLED;
    s->spi_out = a->sa.spi_out;
    s->child = a->child;
    s->use = a->sa.use_now;
    s->n = a->sa.key_in.n;
    memcpy(s->key_in, a->sa.key_in.p, s->n);
    memcpy(s->key_out, a->sa.key_out.p, s->n);
    e->installs++;
}

static void changed(twins_end *e, const nhi_ike_act *a)
{
    twins_esp *s = esp_of(e, a->spi_in);
    cr_assert(s && s->state == ESP_INSTALLED, "an action names a pair that is not installed");
    if (a->kind == NHI_ACT_CHILD_REMOVE) {
        s->state = ESP_GONE;
        e->removes++;
    }
    s->use = a->kind == NHI_ACT_CHILD_USE;
}

/* ---- network ---- */

static void sent(twins *p, twins_end *e, const nhi_ike_act *a)
{
    bool marked = a->pkt_kind == NHTB_PKT_UDP_4500;
    size_t skip = marked && a->data.n > 1 ? NHI_IKE_MARKER : 0;
    e->sent++;
    if (p->lossy || a->data.n <= 1 || p->n_flight == TWINS_FLIGHT)
        return;
    twins_dgram *d = &p->flight[p->n_flight++];
    d->to = !e->index;
    d->serial = p->serial++;
    d->kind = a->pkt_kind;
    d->path = (nhtb_path){a->path.remote, a->path.local, a->path.remote_port, a->path.local_port,
                          a->path.scope};
    d->n = a->data.n - skip;
    d->b = malloc(d->n);
    memcpy(d->b, a->data.p + skip, d->n);
}

static void apply(twins *p, twins_end *e)
{
    nhi_ike_act a;
    while (nhi_ike_act_next(e->ike, &a)) {
        switch (a.kind) {
        case NHI_ACT_SEND: sent(p, e, &a); break;
        case NHI_ACT_CHILD_INSTALL: installed(e, &a); break;
        case NHI_ACT_CHILD_USE:
        case NHI_ACT_CHILD_DRAIN:
        case NHI_ACT_CHILD_REMOVE: changed(e, &a); break;
        case NHI_ACT_ASK: e->question = a.event.question; break;
        default: break;
        }
    }
}

void twins_settle(twins *p, unsigned end)
{
    twins_end *e = &p->e[end];
    nhtb_job *j;
    apply(p, e);
    while (!p->o.hold_jobs && (j = nhi_ike_job_next(e->ike))) {
        nhtb_job_run(j);
        nhi_ike_job_done(e->ike, j, p->now);
        apply(p, e);
    }
}

void twins_job(twins *p, unsigned end)
{
    twins_end *e = &p->e[end];
    nhtb_job *j = nhi_ike_job_next(e->ike);
    cr_assert(j, "no job is held");
    nhtb_job_run(j);
    nhi_ike_job_done(e->ike, j, p->now);
    apply(p, e);
}

twins_dgram twins_copy(const twins_dgram *d)
{
    twins_dgram c = *d;
    c.b = malloc(d->n);
    memcpy(c.b, d->b, d->n);
    return c;
}

twins_dgram twins_take(twins *p, unsigned i)
{
    cr_assert(i < p->n_flight);
    twins_dgram d = p->flight[i];
    p->n_flight--;
    memmove(p->flight + i, p->flight + i + 1, (p->n_flight - i) * sizeof d);
    return d;
}

unsigned twins_feed(twins *p, const twins_dgram *d, const uint8_t *b, size_t n)
{
    twins_end *e = &p->e[d->to];
    uint8_t *exact = malloc(n ? n : 1); /* of its size: the sanitizer sees each byte beyond */
    if (n)
        memcpy(exact, b, n);
    unsigned reason = nhi_ike_recv(e->ike, &d->path, d->kind, (nhtb_span){exact, n}, p->now);
    free(exact);
    twins_settle(p, d->to);
    return reason;
}

unsigned twins_deliver(twins *p, unsigned i)
{
    twins_dgram d = twins_take(p, i);
    unsigned reason = twins_feed(p, &d, d.b, d.n);
    free(d.b);
    return reason;
}

void twins_drop(twins *p, unsigned i)
{
    free(twins_take(p, i).b);
}

void twins_drain(twins *p)
{
    for (unsigned i = 0; p->n_flight; i++) {
        cr_assert(i < 2000, "the ends never stop talking");
        twins_deliver(p, 0);
    }
}

/* ---- clock ---- */

nhtb_time twins_deadline(const twins *p)
{
    nhtb_time a = nhi_wheel_deadline(&p->e[0].wheel), b = nhi_wheel_deadline(&p->e[1].wheel);
    return a < b ? a : b;
}

void twins_clock(twins *p, nhtb_time to)
{
    nhi_timer *t;
    if (to > p->now)
        p->now = to;
    for (unsigned i = 0; i < 2; i++)
        while ((t = nhi_wheel_pop(&p->e[i].wheel, p->now))) {
            nhi_ike_timer(p->e[i].ike, t, p->now);
            twins_settle(p, i);
        }
}

void twins_run(twins *p, nhtb_time span)
{
    nhtb_time end = p->now + span, next;
    twins_drain(p);
    while ((next = twins_deadline(p)) < end) {
        twins_clock(p, next > p->now ? next : p->now + NHTB_NS_PER_MS);
        twins_drain(p);
    }
    p->now = end;
}

/* ---- life ---- */

static void set_settings(nhtb_settings *s, bool cookie)
{
    *s = (nhtb_settings){.size = sizeof *s,
                         .workers = 1,
                         .vendor_id = true,
                         .replay_window = 64,
                         .nat_keepalive_s = 20,
                         .retransmit_ms = 500,
                         .retransmit_cap_ms = 10000,
                         .retransmit_total_s = 165,
                         .half_open_timeout_s = 30,
                         .cookie_threshold = cookie ? 0 : 64,
                         .overlap_s = 5,
                         .nhtb_notify = 40001};
    s->limits = (nhtb_limits){.ifaces = 4,
                              .peers = 4,
                              .tunnels = 8,
                              .sas = 128,
                              .half_open = 128,
                              .ike_message = TWINS_MSG};
}

static nhtb_ts selector(unsigned child)
{
    nhtb_ts t = {.lo = {.family = 4, .b = {(uint8_t)(10 + child)}},
                 .hi = {.family = 4, .b = {(uint8_t)(10 + child), 255, 255, 255}},
                 .port_hi = 65535};
    return t;
}

static void add_peer(twins *p, twins_end *e)
{
    static const uint8_t psk[] = "a secret for two";
    const char *ike = "aes256gcm16-prfsha256-x25519", *esp = "aes256gcm16-esn-noesn";
    nhtb_proposal ip, cp;
    nhtb_ts ts[TWINS_CHILDREN];
    nhtb_child c[TWINS_CHILDREN];
    if (p->o.other_group)
        ike = e->index ? "aes256gcm16-prfsha256-ecp256" : "aes256gcm16-prfsha256-x25519-ecp256";
    if (p->o.pfs)
        esp = "aes256gcm16-esn-noesn-x25519";
    if (p->o.v1) {
        ike = "aes256-sha256-ecp256";
        esp = p->o.pfs ? "aes256-sha256-ecp256" : "aes256-sha256";
    }
    cr_assert(!nhtb_proposal_parse(NHTB_PROTO_IKE, ike, &ip, NULL));
    cr_assert(!nhtb_proposal_parse(NHTB_PROTO_ESP, esp, &cp, NULL));
    for (unsigned i = 0; i < p->o.children; i++) {
        ts[i] = selector(i);
        c[i] = (nhtb_child){.size = sizeof c[i],
                            .name = i ? "two" : "one",
                            .local_ts = &ts[i],
                            .remote_ts = &ts[i],
                            .n_local_ts = 1,
                            .n_remote_ts = 1,
                            .proposals = &cp,
                            .n_proposals = 1};
    }
    const char *own = e->index ? "b.ex" : "a.ex", *other = e->index ? "a.ex" : "b.ex";
    const nhtb_v1 v1 = {.size = sizeof v1,
                        .mode = p->o.v1 == 2 ? NHTB_V1_AGGRESSIVE : NHTB_V1_MAIN,
                        .nat_t = true,
                        .dpd = true,
                        .fragmentation = true,
                        .responder_lifetime = true};
    nhtb_peer cfg = {.size = sizeof cfg,
                     .v1 = p->o.v1 ? &v1 : NULL,
                     .name = "other",
                     .path = {e->path.local, e->path.remote, 0, 0, 0},
                     .local_id = {NHTB_ID_FQDN, {(const uint8_t *)own, 4}},
                     .remote_id = {NHTB_ID_FQDN, {(const uint8_t *)other, 4}},
                     .psk = {psk, p->o.no_psk ? 0 : sizeof psk},
                     .proposals = &ip,
                     .n_proposals = 1,
                     .establish =
                         p->o.immediately ? NHTB_ESTABLISH_IMMEDIATELY : NHTB_ESTABLISH_ON_TRAFFIC,
                     .initial_contact = true,
                     .children = c,
                     .n_children = (uint16_t)p->o.children,
                     .liveness_tries = 3,
                     .liveness_s = p->o.liveness ? 10 : UINT32_MAX};
    cr_assert(!p->o.certs || twins_pki(e, &cfg));
    cr_assert(!nhi_ike_peer_new(e->ike, &cfg, &e->peer));
}

static void end_open(twins *p, unsigned i)
{
    twins_end *e = &p->e[i];
    nhtb_addr a = {.family = 4, .b = {192, 0, 2, 1}}, b = {.family = 4, .b = {198, 51, 100, 2}};
    uint8_t seed[32];
    e->index = i;
    e->rnd = (p->o.seed * 2 + i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    e->next_spi = i ? 0x20000001 : 0x10000001;
    e->path = (nhtb_path){i ? b : a, i ? a : b, 500, 500, 0};
    e->mem.host = (nhtb_host){.size = sizeof(nhtb_host),
                              .user = e,
                              .alloc = host_alloc,
                              .free = host_free,
                              .random = host_random};
    set_settings(&e->settings, p->o.cookie && i);
    e->crypto = nhtb_null_crypto();
    nhi_wheel_init(&e->wheel);
    host_random(e, seed, sizeof seed);
    nhi_rng_init(&e->jitter, seed);
    nhi_ike_env env = {.mem = &e->mem,
                       .wheel = &e->wheel,
                       .crypto = &e->crypto,
                       .settings = &e->settings,
                       .jitter = &e->jitter,
                       .user = e,
                       .spi_reserve = spi_reserve,
                       .spi_release = spi_release,
                       .own_addr = own_addr,
                       .last_in = never_seen,
                       .last_out = never_seen};
    cr_assert(!nhi_ike_new(&e->ike, &env, p->now));
    add_peer(p, e);
}

void twins_open(twins *p, const twins_opts *o)
{
    memset(p, 0, sizeof *p);
    p->o = *o;
    if (!p->o.children)
        p->o.children = 1;
    p->now = NHTB_NS_PER_S;
    end_open(p, 0);
    end_open(p, 1);
    for (unsigned i = 0; i < 2; i++) {
        nhi_ike_peer_start(p->e[i].ike, p->e[i].peer, p->now);
        twins_settle(p, i);
    }
}

void twins_close(twins *p)
{
    while (p->n_flight)
        twins_drop(p, 0);
    for (unsigned i = 0; i < 2; i++) {
        twins_end *e = &p->e[i];
        cr_assert_eq(e->mem.asserts_failed, 0);
        nhi_ike_del(e->ike);
        cr_assert_eq(e->blocks, 0, "%zu blocks are left", e->blocks);
        cr_assert_eq(e->bytes, 0);
        cr_assert_eq(e->wheel.armed, 0);
    }
}

void twins_finish(twins *p)
{
    for (unsigned i = 0; i < 2; i++) {
        nhi_ike_shutdown(p->e[i].ike, p->now);
        twins_settle(p, i);
    }
    twins_run(p, 400 * NHTB_NS_PER_S);
    for (unsigned i = 0; i < 2; i++) {
        const twins_end *e = &p->e[i];
        cr_assert(nhi_ike_idle(e->ike), "an SA outlives the shutdown");
        cr_assert_eq(e->installs, e->removes);
        cr_assert_eq(e->reserved, e->released + e->removes, "orphan SPI");
        cr_assert_eq(e->ike->n_children, 0);
        cr_assert_eq(e->ike->half_open, 0);
    }
    twins_close(p);
}

void twins_initiate(twins *p, unsigned end)
{
    (void)nhi_ike_initiate(p->e[end].ike, p->e[end].peer, p->now);
    twins_settle(p, end);
}

void twins_up(twins *p)
{
    twins_initiate(p, 0);
    twins_drain(p);
    cr_assert(twins_check_mirror(p, false) == (1u << p->o.children) - 1);
}
