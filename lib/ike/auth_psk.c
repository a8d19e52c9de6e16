/* SPDX-License-Identifier: Apache-2.0
 * AUTH by pre-shared key. RFC 7296 2.15. Pure; called by ike/v2/auth_*. */
#include "ike/parts.h"

static const uint8_t key_pad[17] = "Key Pad for IKEv2"; /* no terminator */

int nhi_auth_psk(const nhtb_crypto *c, uint16_t prf, nhtb_span psk, nhtb_span message,
                 nhtb_span other_nonce, const nhi_secret *sk_p, nhtb_span id_body, nhi_secret *out)
{
    nhi_secret maced_id = {.n = 0}, key = {.n = 0};
    nhtb_span pad = {key_pad, sizeof key_pad};
    int err = nhi_prf(c, prf, nhi_secret_span(sk_p), &id_body, 1, &maced_id);
    if (!err) {
        err = nhi_prf(c, prf, psk, &pad, 1, &key);
    }
    if (!err) {
        nhtb_span v[3] = {message, other_nonce, nhi_secret_span(&maced_id)};
        err = nhi_prf(c, prf, nhi_secret_span(&key), v, 3, out);
    }
    nhi_secret_wipe(&maced_id);
    nhi_secret_wipe(&key);
    return err;
}
