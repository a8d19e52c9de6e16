/* SPDX-License-Identifier: Apache-2.0
 * The gateway's configuration as C values. A cfg is read as a whole, checked as a whole and never
 * changed afterwards; names are resolved to indexes while reading. Control thread.
 * Every key is described in schema/nhtb-gateway.schema.json and docs/configuration.md. */
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include <nhtb/nhtb.h>

#include "config_pos.h"
#include "log.h"

#define CFG_FILE_MAX  ((size_t)16 << 20)
#define CFG_IFNAME    16
#define CFG_MTU_MAX   9000
#define CFG_SELECTORS 16
#define CFG_PROPOSALS 8
#define CFG_PSK_MAX   1024
#define CFG_WORKERS   32

typedef struct cfg_iface {
    char name[CFG_IFNAME];
    bool multipoint, rpf, rpf_set, copy_outer_dscp, ecn_compat;
    uint8_t transit, df, ttl, dscp; /* dscp 0xff: copy */
    uint16_t tcp_mss;               /* NHTB_MSS_* or a value */
    uint32_t mtu, multicast_max;
    nhtb_prefix addr4, addr6;
    char *canon; /* its JSON, to compare on reload */
} cfg_iface;

typedef struct cfg_vpn {
    char name[NHTB_NAME_MAX];
    uint32_t iface; /* index */
    nhtb_ts local_ts[CFG_SELECTORS], remote_ts[CFG_SELECTORS];
    uint16_t n_local_ts, n_remote_ts, n_proposals;
    nhtb_proposal proposals[CFG_PROPOSALS];
    uint32_t lifetime_s;
    uint64_t lifetime_bytes, lifetime_packets;
} cfg_vpn;

typedef struct cfg_id {
    uint8_t type, n;
    uint8_t data[NHTB_ID_MAX];
} cfg_id;

typedef struct cfg_owner {
    nhtb_addr next_hop;
    cfg_id id;
} cfg_owner;

#define CFG_TEXT 256

typedef struct cfg_secret {
    uint8_t p[CFG_TEXT];
    size_t n;
} cfg_secret;

typedef struct cfg_user {
    char name[CFG_TEXT];
    cfg_secret password;
    nhtb_addr address;
} cfg_user;

/** "ikev1" of a gateway: v holds what needs no memory of its own. */
typedef struct cfg_v1 {
    nhtb_v1 v;
    char user[CFG_TEXT], banner[CFG_TEXT], domain[CFG_TEXT];
    cfg_secret password;
    cfg_user *users;
    uint32_t n_users;
    nhtb_prefix split[16];
} cfg_v1;

/** What stands in files, one behind the other. */
typedef struct cfg_text {
    uint8_t *p;
    size_t n;
} cfg_text;

/** "certificates" of a gateway. */
typedef struct cfg_pki {
    cfg_text chain, key, anchors, crls;
    uint32_t hashes;
    uint8_t revocation; /* nhtb_revocation */
    bool pss, send_request;
} cfg_pki;

typedef struct cfg_gateway {
    char name[NHTB_NAME_MAX];
    nhtb_addr local, remote;
    cfg_id local_id, remote_id;
    uint8_t psk[CFG_PSK_MAX];
    size_t psk_n;
    nhtb_proposal proposals[CFG_PROPOSALS];
    uint16_t n_proposals;
    uint8_t establish, announce;
    bool force_encap, initial_contact, liveness_off;
    uint32_t liveness_s, liveness_tries, lifetime_s, path_mtu;
    cfg_vpn *vpns;
    uint32_t n_vpns;
    uint8_t wildcard, second_session; /* nhtb_wildcard, nhtb_second */
    uint32_t connection_limit, n_owners;
    cfg_owner *owners;
    uint8_t seed[CFG_PSK_MAX];
    size_t seed_n;
    uint32_t ike_version; /* 1 or 2 */
    cfg_v1 *v1;           /* NULL: nothing was said */
    cfg_pki *pki;         /* NULL: pre-shared keys only */
    char *canon;
} cfg_gateway;

/** config_pki.c: the same files' contents? NULL is allowed. */
bool cfg_pki_same(const cfg_pki *a, const cfg_pki *b);

typedef struct cfg_next_hop {
    uint32_t iface, gateway, vpn; /* indexes */
    nhtb_addr next_hop;
} cfg_next_hop;

typedef struct cfg_route {
    nhtb_prefix prefix;
    uint32_t iface;
    nhtb_addr next_hop;
    bool backup_path; /* while down: no unreachable route, other routes may take the traffic */
    uint32_t metric;
} cfg_route;

typedef struct cfg_control {
    char path[108];
    bool path_set;
} cfg_control;

typedef struct cfg_logging {
    uint8_t level; /* nhtb_log_level */
    bool level_set, json;
} cfg_logging;

typedef enum cfg_crypto {
    CFG_CRYPTO_AUTO,
    CFG_CRYPTO_OPENSSL,
    CFG_CRYPTO_MBEDTLS,
    CFG_CRYPTO_IPSECMB
} cfg_crypto;

typedef struct cfg {
    cfg_iface *ifaces;
    cfg_gateway *gateways;
    cfg_next_hop *next_hops;
    cfg_route *routes;
    nhtb_prefix *locals;
    uint32_t n_ifaces, n_gateways, n_next_hops, n_routes, n_locals;
    uint8_t crypto; /* cfg_crypto */
    uint32_t workers;
    uint16_t weight[CFG_WORKERS]; /* of each; 1 where none is named */
    bool offload;                 /* super-packets and trains where the kernel has them */
    cfg_control control;
    cfg_logging log;
    nhtb_settings ipsec;  /* process-wide; changing them needs a restart */
    char state_file[512]; /* "": none */
} cfg;

typedef struct cfg_error {
    char pointer[CFG_POINTER_MAX];
    cfg_pos pos; /* line 0: the file as a whole */
    char text[256];
} cfg_error;

/** Reads and checks a file. NULL with *err filled. Warnings (inline or short secrets) go to log. */
cfg *cfg_load(const char *path, const gw_log *log, cfg_error *err);
/** Wipes secrets and frees; NULL is allowed. */
void cfg_del(cfg *c);
/** "FILE:LINE:COLUMN: POINTER: TEXT", one line. */
void cfg_error_format(const cfg_error *e, const char *path, char *dst, size_t n);

#endif
