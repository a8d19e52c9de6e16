/* SPDX-License-Identifier: Apache-2.0
 * Peers: identities, authentication, proposals, child configurations; and commands on them. */
#ifndef NHTB_IKE_H
#define NHTB_IKE_H

#include <nhtb/ctx.h>
#include <nhtb/ikev1.h>
#include <nhtb/pki.h>

#ifdef __cplusplus
extern "C" {
#endif

/** ID types by their IANA number (RFC 7296 3.5). data: 4 or 16 address bytes, or text without NUL. */
enum {
    NHTB_ID_NONE = 0, /* local: derived from the local address; remote: any (only as responder) */
    NHTB_ID_IPV4 = 1,
    NHTB_ID_FQDN = 2,
    NHTB_ID_RFC822 = 3,
    NHTB_ID_IPV6 = 5,
    NHTB_ID_DER_DN = 9, /* a distinguished name in DER (nhtb_dn_parse) */
    NHTB_ID_KEY_ID = 11
};
#define NHTB_ID_MAX 255
typedef struct nhtb_identity {
    uint8_t type;
    nhtb_span data;
} nhtb_identity;

/** One proposal: any combination of the listed transforms (IANA numbers). For IKE: encr, prf, ke,
 *  and integ unless encr is an AEAD. For ESP: encr, integ, ke (optional: PFS on rekeys), esn. */
#define NHTB_PROPOSAL_MAX 8
typedef struct nhtb_proposal {
    struct {
        uint16_t id, key_bits;
    } encr[NHTB_PROPOSAL_MAX];
    uint16_t prf[NHTB_PROPOSAL_MAX], integ[NHTB_PROPOSAL_MAX], ke[NHTB_PROPOSAL_MAX];
    uint8_t esn[2]; /* 0: 32-bit, 1: extended sequence numbers, in order of preference */
    uint8_t n_encr, n_prf, n_integ, n_ke, n_esn;
} nhtb_proposal;
typedef enum nhtb_protocol { NHTB_PROTO_IKE = 1, NHTB_PROTO_ESP = 3 } nhtb_protocol;

/** Reads "aes256gcm16-prfsha256-x25519" (IKE) or "aes128-sha256-esn-noesn-ecp256" (ESP): words of
 *  aes128gcm16 aes256gcm16 chacha20poly1305 aes128 aes256 · sha256 sha384 sha512 · prfsha256
 *  prfsha384 prfsha512 · x25519 ecp256 ecp384 ecp521 modp2048 modp3072 modp4096 · esn noesn; and
 *  for old peers, never part of a default: 3des · sha1 · prfsha1 · modp1024 modp1536.
 *  Missing prf follows integ. Returns NHTB_ERR_ARG with *bad (may be NULL) at the first unknown or
 *  missing word. Any thread. */
NHTB_API int nhtb_proposal_parse(nhtb_protocol proto, const char *text, nhtb_proposal *out,
                                 const char **bad);
/** Writes the same words; always terminated. Returns the length that was needed. Any thread. */
NHTB_API size_t nhtb_proposal_format(nhtb_protocol proto, const nhtb_proposal *p, char *dst,
                                     size_t n);

/** What a proposal names that is kept for old peers only, as bits; 0: nothing. Any thread. */
enum { NHTB_OLD_3DES = 1, NHTB_OLD_SHA1 = 2, NHTB_OLD_PRF_SHA1 = 4, NHTB_OLD_GROUP = 8 };
NHTB_API uint32_t nhtb_proposal_old(const nhtb_proposal *p);

/** A child configuration ("VPN"): becomes one tunnel with its SA pairs over time. */
typedef struct nhtb_child {
    uint32_t size;
    const char *name;    /* VPN name, at most 31 characters, unique per peer */
    nhtb_iface_id iface; /* the st0 unit it is bound to */
    const nhtb_ts *local_ts,
        *remote_ts;                   /* proposed, and the most that is accepted; n 0: anything */
    uint16_t n_local_ts, n_remote_ts; /* at most 16 each */
    const nhtb_proposal *proposals;   /* ESP, in order of preference; n 0: built-in default */
    uint16_t n_proposals;             /* at most 8 */
    uint32_t lifetime_s;              /* hard; rekey at 85 % with jitter; 0: 3600 */
    uint64_t lifetime_bytes;          /* hard; 0: 2^38 */
    uint64_t lifetime_packets;        /* hard; 0: 2^32 (never beyond 2^32 - 2^16 without ESN) */
} nhtb_child;

typedef enum nhtb_establish {
    NHTB_ESTABLISH_ON_TRAFFIC = 0,
    NHTB_ESTABLISH_IMMEDIATELY = 1,
    NHTB_ESTABLISH_RESPONDER_ONLY = 2
} nhtb_establish;
typedef enum nhtb_announce {
    NHTB_ANNOUNCE_AUTO = 0, /* only to peers that sent our Vendor ID */
    NHTB_ANNOUNCE_ON = 1,   /* to this peer always */
    NHTB_ANNOUNCE_OFF = 2   /* never, and ignored when received */
} nhtb_announce;

/** What remote_id of an entry is. With anything but EXACT one entry stands for any number of peers:
 *  each identity that proves itself gets an instance of its own (an nhtb_peer_id, tunnels and bindings,
 *  named after the identity), which goes with its last SA. The entry itself has no SAs. */
typedef enum nhtb_wildcard {
    NHTB_WILDCARD_NONE = 0,
    NHTB_WILDCARD_DOMAIN = 1, /* FQDN "*.spokes.example": one label or more before the suffix */
    NHTB_WILDCARD_EMAIL = 2,  /* RFC822 "*@example.org": any mailbox of exactly this domain */
    NHTB_WILDCARD_KEY_ID =
        3, /* KEY_ID prefix that ends with one of . - _ : / @ or is followed by one */
    /* The next two are for DER_DN, and need certificates. Values of the pattern may be "*". */
    NHTB_WILDCARD_DN = 4,       /* each attribute of the pattern is in the name, in any order */
    NHTB_WILDCARD_CONTAINER = 5 /* ... and in the pattern's order */
} nhtb_wildcard;
typedef enum nhtb_second {
    NHTB_SECOND_REPLACE = 0, /* with INITIAL_CONTACT, or once the old one failed a liveness check */
    NHTB_SECOND_KEEP = 1     /* the new one is refused while the old one answers */
} nhtb_second;

typedef struct nhtb_peer {
    uint32_t size;
    const char *name; /* gateway name, at most 31 characters, unique */
    nhtb_path path;   /* local.family 0: any local address (as responder); remote.family 0:
                               any remote address (never initiates). Ports 0: 500, floating to 4500 */
    nhtb_identity local_id, remote_id;
    nhtb_span psk;                  /* empty: the host is asked (event QUESTION, nhtb_answer) */
    const nhtb_proposal *proposals; /* IKE; n 0: built-in default */
    uint16_t n_proposals;           /* at most 8 */
    uint8_t establish;              /* nhtb_establish */
    uint8_t announce;               /* nhtb_announce */
    bool force_encap;               /* UDP encapsulation even without NAT */
    bool initial_contact;           /* send INITIAL_CONTACT in the first IKE_AUTH; default true */
    const nhtb_child *children;
    uint16_t n_children;     /* 1..64 */
    uint16_t liveness_tries; /* 3 */
    uint32_t liveness_s;    /* idle seconds before an empty INFORMATIONAL; 0: 10; UINT32_MAX: off */
    uint32_t lifetime_s;    /* IKE SA, hard; rekey at 85 % with jitter; 0: 28800 */
    uint32_t path_mtu;      /* outer path MTU to start from; 0: 1500 */
    uint8_t wildcard;       /* nhtb_wildcard; needs a seed, has no psk, never initiates */
    uint8_t second_session; /* nhtb_second, of one identity; wildcard entries only */
    uint16_t reserved;      /* 0 */
    uint32_t connection_limit; /* instances at the same time; 0: as limits.peers allows */
    nhtb_span seed;    /* wildcard entries: at least NHTB_PSK_SEED_MIN bytes, see nhtb_psk_derive */
    const nhtb_v1 *v1; /* NULL: IKEv2; else this entry speaks IKEv1 and nothing else */
    const nhtb_pki *pki; /* NULL: pre-shared keys; else certificates on one side or both */
} nhtb_peer;
NHTB_API void nhtb_peer_default(nhtb_peer *p, uint32_t size);
#define nhtb_peer_init(p) nhtb_peer_default((p), (uint32_t)sizeof *(p))
NHTB_API void nhtb_child_default(nhtb_child *c, uint32_t size);
#define nhtb_child_init(c) nhtb_child_default((c), (uint32_t)sizeof *(c))

/** Commands; results come as events. NHTB_ERR_STALE for a dead id. Control thread. */
NHTB_API int nhtb_peer_initiate(nhtb_ctx *ctx, nhtb_peer_id id, nhtb_time now);
/** Deletes all SAs with this peer (it is told). `immediately` peers start again after a back-off. */
NHTB_API int nhtb_peer_clear(nhtb_ctx *ctx, nhtb_peer_id id, nhtb_time now);
typedef enum nhtb_rekey { NHTB_REKEY_IKE = 1, NHTB_REKEY_CHILD = 2 } nhtb_rekey;
NHTB_API int nhtb_peer_rekey(nhtb_ctx *ctx, nhtb_peer_id id, nhtb_rekey what, nhtb_time now);

#ifdef __cplusplus
}
#endif
#endif
