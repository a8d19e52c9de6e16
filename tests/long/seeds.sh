#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Many seeds: establishment with loss and inverted bits (100,000), storms (2,000), rekeys under load
# (10,000 child, 1,000 IKE), forged sources (a million).
. "$(dirname "$0")/lib.sh"
suite test_exchange 'corrupt/*'
suite test_exchange 'loss/*'
suite test_exchange 'storm/*' NHTB_STORM_SEEDS=2000
suite test_exchange '*rekey_load/*'
suite test_exchange 'rebind/*'
finish
