/* SPDX-License-Identifier: Apache-2.0
 * What makes a peer's entry speak IKEv1 (RFC 2407, 2408, 2409; deprecated by RFC 9395). Only for
 * peers that know nothing better: docs/ikev1.md tells what is given up. Off unless an entry has it. */
#ifndef NHTB_IKEV1_H
#define NHTB_IKEV1_H

#include <nhtb/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum nhtb_v1_mode {
    NHTB_V1_MAIN = 0,
    /** Shows the identity and lets anybody who asks try passwords offline: warned about (detail
     *  AGGRESSIVE_MODE) whenever an entry uses it, and answered only for such an entry. */
    NHTB_V1_AGGRESSIVE = 1
} nhtb_v1_mode;

/** How our tunnel address is framed in a next-hop announcement (notify 40001): the bytes Junos sends
 *  are not published. Only what is sent before the peer's own was seen: then it is mirrored. */
typedef enum nhtb_v1_form {
    NHTB_V1_FORM_PLAIN = 0, /* 4 bytes: the address */
    NHTB_V1_FORM_TLV = 1,   /* 00 01 00 04, address */
    NHTB_V1_FORM_MASK = 2,  /* address, netmask */
    NHTB_V1_FORM_PREFIX = 3 /* address, prefix length */
} nhtb_v1_form;

typedef enum nhtb_v1_role { NHTB_V1_NO = 0, NHTB_V1_CLIENT = 1, NHTB_V1_SERVER = 2 } nhtb_v1_role;

/** A user of our XAuth server, or (password empty) an identity with an address of its own: name is
 *  the user name, else the text of the IKE identity. */
typedef struct nhtb_v1_user {
    nhtb_span name, password;
    nhtb_addr address; /* family 0: from the pool */
} nhtb_v1_user;

/** An IKEv1 entry takes its other fields from nhtb_peer: proposals name a cipher in CBC mode, a prf
 *  (its hash) and a group each; liveness_s and liveness_tries rule DPD; lifetime_s phase 1.
 *  force_encap, initial_contact and announce mean the same. */
typedef struct nhtb_v1 {
    uint32_t size;
    uint8_t mode;              /* nhtb_v1_mode */
    bool nat_t;                /* RFC 3947; default true */
    bool nat_t_drafts;         /* also draft-ietf-ipsec-nat-t-ike-02 and -03; default true */
    bool dpd;                  /* RFC 3706, when the peer knows it too; default true */
    bool fragmentation;        /* payload 132, when the peer knows it too; default true */
    bool responder_lifetime;   /* tell the initiator when ours is shorter; default true */
    uint64_t lifetime_kb;      /* of phase 1; 0: none. Of phase 2: nhtb_child.lifetime_bytes */
    uint8_t announce_form;     /* nhtb_v1_form */
    uint8_t announce_protocol; /* protocol id of that notify; default 3 (ESP) */
    bool announce_no_spi;      /* without our inbound SPI */
    uint8_t xauth;             /* nhtb_v1_role: the client is who initiates phase 1 */
    uint8_t config;            /* nhtb_v1_role: mode config */
    bool config_push;          /* the server sends SET by itself; else the client asks */
    bool shared; /* XAuth server: many users behind one identity and key, an instance each */
    uint8_t reserved[2];       /* 0 */
    nhtb_span user, password;  /* XAuth client; user empty: the host is asked (QUESTION) */
    const nhtb_v1_user *users; /* XAuth server; n 0: the host judges (QUESTION) */
    uint16_t n_users;          /* at most 4096 */
    uint16_t n_split;          /* at most 16 */
    nhtb_prefix pool;          /* mode config server: addresses for clients (family 0: none) */
    nhtb_addr dns[2];          /* told to clients; family 0: none */
    const nhtb_prefix *split;  /* IPv4 networks told to clients that know Cisco Unity */
    nhtb_span banner, domain;  /* told to the same; at most 255 bytes each */
} nhtb_v1;
NHTB_API void nhtb_v1_default(nhtb_v1 *v, uint32_t size);
#define nhtb_v1_init(v) nhtb_v1_default((v), (uint32_t)sizeof *(v))

#ifdef __cplusplus
}
#endif
#endif
