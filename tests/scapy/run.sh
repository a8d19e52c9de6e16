#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ESP both ways against scapy's IPsec layer (Debian's python3-scapy). NHTB_BUILD: build folder.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec /usr/bin/python3 -B "$here/esp_oracle.py" "${NHTB_BUILD:?set NHTB_BUILD to a build folder}/esp_tool"
