/* SPDX-License-Identifier: Apache-2.0
 * The running gateway: one struct, owned by the control thread, handed to every part. What follows
 * the configuration (ids, devices, routes) stands in gw_state, which reload replaces as a whole. */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include <uv.h>

#include "config.h"
#include "cpu.h"
#include "crew.h"
#include "keylog.h"
#include "netlink.h"
#include "sock.h"
#include "tun.h"

/** A route the library is given because of the configuration. */
typedef struct gw_lib_route {
    nhtb_prefix prefix;
    uint8_t kind;   /* nhtb_route_kind */
    uint32_t iface; /* index in cfg, TUNNEL only */
    nhtb_addr next_hop;
} gw_lib_route;

/** A prefix in the kernel's table: toward the device while its tunnel is up, else unreachable. */
typedef struct gw_kernel_route {
    cfg_route cfg;
    int ifindex;
    bool always;  /* on-traffic tunnels are started by the packets they get */
    bool wanted;  /* its tunnel is up, or always */
    bool device;  /* installed toward the device */
    bool guarded; /* installed as unreachable, behind the former */
} gw_kernel_route;

typedef struct gw_iface {
    nhtb_iface_id id;
    gw_tun tun;
    bool hold_carrier; /* carries an on-traffic tunnel */
    bool lost;         /* its device went away and could not be made again yet */
} gw_iface;

typedef struct gw_state {
    cfg *cfg;
    gw_iface *ifaces;         /* like cfg->ifaces */
    nhtb_peer_id *peers;      /* like cfg->gateways */
    gw_lib_route *lib_routes; /* sorted by prefix */
    size_t n_lib_routes;
    gw_kernel_route *kernel_routes; /* sorted by prefix */
    size_t n_kernel_routes;
} gw_state;

struct ctl_server;
struct jobs;
struct port500;

typedef struct gw {
    gw_log log;
    const char *config_path;
    gw_state state;
    nhtb_settings settings; /* as the context was made */
    nhtb_ctx *ctx;
    gw_crew crew;    /* the data plane */
    uint8_t offload; /* SOCK_OFFLOAD_* allowed at the start */
    gw_sock ike[2];  /* port 500, v4 and v6 */
    struct port500 *port500;
    struct jobs *jobs;
    cpu_times cpu;
    unsigned batch[2]; /* messages taken at a time: of port 500, of a worker */
    netlink nl;
    uv_loop_t loop;
    uv_timer_t timer, stop_timer, device_timer;
    uv_prepare_t pump;
    uv_signal_t signals[3];
    uv_poll_t ike_poll[2], worker_poll[GW_WORKERS_MAX];
    struct ctl_server *ctl;
    nhtb_pkt *drain_pkt, **drain_v; /* for nhtb_drain */
    uint8_t *drain_memory;
    uint64_t wall_offset_s; /* Unix time of the monotonic zero */
    uint64_t reloads, reloads_failed, route_errors;
    gw_keylog *keylog; /* NULL: no keys leave the library */
    bool dirty;        /* tunnels or bindings changed: bring the kernel in line */
    bool owners_dirty; /* "state_file" is older than the library's rows */
    bool stopping;
} gw;

/** Monotonic now. */
nhtb_time gw_now(void);
/** Configured names of ids; "-" when unknown. */
const char *gw_peer_name(const gw *g, nhtb_peer_id id);
const char *gw_iface_name(const gw *g, nhtb_iface_id id);
/** Index in the configuration, of an instance that of its entry; UINT32_MAX: none. */
uint32_t gw_peer_index(const gw *g, nhtb_peer_id id);
/** The row of that name: a configured gateway, or an identity one entry admitted. */
bool gw_peer_find(const gw *g, const char *name, nhtb_peer_info *out);

/* apply.c */
/** Makes `next` the running configuration; takes it in either case. The first call starts from
 *  nothing. False: nothing changed and err (n bytes) says why. */
bool apply_config(gw *g, cfg *next, char *err, size_t n);
/** Removes devices and routes; frees the state. */
void apply_nothing(gw *g);

/* apply_peer.c */
int apply_peer(nhtb_txn *t, const gw_state *s, uint32_t index, nhtb_peer_id *out);
bool apply_peer_same(const cfg_gateway *a, const cfg_gateway *b);

/* route.c */
bool routes_build(gw_state *s);
/** Moves installed flags of equal routes from old to next and removes the others from the kernel. */
void routes_carry(gw *g, gw_state *old, gw_state *next);
/** Kernel routes and carriers follow the tunnels. */
void routes_sync(gw *g);
/** "device", "unreachable", "none", or NULL when the prefix is not the configuration's. */
const char *routes_kernel_state(const gw *g, const nhtb_prefix *p);

/* lib_routes.c */
bool lib_routes_build(gw_state *s);
/** Records the difference in t. 0 or NHTB_ERR_*, with *at the prefix that failed. */
int lib_routes_diff(nhtb_txn *t, const gw_state *old, const gw_state *next, nhtb_prefix *at);
int prefix_compare(const nhtb_prefix *a, const nhtb_prefix *b);

/* events.c */
/** Logs all waiting events and marks g dirty where they ask for it. True: there were some. */
bool events_handle(gw *g);

/* loop.c */
int loop_start(gw *g);
/** What worker k tells is listened to. 0 or -errno. */
int loop_watch_worker(gw *g, unsigned k);
void loop_run(gw *g);
void loop_stop(gw *g);
/** Reads the file again and applies it. False: err says why; nothing changed. */
bool loop_reload(gw *g, char *err, size_t n);

/* device.c */
/** The device that had this index: each worker tells. */
void device_lost(gw *g, nhtb_iface_id id, int ifindex);
/** Makes lost devices again; comes back by itself until it worked. */
void devices_mend(gw *g);
/** TUN_OFFLOAD_* and SOCK_OFFLOAD_* that the configuration allows. */
static inline uint32_t offload_tun(const cfg *c)
{
    return c->offload ? TUN_OFFLOAD_ALL : c->workers > 1 ? TUN_OFFLOAD_QUEUES : 0;
}
static inline uint8_t offload_sock(const cfg *c)
{
    return c->offload ? SOCK_OFFLOAD_ALL : SOCK_OFFLOAD_FILTER;
}

/* crypto_choice.c: the next candidate, fastest first; *at starts at 0. False: no (more) in this build
 * or on this CPU. */
bool crypto_choose(unsigned choice, size_t *at, nhtb_crypto *out, const char **name);

/* host.c */
nhtb_host host_hooks(gw *g);
/** Small safety measures of the process before and after the privileged part. */
void host_harden(void);
int host_drop_privileges(void);

#endif
