/* SPDX-License-Identifier: Apache-2.0
 * Between the files of the transaction exchanges: conf.c (what is due, who says what), xauth.c,
 * modecfg.c. draft-beaulieu-ike-xauth-02, draft-dukes-ike-mode-cfg-02. Control thread. */
#ifndef NHI_IKE_V1_CONF_H
#define NHI_IKE_V1_CONF_H

#include "ike/v1/v1.h"

enum { /* attributes of XAuth */
       NHI_V1_XA_TYPE = 16520,
       NHI_V1_XA_USER = 16521,
       NHI_V1_XA_PASSWORD = 16522,
       NHI_V1_XA_PASSCODE = 16523,
       NHI_V1_XA_MESSAGE = 16524,
       NHI_V1_XA_CHALLENGE = 16525,
       NHI_V1_XA_DOMAIN = 16526,
       NHI_V1_XA_STATUS = 16527,
       NHI_V1_XA_NEXT_PIN = 16528,
       NHI_V1_XA_ANSWER = 16529
};
enum { /* of mode config; Cisco Unity's from 28672 */
       NHI_V1_MC_IP4_ADDRESS = 1,
       NHI_V1_MC_IP4_NETMASK = 2,
       NHI_V1_MC_IP4_DNS = 3,
       NHI_V1_MC_APP_VERSION = 7,
       NHI_V1_MC_BANNER = 28672,
       NHI_V1_MC_DOMAIN = 28674,
       NHI_V1_MC_SPLIT_INCLUDE = 28676
};
enum { /* x->step of an exchange of ours: what its answer means */
       NHI_V1_STEP_XAUTH = 1,
       NHI_V1_STEP_STATUS,
       NHI_V1_STEP_PULL,
       NHI_V1_STEP_PUSH
};
#define NHI_V1_SECRET_MAX 255 /* of a user name, of a password */

/** What the SA's transaction exchanges have come to. */
struct nhi_v1_conf {
    bool xauth_due, config_due;   /* before the SA is up */
    bool passed;                  /* server: XAuth said yes */
    uint32_t question, mid;       /* the host is asked; the exchange that waits for it */
    nhi_ike_buf *user, *password; /* server: as the client sent them */
    nhtb_addr address;            /* the host's wish for this user */
};

/** NULL: no memory. */
struct nhi_v1_conf *nhi_v1_conf_get(nhi_ike_sa *sa);
const nhtb_v1 *nhi_v1_conf_entry(const nhi_ike_sa *sa);
bool nhi_v1_conf_serves(const nhi_ike_sa *sa); /* XAuth was agreed and we are its server */
/** What comes next: mode config, or the SA is up. */
void nhi_v1_conf_next(nhi_ike_sa *sa, nhtb_time now);
void nhi_v1_conf_broken(nhi_ike_sa *sa, int err, nhtb_time now); /* a failure of ours */
/** Asks the host; x waits. */
int nhi_v1_conf_ask(nhi_v1_x *x, nhtb_detail what, nhtb_time now);
bool nhi_v1_conf_attr(nhtb_span attrs, uint16_t type, nhi_v1_attr *out); /* the first of a type */
int nhi_v1_conf_send(nhi_v1_x *x, nhi_ike_builder *b, nhi_v1_after after, nhtb_time now);

/* ---- xauth.c ---- */
int nhi_v1_xauth_ask(nhi_ike_sa *sa, nhtb_time now); /* server: REQUEST */
bool nhi_v1_xauth_is(nhtb_span attrs);
unsigned nhi_v1_xauth_asked(nhi_v1_x *x, const nhi_v1_cfg *c, nhtb_time now);  /* client: REQUEST */
unsigned nhi_v1_xauth_reply(nhi_v1_x *x, const nhi_v1_cfg *c, nhtb_time now);  /* server: REPLY */
unsigned nhi_v1_xauth_status(nhi_v1_x *x, const nhi_v1_cfg *c, nhtb_time now); /* client: SET */
void nhi_v1_xauth_acked(nhi_ike_sa *sa, nhtb_time now);                        /* server: ACK */
/** Is it done with? A client that goes on has our yes, whatever became of its ACK. */
bool nhi_v1_xauth_over(nhi_ike_sa *sa, nhtb_time now);
void nhi_v1_xauth_judged(nhi_ike_sa *sa, bool right, nhtb_time now);
int nhi_v1_xauth_tell(nhi_v1_x *x, nhtb_span user, nhtb_span password, nhtb_time now);

/* ---- modecfg.c ---- */
int nhi_v1_modecfg_pull(nhi_ike_sa *sa, nhtb_time now); /* client: REQUEST */
int nhi_v1_modecfg_push(nhi_ike_sa *sa, nhtb_time now); /* server: SET */
unsigned nhi_v1_modecfg_asked(nhi_v1_x *x, const nhi_v1_cfg *c, nhtb_time now); /* server */
unsigned nhi_v1_modecfg_reply(nhi_v1_x *x, const nhi_v1_cfg *c, nhtb_time now); /* client */
unsigned nhi_v1_modecfg_set(nhi_v1_x *x, const nhi_v1_cfg *c, nhtb_time now);   /* client */
/** The pair of a client binds its address as next hop. */
void nhi_v1_modecfg_bind(const nhi_ike_child *c);
/** Of the pool's addresses a client may claim its own alone as selector. */
bool nhi_v1_modecfg_allows(const nhi_ike_peer *p, const nhtb_ts *remote);

#endif
