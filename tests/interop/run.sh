#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Interop rows against real peers; writes docs/interop.md. Needs root and a build: NHTB_BUILD=DIR.
#   tests/interop/run.sh [--only TEXT] [--jobs N]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" = 0 ] || { echo "tests/interop/run.sh needs root (network namespaces)" >&2; exit 1; }
exec /usr/bin/python3 -B "$here/interop.py" "$@"
