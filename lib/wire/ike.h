/* SPDX-License-Identifier: Apache-2.0
 * IKEv2 codecs: header, payload chain, SA proposals, traffic selectors, small payloads, builder.
 * RFC 7296 section 3. No allocation, no state; spans borrow from the message. Any thread. */
#ifndef NHI_WIRE_IKE_H
#define NHI_WIRE_IKE_H

#include <nhtb/ike.h>

#include "base/cursor.h"

#define NHI_IKE_HDR     28
#define NHI_IKE_VERSION 0x20
enum { /* flags */
       NHI_IKE_F_INITIATOR = 0x08,
       NHI_IKE_F_VERSION = 0x10,
       NHI_IKE_F_RESPONSE = 0x20
};
enum { /* exchanges */
       NHI_EX_SA_INIT = 34,
       NHI_EX_AUTH = 35,
       NHI_EX_CREATE_CHILD = 36,
       NHI_EX_INFORMATIONAL = 37
};
enum { /* payloads */
       NHI_PL_NONE = 0,
       NHI_PL_SA = 33,
       NHI_PL_KE = 34,
       NHI_PL_IDI = 35,
       NHI_PL_IDR = 36,
       NHI_PL_CERT = 37,
       NHI_PL_CERTREQ = 38,
       NHI_PL_AUTH = 39,
       NHI_PL_NONCE = 40,
       NHI_PL_NOTIFY = 41,
       NHI_PL_DELETE = 42,
       NHI_PL_VID = 43,
       NHI_PL_TSI = 44,
       NHI_PL_TSR = 45,
       NHI_PL_SK = 46,
       NHI_PL_CP = 47,
       NHI_PL_EAP = 48,
       NHI_PL_SKF = 53
};
enum { /* transform types */
       NHI_TF_ENCR = 1,
       NHI_TF_PRF = 2,
       NHI_TF_INTEG = 3,
       NHI_TF_KE = 4,
       NHI_TF_ESN = 5
};
enum { /* notifies used */
       NHI_N_UNSUPPORTED_CRITICAL = 1,
       NHI_N_INVALID_IKE_SPI = 4,
       NHI_N_INVALID_MAJOR_VERSION = 5,
       NHI_N_INVALID_SYNTAX = 7,
       NHI_N_INVALID_MESSAGE_ID = 9,
       NHI_N_INVALID_SPI = 11,
       NHI_N_NO_PROPOSAL_CHOSEN = 14,
       NHI_N_INVALID_KE_PAYLOAD = 17,
       NHI_N_AUTHENTICATION_FAILED = 24,
       NHI_N_SINGLE_PAIR_REQUIRED = 34,
       NHI_N_NO_ADDITIONAL_SAS = 35,
       NHI_N_INTERNAL_ADDRESS_FAILURE = 36,
       NHI_N_FAILED_CP_REQUIRED = 37,
       NHI_N_TS_UNACCEPTABLE = 38,
       NHI_N_INVALID_SELECTORS = 39,
       NHI_N_TEMPORARY_FAILURE = 43,
       NHI_N_CHILD_SA_NOT_FOUND = 44,
       NHI_N_INITIAL_CONTACT = 16384,
       NHI_N_SET_WINDOW_SIZE = 16385,
       NHI_N_ADDITIONAL_TS_POSSIBLE = 16386,
       NHI_N_NAT_DETECTION_SOURCE_IP = 16388,
       NHI_N_NAT_DETECTION_DESTINATION_IP = 16389,
       NHI_N_COOKIE = 16390,
       NHI_N_USE_TRANSPORT_MODE = 16391,
       NHI_N_REKEY_SA = 16393,
       NHI_N_ESP_TFC_PADDING_NOT_SUPPORTED = 16394,
       NHI_N_NON_FIRST_FRAGMENTS_ALSO = 16395,
       NHI_N_FRAGMENTATION_SUPPORTED = 16430,
       NHI_N_SIGNATURE_HASH_ALGORITHMS = 16431
};

typedef struct nhi_ike_hdr {
    uint64_t spi_i, spi_r;
    uint8_t next, version, exchange, flags;
    uint32_t msg_id, length;
} nhi_ike_hdr;
/** False when shorter than 28 bytes or length != n. The version is not judged here. */
bool nhi_ike_hdr_read(nhi_ike_hdr *h, const uint8_t *p, size_t n);
void nhi_ike_hdr_write(uint8_t *p, const nhi_ike_hdr *h);

/** One payload: body without its generic header. */
typedef struct nhi_ike_pl {
    uint8_t type;
    uint8_t next; /* SK, SKF: type of the first payload inside */
    bool critical;
    nhtb_span body;
} nhi_ike_pl;
#define NHI_IKE_PAYLOADS 64
typedef struct nhi_ike_msg {
    nhi_ike_pl pl[NHI_IKE_PAYLOADS];
    size_t n;
    uint8_t unsupported; /* first critical payload of an unknown type, 0: none */
} nhi_ike_msg;
typedef enum nhi_ike_chain { NHI_CHAIN_OK, NHI_CHAIN_MALFORMED, NHI_CHAIN_TOO_MANY } nhi_ike_chain;
/** Splits the chain that starts with payload type `first`. An SK or SKF payload ends it (its body
 *  is the rest; it must be last). Unknown non-critical payloads are kept (callers skip them). */
nhi_ike_chain nhi_ike_msg_parse(nhi_ike_msg *m, uint8_t first, const uint8_t *p, size_t n);
/** Payloads of a type: how many, and the k-th (NULL: none). */
size_t nhi_ike_msg_count(const nhi_ike_msg *m, uint8_t type);
const nhi_ike_pl *nhi_ike_msg_get(const nhi_ike_msg *m, uint8_t type, size_t k);

/* ---- Encrypted Fragment payload (RFC 7383 2.5) ---- */
#define NHI_IKE_FRAGS 64 /* of one message at most */
typedef struct nhi_ike_frag {
    uint16_t number, total; /* 1..total */
    uint8_t first;          /* type of the first payload inside the message; NONE but in number 1 */
} nhi_ike_frag;
/** msg: the whole datagram with its header. False when it is no SKF message, has more than the one
 *  payload, or its numbers cannot be (0, above the total, a total above NHI_IKE_FRAGS). */
bool nhi_ike_frag_read(nhi_ike_frag *f, nhtb_span msg);

/* ---- SA payload (3.3) ---- */
typedef struct nhi_transform {
    uint8_t type;
    uint16_t id, key_bits; /* key_bits 0: no attribute */
    bool unknown_attr;     /* carries an attribute we do not know: not acceptable */
} nhi_transform;
#define NHI_IKE_PROPOSALS  16
#define NHI_IKE_TRANSFORMS 64
typedef struct nhi_ike_proposal {
    uint8_t number, protocol;
    uint8_t spi_len;
    uint8_t spi[8];
    uint8_t n; /* transforms */
    nhi_transform tf[NHI_IKE_TRANSFORMS];
} nhi_ike_proposal;
typedef struct nhi_ike_sa_pl {
    uint8_t n;
    nhi_ike_proposal p[NHI_IKE_PROPOSALS];
} nhi_ike_sa_pl;
/** False when malformed, too many, or numbering is not 1, 2, 3... (a single proposal may have any
 *  number but 0: an answer repeats the number it chose). */
bool nhi_ike_sa_read(nhi_ike_sa_pl *sa, nhtb_span body);
void nhi_ike_sa_write(nhi_wr *w, const nhi_ike_sa_pl *sa);

/* ---- small payloads ---- */
typedef struct nhi_ike_notify {
    uint8_t protocol;
    uint16_t type;
    nhtb_span spi, data;
} nhi_ike_notify;
bool nhi_ike_notify_read(nhi_ike_notify *n, nhtb_span body);
bool nhi_ike_ke_read(nhtb_span body, uint16_t *method, nhtb_span *data);
bool nhi_ike_id_read(nhtb_span body, nhtb_identity *id); /* checks address lengths; data 1..255 */
bool nhi_ike_auth_read(nhtb_span body, uint8_t *method, nhtb_span *data);
/** spis: n items of spi_len bytes. */
bool nhi_ike_delete_read(nhtb_span body, uint8_t *protocol, uint8_t *spi_len, uint16_t *n,
                         nhtb_span *spis);
/** At most cap selectors are stored; *n tells how many (unknown types are skipped). False: malformed
 *  (ranges reversed, lengths, a count of 0). */
bool nhi_ike_ts_read(nhtb_span body, nhtb_ts *v, size_t cap, size_t *n);
void nhi_ike_ts_write(nhi_wr *w, const nhtb_ts *v, size_t n);

/* ---- builder: header, then payloads; keeps the next-payload chain and lengths ---- */
typedef struct nhi_ike_builder {
    nhi_wr w;
    size_t next_at; /* where the next payload's type goes, SIZE_MAX: into first */
    size_t len_at;  /* generic header of the open payload, SIZE_MAX: none */
    uint8_t first;  /* type of the first payload */
    bool header;    /* starts with an IKE header */
} nhi_ike_builder;
/** Starts with an IKE header (length patched by end). */
void nhi_ike_build_init(nhi_ike_builder *b, uint8_t *p, size_t cap, const nhi_ike_hdr *h);
/** Starts a bare payload list (the inside of SK); its first type is found in b->first. */
void nhi_ike_build_inner(nhi_ike_builder *b, uint8_t *p, size_t cap);
/** Then write the body with b->w. For SK, nhi_wr_patch8(&b->w, b->next_at, inner.first) names what
 *  is inside. */
void nhi_ike_build_begin(nhi_ike_builder *b, uint8_t type);
void nhi_ike_build_end(nhi_ike_builder *b); /* patches the payload's length */
void nhi_ike_build_payload(nhi_ike_builder *b, uint8_t type, nhtb_span body);
void nhi_ike_build_notify(nhi_ike_builder *b, uint8_t protocol, nhtb_span spi, uint16_t type,
                          nhtb_span data);
void nhi_ike_build_ke(nhi_ike_builder *b, uint16_t method, nhtb_span data);
void nhi_ike_build_id(nhi_ike_builder *b, uint8_t payload, const nhtb_identity *id);
void nhi_ike_build_auth(nhi_ike_builder *b, uint8_t method, nhtb_span data);
void nhi_ike_build_delete(nhi_ike_builder *b, uint8_t protocol, uint8_t spi_len, uint16_t n,
                          nhtb_span spis);
/** Total length, header length field patched; 0 when anything did not fit. */
size_t nhi_ike_build_finish(nhi_ike_builder *b);

/* ---- NHTB announcement data (protocol-facts 1.5): liberal in form ---- */
#define NHI_NOTIFY_NHTB 40001
/** Takes 4, 5, 8, 12, 16, 17 and 20 byte forms; false: none of them. */
bool nhi_nhtb_data_read(nhtb_span data, nhtb_addr *out);
/** 4 (IPv4) or 16 (IPv6) bytes; returns the length. */
size_t nhi_nhtb_data_write(uint8_t dst[16], const nhtb_addr *a);

#endif
