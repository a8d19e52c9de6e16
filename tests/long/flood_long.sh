#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The flood of tests/long/flood.sh, ten times as long.
NHTB_FLOOD=long exec "$(dirname "$0")/../gateway/flood.sh"
