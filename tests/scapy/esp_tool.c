/* SPDX-License-Identifier: Apache-2.0
 * One manual SA pair behind the public API, driven by lines on standard input, so that another
 * ESP implementation (scapy) can be held against ours.
 *   esp_tool BACKEND ENCR KEY_BITS INTEG ESN KEY_IN_HEX KEY_OUT_HEX
 * "out HEX": an inner packet -> the ESP packet; "in HEX": an ESP packet -> the inner packet.
 * Prints HEX, or "drop REASON". SPIs: 0x2000 in, 0x3000 out. */
#include <nhtb/backend_mbedtls.h>
#include <nhtb/backend_openssl.h>
#include <nhtb/nhtb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define ROOM 4096

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
    (void)user;
    return getrandom(dst, n, 0) == (ssize_t)n ? 0 : -1;
}

static size_t unhex(const char *s, uint8_t *dst, size_t cap)
{
    size_t n = 0;
    unsigned v;
    for (; n < cap && sscanf(s + 2 * n, "%2x", &v) == 1; n++) {
        dst[n] = (uint8_t)v;
    }
    return n;
}

static void must(int err, const char *what)
{
    if (err) {
        fprintf(stderr, "%s: %s\n", what, nhtb_strerror(err));
        exit(2);
    }
}

static nhtb_iface_id setup(nhtb_ctx *ctx, char **a)
{
    uint8_t in[128], out[128];
    nhtb_txn *t;
    nhtb_iface i;
    nhtb_iface_id id;
    nhtb_sa_id sa_id;
    nhtb_iface_init(&i);
    i.name = "st0.0";
    i.kind = NHTB_IFACE_POINT_TO_POINT;
    nhtb_manual_sa sa = {.size = sizeof sa, .name = "manual", .spi_in = 0x2000, .spi_out = 0x3000};
    sa.encr = (uint16_t)atoi(a[2]);
    sa.key_bits = (uint16_t)atoi(a[3]);
    sa.integ = (uint16_t)atoi(a[4]);
    sa.esn = atoi(a[5]) != 0;
    sa.key_in = (nhtb_span){in, unhex(a[6], in, sizeof in)};
    sa.key_out = (nhtb_span){out, unhex(a[7], out, sizeof out)};
    nhtb_addr_parse("192.0.2.1", &sa.path.local);
    nhtb_addr_parse("192.0.2.2", &sa.path.remote);
    must(nhtb_txn_begin(ctx, &t), "begin");
    must(nhtb_txn_iface(t, &i, &id), "interface");
    sa.iface = id;
    must(nhtb_txn_sa(t, &sa, &sa_id), "manual SA");
    nhtb_route r = {.size = sizeof r, .iface = id};
    must(nhtb_prefix_parse("10.78.0.0/24", &r.prefix), "prefix");
    must(nhtb_txn_route(t, &r), "route");
    must(nhtb_txn_commit(t, 1), "commit");
    return id;
}

static void show(const nhtb_pkt *p)
{
    if (p->verdict != NHTB_PKT_TX && p->verdict != NHTB_PKT_DELIVER) {
        printf("drop %s\n", nhtb_reason_name(p->reason));
        return;
    }
    for (uint32_t i = 0; i < p->len; i++) {
        printf("%02x", p->buf[p->off + i]);
    }
    printf("\n");
}

static void packet(nhtb_worker *w, nhtb_iface_id id, const char *hex, bool out)
{
    static uint8_t mem[2][ROOM];
    nhtb_path path = {.scope = 0};
    nhtb_pkt p = {.buf = mem[0], .cap = ROOM, .off = NHTB_HEADROOM, .path = &path, .iface = id};
    nhtb_pkt s = {.buf = mem[1], .cap = ROOM, .off = NHTB_HEADROOM};
    nhtb_pkt *pp = &p, *sp = &s, *done[4];
    nhtb_burst b = {.in = &pp, .n_in = 1, .spare = &sp, .n_spare = 1, .out = done, .cap_out = 4};
    nhtb_addr_parse("192.0.2.1", &path.local);
    nhtb_addr_parse("192.0.2.2", &path.remote);
    p.kind = out ? NHTB_PKT_INNER : NHTB_PKT_ESP;
    p.len = (uint32_t)unhex(hex, p.buf + p.off, ROOM - NHTB_HEADROOM - NHTB_TAILROOM);
    (out ? nhtb_worker_out : nhtb_worker_in)(w, &b, 1000);
    for (size_t i = 0; i < b.n_out; i++) {
        if (!(done[i]->verdict == NHTB_PKT_DROP && done[i]->reason == NHTB_REASON_CONTINUED)) {
            show(done[i]);
        }
    }
    nhtb_worker_rest(w);
}

int main(int argc, char **argv)
{
    static char line[2 * ROOM + 8];
    if (argc != 8) {
        fprintf(stderr, "usage: esp_tool BACKEND ENCR KEY_BITS INTEG ESN KEY_IN KEY_OUT\n");
        return 2;
    }
    bool ssl = strcmp(argv[1], "openssl") == 0;
    nhtb_crypto c = ssl ? nhtb_openssl_crypto() : nhtb_mbedtls_crypto();
    nhtb_host h = {.size = sizeof h, .alloc = host_alloc, .free = host_free, .random = host_random};
    nhtb_settings s;
    nhtb_ctx *ctx;
    nhtb_worker *w;
    nhtb_settings_init(&s);
    must(nhtb_ctx_new(&ctx, &s, &h, &c), "context");
    nhtb_iface_id id = setup(ctx, argv);
    must(nhtb_worker_new(&w, ctx, 0), "worker");
    while (fgets(line, sizeof line, stdin)) {
        bool out = strncmp(line, "out ", 4) == 0;
        packet(w, id, line + (out ? 4 : 3), out);
        fflush(stdout);
    }
    nhtb_worker_del(w);
    nhtb_ctx_del(ctx);
    return 0;
}
