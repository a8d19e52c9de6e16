#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bad configurations are told apart, with pointer, line and column.
. "$(dirname "$0")/lib.sh"
python3 "$here/check_config.py" "$gateway"
