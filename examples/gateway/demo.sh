#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A hub and three spokes in network namespaces, from the files in demo/, as a person would see them.
#   examples/gateway/demo.sh [--keep]
#     spoke1  libnhtb                          learnt by the hub on its own (Auto)
#     spoke2  libnhtb behind NAT               learnt by the hub on its own (Auto)
#     spoke3  strongSwan, userland ESP         bound by a static NHTB entry (Static)
# --keep leaves it running and says how to look around. NHTB_BUILD names a build folder to use;
# without it the project is built in ./build. Exit status 0: everything was as it must be.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
keep=no
case ${1:-} in
'') ;;
--keep) keep=yes ;;
*) sed -n '3,9s/^# \?//p' "$0"; exit 2 ;;
esac
tag=nhtb$$
# shellcheck source=demo/lib.sh
. "$here/demo/lib.sh"

# ---- the end -----------------------------------------------------------------------------------
cleanup() {
    local p n
    [ "$keep" = yes ] && [ "$failed" -eq 0 ] && [ -n "${pid[hub]:-}" ] && return
    for p in "${pid[@]}"; do kill -TERM "$p" 2>/dev/null; done
    sleep 0.5
    for p in "${pid[@]}"; do kill -KILL "$p" 2>/dev/null; done
    wait 2>/dev/null
    for n in net nat hub lan spoke1 spoke2 spoke3; do ip netns del "$tag-$n" 2>/dev/null; done
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'keep=no; exit 130' INT TERM

programs
from=$SECONDS

# ---- the network -------------------------------------------------------------------------------
ns() {
    ip netns add "$tag-$1" && ip -n "$tag-$1" link set lo up
    in_ns "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.disable_ipv6=1 2>/dev/null
}
plug() { # plug NAME ADDRESS/LEN: a cable from NAME to the "internet" (a bridge in net)
    ip -n "$tag-net" link add "p-$1" type veth peer name wan netns "$tag-$1"
    ip -n "$tag-net" link set "p-$1" master br0 && ip -n "$tag-net" link set "p-$1" up
    ip -n "$tag-$1" addr add "$2" dev wan && ip -n "$tag-$1" link set wan up
    ip -n "$tag-$1" route add default via 203.0.113.254
}
network() {
    local n
    for n in net nat hub lan spoke1 spoke2 spoke3; do ns "$n" || return 1; done
    ip -n "$tag-net" link add br0 type bridge && ip -n "$tag-net" link set br0 up
    ip -n "$tag-net" addr add 203.0.113.254/24 dev br0
    plug hub 203.0.113.1/24
    plug spoke1 203.0.113.11/24
    plug nat 203.0.113.12/24
    plug spoke3 203.0.113.13/24
    # the hub's LAN with a host
    ip -n "$tag-hub" link add lan type veth peer name eth netns "$tag-lan"
    ip -n "$tag-hub" addr add 192.168.0.1/24 dev lan && ip -n "$tag-hub" link set lan up
    ip -n "$tag-lan" addr add 192.168.0.10/24 dev eth && ip -n "$tag-lan" link set eth up
    ip -n "$tag-lan" route add default via 192.168.0.1
    # spoke2 behind a NAT router
    ip -n "$tag-nat" link add inside type veth peer name wan netns "$tag-spoke2"
    ip -n "$tag-nat" addr add 10.99.0.1/24 dev inside && ip -n "$tag-nat" link set inside up
    ip -n "$tag-spoke2" addr add 10.99.0.2/24 dev wan && ip -n "$tag-spoke2" link set wan up
    ip -n "$tag-spoke2" route add default via 10.99.0.1
    in_ns nat iptables -t nat -A POSTROUTING -o wan -j MASQUERADE
    for n in 1 2 3; do
        ip -n "$tag-spoke$n" link add lan type veth peer name lan-end # a LAN without hosts
        ip -n "$tag-spoke$n" link set lan-end up
        ip -n "$tag-spoke$n" addr add "192.168.$n.1/24" dev lan && ip -n "$tag-spoke$n" link set lan up
    done
    # strongSwan wants its tunnel address on a device, and does not guard its prefixes by itself
    ip -n "$tag-spoke3" addr add 10.11.11.13/32 dev lan
    ip -n "$tag-spoke3" route add unreachable 192.168.0.0/16 metric 9999
}

# ---- the gateways ------------------------------------------------------------------------------
settings() { # fresh keys beside copies of the shipped files
    local n
    for n in hub spoke1 spoke2 spoke3; do mkdir -p "$dir/$n"; done
    for n in 1 2 3; do
        (umask 077 && head -c 24 /dev/urandom | base64 | tr -d '\n' >"$dir/spoke$n/spoke$n.psk")
        cp -p "$dir/spoke$n/spoke$n.psk" "$dir/hub/"
    done
    cp "$here/demo/hub.json" "$dir/hub/config.json"
    cp "$here/demo/spoke1.json" "$dir/spoke1/config.json"
    cp "$here/demo/spoke2.json" "$dir/spoke2/config.json"
    mkdir -p "$dir/spoke3/swanctl"
    sed "s|@DIR@|$dir/spoke3|" "$here/demo/spoke3.strongswan.conf" >"$dir/spoke3/strongswan.conf"
    (umask 077 && sed "s|@PSK@|$(cat "$dir/spoke3/spoke3.psk")|" "$here/demo/spoke3.swanctl.conf" \
        >"$dir/spoke3/swanctl/swanctl.conf")
}
start() { # start NAME: a libnhtb gateway
    ip netns exec "$tag-$1" "$gateway" -c "$dir/$1/config.json" --control "$dir/$1/control" >>"$dir/$1/log" 2>&1 &
    pid[$1]=$!
    wait_for 5 test -S "$dir/$1/control" || { bad "$1 starts"; tail -3 "$dir/$1/log"; return 1; }
}
swan() { STRONGSWAN_CONF=$dir/spoke3/strongswan.conf SWANCTL_DIR=$dir/spoke3/swanctl "$@"; }
start_strongswan() {
    rm -f "$dir/spoke3/vici"
    STRONGSWAN_CONF=$dir/spoke3/strongswan.conf SWANCTL_DIR=$dir/spoke3/swanctl \
        ip netns exec "$tag-spoke3" /usr/sbin/charon-systemd >"$dir/spoke3/stdout" 2>&1 </dev/null &
    pid[spoke3]=$!
    wait_for 10 test -S "$dir/spoke3/vici" || { bad "strongSwan starts"; return 1; }
    swan swanctl --load-all --noprompt --uri "unix://$dir/spoke3/vici" >"$dir/spoke3/load.log" 2>&1
}
end() { # end SIGNAL NAME
    kill "-$1" "${pid[$2]}"
    wait "${pid[$2]}" 2>/dev/null
    unset "pid[$2]"
}

# ---- traffic -----------------------------------------------------------------------------------
ping_to() { in_ns "$1" ping -q -c3 -i0.2 -W2 -I "$2" "$3"; }
transfer() { # transfer FROM-NS ADDRESS TO-NS: 4 MB of noise, compared at the other end
    ip netns exec "$tag-$1" timeout 20 socat -u "OPEN:$dir/blob" "TCP-LISTEN:5001,bind=$2,reuseaddr" &
    local server=$!
    sleep 0.3
    rm -f "$dir/got"
    in_ns "$3" timeout 20 socat -u "TCP:$2:5001,bind=$4" "CREATE:$dir/got"
    wait "$server"
    cmp "$dir/blob" "$dir/got"
}
clear_text() { # packets with inner addresses seen on the "internet" so far
    sleep 0.3
    in_ns net tcpdump -nr "$dir/wire.pcap" \
        'src net 192.168.0.0/16 or dst net 192.168.0.0/16 or net 10.11.11.0/24' 2>/dev/null | grep -c . || true
}
no_clear_text() { [ "$(clear_text)" -eq 0 ]; }
all_up() { rows hub ipsec sa -- "len({r['peer'] for r in rows}) == 3" && rows hub ipsec next-hop-tunnels -- \
    "len(rows) == 3 and all(r['up'] for r in rows)"; }
all_pings() {
    ping_to spoke1 192.168.1.1 192.168.0.10 && ping_to spoke2 192.168.2.1 192.168.0.10 &&
        ping_to spoke3 192.168.3.1 192.168.0.10 && ping_to spoke1 192.168.1.1 192.168.2.1 &&
        ping_to spoke1 192.168.1.1 192.168.3.1 && ping_to spoke3 192.168.3.1 192.168.2.1
}

# ---- the story ---------------------------------------------------------------------------------
say "network: hub 203.0.113.1; spoke1 .11; spoke2 behind NAT at .12; spoke3 .13 (strongSwan)"
network || { echo "cannot make network namespaces"; exit 1; }
settings
head -c 4000000 /dev/urandom >"$dir/blob"
ip netns exec "$tag-net" tcpdump --immediate-mode -U -i br0 -w "$dir/wire.pcap" >"$dir/tcpdump.log" 2>&1 &
pid[tcpdump]=$!
wait_for 5 grep -q listening "$dir/tcpdump.log"

say "start: one hub, two libnhtb spokes, one strongSwan spoke"
start hub && start spoke1 && start spoke2 && start_strongswan
if wait_for 20 all_up; then good "three tunnels are up"; else bad "three tunnels are up"; fi
people hub show ike sa
people hub show ipsec sa
people hub show ipsec next-hop-tunnels
people hub show route
people hub show interfaces
check "spoke1 and spoke2 were learnt (Auto), spoke3 is configured (Static)" rows hub ipsec next-hop-tunnels -- \
    "{(r['peer'], r['flag']) for r in rows} == {('spoke1','Auto'),('spoke2','Auto'),('spoke3','Static')}"
check "spoke2's NAT was seen: its ESP travels in UDP" rows hub ipsec sa -- \
    "[r for r in rows if r['peer']=='spoke2'][0]['udp_encapsulation']"
check "spoke1 has no NAT: native ESP" rows hub ipsec sa -- \
    "not [r for r in rows if r['peer']=='spoke1'][0]['udp_encapsulation']"

say "traffic: spoke to hub LAN, and spoke to spoke through the hub"
for n in 1 2 3; do check "ping spoke$n -> hub LAN host" ping_to "spoke$n" "192.168.$n.1" 192.168.0.10; done
check "ping spoke1 -> spoke2 (transit in the hub's library)" ping_to spoke1 192.168.1.1 192.168.2.1
check "ping spoke1 -> spoke3 (libnhtb to strongSwan)" ping_to spoke1 192.168.1.1 192.168.3.1
check "ping spoke3 -> spoke2" ping_to spoke3 192.168.3.1 192.168.2.1
check "ping hub -> spoke3" in_ns hub ping -q -c2 -i0.2 -W2 -I 192.168.0.1 192.168.3.1
for n in 1 2 3; do
    check "TCP 4 MB hub LAN host -> spoke$n" transfer lan 192.168.0.10 "spoke$n" "192.168.$n.1"
done
check "TCP 4 MB spoke2 -> spoke1" transfer spoke2 192.168.2.1 spoke1 192.168.1.1
check "TCP 4 MB spoke3 -> spoke1" transfer spoke3 192.168.3.1 spoke1 192.168.1.1
people hub show ipsec sa
people hub show statistics
show "swanctl --list-sas # on spoke3"
swan swanctl --list-sas --uri "unix://$dir/spoke3/vici" | sed 's/^/  /'
check "no inner address was seen outside" no_clear_text

say "spoke1 dies (SIGKILL): liveness checks, 2 s x 3, notice it"
end KILL spoke1
killed=$SECONDS
check "the hub drops spoke1's binding" wait_for 15 rows hub ipsec next-hop-tunnels -- \
    "not [r for r in rows if r['peer']=='spoke1' and r['up']]"
echo "           after $((SECONDS - killed)) s"
say "spoke2 ends in order (SIGTERM): it sends deletes"
end TERM spoke2
check "the hub drops spoke2's binding at once" wait_for 3 rows hub ipsec next-hop-tunnels -- \
    "not [r for r in rows if r['peer']=='spoke2' and r['up']]"
people hub show ipsec next-hop-tunnels
people hub show interfaces
people hub show route
check "st0.0 stays up: spoke3 is left" rows hub interfaces -- "rows[0]['up'] and rows[0]['tunnels_up']==1"
check "spoke3 still works" ping_to spoke3 192.168.3.1 192.168.0.10
check_not "hub -> spoke1's LAN is refused" in_ns hub ping -q -c1 -W1 192.168.1.1
show "ip route get 192.168.1.1 # on hub"
in_ns hub ip route get 192.168.1.1 2>&1 | sed 's/^/  /'
check "it is unreachable, not sent to the default route" sh -c \
    "ip netns exec $tag-hub ip route get 192.168.1.1 2>&1 | grep -qi 'no route\|unreachable'"
check_not "the LAN host -> spoke2's LAN is refused" in_ns lan ping -q -c1 -W1 192.168.2.1
check_not "spoke1's own host -> hub LAN is refused" in_ns spoke1 ping -q -c1 -W1 -I 192.168.1.1 192.168.0.10
check "no clear text left" no_clear_text

say "the last spoke ends: st0.0 goes down"
end TERM spoke3
check "st0.0 is down" wait_for 10 rows hub interfaces -- "not rows[0]['up'] and not rows[0]['carrier']"
people hub show interfaces
show "ip link show st0.0 # on hub"
in_ns hub ip link show st0.0 | sed 's/^/  /'
grep -E 'iface_(up|down)' "$dir/hub/log" | tail -2 | sed 's/^/  hub log: /'
check "no clear text left" no_clear_text

say "all come back"
start spoke1 && start spoke2 && start_strongswan
check "three tunnels are up again" wait_for 20 all_up
check "st0.0 is up again" rows hub interfaces -- "rows[0]['up'] and rows[0]['carrier']"
people hub show ipsec next-hop-tunnels
check "traffic resumes between all" all_pings
check "no clear text in the whole run" no_clear_text

if [ "$keep" = no ]; then
    say "end: SIGTERM to all"
    for n in spoke1 spoke2 hub; do
        kill -TERM "${pid[$n]}"
        wait "${pid[$n]}"
        [ $? -eq 0 ] && good "$n ends with status 0" || bad "$n ends with status 0"
        unset "pid[$n]"
    done
    check "the hub left no device and no route" sh -c \
        "! ip -n $tag-hub link show st0.0 2>/dev/null && [ -z \"\$(ip -n $tag-hub route show proto 151)\" ]"
fi
say "summary"
[ "$failed" -eq 0 ] || {
    echo "logs:"
    tail -n 15 "$dir"/{hub,spoke1,spoke2}/log "$dir/spoke3/charon.log" | cut -c1-200
}
if [ "$keep" = yes ] && [ "$failed" -eq 0 ]; then
    echo "left running in namespaces $tag-{net,nat,hub,lan,spoke1,spoke2,spoke3}; look around with"
    echo "  $nhtbctl --socket $dir/hub/control show ipsec next-hop-tunnels"
    echo "  ip netns exec $tag-spoke1 ping -I 192.168.1.1 192.168.2.1"
    echo "end it with"
    echo "  kill ${pid[*]}; for n in net nat hub lan spoke1 spoke2 spoke3; do ip netns del $tag-\$n; done; rm -r $dir"
fi
echo "time: $((SECONDS - from)) s"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
