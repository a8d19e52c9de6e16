#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# IPv6 outside and inside: native ESP, ESP in UDP, IPv4 in IPv6, the guard routes, host transit.
. "$(dirname "$0")/lib.sh"
hub_and_spoke
ip_in hub addr add 2001:db8::1/64 dev wan nodad
ip_in spoke addr add 2001:db8::2/64 dev wan nodad
ip_in hub addr add fd00:1::1/64 dev lan nodad
ip_in spoke addr add fd00:2::1/64 dev lan nodad
in_ns hub sysctl -qw net.ipv6.conf.all.forwarding=1
in_ns spoke sysctl -qw net.ipv6.conf.all.forwarding=1
python3 - "$tmp" <<'X'
import json, sys
def edit(name, change):
    p = f"{sys.argv[1]}/{name}.json"
    c = json.load(open(p)); change(c); json.dump(c, open(p, "w"))
def hub(c):
    c["interfaces"][0]["address"].append("fd00:11::10/64")
    c["interfaces"][0]["transit"] = "host"
    c["gateways"][0]["local_address"] = "2001:db8::1"
    c["next_hop_tunnels"] = [{"interface": "st0.0", "next_hop": "fd00:11::12", "vpn": "spoke"}]
    c["routes"].append({"prefix": "fd00:2::/64", "interface": "st0.0", "next_hop": "fd00:11::12"})
    c["local_networks"].append("fd00:1::/64")
def spoke(c):
    c["interfaces"][0]["address"].append("fd00:11::12/64")
    c["gateways"][0].update(local_address="2001:db8::2", remote_address="2001:db8::1")
    c["routes"].append({"prefix": "fd00:1::/64", "interface": "st0.0"})
    c["local_networks"].append("fd00:2::/64")
edit("hub", hub)
edit("spoke", spoke)
X
start hub || { not_ok "the hub starts" "$(cat "$tmp/hub.log")"; finish; }
check "down: the IPv6 prefix is unreachable" sh -c "ip -n $tag-hub -6 route show proto 151 | grep -q '^unreachable fd00:2::/64'"
start spoke || { not_ok "the spoke starts" "$(cat "$tmp/spoke.log")"; finish; }
spoke_pid=$pid
check "the tunnel comes up over IPv6" wait_for 10 tunnel_up hub
check "native ESP" rows hub ipsec sa -- "not rows[0]['udp_encapsulation'] and ':' in rows[0]['remote_address']"
check "ping IPv6 LAN to LAN" in_ns spoke ping -c2 -i0.3 -W2 -I fd00:2::1 fd00:1::1
check "ping IPv4 LAN to LAN" in_ns spoke ping -c2 -i0.3 -W2 -I 192.168.2.1 192.168.1.1
check "ping the IPv6 tunnel address" in_ns spoke ping -c1 -W2 fd00:11::10
check "the hub pings the spoke's IPv6 tunnel address" in_ns hub ping -c1 -W2 fd00:11::12
check "large IPv6 packets" in_ns spoke ping -c1 -W2 -s 3000 -I fd00:2::1 fd00:1::1
check "up: the kernel sends the IPv6 prefix to the device" sh -c \
    "ip -n $tag-hub -6 route get fd00:2::1 | grep -q 'dev st0.0'"
check "no link-local address on the device" sh -c "! ip -n $tag-hub -6 addr show dev st0.0 | grep -q fe80"
check "both next hops are in the table" rows hub ipsec next-hop-tunnels -- \
    "{(r['next_hop'], r['flag']) for r in rows} == {('fd00:11::12','Static'),('10.11.11.12','Auto')}"
stop "$spoke_pid"
check "down again: the IPv6 prefix is unreachable" wait_for 3 sh -c \
    "! ip -n $tag-hub -6 route get fd00:2::1 2>/dev/null | grep -q 'dev st0.0'"
python3 - "$tmp" <<'X'
import json, sys
p = f"{sys.argv[1]}/spoke.json"
c = json.load(open(p)); c["gateways"][0]["force_encapsulation"] = True; json.dump(c, open(p, "w"))
X
start spoke
check "it comes up again, in UDP" wait_for 10 rows hub ipsec sa -- "rows[0]['udp_encapsulation']"
check "ping IPv6 over ESP in UDP" wait_for 5 in_ns spoke ping -c1 -W1 -I fd00:2::1 fd00:1::1
finish
