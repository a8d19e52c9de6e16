#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A hub and a spoke: routes and carrier follow the tunnel, nothing leaves in clear, reload leaves
# unchanged tunnels alone, SIGTERM tells the peer and leaves nothing.
. "$(dirname "$0")/lib.sh"
hub_and_spoke
ip_in hub route add default via 203.0.113.2
ip_in spoke route add default via 203.0.113.1
ip netns exec "$tag-hub" tcpdump --immediate-mode -U -i wan -w "$tmp/wire.pcap" >"$tmp/tcpdump.log" 2>&1 &
pids+=($!)
wait_for 5 grep -q listening "$tmp/tcpdump.log"
clear_text() {
    sleep 0.3
    tcpdump -nr "$tmp/wire.pcap" 'net 192.168.0.0/16 or net 10.11.11.0/24' 2>/dev/null
}
kernel() { ip_in "$1" route show "$2" proto 151; }
carrier() { ip_in hub link show st0.0 | grep -q LOWER_UP; }

start hub || { not_ok "the hub starts" "$(cat "$tmp/hub.log")"; finish; }
hub_pid=$pid
check "down: the prefix is unreachable" sh -c "ip -n $tag-hub route show proto 151 | grep -q '^unreachable 192.168.2.0/24'"
check_not "down: no route toward the device" sh -c "ip -n $tag-hub route show proto 151 | grep -q 'dev st0.0'"
check_not "down: no carrier" carrier
check_not "down: a packet is refused" in_ns hub ping -c1 -W1 -I 192.168.1.1 192.168.2.1
check "down: nothing left in clear" test -z "$(clear_text)"

start spoke || { not_ok "the spoke starts" "$(cat "$tmp/spoke.log")"; finish; }
spoke_pid=$pid
check "the tunnel comes up at once" wait_for 10 tunnel_up hub
check "... on both ends" wait_for 10 tunnel_up spoke
check "up: carrier" carrier
check "up: the kernel sends the prefix to the device" sh -c \
    "ip -n $tag-hub route get 192.168.2.1 | grep -q 'dev st0.0'"
check "up: an unreachable route waits behind it" sh -c "ip -n $tag-hub route show proto 151 | grep -q '^unreachable 192.168.2.0/24'"
check "the spoke was learnt" rows hub ipsec next-hop-tunnels -- \
    "rows[0]['flag']=='Auto' and rows[0]['next_hop']=='10.11.11.12' and rows[0]['ike_id']=='spoke.example'"
chain() { ctl "$1" --json show route "$2" | python3 -c "import json,sys
w=json.load(sys.stdin); sa=w['sa'] or {}
sys.exit(not ($3))"; }
check "the hub's chain: route, next hop, binding, tunnel, SA" chain hub 192.168.2.77 \
    "w['result']=='sa' and w['route']['next_hop']=='10.11.11.12' and w['binding']=='notify' and w['tunnel']=={'peer':'spoke','vpn':'vpn','up':True} and sa['remote_address']=='203.0.113.2'"
check "the spoke's route names the interface alone" chain spoke 192.168.1.77 \
    "w['result']=='sa' and w['route']['next_hop'] is None and w['binding'] is None and w['route']['kernel']=='device'"
check "ping LAN to LAN" ping_lan
check "ping the hub's tunnel address" in_ns spoke ping -c1 -W2 10.11.11.10
check "ping the spoke's tunnel address" in_ns hub ping -c1 -W2 10.11.11.12
check "large packets are fragmented" in_ns spoke ping -c1 -W2 -s 3000 -I 192.168.2.1 192.168.1.1
check "up: nothing left in clear" test -z "$(clear_text)"
check "native ESP without NAT" rows hub ipsec sa -- "not rows[0]['udp_encapsulation']"

# ---- reload -------------------------------------------------------------------------------------
spis() { ctl "$1" --json show ipsec sa | python3 -c "import json,sys; print([(r['spi_in'], r['spi_out'], r['created_at']) for r in json.load(sys.stdin)['rows']])"; }
before=$(spis hub)
cp "$tmp/hub.json" "$tmp/hub.good"
python3 - "$tmp/hub.json" <<'X'
import json, sys
c = json.load(open(sys.argv[1]))
g = dict(c["gateways"][0], name="later", remote_identity="later.example")
c["gateways"].append(g)
c["interfaces"].append({"name": "st0.7", "address": ["10.7.7.1/24"]})
c["routes"].append({"prefix": "192.168.9.0/24", "interface": "st0.0", "next_hop": "10.11.11.19"})
c["local_networks"].append("192.168.8.0/24")
json.dump(c, open(sys.argv[1], "w"))
X
check "reload with more of everything" ctl hub reload
check "the SAs are the same" test "$before" = "$(spis hub)"
check "traffic goes on" ping_lan
check "the new gateway is there" rows hub peers -- "{r['name'] for r in rows} == {'spoke','later'}"
check "the new device is there" ip_in hub link show st0.7
check "the new prefix is unreachable" sh -c "ip -n $tag-hub route show proto 151 | grep -q '^unreachable 192.168.9.0/24'"

cp "$tmp/hub.json" "$tmp/hub.more"
sed -i 's/"192.168.9.0\/24"/"192.168.9.0\/99"/' "$tmp/hub.json"
routes_before=$(ip_in hub route)
check_not "a bad file is refused" ctl hub reload
kill -HUP "$hub_pid"
check "SIGHUP says so in the log" wait_for 3 grep -Eq 'hub.json:[0-9]+:[0-9]+: /routes/1/prefix' "$tmp/hub.log"
check "nothing changed: SAs" test "$before" = "$(spis hub)"
check "nothing changed: kernel routes" test "$routes_before" = "$(ip_in hub route)"
check "nothing changed: traffic" ping_lan

cp "$tmp/hub.more" "$tmp/hub.json"
python3 - "$tmp/hub.json" <<'X'
import json, sys
c = json.load(open(sys.argv[1]))
c["interfaces"][1]["name"] = "lo"
json.dump(c, open(sys.argv[1], "w"))
X
check_not "a device that cannot be made is refused" ctl hub reload
check "nothing changed: SAs" test "$before" = "$(spis hub)"
check "nothing changed: devices" ip_in hub link show st0.7

cp "$tmp/hub.good" "$tmp/hub.json"
kill -HUP "$hub_pid"
check "SIGHUP takes it all back" wait_for 3 rows hub peers -- "len(rows) == 1"
check "the tunnel map: the gateway is on a worker" rows hub tunnel-map -- \
    "[r for r in rows if r['gateway']=='spoke' and r['worker']<${NHTB_WORKERS:-1} and r['tunnels']==1 and r['sas']>=1]"
check "the distribution agrees" rows hub tunnel-distribution -- \
    "len(rows)==${NHTB_WORKERS:-1} and all(r['running'] for r in rows) and sum(r['gateways']+r['dynamic_peers'] for r in rows)>=1 and sum(r['sas'] for r in rows)>=1"
check "nothing to move with one gateway" test "$(ctl hub rebalance)" = "nothing to move"
check_not "the device is gone" ip_in hub link show st0.7
check "the prefix is gone" test -z "$(kernel hub 192.168.9.0/24)"
check "the SAs are the same" test "$before" = "$(spis hub)"
sed -i 's/"interval": 2/"interval": 3/' "$tmp/hub.json"
check "reload with a changed gateway" ctl hub reload
check "that one is made anew and comes back" wait_for 20 tunnel_up hub
check_not "... with other keys" test "$before" = "$(spis hub)"
check "... and traffic" wait_for 10 ping_lan

# ---- commands -----------------------------------------------------------------------------------
before=$(spis hub)
check "rekey the child SA" ctl hub rekey spoke child
changed() { [ "$before" != "$(spis hub)" ]; }
check "new SPIs" wait_for 5 changed
check "traffic on them" ping_lan
cookies() { ctl hub --json show ike sa | grep -o '"initiator_cookie":"[^"]*"'; }
ike=$(cookies)
check "rekey the IKE SA" ctl spoke rekey hub ike
ike_changed() { [ "$ike" != "$(cookies)" ]; }
check "new cookies" wait_for 5 ike_changed
check "traffic after it" ping_lan

# ---- the end ------------------------------------------------------------------------------------
stop "$spoke_pid"
check "SIGTERM on the spoke: status 0" test $? -eq 0
check "the hub was told: SAs and binding are gone" wait_for 3 rows hub ipsec sa -- "len(rows) == 0"
check "... and the binding" rows hub ipsec next-hop-tunnels -- "not [r for r in rows if r['up']]"
check_not "down again: no carrier" carrier
check "down again: the prefix is unreachable" sh -c \
    "! ip -n $tag-hub route get 192.168.2.1 2>/dev/null | grep -q dev"
check_not "down again: a packet is refused" in_ns hub ping -c1 -W1 -I 192.168.1.1 192.168.2.1
check "iface_down was logged" grep -q iface_down "$tmp/hub.log"
check_not "no device is left on the spoke" ip_in spoke link show st0.0
check "no route is left on the spoke" test -z "$(ip_in spoke route show proto 151)"
check_not "no socket is left" test -e "$tmp/spoke.sock"
check "nothing left in clear in the whole run" test -z "$(clear_text)"
stop "$hub_pid"
check "SIGTERM on the hub: status 0" test $? -eq 0
check "no route is left on the hub" test -z "$(ip_in hub route show proto 151)"
check_not "no device is left on the hub" ip_in hub link show st0.0
finish
