#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tables at length: 10^9 steps of the replay window and 10^7 of the prefix table against their models.
. "$(dirname "$0")/lib.sh"
suite test_property 'replay_model/*'
suite test_property 'lpm/*'
finish
