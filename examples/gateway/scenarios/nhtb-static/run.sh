#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Juniper's hub-and-spoke example with static next-hop tunnels: the hub names each spoke, the spokes announce nothing.
#   examples/gateway/scenarios/nhtb-static/run.sh       (root; NHTB_BUILD names the build folder)
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
scenario Static
finish
