#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Crossing exchanges (RFC 7296 2.8, 2.25): at least 100,000 distinct schedules; counts are printed.
. "$(dirname "$0")/lib.sh"
suite test_ike 'schedules*/*'
finish
