/* SPDX-License-Identifier: Apache-2.0
 * Events (pulled, coalesced per object and kind, never lost), questions and answers. */
#ifndef NHTB_EVENT_H
#define NHTB_EVENT_H

#include <nhtb/ctx.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NHTB_EVENTS(X)                                                                             \
    X(NONE, "none")                                                                                \
    X(IKE_UP, "ike_up")         /* authenticated */                                                \
    X(IKE_DOWN, "ike_down")     /* detail says why */                                              \
    X(IKE_FAILED, "ike_failed") /* an attempt failed; detail says why */                           \
    X(IKE_REKEYED, "ike_rekeyed")                                                                  \
    X(TUNNEL_UP, "tunnel_up") /* first SA pair of a tunnel */                                      \
    X(TUNNEL_DOWN, "tunnel_down")                                                                  \
    X(CHILD_REKEYED, "child_rekeyed")                                                              \
    X(CHILD_FAILED, "child_failed") /* selectors or proposal refused; IKE SA stays */              \
    X(IFACE_UP, "iface_up")         /* at least one tunnel is up */                                \
    X(IFACE_DOWN, "iface_down")                                                                    \
    X(BINDING_ADDED, "binding_added") /* learnt; addr = next hop */                                \
    X(BINDING_REMOVED, "binding_removed")                                                          \
    X(BINDING_REFUSED, "binding_refused")   /* detail says why; addr = what was claimed */         \
    X(SPOOFED, "spoofed")                   /* source check failed; addr = inner source */         \
    X(PEER_MOVED, "peer_moved")             /* path = the new outer endpoints */                   \
    X(AUTH_FAILED, "auth_failed")           /* wrong PSK or identity */                            \
    X(UNKNOWN_PEER, "unknown_peer")         /* no entry fits; path tells where from */             \
    X(LIMIT, "limit")                       /* a capacity is used up; detail names it */           \
    X(QUESTION, "question")                 /* see nhtb_answer */                                  \
    X(ADDRESS_RECEIVED, "address_received") /* mode config: addr is ours; set it on iface */       \
    X(ADDRESS_GIVEN, "address_given")       /* mode config: addr is this peer's */                 \
    X(WEAK, "weak") /* something known to be weak is in use; detail names it */

typedef enum nhtb_event_kind {
#define X(sym, name) NHTB_EVENT_##sym,
    NHTB_EVENTS(X)
#undef X
        NHTB_EVENT_END
} nhtb_event_kind;

/** Causes, for people and programs. X(symbol, json name, text). */
#define NHTB_DETAILS(X)                                                                            \
    X(NONE, "none", "")                                                                            \
    X(DELETED_BY_PEER, "deleted_by_peer", "the peer deleted it")                                   \
    X(DELETED_BY_US, "deleted_by_us", "deleted by command or configuration")                       \
    X(LIVENESS, "liveness", "the peer does not answer liveness checks")                            \
    X(TIMEOUT, "timeout", "no answer to retransmissions")                                          \
    X(REPLACED, "replaced", "replaced after INITIAL_CONTACT or a newer session")                   \
    X(EXPIRED, "expired", "lifetime ended without a rekey")                                        \
    X(NO_PROPOSAL, "no_proposal", "no proposal in common")                                         \
    X(NO_SELECTORS, "no_selectors", "traffic selectors do not fit")                                \
    X(KE_GROUP, "ke_group", "the peer wants a key exchange method we did not offer")               \
    X(AUTHENTICATION, "authentication", "authentication failed")                                   \
    X(IDENTITY, "identity", "the peer's identity is not the configured one")                       \
    X(NO_PSK, "no_psk", "no pre-shared key for this peer")                                         \
    X(PEER_ERROR, "peer_error", "the peer answered with an error notify (code)")                   \
    X(MALFORMED, "malformed", "the peer's message is malformed")                                   \
    X(CRYPTO, "crypto", "the crypto backend failed")                                               \
    X(RANDOM, "random", "the random source failed")                                                \
    X(MEMORY, "memory", "out of memory")                                                           \
    X(CAPACITY, "capacity", "a configured capacity is used up")                                    \
    X(STATIC_WINS, "static_wins", "a static entry holds this next hop")                            \
    X(TAKEN, "taken", "another live tunnel holds this next hop")                                   \
    X(NOT_UNICAST, "not_unicast", "not a usable unicast address")                                  \
    X(OWN_ADDRESS, "own_address", "our own tunnel address")                                        \
    X(OUT_OF_SUBNET, "out_of_subnet", "outside the interface's subnet")                            \
    X(TOO_MANY, "too_many", "too many bindings for one peer")                                      \
    X(NETWORK, "network", "the network refuses our packets")                                       \
    X(INTERNAL, "internal", "an internal check failed")                                            \
    X(OWNED, "owned", "the next hop belongs to another identity")                                  \
    X(SECOND_SESSION, "second_session", "this identity is connected already")                      \
    X(XAUTH_WANTED, "xauth_wanted", "the peer asks for a user name and password")                  \
    X(XAUTH_CHECK, "xauth_check", "a user name and password are to be judged")                     \
    X(XAUTH, "xauth", "user name or password refused")                                             \
    X(AGGRESSIVE_MODE, "aggressive_mode",                                                          \
      "aggressive mode: who asks may try keys offline, and reads the identities")                  \
    X(CERT_UNTRUSTED, "cert_untrusted", "no valid path from the certificate to a trusted one")     \
    X(CERT_EXPIRED, "cert_expired", "a certificate is not valid yet, or no longer")                \
    X(CERT_REVOKED, "cert_revoked", "a certificate is revoked")                                    \
    X(CERT_STATUS, "cert_status", "no current revocation list says anything about a certificate")  \
    X(CERT_WEAK, "cert_weak", "a certificate's key or hash is too weak")                           \
    X(CERT_NAME, "cert_name", "the certificate does not hold the claimed identity")

typedef enum nhtb_detail {
#define X(sym, name, text) NHTB_DETAIL_##sym,
    NHTB_DETAILS(X)
#undef X
        NHTB_DETAIL_END
} nhtb_detail;

NHTB_API const char *nhtb_event_name(unsigned kind);
NHTB_API const char *nhtb_detail_name(unsigned detail);
NHTB_API const char *nhtb_detail_text(unsigned detail);

typedef struct nhtb_event {
    uint32_t size;
    uint16_t kind;   /* nhtb_event_kind */
    uint16_t detail; /* nhtb_detail */
    nhtb_time time;  /* of the latest occurrence */
    uint32_t count;  /* occurrences coalesced into this event, at least 1 */
    uint32_t code;   /* IKE notify number of PEER_ERROR, SPI of SA events, else 0 */
    nhtb_peer_id peer;
    uint16_t child; /* child configuration index, UINT16_MAX: none */
    nhtb_iface_id iface;
    nhtb_addr addr;
    nhtb_path path;
    uint32_t question; /* QUESTION: its number */
} nhtb_event;

/** The next event, or false. ev->size must be set (nhtb_event_init). Control thread. */
NHTB_API bool nhtb_next_event(nhtb_ctx *ctx, nhtb_event *ev);
#define nhtb_event_init(e) ((e)->size = (uint32_t)sizeof *(e))

/** Answer to a QUESTION event. Its detail says what is asked:
 *    NONE          a peer without a configured PSK authenticates: psk; empty refuses
 *    XAUTH_WANTED  we are an XAuth client: user and password; user empty gives up
 *    XAUTH_CHECK   we are the server: nhtb_question_get tells user and password, accept judges,
 *                  address (family 0: from the pool) is what the client may have
 *  NHTB_ERR_STALE when the asker is gone. Everything is copied. */
typedef struct nhtb_reply {
    uint32_t size;
    nhtb_span psk;
    nhtb_span user, password;
    nhtb_addr address;
    bool accept;
} nhtb_reply;
/** What an XAUTH_CHECK question is about; spans are valid until the next call on ctx. */
typedef struct nhtb_question {
    uint32_t size;
    nhtb_span user, password;
} nhtb_question;
NHTB_API int nhtb_question_get(nhtb_ctx *ctx, uint32_t question, nhtb_question *out);
NHTB_API int nhtb_answer(nhtb_ctx *ctx, uint32_t question, const nhtb_reply *r, nhtb_time now);

#ifdef __cplusplus
}
#endif
#endif
