#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# IKEv1 under damage with every session of the signed ways (RFC 2408 5); counts are printed.
. "$(dirname "$0")/lib.sh"
suite test_ike 'v1_bits/*'
finish
