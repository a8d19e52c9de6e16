/* SPDX-License-Identifier: Apache-2.0
 * A TUN device that somebody removed under the gateway is made again: at once, and if that fails
 * twice a second until it works. Its addresses, routes and carrier come back with it. Called by
 * loop.c; control thread. */
#include "gateway.h"

#include <string.h>

#define RETRY_MS 500

/* Everything the kernel held for the old device went with it. */
static void forget_routes(gw_state *s, int old_index, int new_index)
{
    for (size_t i = 0; i < s->n_kernel_routes; i++)
        if (s->kernel_routes[i].ifindex == old_index) {
            s->kernel_routes[i].ifindex = new_index;
            s->kernel_routes[i].device = false;
        }
}

static int make_again(gw *g, uint32_t i, const char **step)
{
    gw_iface *n = &g->state.ifaces[i];
    gw_tun fresh;
    int err = tun_open(&fresh, g->state.cfg->ifaces[i].name, offload_tun(g->state.cfg), step);
    if (err != 0)
        return err;
    err = tun_configure(&fresh, &g->nl, &g->state.cfg->ifaces[i], step);
    if (err == 0) {
        *step = "hand the device to its workers";
        crew_tun_del(&g->crew, n->id);
        err = crew_tun_add(&g->crew, n->id, &fresh);
    }
    if (err != 0) {
        tun_close(&fresh);
        return err;
    }
    forget_routes(&g->state, n->tun.ifindex, fresh.ifindex);
    tun_close(&n->tun);
    n->tun = fresh;
    n->lost = false;
    return 0;
}

static void on_retry(uv_timer_t *t)
{
    devices_mend(t->data);
}

void devices_mend(gw *g)
{
    bool again = false;
    for (uint32_t i = 0; i < g->state.cfg->n_ifaces; i++) {
        const char *step = "", *name = g->state.cfg->ifaces[i].name;
        if (!g->state.ifaces[i].lost)
            continue;
        const int err = make_again(g, i, &step);
        if (err == 0) {
            log_text(&g->log, NHTB_LOG_NOTICE, "interface %s: device made again", name);
            g->dirty = true;
            continue;
        }
        log_text(&g->log, NHTB_LOG_ERROR, "interface %s: cannot %s: %s", name, step,
                 strerror(-err));
        again = true;
    }
    if (again)
        uv_timer_start(&g->device_timer, on_retry, RETRY_MS, 0);
}

void device_lost(gw *g, nhtb_iface_id id, int ifindex)
{
    for (uint32_t i = 0; i < g->state.cfg->n_ifaces; i++)
        if (g->state.ifaces[i].id.id == id.id && g->state.ifaces[i].tun.ifindex == ifindex &&
            !g->state.ifaces[i].lost) {
            g->state.ifaces[i].lost = true;
            log_text(&g->log, NHTB_LOG_ERROR, "interface %s: its device is gone",
                     g->state.cfg->ifaces[i].name);
        }
    devices_mend(g);
}
