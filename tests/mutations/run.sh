#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Seeded source mutations: each must be noticed by a test (see run.py, seeded.py).
exec python3 "$(dirname "$0")/run.py" "$@"
