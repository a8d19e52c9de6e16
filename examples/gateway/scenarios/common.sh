# SPDX-License-Identifier: Apache-2.0
# Sourced by the scenarios' run.sh: a hub with st0.0 multipoint (10.11.11.10/24) and three spokes with st0.0
# point-to-point (10.11.11.11, .12, .13), each with a trusted LAN and a host in it, in network
# namespaces of their own. Everything made here is removed at the end.
#   lan0 192.168.0.0/24 - hub - [ 203.0.113.0/24 ] - spokeN - lanN 192.168.N.0/24
set -u
common=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$common/../../.." && pwd)
tag=sc$$
# shellcheck source=../demo/lib.sh
. "$common/../demo/lib.sh"

cleanup() {
    local p n
    for p in "${pid[@]}"; do kill -TERM "$p" 2>/dev/null; done
    sleep 0.5
    for p in "${pid[@]}"; do kill -KILL "$p" 2>/dev/null; done
    wait 2>/dev/null
    for n in net hub spoke1 spoke2 spoke3 lan0 lan1 lan2 lan3; do ip netns del "$tag-$n" 2>/dev/null; done
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
programs

# ---- the network -------------------------------------------------------------------------------
space() {
    ip netns add "$tag-$1" && ip -n "$tag-$1" link set lo up &&
        in_ns "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
}
site() { # site NAME ADDRESS N: its cable to the internet, its LAN N and the host .10 in it
    ip -n "$tag-net" link add "p-$1" type veth peer name wan netns "$tag-$1"
    ip -n "$tag-net" link set "p-$1" master br0 up
    ip -n "$tag-$1" addr add "$2/24" dev wan && ip -n "$tag-$1" link set wan up
    ip -n "$tag-$1" link add lan type veth peer name eth netns "$tag-lan$3"
    ip -n "$tag-$1" addr add "192.168.$3.1/24" dev lan && ip -n "$tag-$1" link set lan up
    ip -n "$tag-lan$3" addr add "192.168.$3.10/24" dev eth && ip -n "$tag-lan$3" link set eth up
    ip -n "$tag-lan$3" route add default via "192.168.$3.1"
}
network() {
    local n
    for n in net hub spoke1 spoke2 spoke3 lan0 lan1 lan2 lan3; do space "$n" || return 1; done
    ip -n "$tag-net" link add br0 type bridge && ip -n "$tag-net" link set br0 up
    site hub 203.0.113.1 0
    for n in 1 2 3; do site "spoke$n" "203.0.113.1$n" "$n"; done
}

# ---- the gateways ------------------------------------------------------------------------------
settings() { # settings FOLDER: copies of its files with fresh keys beside them
    local n
    for n in hub spoke1 spoke2 spoke3; do
        mkdir -p "$dir/$n"
        cp "$1/$n.json" "$dir/$n/config.json"
    done
    for n in 1 2 3; do
        (umask 077 && head -c 24 /dev/urandom | base64 | tr -d '\n' >"$dir/spoke$n/spoke$n.psk")
        cp -p "$dir/spoke$n/spoke$n.psk" "$dir/hub/"
    done
}
start() { # start NAME
    ip netns exec "$tag-$1" "$gateway" -c "$dir/$1/config.json" --control "$dir/$1/control" >"$dir/$1/log" 2>&1 &
    pid[$1]=$!
    wait_for 10 ctl "$1" show interfaces || { bad "$1 starts"; tail -3 "$dir/$1/log"; return 1; }
}
arrows() { python3 "$common/arrows.py" "$nhtbctl" "$dir" "$@"; }
all_up() { arrows up; }
packets() { arrows packets; } # "vpn out in" of each tunnel at the hub

# used FROM TO: ping from LAN to LAN; at the hub exactly the tunnels of both sites carry it
used() {
    packets >"$dir/before"
    in_ns "lan$1" ping -q -c3 -i0.2 -W2 "192.168.$2.10" || return 1
    packets >"$dir/after"
    arrows used "$dir/before" "$dir/after" "$1" "$2"
}

# ---- the story ---------------------------------------------------------------------------------
scenario() { # scenario FLAG: Static or Auto
    local a b
    say "hub 203.0.113.1 with st0.0 multipoint; spokes 203.0.113.11, .12, .13 with st0.0 point-to-point"
    network || { echo "cannot make network namespaces"; exit 1; }
    settings "$here"
    start hub && start spoke1 && start spoke2 && start spoke3
    check "three tunnels are up" wait_for 30 all_up
    say "the two tables of the hub, side by side"
    arrows tables
    check "each next hop of the left table is a key of the right one, flag $1" arrows match "$1"
    people hub show ipsec next-hop-tunnels
    people hub show interfaces
    say "route -> next hop -> binding -> tunnel -> SA"
    for a in 1 2 3; do
        people hub show route "192.168.$a.10"
        check "192.168.$a.10: each arrow leads to spoke$a" arrows chain "192.168.$a.10" "$a"
    done
    say "traffic over each arrow: from each LAN to each LAN, and the tunnels that carried it"
    for a in 0 1 2 3; do
        for b in 0 1 2 3; do
            [ "$a" = "$b" ] || check "lan$a -> lan$b" used "$a" "$b"
        done
    done
    people hub show ipsec sa
    say "a multipoint st0 is down when all its tunnels are down, up while one is up"
    for a in 1 2; do
        kill -TERM "${pid[spoke$a]}"
        wait "${pid[spoke$a]}"
        unset "pid[spoke$a]"
        check "spoke$a ended: st0.0 is up" wait_for 10 arrows link up $((3 - a))
    done
    kill -TERM "${pid[spoke3]}"
    wait "${pid[spoke3]}"
    unset "pid[spoke3]"
    check "spoke3 ended: st0.0 is down" wait_for 10 arrows link down 0
    people hub show ipsec next-hop-tunnels
    start spoke2
    check "spoke2 is back: st0.0 is up" wait_for 30 arrows link up 1
    check "... and its arrow leads on" wait_for 5 used 0 2
}
finish() {
    say "end"
    [ "$failed" -eq 0 ] || tail -n 15 "$dir"/{hub,spoke1,spoke2,spoke3}/log | cut -c1-200
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
