#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Refusing to start: one clear line and a status, and nothing left behind.
. "$(dirname "$0")/lib.sh"
hub_and_spoke

refuses() { # refuses TEXT STATUS WORDS COMMAND...
    local text=$1 status=$2 words=$3 got lines
    shift 3
    timeout 10 "$@" >"$tmp/out" 2>&1
    got=$?
    lines=$(wc -l <"$tmp/out")
    if [ "$got" -eq "$status" ] && [ "$lines" -eq 1 ] && grep -q "$words" "$tmp/out"; then
        ok "$text"
    else
        not_ok "$text" "status $got, $(head -3 "$tmp/out")"
    fi
}
run=("$gateway" -c "$tmp/hub.json" --control "$tmp/hub.sock")

for port in 500 4500; do
    ip netns exec "$tag-hub" socat -u "UDP4-RECV:$port,bind=203.0.113.1" /dev/null &
    pids+=($!)
    other=$!
    sleep 0.3
    refuses "port $port is busy" 4 "UDP port $port.*in use" ip netns exec "$tag-hub" "${run[@]}"
    kill "$other"
    wait "$other" 2>/dev/null
done
ip_in hub tuntap add st0.0 mode tap
refuses "the device's name is taken" 4 "st0.0.*create device" ip netns exec "$tag-hub" "${run[@]}"
ip_in hub link del st0.0
refuses "no /dev/net/tun" 4 "open /dev/net/tun: No such file" ip netns exec "$tag-hub" \
    unshare -m sh -c 'mount -t tmpfs none /dev/net && exec "$@"' sh "${run[@]}"
refuses "no right to make a device" 4 "" \
    ip netns exec "$tag-hub" setpriv --bounding-set=-net_admin --inh-caps=-net_admin "${run[@]}"
refuses "no right to raw sockets" 4 "raw ESP" \
    ip netns exec "$tag-hub" setpriv --bounding-set=-net_raw --inh-caps=-net_raw "${run[@]}"
refuses "no configuration" 3 "No such file" "$gateway" -c "$tmp/none.json"
refuses "no option" 2 "usage" "$gateway"
touch "$tmp/plain"
refuses "the control path is a file" 4 "control socket" \
    ip netns exec "$tag-hub" "$gateway" -c "$tmp/hub.json" --control "$tmp/plain"
refuses "the control path's folder is missing" 4 "control socket" \
    ip netns exec "$tag-hub" "$gateway" -c "$tmp/hub.json" --control "$tmp/no/such"
check "the file on the control path is left alone" test -f "$tmp/plain"

start hub || { not_ok "the hub starts" "$(cat "$tmp/hub.log")"; finish; }
first=$pid
refuses "a second gateway on the same control socket" 4 "another gateway" \
    ip netns exec "$tag-spoke" "${run[@]}"
check "the first goes on" ctl hub show peers
kill -KILL "$first"
wait "$first" 2>/dev/null
check "after SIGKILL the prefixes stay unreachable" \
    sh -c "ip -n $tag-hub route show proto 151 | grep -q '^unreachable 192.168.2.0/24'"
if start hub; then ok "it starts again over what SIGKILL left"; else
    not_ok "it starts again over what SIGKILL left" "$(cat "$tmp/hub.log")"
fi
check_not "... without complaints" grep -q error "$tmp/hub.log"
stop "$pid"
check "and ends with status 0" test $? -eq 0
check "no route is left" test -z "$(ip_in hub route show proto 151)"
check_not "no device is left" ip_in hub link show st0.0
check "--check does not need root's network" "$gateway" --check "$tmp/hub.json"
check "--version" sh -c "'$gateway' --version | grep -q libnhtb"
check "--help" sh -c "'$gateway' --help | grep -q 'exit status'"
finish
