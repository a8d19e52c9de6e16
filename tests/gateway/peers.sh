#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What goes wrong with peers is named: wrong key, unknown peer, no proposal in common; tunnels that
# start on traffic; a backup path on request; a killed peer.
. "$(dirname "$0")/lib.sh"
hub_and_spoke
edit() { # edit NAME PYTHON: changes c, the configuration
    python3 -c "import json
p='$tmp/$1.json'
c=json.load(open(p))
$2
json.dump(c, open(p, 'w'))"
}
again() { # again NAME PYTHON: the spoke anew with another configuration
    stop "$spoke_pid"
    cp "$tmp/spoke.good" "$tmp/spoke.json"
    edit spoke "$1"
    start spoke --log-json
    spoke_pid=$pid
}
cp "$tmp/spoke.json" "$tmp/spoke.good"
key other
start hub --log-json || { not_ok "the hub starts" "$(cat "$tmp/hub.log")"; finish; }
hub_pid=$pid

edit spoke 'c["gateways"][0]["pre_shared_key"]={"file":"other"}'
start spoke --log-json
spoke_pid=$pid
check "wrong key: the hub says so" wait_for 8 grep -q '"event":"auth_failed"' "$tmp/hub.log"
check "wrong key: the spoke says so" wait_for 8 rows spoke peers -- "rows[0]['last_error'] is not None"
check "wrong key: counted" rows hub statistics -- "rows[0]['ike']['auth_failed'] > 0"
check "wrong key: no tunnel" rows hub ipsec sa -- "len(rows) == 0"

again 'c["gateways"][0]["local_identity"]="stranger.example"'
check "unknown peer: the hub says so" wait_for 8 grep -Eq '"event":"(unknown_peer|auth_failed)"' "$tmp/hub.log"
check "unknown peer: the spoke knows it failed" wait_for 8 rows spoke peers -- "rows[0]['last_error'] is not None"

edit hub 'c["gateways"][0]["proposals"]=["aes128gcm16-prfsha256-ecp256"]'
ctl hub reload >/dev/null
again 'c["gateways"][0]["proposals"]=["aes256-sha512-modp2048"]'
check "no proposal in common: the spoke says so" wait_for 15 \
    rows spoke peers -- "rows[0]['last_error'] in ('no_proposal', 'peer_error')"
check "... with a text for people" sh -c "'$nhtbctl' --socket '$tmp/spoke.sock' show peers | grep -Eqi 'proposal|refused|error'"
edit hub 'del c["gateways"][0]["proposals"]'
check "the hub takes it back" ctl hub reload

again 'c["gateways"][0]["establish_tunnels"]="on-traffic"'
sleep 0.5
check "on-traffic: no tunnel without traffic" rows spoke ipsec sa -- "len(rows) == 0"
check "on-traffic: the kernel leads to the device all the same" sh -c \
    "ip -n $tag-spoke route get 192.168.1.1 | grep -q 'dev st0.0'"
check "on-traffic: a packet starts it, and arrives" in_ns spoke ping -c2 -W3 -I 192.168.2.1 192.168.1.1
check "on-traffic: it is up" tunnel_up spoke

kill -KILL "$hub_pid"
wait "$hub_pid" 2>/dev/null
check "a killed hub is noticed by liveness checks" wait_for 15 rows spoke ipsec sa -- "len(rows) == 0"
check "... named in the log" grep -Eq '"detail":"(liveness|timeout)"' "$tmp/spoke.log"
check "every log line is JSON" python3 -c "
import json
for name in ('hub', 'spoke'):
    for l in open('$tmp/' + name + '.log'):
        json.loads(l)"
check_not "no log holds a key" grep -q not-a-secret "$tmp/hub.log" "$tmp/spoke.log"

ip_in spoke route add default via 203.0.113.1
again 'c["routes"][0]["backup_path"]=True'
check "backup_path: while down the default route serves" sh -c \
    "ip -n $tag-spoke route get 192.168.1.1 | grep -q 'dev wan'"
start hub --log-json
check "backup_path: the tunnel takes over" wait_for 15 sh -c \
    "ip -n $tag-spoke route get 192.168.1.1 | grep -q 'dev st0.0'"
finish
