#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The gateway's rows of the table: gateway to gateway beside strongSwan with userland ESP, the packaged
# wireguard-go and a pair of null relays (tests/bench/gateway/relay.c: the kernel's path without
# crypto). Each system has a pair of network namespaces of its own on one veth; the systems take turns,
# so a slow moment of the machine meets all of them; sources and sinks are the same for all.
#   tests/bench/gateway_rows.sh [ROUNDS] [SECONDS]     default 5 rounds, 3 seconds a measurement
# Prints name, value, bar, ok or short (tab-separated), and the figures behind them on standard error.
# NHTB_BUILD: a Release build folder (default: build). Installs what it misses. docs/performance.md
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${NHTB_BUILD:-$PWD/build}
rounds=${1:-5} seconds=${2:-3}
tmp=$(mktemp -d)
tag=gr$$
pids=() spaces=() systems=()

cleanup() {
    local p s
    for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
    sleep 0.3
    for p in "${pids[@]}"; do kill -KILL "$p" 2>/dev/null; done
    wait 2>/dev/null
    for s in "${spaces[@]}"; do ip netns del "$s" 2>/dev/null; done
    rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

install() { # install PACKAGE...
    local p missing=()
    for p in "$@"; do
        dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null | grep -q '^ii' || missing+=("$p")
    done
    [ ${#missing[@]} -eq 0 ] && return
    { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install \
        --no-install-recommends "${missing[@]}"; } >"$tmp/apt.log" 2>&1 || tail -5 "$tmp/apt.log" >&2
}

pair() { # pair NAME: namespaces $tag-NAME-a and -b, 203.0.113.1 and .2 on a veth
    local a=$tag-$1-a b=$tag-$1-b n i=1
    spaces+=("$a" "$b")
    ip netns add "$a" && ip netns add "$b" || return 1
    ip link add v0 netns "$a" type veth peer name v0 netns "$b"
    for n in "$a" "$b"; do
        ip -n "$n" link set lo up
        ip -n "$n" addr add 203.0.113.$i/24 dev v0
        ip -n "$n" link set v0 up
        i=$((i + 1))
    done
}
side() { [ "$1" = 1 ] && echo a || echo b; }
at() { # at NAME-SIDE COMMAND...
    local where=$tag-$1
    shift
    ip netns exec "$where" "$@"
}
start() { # start NAME-SIDE LOG COMMAND...: in the background, ended by its own pid
    local where=$tag-$1 log=$tmp/$2
    shift 2
    ip netns exec "$where" "$@" >"$log" 2>&1 &
    pids+=($!)
}
reaches() { # reaches NAME: the tunnel works within 10 s
    local i
    for i in $(seq 50); do
        at "$1-a" ping -c 1 -W 1 -q 10.98.0.2 >/dev/null 2>&1 && { systems+=("$1"); return 0; }
        sleep 0.2
    done
    echo "$1 does not carry packets" >&2
    return 1
}

# ---- the systems; the tunnel's addresses are 10.98.0.1 and .2 in each -------------------------------
system_relay() {
    pair relay || return
    local i
    for i in 1 2; do
        start relay-$(side $i) relay$i "$build/nhtb-relay" t0 203.0.113.$i 203.0.113.$((3 - i))
    done
    sleep 0.5
    for i in 1 2; do
        ip -n $tag-relay-$(side $i) addr add 10.98.0.$i peer 10.98.0.$((3 - i)) dev t0
        ip -n $tag-relay-$(side $i) link set t0 up mtu 1400 txqueuelen 2000
    done
    reaches relay
}

nhtb_config() { # nhtb_config SELF
    local peer=$((3 - $1)) establish=immediately
    [ "$1" = 2 ] && establish=responder-only
    cat <<JSON
{"interfaces": [{"name": "st0.0", "address": ["10.98.0.$1/30"], "mtu": 1400}],
 "gateways": [{"name": "peer", "local_address": "203.0.113.$1", "remote_address": "203.0.113.$peer",
   "local_identity": "g$1.example", "remote_identity": "g$peer.example",
   "pre_shared_key": {"file": "psk"},
   "establish_tunnels": "$establish", "force_encapsulation": true,
   "vpns": [{"name": "vpn", "bind_interface": "st0.0", "proposals": ["aes128gcm16-esn-noesn"]}]}]}
JSON
}
system_nhtb() {
    pair nhtb || return
    local i
    (umask 077 && echo "a benchmark needs no secret, only a long one" >"$tmp/psk")
    for i in 2 1; do
        nhtb_config $i >"$tmp/nhtb$i.json"
        start nhtb-$(side $i) nhtb$i "$build/nhtb-gateway" -c "$tmp/nhtb$i.json" \
            --control "$tmp/nhtb$i.sock"
    done
    reaches nhtb || tail -5 "$tmp"/nhtb[12] >&2
}

system_wireguard() {
    install wireguard-go wireguard-tools
    command -v wireguard-go >/dev/null || return
    pair wireguard || return
    local i key=() pub=()
    for i in 1 2; do
        key[i]=$(wg genkey)
        pub[i]=$(echo "${key[i]}" | wg pubkey)
        start wireguard-$(side $i) wireguard$i env WG_PROCESS_FOREGROUND=1 wireguard-go -f "w$i-$$"
    done
    sleep 1
    for i in 1 2; do
        (umask 077 && echo "${key[i]}" >"$tmp/key$i")
        at wireguard-$(side $i) wg set "w$i-$$" listen-port 51820 private-key "$tmp/key$i" \
            peer "${pub[$((3 - i))]}" allowed-ips 10.98.0.0/24 endpoint 203.0.113.$((3 - i)):51820
        ip -n $tag-wireguard-$(side $i) addr add 10.98.0.$i/24 dev "w$i-$$"
        ip -n $tag-wireguard-$(side $i) link set "w$i-$$" up mtu 1420
    done
    reaches wireguard
}

strongswan_files() { # strongswan_files SELF
    local peer=$((3 - $1)) d=$tmp/ss$1
    mkdir -p "$d"
    cat >"$d/strongswan.conf" <<CONF
charon {
  load = aesni aes gcm sha2 sha1 hmac kdf random nonce openssl curve25519 kernel-libipsec kernel-netlink socket-default vici updown
  install_virtual_ip = no
  plugins {
    vici {
      socket = unix:///run/charon.vici
    }
  }
}
CONF
    cat >"$d/swanctl.conf" <<CONF
connections {
  t {
    version = 2
    local_addrs = 203.0.113.$1
    remote_addrs = 203.0.113.$peer
    proposals = aes128gcm16-prfsha256-curve25519
    encap = yes
    local {
      auth = psk
      id = n$1
    }
    remote {
      auth = psk
      id = n$peer
    }
    children {
      c {
        local_ts = 10.98.0.$1/32
        remote_ts = 10.98.0.$peer/32
        esp_proposals = aes128gcm16
      }
    }
  }
}
secrets {
  ike-1 {
    secret = "a benchmark needs no secret"
  }
}
CONF
}
inside() { # inside SIDE-NUMBER COMMAND...: where that strongSwan sees its socket
    local p
    p=$(cat "$tmp/ss$1/pid")
    shift
    nsenter -t "$p" -m -n "$@"
}
system_strongswan() {
    install strongswan-charon strongswan-swanctl libcharon-extra-plugins \
        libstrongswan-standard-plugins libstrongswan-extra-plugins
    [ -x /usr/lib/ipsec/charon ] || return
    pair strongswan || return
    local i
    for i in 1 2; do
        strongswan_files $i
        ip -n $tag-strongswan-$(side $i) addr add 10.98.0.$i/32 dev lo
        start strongswan-$(side $i) strongswan$i env STRONGSWAN_CONF="$tmp/ss$i/strongswan.conf" \
            unshare -m bash -c "mount -t tmpfs none /run; echo \$\$ >$tmp/ss$i/pid
                exec /usr/lib/ipsec/charon"
    done
    sleep 2
    for i in 1 2; do
        pids+=("$(cat "$tmp/ss$i/pid")")
        inside $i env STRONGSWAN_CONF="$tmp/ss$i/strongswan.conf" swanctl --load-all \
            --file "$tmp/ss$i/swanctl.conf" >"$tmp/ss$i/load" 2>&1
    done
    inside 1 swanctl --initiate --child c >"$tmp/ss1/up" 2>&1 || tail -3 "$tmp/ss1/up" >&2
    ip -n $tag-strongswan-a route replace 10.98.0.2/32 dev ipsec0 src 10.98.0.1 2>/dev/null
    ip -n $tag-strongswan-b route replace 10.98.0.1/32 dev ipsec0 src 10.98.0.2 2>/dev/null
    reaches strongswan
}

# ---- measurements ------------------------------------------------------------------------------------
tcp() { # tcp NAME: Gbit/s of one flow
    local pid
    ip netns exec "$tag-$1-b" iperf3 -s -1 -p 5301 >/dev/null 2>&1 &
    pid=$!
    sleep 0.3
    at "$1-a" timeout $((seconds + 10)) iperf3 -c 10.98.0.2 -p 5301 -t "$seconds" -J 2>/dev/null |
        python3 -c 'import json,sys
try: print("%.3f" % (json.load(sys.stdin)["end"]["sum_received"]["bits_per_second"] / 1e9))
except Exception: print(0)'
    kill $pid 2>/dev/null
    wait $pid 2>/dev/null
}
udp() { # udp NAME plain|train: datagrams of 64 bytes that arrive, per second
    local pid
    ip netns exec "$tag-$1-b" "$build/nhtb-udp-load" sink 10.98.0.2 9000 64 $((seconds + 2)) "$2" \
        >"$tmp/sink" &
    pid=$!
    sleep 0.3
    at "$1-a" "$build/nhtb-udp-load" send 10.98.0.2 9000 64 "$seconds" "$2" >/dev/null
    wait $pid
    awk '{print $2}' "$tmp/sink"
}
ping_avg() { # ping_avg NAME: milliseconds
    at "$1-a" ping -c 200 -i 0.005 -q 10.98.0.2 | sed -n 's#^rtt.*= [0-9.]*/\([0-9.]*\)/.*#\1#p'
}

install iperf3 iputils-ping iproute2 python3
ninja -C "$build" nhtb-relay nhtb-udp-load nhtb-gateway >/dev/null || exit 1
system_relay
system_nhtb
system_wireguard
system_strongswan
for r in $(seq "$rounds"); do
    for s in "${systems[@]}"; do
        tcp "$s" >>"$tmp/$s.tcp"
        udp "$s" plain >>"$tmp/$s.plain"
        udp "$s" train >>"$tmp/$s.train"
        ping_avg "$s" >>"$tmp/$s.ping"
    done
    echo "round $r of $rounds" >&2
done
python3 tests/bench/gateway_rows.py "$tmp" "${systems[@]}"
