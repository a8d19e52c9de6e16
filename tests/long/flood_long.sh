#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The flood of tests/long/flood.sh, ten times as long.
NHTB_LONG=1 exec "$(dirname "$0")/flood.sh"
