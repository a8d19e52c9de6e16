/* SPDX-License-Identifier: Apache-2.0
 * libnhtb: an embeddable IPsec stack with next-hop tunnel binding. Umbrella header. */
#ifndef NHTB_NHTB_H
#define NHTB_NHTB_H

#include <nhtb/types.h>
#include <nhtb/version.h>
#include <nhtb/host.h>
#include <nhtb/crypto.h>
#include <nhtb/pkt.h>
#include <nhtb/ctx.h>
#include <nhtb/worker.h>
#include <nhtb/job.h>
#include <nhtb/ike.h>
#include <nhtb/ikev1.h>
#include <nhtb/pki.h>
#include <nhtb/psk.h>
#include <nhtb/table.h>
#include <nhtb/event.h>
#include <nhtb/stats.h>

#endif
