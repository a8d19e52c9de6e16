/* SPDX-License-Identifier: Apache-2.0
 * IKEv1 codecs: payload chain, attributes, SA proposals, identities, small payloads. RFC 2408 3,
 * RFC 2407 4.6, RFC 2409. The header has IKEv2's form: nhi_ike_hdr_read, nhi_ike_hdr_write (cookies
 * are spi_i, spi_r), and messages are written with nhi_ike_builder. Nothing else is shared with
 * IKEv2: payload and transform numbers mean other things. No allocation, no state; spans borrow
 * from the message. Any thread. */
#ifndef NHI_WIRE_V1_H
#define NHI_WIRE_V1_H

#include "wire/ike.h"

#define NHI_V1_VERSION 0x10
#define NHI_V1_DOI     1 /* IPsec */
enum {                   /* flags */
       NHI_V1_F_ENCRYPT = 1,
       NHI_V1_F_COMMIT = 2,
       NHI_V1_F_AUTH_ONLY = 4
};
enum { /* exchanges */
       NHI_V1_EX_MAIN = 2,
       NHI_V1_EX_AGGRESSIVE = 4,
       NHI_V1_EX_INFORMATIONAL = 5,
       NHI_V1_EX_TRANSACTION = 6,
       NHI_V1_EX_QUICK = 32
};
enum { /* payloads */
       NHI_V1_NONE = 0,
       NHI_V1_SA = 1,
       NHI_V1_PROPOSAL = 2,
       NHI_V1_TRANSFORM = 3,
       NHI_V1_KE = 4,
       NHI_V1_ID = 5,
       NHI_V1_CERT = 6,
       NHI_V1_CR = 7,
       NHI_V1_HASH = 8,
       NHI_V1_SIG = 9,
       NHI_V1_NONCE = 10,
       NHI_V1_NOTIFY = 11,
       NHI_V1_DELETE = 12,
       NHI_V1_VID = 13,
       NHI_V1_ATTR = 14,
       NHI_V1_NAT_D = 20,
       NHI_V1_NAT_OA = 21,
       NHI_V1_NAT_D_DRAFT = 130,
       NHI_V1_NAT_OA_DRAFT = 131,
       NHI_V1_FRAGMENT = 132
};
enum { /* protocols */
       NHI_V1_PROTO_ISAKMP = 1,
       NHI_V1_PROTO_AH = 2,
       NHI_V1_PROTO_ESP = 3
};
enum { /* notifies used */
       NHI_V1_N_INVALID_PAYLOAD_TYPE = 1,
       NHI_V1_N_DOI_NOT_SUPPORTED = 2,
       NHI_V1_N_SITUATION_NOT_SUPPORTED = 3,
       NHI_V1_N_INVALID_COOKIE = 4,
       NHI_V1_N_INVALID_MAJOR_VERSION = 5,
       NHI_V1_N_INVALID_EXCHANGE_TYPE = 7,
       NHI_V1_N_INVALID_MESSAGE_ID = 9,
       NHI_V1_N_INVALID_PROTOCOL_ID = 10,
       NHI_V1_N_INVALID_SPI = 11,
       NHI_V1_N_NO_PROPOSAL_CHOSEN = 14,
       NHI_V1_N_PAYLOAD_MALFORMED = 16,
       NHI_V1_N_INVALID_KEY = 17,
       NHI_V1_N_INVALID_ID = 18,
       NHI_V1_N_INVALID_HASH = 23,
       NHI_V1_N_AUTHENTICATION_FAILED = 24,
       NHI_V1_N_CONNECTED = 16384,
       NHI_V1_N_RESPONDER_LIFETIME = 24576,
       NHI_V1_N_REPLAY_STATUS = 24577,
       NHI_V1_N_INITIAL_CONTACT = 24578,
       NHI_V1_N_R_U_THERE = 36136,
       NHI_V1_N_R_U_THERE_ACK = 36137
};

/** One payload: its body, and the whole of it with the generic header (hashes cover that). */
typedef struct nhi_v1_pl {
    uint8_t type;
    nhtb_span body, whole;
} nhi_v1_pl;
#define NHI_V1_PAYLOADS 64
#define NHI_V1_PAD_MAX  64 /* bytes behind the chain that need not be zero */
typedef struct nhi_v1_msg {
    nhi_v1_pl pl[NHI_V1_PAYLOADS];
    size_t n;
    nhtb_span chain; /* all payloads, without padding */
} nhi_v1_msg;
/** Splits the chain that starts with payload type `first`. Reserved bytes must be zero: what a wrong
 *  key decrypts to is hardly ever a chain. padded: an encrypted message may end in padding, which
 *  carries no length (zeros, or a few bytes of anything). Unknown types are kept. */
nhi_ike_chain nhi_v1_msg_parse(nhi_v1_msg *m, uint8_t first, const uint8_t *p, size_t n,
                               bool padded);
size_t nhi_v1_msg_count(const nhi_v1_msg *m, uint8_t type);
const nhi_v1_pl *nhi_v1_msg_get(const nhi_v1_msg *m, uint8_t type, size_t k); /* NULL: none */
/** All of the chain that follows the k-th payload, with generic headers. */
nhtb_span nhi_v1_msg_after(const nhi_v1_msg *m, size_t k);

/* ---- attributes (RFC 2408 3.3) ---- */
typedef struct nhi_v1_attr {
    uint16_t type;   /* without the AF bit */
    nhtb_span value; /* 2 bytes in the short form */
    bool is_short;
} nhi_v1_attr;
/** The next of a list; false: end, or malformed (r->bad). */
bool nhi_v1_attr_next(nhi_rd *r, nhi_v1_attr *a);
/** A number in either form, up to 8 bytes; false: not one. */
bool nhi_v1_attr_number(const nhi_v1_attr *a, uint64_t *v);
/** Is the list well-formed to its end? */
bool nhi_v1_attrs_valid(nhtb_span list);
void nhi_v1_attr_write_short(nhi_wr *w, unsigned type, unsigned value);
void nhi_v1_attr_write(nhi_wr *w, unsigned type, nhtb_span value);
/** The short form when the number fits, else 4 bytes. */
void nhi_v1_attr_write_number(nhi_wr *w, unsigned type, uint32_t value);

/* ---- SA payload (RFC 2408 3.4 - 3.6, RFC 2407 4.6.1) ---- */
#define NHI_V1_PROPOSALS  16
#define NHI_V1_TRANSFORMS 64 /* of one proposal */
#define NHI_V1_SPI_MAX    16
typedef struct nhi_v1_transform {
    uint8_t number, id;
    nhtb_span attrs;
} nhi_v1_transform;
typedef struct nhi_v1_proposal {
    uint8_t number, protocol, n; /* n: transforms */
    nhtb_span spi, transforms;
} nhi_v1_proposal;
typedef struct nhi_v1_sa_pl {
    uint8_t n;
    nhi_v1_proposal p[NHI_V1_PROPOSALS];
} nhi_v1_sa_pl;
/** False when malformed down to the last attribute, too many, or not IPsec DOI with situation
 *  SIT_IDENTITY_ONLY. Numbers are not judged: peers count from 0 or from 1. */
bool nhi_v1_sa_read(nhi_v1_sa_pl *sa, nhtb_span body);
/** The next transform of a proposal that was read; start with a reader over p->transforms. */
bool nhi_v1_transform_next(nhi_rd *r, nhi_v1_transform *t);
/** Is this proposal one of a bundle (another one has its number: both, or none)? */
bool nhi_v1_sa_bundled(const nhi_v1_sa_pl *sa, size_t i);
/** Writers of a body: DOI and situation; then proposal by proposal, transform by transform. */
typedef struct nhi_v1_sa_writer {
    nhi_wr *w;
    size_t proposal_at, transform_at; /* SIZE_MAX: none open */
    uint8_t n;                        /* transforms of the open proposal */
} nhi_v1_sa_writer;
void nhi_v1_sa_begin(nhi_v1_sa_writer *s, nhi_wr *w);
void nhi_v1_sa_proposal(nhi_v1_sa_writer *s, uint8_t number, uint8_t protocol, nhtb_span spi);
/** Then write its attributes with s->w. */
void nhi_v1_sa_transform(nhi_v1_sa_writer *s, uint8_t number, uint8_t id);
void nhi_v1_sa_end(nhi_v1_sa_writer *s);

/* ---- identities (RFC 2407 4.6.2) ---- */
enum {
    NHI_V1_ID_IPV4 = 1,
    NHI_V1_ID_FQDN = 2,
    NHI_V1_ID_USER_FQDN = 3,
    NHI_V1_ID_IPV4_SUBNET = 4,
    NHI_V1_ID_IPV6 = 5,
    NHI_V1_ID_IPV6_SUBNET = 6,
    NHI_V1_ID_IPV4_RANGE = 7,
    NHI_V1_ID_IPV6_RANGE = 8,
    NHI_V1_ID_DN = 9,
    NHI_V1_ID_GN = 10,
    NHI_V1_ID_KEY_ID = 11
};
typedef struct nhi_v1_id {
    uint8_t type, proto;
    uint16_t port;
    nhtb_span data;
} nhi_v1_id;
/** Checks the lengths of address types; other data 1..255 (a DN: 1..2048) bytes. */
bool nhi_v1_id_read(nhi_v1_id *id, nhtb_span body);
void nhi_v1_id_write(nhi_wr *w, const nhi_v1_id *id);
/** A phase 2 identity as a selector: host, subnet with a contiguous mask, range. */
bool nhi_v1_id_to_ts(nhtb_ts *ts, const nhi_v1_id *id);
/** The reverse: the shortest type that says it. False: a port range, an opaque port. */
bool nhi_v1_id_write_ts(nhi_wr *w, const nhtb_ts *ts);

/* ---- small payloads ---- */
typedef struct nhi_v1_notify {
    uint32_t doi;
    uint8_t protocol;
    uint16_t type;
    nhtb_span spi, data;
} nhi_v1_notify;
bool nhi_v1_notify_read(nhi_v1_notify *n, nhtb_span body);
typedef struct nhi_v1_delete {
    uint32_t doi;
    uint8_t protocol, spi_len;
    uint16_t n;
    nhtb_span spis; /* n items of spi_len bytes */
} nhi_v1_delete;
bool nhi_v1_delete_read(nhi_v1_delete *d, nhtb_span body);
/** CERT and CR: an encoding and data (a CR's may be empty). */
bool nhi_v1_cert_read(nhtb_span body, uint8_t *encoding, nhtb_span *data);
/** NAT-OA: an address (RFC 3947 5.2). */
bool nhi_v1_nat_oa_read(nhtb_span body, nhtb_addr *a);
typedef struct nhi_v1_cfg { /* mode config, XAuth */
    uint8_t type;
    uint16_t id;
    nhtb_span attrs; /* well-formed */
} nhi_v1_cfg;
enum { NHI_V1_CFG_REQUEST = 1, NHI_V1_CFG_REPLY = 2, NHI_V1_CFG_SET = 3, NHI_V1_CFG_ACK = 4 };
bool nhi_v1_cfg_read(nhi_v1_cfg *c, nhtb_span body);

#define NHI_V1_FRAGS 64 /* of one message at most */
typedef struct nhi_v1_frag {
    uint16_t id;
    uint8_t number; /* from 1 */
    bool last;
    nhtb_span data;
} nhi_v1_frag;
/** The body of a fragment payload. False: number 0 or above NHI_V1_FRAGS, no data. */
bool nhi_v1_frag_read(nhi_v1_frag *f, nhtb_span body);

/* ---- builder: nhi_ike_build_init, _inner, _begin, _end, _payload, _finish of wire/ike.h, and ---- */
void nhi_v1_build_notify(nhi_ike_builder *b, const nhi_v1_notify *n);
void nhi_v1_build_delete(nhi_ike_builder *b, const nhi_v1_delete *d);
void nhi_v1_build_id(nhi_ike_builder *b, const nhi_v1_id *id);
void nhi_v1_build_cert(nhi_ike_builder *b, uint8_t payload, uint8_t encoding, nhtb_span data);
void nhi_v1_build_nat_oa(nhi_ike_builder *b, uint8_t payload, const nhtb_addr *a);
/** Then write attributes with b->w, then nhi_ike_build_end. */
void nhi_v1_build_cfg_begin(nhi_ike_builder *b, uint8_t type, uint16_t id);
void nhi_v1_build_fragment(nhi_ike_builder *b, const nhi_v1_frag *f);
/** Zeros up to a multiple of block, outside of every payload: the end of what is encrypted. Returns
 *  the length, 0 when it did not fit. */
size_t nhi_v1_build_pad(nhi_ike_builder *b, size_t block);

#endif
