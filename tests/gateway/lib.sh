# SPDX-License-Identifier: Apache-2.0
# Shared by the gateway's tests (sourced, not run): programs, namespaces, checks, clean-up.
# Each test makes its own namespaces and removes them; nothing outside them is touched.
set -u
# Debian's own python3 has the packages; the shim of a version manager costs 1 s of CPU a call
[ -x /usr/bin/python3 ] && PATH=/usr/bin:$PATH
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${NHTB_BUILD:-$root/build}
tmp=$(mktemp -d)
tag=gw$$
passed=0 failed=0
pids=() spaces=()

program() {
    local d
    for d in "$build" "$build/examples/gateway" "$build/bin"; do
        [ -x "$d/$1" ] && { echo "$d/$1"; return; }
    done
    echo "$1 not found: set NHTB_BUILD to a build folder" >&2
    exit 1
}
gateway=$(program nhtb-gateway) || exit 1
nhtbctl=$(program nhtbctl) || exit 1

ok() { passed=$((passed + 1)); echo "ok: $1"; }
not_ok() {
    failed=$((failed + 1))
    echo "FAILED: $1${2:+: $2}"
}
check() { # check NAME COMMAND...
    local name=$1 out
    shift
    if out=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$(echo "$out" | head -5)"; fi
}
check_not() {
    local name=$1
    shift
    if "$@" >/dev/null 2>&1; then not_ok "$name"; else ok "$name"; fi
}
wait_for() { # wait_for SECONDS COMMAND...
    local end=$(($(date +%s%N) + $1 * 1000000000))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s%N)" -lt "$end" ] || return 1
        sleep 0.1
    done
}

cleanup() {
    local p s
    for p in "${pids[@]}"; do kill -KILL "$p" 2>/dev/null; done
    wait 2>/dev/null
    for s in "${spaces[@]}"; do ip netns del "$s" 2>/dev/null; done
    rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}

space() { # space NAME: a network namespace with loopback; its real name is in $ns
    ns=$tag-$1
    ip netns add "$ns" && spaces+=("$ns")
    ip -n "$ns" link set lo up
    ip netns exec "$ns" sysctl -qw net.ipv4.ip_forward=1
}
in_ns() { # in_ns NAME COMMAND...
    local n=$tag-$1
    shift
    ip netns exec "$n" "$@"
}
ip_in() {
    local n=$tag-$1
    shift
    ip -n "$n" "$@"
}
link() { # link A ADDRESS/LEN B ADDRESS/LEN: a cable, device "wan" on both ends
    ip -n "$tag-$1" link add wan type veth peer name wan netns "$tag-$3"
    ip -n "$tag-$1" addr add "$2" dev wan && ip -n "$tag-$1" link set wan up
    ip -n "$tag-$3" addr add "$4" dev wan && ip -n "$tag-$3" link set wan up
}
lan() { # lan NAME ADDRESS/LEN: a network of its own behind the gateway
    ip -n "$tag-$1" link add lan type veth peer name lan-end # both ends here: a LAN without hosts
    ip -n "$tag-$1" link set lan-end up
    ip -n "$tag-$1" addr add "$2" dev lan && ip -n "$tag-$1" link set lan up
}

key() { # key NAME: a pre-shared key file beside the configurations
    (umask 077 && echo "not-a-secret-$1-but-long-enough" >"$tmp/$1")
}
# NHTB_WORKERS=2 tests/gateway/NAME.sh: the same test with so many workers in every gateway
start() { # start NAME [ARGUMENT...]: the gateway with $tmp/NAME.json in namespace NAME; pid in $pid
    local name=$1
    shift
    [ -z "${NHTB_WORKERS:-}" ] || grep -q '"workers"' "$tmp/$name.json" ||
        sed -i "1s/{/{\"workers\": $NHTB_WORKERS,/" "$tmp/$name.json"
    ip netns exec "$tag-$name" "$gateway" -c "$tmp/$name.json" --control "$tmp/$name.sock" "$@" \
        >"$tmp/$name.log" 2>&1 &
    pid=$!
    pids+=("$pid")
    wait_for 10 ctl "$name" show interfaces
}
stop() { # stop PID: SIGTERM; the exit status is the gateway's
    kill -TERM "$1"
    wait "$1"
}
ctl() { # ctl NAME WORD...
    local name=$1
    shift
    "$nhtbctl" --socket "$tmp/$name.sock" "$@"
}
rows() { # rows NAME TABLE-WORDS... -- PYTHON: PYTHON is true for the list `rows`
    local name=$1 words=()
    shift
    while [ "$1" != -- ]; do words+=("$1"); shift; done
    ctl "$name" --json show "${words[@]}" >"$tmp/rows.json" || return 1
    python3 -c "import json,sys
rows=json.load(open('$tmp/rows.json'))['rows']
sys.exit(0 if ($2) else 1)"
}

hub_and_spoke() { # two namespaces, a cable, two LANs, configurations, one key
    space hub
    space spoke
    link hub 203.0.113.1/24 spoke 203.0.113.2/24
    lan hub 192.168.1.1/24
    lan spoke 192.168.2.1/24
    key psk
    cat >"$tmp/hub.json" <<X
{
 "interfaces": [{"name": "st0.0", "multipoint": true, "address": ["10.11.11.10/24"]}],
 "gateways": [
  {"name": "spoke", "local_address": "203.0.113.1", "remote_address": "any",
   "local_identity": "hub.example", "remote_identity": "spoke.example",
   "pre_shared_key": {"file": "psk"}, "establish_tunnels": "responder-only",
   "dead_peer_detection": {"interval": 2, "threshold": 3},
   "vpns": [{"name": "vpn", "bind_interface": "st0.0"}]}
 ],
 "routes": [{"prefix": "192.168.2.0/24", "interface": "st0.0", "next_hop": "10.11.11.12"}],
 "local_networks": ["192.168.1.0/24"]
}
X
    cat >"$tmp/spoke.json" <<X
{
 "interfaces": [{"name": "st0.0", "address": ["10.11.11.12/24"]}],
 "gateways": [
  {"name": "hub", "local_address": "203.0.113.2", "remote_address": "203.0.113.1",
   "local_identity": "spoke.example", "remote_identity": "hub.example",
   "pre_shared_key": {"file": "psk"}, "establish_tunnels": "immediately",
   "dead_peer_detection": {"interval": 2, "threshold": 3},
   "vpns": [{"name": "vpn", "bind_interface": "st0.0"}]}
 ],
 "routes": [{"prefix": "192.168.1.0/24", "interface": "st0.0"}],
 "local_networks": ["192.168.2.0/24"]
}
X
}
tunnel_up() { rows "$1" ipsec sa -- "len(rows) >= 1" && rows "$1" interfaces -- "rows[0]['up']"; }
ping_lan() { in_ns spoke ping -c1 -W2 -I 192.168.2.1 192.168.1.1; }
