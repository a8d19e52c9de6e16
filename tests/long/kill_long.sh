#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 200 kills of tests/gateway/kill.sh.
NHTB_LONG=1 exec "$(dirname "$0")/../gateway/kill.sh"
