#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The JSON Schema against the shipped configurations, bad ones, and the reader's own tables.
root=$(cd "$(dirname "$0")/../.." && pwd)
exec /usr/bin/python3 "$root/tests/gateway/check_schema.py" "$root"
