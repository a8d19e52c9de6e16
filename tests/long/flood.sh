#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tests/gateway/flood.sh with the bars for a machine that does nothing else.
NHTB_FLOOD=full exec "$(dirname "$0")/../gateway/flood.sh"
