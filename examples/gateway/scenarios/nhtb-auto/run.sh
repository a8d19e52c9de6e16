#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Juniper's hub-and-spoke example with learnt next hops: each spoke announces its own tunnel address.
#   examples/gateway/scenarios/nhtb-auto/run.sh       (root; NHTB_BUILD names the build folder)
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
scenario Auto
finish
