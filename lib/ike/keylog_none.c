/* SPDX-License-Identifier: Apache-2.0
 * The build without NHTB_KEYLOG: no key ever reaches the host, whatever hooks it sets. Stands for
 * keylog.c. Called by child.c and v2. Control thread. */
#include "ike/room.h"

void nhi_ike_keylog_sa(const nhi_ike_sa *sa)
{
    (void)sa;
}

void nhi_ike_keylog_v1(const nhi_ike_sa *sa, nhtb_span key)
{
    (void)sa;
    (void)key;
}

void nhi_ike_keylog_child(const nhi_ike *ike, const nhi_ike_child_sa *s)
{
    (void)ike;
    (void)s;
}
