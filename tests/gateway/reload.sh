#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Reload, one kind of change at a time, under a tunnel that must not notice: static entries, routes,
# devices, interface settings, removals; and changes that are refused as a whole.
. "$(dirname "$0")/lib.sh"
hub_and_spoke
start hub && start spoke || { not_ok "they start" "$(cat "$tmp"/*.log)"; finish; }
check "the tunnel is up" wait_for 10 tunnel_up hub
spis() { ctl hub --json show ipsec sa | python3 -c "import json,sys; print([(r['spi_in'], r['spi_out']) for r in json.load(sys.stdin)['rows']])"; }
before=$(spis)
change() { # change PYTHON: edits c, reloads; the reload's status
    python3 -c "import json
p='$tmp/hub.json'
c=json.load(open(p))
$1
json.dump(c, open(p, 'w'))"
    ctl hub reload
}
alive() { # alive TEXT: the tunnel is the same one and carries traffic
    check "$1: same SAs" test "$before" = "$(spis)"
    check "$1: traffic" ping_lan
}

check "a static entry" change 'c["next_hop_tunnels"]=[{"interface":"st0.0","next_hop":"10.11.11.77","vpn":"spoke/vpn"}]'
check "it is in the table" rows hub ipsec next-hop-tunnels -- \
    "{(r['next_hop'], r['flag'], r['up']) for r in rows} == {('10.11.11.77','Static',True),('10.11.11.12','Auto',True)}"
alive "a static entry"
check "a static entry for the learnt next hop" change \
    'c["next_hop_tunnels"]=[{"interface":"st0.0","next_hop":"10.11.11.12","vpn":"spoke/vpn"}]'
check "it wins" rows hub ipsec next-hop-tunnels -- "[(r['next_hop'], r['flag']) for r in rows if r['next_hop'].endswith('.12')] == [('10.11.11.12','Static')]"
alive "a static entry for the learnt next hop"
check "no static entry" change 'del c["next_hop_tunnels"]'
check "the other one is gone" rows hub ipsec next-hop-tunnels -- "'10.11.11.77' not in [r['next_hop'] for r in rows]"
# the static entry had replaced the learnt one, which comes with the next IKE_AUTH
ctl spoke clear hub >/dev/null
check "the spoke is learnt again" wait_for 40 rows hub ipsec next-hop-tunnels -- \
    "[(r['next_hop'], r['flag'], r['up']) for r in rows] == [('10.11.11.12','Auto',True)]"
check "... and its SAs are there" wait_for 5 tunnel_up hub
before=$(spis)

check "a route to the live tunnel" change 'c["routes"].append({"prefix":"192.168.20.0/24","interface":"st0.0","next_hop":"10.11.11.12"})'
ctl hub show ipsec next-hop-tunnels >"$tmp/out"
check "another metric" change 'c["routes"][1]["metric"]=50'
check "the kernel has it" sh -c "ip -n $tag-hub route show proto 151 | grep -q '192.168.20.0/24.*metric 50' || ip -n $tag-hub route show proto 151 | grep -q 'unreachable 192.168.20.0/24'"
check "backup_path removes the guard" change 'c["routes"][1]["backup_path"]=True'
check_not "no guard for it" sh -c "ip -n $tag-hub route show proto 151 | grep -q 'unreachable 192.168.20.0/24'"
check "the guard of the other prefix stays" sh -c "ip -n $tag-hub route show proto 151 | grep -q 'unreachable 192.168.2.0/24'"
check "no such route any more" change 'c["routes"].pop()'
check "the kernel has neither" sh -c "! ip -n $tag-hub route show proto 151 | grep -q 192.168.20.0"

check "another MTU" change 'c["interfaces"][0]["mtu"]=1300'
check "the device has it" sh -c "ip -n $tag-hub link show st0.0 | grep -q 'mtu 1300'"
alive "another MTU"
check "more local networks" change 'c["local_networks"].append("10.99.0.0/16")'
alive "more local networks"

check "a second interface and gateway" change '
c["interfaces"].append({"name":"st0.1","address":["10.12.0.1/30"]})
c["gateways"].append(dict(c["gateways"][0], name="two", remote_identity="two.example", vpns=[{"name":"vpn","bind_interface":"st0.1"}]))
c["routes"].append({"prefix":"192.168.30.0/24","interface":"st0.1"})'
check "there" rows hub interfaces -- "len(rows) == 2"
alive "a second interface and gateway"
check "the second gateway changes" change 'c["gateways"][1]["remote_identity"]="three.example"'
check "still two gateways" rows hub peers -- "len(rows) == 2"
alive "the second gateway changes"
check_not "an unknown interface is refused" change 'c["routes"][1]["interface"]="st0.5"'
check "all as before" rows hub route -- "'192.168.30.0/24' in [r['prefix'] for r in rows]"
check "order does not matter" change '
c["routes"][1]["interface"]="st0.1"
c["interfaces"].reverse(); c["gateways"].reverse(); c["routes"].reverse()'
alive "order does not matter"
check "the second interface and gateway go" change '
c["interfaces"]=[i for i in c["interfaces"] if i["name"]=="st0.0"]
c["gateways"]=[g for g in c["gateways"] if g["name"]=="spoke"]
c["routes"]=[r for r in c["routes"] if r["interface"]=="st0.0"]'
check "gone" rows hub interfaces -- "len(rows) == 1"
check_not "its device too" ip_in hub link show st0.1
alive "the second interface and gateway go"

for i in 1 2 3 4 5 6 7 8; do
    change "c['routes']=c['routes'][:1]+[{'prefix':f'172.16.{n}.0/24','interface':'st0.0','next_hop':'10.11.11.12'} for n in range($i, $i + 20)]" >/dev/null
done
check "many reloads" rows hub route -- "len([r for r in rows if r['prefix'].startswith('172.')]) == 20"
check "the kernel follows" test "$(ip_in hub route show proto 151 | grep -c '^unreachable 172')" -eq 20
alive "many reloads"

cp "$tmp/hub.json" "$tmp/hub.keep"
check "another key for the peer" sh -c "(umask 077; echo another-key-of-sufficient-length >$tmp/new) && sed -i 's/\"psk\"/\"new\"/' $tmp/hub.json && '$nhtbctl' --socket $tmp/hub.sock reload"
check "its tunnel went" wait_for 5 rows hub ipsec sa -- "len(rows) == 0"
sleep 1
check "and does not come back with the old key" rows hub ipsec sa -- "len(rows) == 0"
cp "$tmp/hub.keep" "$tmp/hub.json"
check "the old key" ctl hub reload
check "the tunnel comes back" wait_for 40 tunnel_up hub
check "traffic" wait_for 5 ping_lan
check "the only gateway and all routes go" change 'c["gateways"]=[]; c["routes"]=[]'
check "nothing is left of them" rows hub peers -- "not rows"
check "no route of ours in the kernel" test -z "$(ip_in hub route show proto 151)"
finish
