#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `nhtbctl explain` names the cause of each way a tunnel can fail; `monitor` shows it happen;
# `show security` counts it.
. "$(dirname "$0")/lib.sh"
hub_and_spoke
edit() { # edit NAME PYTHON: changes c, the configuration
    python3 -c "import json
p='$tmp/$1.json'
c=json.load(open(p))
g=c['gateways'][0]
$2
json.dump(c, open(p, 'w'))"
}
says() { # says NAME PEER PATTERN...: explain prints all of them
    local name=$1 peer=$2 p
    shift 2
    ctl "$name" explain "$peer" >"$tmp/said" || return 1
    for p in "$@"; do grep -Eq -- "$p" "$tmp/said" || { cat "$tmp/said"; return 1; }; done
}
soon() { # soon NAME COMMAND...: within 15 s
    local name=$1
    shift
    wait_for 15 "$@"
    check "$name" "$@"
}
edit hub 'c["ipsec"] = {"jobs": 77, "half_open": 555, "half_open_per_source": 9, "cookie_threshold": 33,
    "half_open_timeout_seconds": 21, "fragment_size": 700, "ike_message_bytes": 9000, "held_packets": 12,
    "overlap_seconds": 4, "retransmit_cap_milliseconds": 6000}'
reload_both() { ctl hub reload >/dev/null && ctl spoke reload >/dev/null && ctl spoke clear hub >/dev/null; ctl spoke initiate hub >/dev/null; }
cp "$tmp/hub.json" "$tmp/hub.good"
cp "$tmp/spoke.json" "$tmp/spoke.good"

start spoke || { not_ok "the spoke starts" "$(cat "$tmp/spoke.log")"; finish; }
check "before an answer: an attempt is under way" says spoke hub 'IKE DOWN' 'INIT_SENT' 'No failure'
"$nhtbctl" --socket "$tmp/spoke.sock" monitor >"$tmp/monitor.txt" &
monitor=$!
pids+=($monitor)
"$nhtbctl" --socket "$tmp/spoke.sock" --json monitor >"$tmp/monitor.json" &
pids+=($!)
start hub || { not_ok "the hub starts" "$(cat "$tmp/hub.log")"; finish; }
hub_pid=$pid
soon "up: nothing to explain" says spoke hub 'IKE UP, VPNs up: 1 of 1' 'No failure'
soon "monitor tells of the tunnel" grep -q '^20.*Z tunnel_up hub/vpn' "$tmp/monitor.txt"

edit hub 'g["proposals"] = ["aes256gcm16-prfsha256-ecp256", "aes128-sha256-ecp256"]'
edit spoke 'g["proposals"] = ["aes256gcm16-prfsha256-x25519"]'
check "reload" reload_both
soon "IKE proposals: the responder shows both and the first difference" says hub spoke \
    'IKE DOWN' 'IKE_SA_INIT as responder' 'no_proposal: no proposal in common' \
    'Our proposals:  aes256gcm16-prfsha256-ecp256, ' "Peer's: +aes256gcm16-prfsha256-x25519" \
    'First difference: key exchange: ours ecp256, theirs x25519' 'we wait for the peer'
soon "... the initiator knows what it was told, and when it tries again" says spoke hub \
    'IKE_SA_INIT as initiator' 'no_proposal' 'only says no; ask there' 'Next try: in [0-9]+ s'
check "--json has it all" sh -c "'$nhtbctl' --json --socket '$tmp/hub.sock' explain spoke | python3 -c '
import json, sys
a = json.load(sys.stdin)
assert a[\"failure\"][\"check\"] == \"no_proposal\" and a[\"first_difference\"] and a[\"peer_proposals\"], a'"

cp "$tmp/hub.good" "$tmp/hub.json"
cp "$tmp/spoke.good" "$tmp/spoke.json"
edit hub 'g["vpns"][0]["proposals"] = ["aes256-sha512-noesn"]'
edit spoke 'g["vpns"][0]["proposals"] = ["aes256-sha256-noesn"]'
check "reload" reload_both
soon "ESP proposals: named with their VPN" says hub spoke 'IKE UP, VPNs up: 0 of 1' 'child SA' 'VPN vpn' \
    'First difference: integrity: ours sha512, theirs sha256'
soon "... on the initiator" says spoke hub 'VPNs up: 0 of 1' 'no_proposal'

cp "$tmp/hub.good" "$tmp/hub.json"
cp "$tmp/spoke.good" "$tmp/spoke.json"
key other
edit spoke 'g["pre_shared_key"] = {"file": "other"}'
check "reload" reload_both
soon "wrong key: the responder" says hub spoke 'IKE DOWN' 'IKE_AUTH as responder' 'authentication: authentication failed'
soon "wrong key: the initiator" says spoke hub 'IKE DOWN' 'IKE_AUTH as initiator' 'authentication' 'Next try: (in|under way)'
check "show security counts it" rows hub security -- \
    "rows[0]['auth_failed'] >= 1 and rows[0]['half_open_limit'] > 0 and rows[0]['cookie_threshold'] > 0 and rows[0]['cookies_sent'] == 0"
check "... and what was configured" rows hub security -- \
    "[rows[0][k] for k in ('jobs_limit', 'half_open_limit', 'half_open_per_source', 'cookie_threshold', 'half_open_timeout_s', 'fragment_size', 'ike_message_bytes', 'held_limit', 'overlap_s', 'retransmit_cap_ms')] == [77, 555, 9, 33, 21, 700, 9000, 12, 4, 6000]"
check "... for people too" sh -c "'$nhtbctl' --socket '$tmp/hub.sock' show security | grep -c -e 'of one source: 9' -e 'at most: 77' -e 'in fragments above: 700' | grep -qx 3"
check "show security for people" sh -c "'$nhtbctl' --socket '$tmp/hub.sock' show security | grep -q 'Half-open IKE SAs: [0-9]* of [0-9]*'"

cp "$tmp/spoke.good" "$tmp/spoke.json"
check "reload" reload_both
soon "cured: nothing to explain" says spoke hub 'IKE UP, VPNs up: 1 of 1' 'No failure'

# ---- IKEv1: the same questions ----
old() { edit "$1" 'g.update(ike_version=1, ikev1={"mode": "main"})'; }
old hub
old spoke
cp "$tmp/hub.json" "$tmp/hub.v1"
cp "$tmp/spoke.json" "$tmp/spoke.v1"
edit hub 'g["proposals"] = ["aes256-sha256-ecp256"]'
edit spoke 'g["proposals"] = ["aes256-sha384-ecp256"]'
check "IKEv1: reload" reload_both
soon "IKEv1, phase 1: both offers and the first difference" says hub spoke \
    'IKE DOWN' 'IKEv1 phase 1 as responder' 'no_proposal: no proposal in common' \
    'Our proposals:  aes256-sha256-ecp256-psk$' "Peer's: +aes256-sha384-ecp256-psk$" \
    'First difference: hash: ours sha256, theirs sha384' 'we wait for the peer'
soon "... the initiator knows what it was told, and when it tries again" says spoke hub \
    'IKEv1 phase 1 as initiator' 'no_proposal' 'only says no; ask there' 'Next try: in [0-9]+ s'
cp "$tmp/hub.v1" "$tmp/hub.json"
cp "$tmp/spoke.v1" "$tmp/spoke.json"
edit hub 'g["vpns"][0]["proposals"] = ["aes256-sha256-modp2048"]'
edit spoke 'g["vpns"][0]["proposals"] = ["aes256-sha256"]'
check "IKEv1: reload" reload_both
soon "IKEv1, phase 2: named with its VPN" says hub spoke 'IKE UP, VPNs up: 0 of 1' 'quick mode as responder, VPN vpn' \
    'Our proposals:  aes256-sha256-modp2048-tunnel' 'First difference: group \(PFS\): ours modp2048, theirs none'
soon "... on the initiator" says spoke hub 'VPNs up: 0 of 1' 'quick mode as initiator, VPN vpn' 'no_proposal'
cp "$tmp/hub.v1" "$tmp/hub.json"
cp "$tmp/spoke.v1" "$tmp/spoke.json"
edit spoke 'g["pre_shared_key"] = {"file": "other"}'
check "IKEv1: reload" reload_both
soon "IKEv1, wrong key: the responder" says hub spoke 'IKE DOWN' 'IKEv1 phase 1 as responder' 'authentication: authentication failed'
cp "$tmp/spoke.v1" "$tmp/spoke.json"
check "IKEv1: reload" reload_both
soon "IKEv1, cured: nothing to explain" says spoke hub 'IKE UP, VPNs up: 1 of 1' 'No failure'

kill -KILL "$hub_pid"
wait "$hub_pid" 2>/dev/null
soon "a dead peer: liveness" says spoke hub 'IKE DOWN' 'ESTABLISHED as' 'liveness|timeout'
check_not "an unknown peer is refused" ctl spoke explain nobody

check "monitor told of the failures" grep -q 'auth_failed hub' "$tmp/monitor.txt"
check "monitor --json: an object per line, events with names" python3 -c "
import json
seen = {json.loads(l)['event'] for l in open('$tmp/monitor.json')}
assert {'tunnel_up', 'ike_up', 'ike_down', 'auth_failed', 'tunnel_down'} <= seen, seen"
kill -TERM "$monitor" # a shell's background job ignores INT
wait "$monitor"
check "interrupted, the gateway lives on" ctl spoke show peers
finish
