/* SPDX-License-Identifier: Apache-2.0
 * The state x message matrix: an SA brought into each state, and messages made for it. */
#ifndef NHI_TEST_MATRIX_H
#define NHI_TEST_MATRIX_H

#include "unit/ike/twins.h"

enum {
    M_INIT_Q, /* _Q: request, _P: response */
    M_INIT_P,
    M_AUTH_Q,
    M_AUTH_P,
    M_NEW_Q, /* CREATE_CHILD_SA: a new child, a child rekeyed, the IKE SA rekeyed */
    M_NEW_P,
    M_REKEY_CHILD_Q,
    M_REKEY_CHILD_P,
    M_REKEY_IKE_Q,
    M_REKEY_IKE_P,
    M_EMPTY_Q, /* INFORMATIONAL: empty, delete of the child, of the IKE SA */
    M_EMPTY_P,
    M_DELETE_CHILD_Q,
    M_DELETE_CHILD_P,
    M_DELETE_IKE_Q,
    M_DELETE_IKE_P,
    M_UNKNOWN_Q, /* exchange 240 */
    M_UNKNOWN_P,
    M_IKEV1,
    M_IKEV3,
    M_KINDS
};
enum { V_RIGHT, V_WRONG_ID, V_WRONG_ROLE, V_VARIANTS };

typedef struct matrix_row {
    uint8_t state;
    bool initiator;
} matrix_row;

/** The SA under test: which end holds it and what is known of it. */
typedef struct matrix_sa {
    unsigned end;
    bool initiator;
    uint64_t spi_i, spi_r;
    uint32_t next_in, next_out, child_spi;
    nhtb_path path; /* as that end sees it */
    uint8_t kind;
    nhi_sk sk; /* the other side's */
    bool made; /* keys of nobody: to be wiped */
} matrix_sa;

/** Opens the twins with an SA in this state; nothing in flight. */
void matrix_bring(twins *p, const matrix_row *row, matrix_sa *out);
void matrix_close(twins *p, matrix_sa *m);
/** Writes the message; gives its length. */
size_t matrix_message(twins *p, matrix_sa *m, unsigned kind, unsigned variant, uint8_t *out);
/** The state now; DEAD when it is in no table. */
unsigned matrix_state(twins *p, const matrix_sa *m);

#endif
