#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of the hub or the spoke at random moments, restart: traffic passes within 2 s of the
# restart (the new process starts at once with INITIAL_CONTACT), and nothing is left behind. 20
# kills; NHTB_LONG=1: 200. Prints the figures.
. "$(dirname "$0")/lib.sh"
kills=20
[ "${NHTB_LONG:-0}" = 1 ] && kills=200
limit_ms=2000
hub_and_spoke
python3 - "$tmp/hub.json" <<'X2'
import json, sys
c = json.load(open(sys.argv[1]))
c["gateways"][0].update(remote_address="203.0.113.2", establish_tunnels="immediately")
json.dump(c, open(sys.argv[1], "w"))
X2
RANDOM=${NHTB_SEED:-20261}
ms() { echo $(($(date +%s%N) / 1000000)); }
declare -A pid_of
run() { # run NAME: not `start`, which waits for the control socket
    ip netns exec "$tag-$1" "$gateway" -c "$tmp/$1.json" --control "$tmp/$1.sock" >>"$tmp/$1.log" 2>&1 &
    pid_of[$1]=$!
}
pids_now() { pids=("${pid_of[@]}"); }
traffic() { in_ns spoke ping -c1 -W0.1 -I 192.168.2.1 192.168.1.1 >/dev/null 2>&1; }
until_traffic() { # until_traffic MS: prints how long it took
    local from now
    from=$(ms)
    until traffic; do
        now=$(ms)
        [ $((now - from)) -lt "$1" ] || { echo $((now - from)); return 1; }
        sleep 0.02
    done
    echo $(($(ms) - from))
}
one_pair() { rows "$1" ipsec sa -- "len([r for r in rows if r['current']]) == 1" && rows "$1" ike sa -- "len([r for r in rows if r['up']]) == 1"; }

run hub
run spoke
pids_now
until_traffic 10000 >/dev/null || { not_ok "traffic at first" "$(tail -3 "$tmp/spoke.log")"; finish; }
took=() early=0 late=0 stuck=0
for ((i = 0; i < kills; i++)); do
    who=spoke
    [ $((RANDOM % 2)) -eq 0 ] && who=hub
    sleep "0.$((100 + RANDOM % 900))"
    kill -KILL "${pid_of[$who]}"
    wait "${pid_of[$who]}" 2>/dev/null
    run "$who"
    pids_now
    if [ $((RANDOM % 3)) -eq 0 ]; then # killed again while it sets up
        sleep "0.0$((RANDOM % 10))"
        kill -KILL "${pid_of[$who]}"
        wait "${pid_of[$who]}" 2>/dev/null
        early=$((early + 1))
        run "$who"
        pids_now
    fi
    t=$(until_traffic 20000)
    [ "$t" -ge 20000 ] && stuck=$((stuck + 1)) && echo "stuck after killing $who: $(tail -2 "$tmp/$who.log")"
    [ "$t" -gt "$limit_ms" ] && late=$((late + 1)) && echo "kill $i of $who: $t ms"
    took+=("$t")
done
sorted=($(printf '%s\n' "${took[@]}" | sort -n))
echo "restart to traffic, $kills kills ($early of them followed by another during the set-up): median ${sorted[$((kills / 2))]} ms, worst ${sorted[$((kills - 1))]} ms, later than $limit_ms ms: $late, stuck: $stuck"
check "none is stuck" test "$stuck" -eq 0
check "all within $limit_ms ms of the restart" test "$late" -eq 0
check "the hub ends with one IKE SA and one pair in use" wait_for 20 one_pair hub
check "the spoke too" wait_for 20 one_pair spoke
check "both ends know the same pair" python3 - "$(ctl hub --json show ipsec sa)" "$(ctl spoke --json show ipsec sa)" <<'X2'
import json, sys
hub, spoke = ({(r["spi_in"], r["spi_out"]) for r in json.loads(t)["rows"] if r["current"]} for t in sys.argv[1:])
assert hub == {(o, i) for i, o in spoke}, (hub, spoke)
X2
check "one device on each side, with carrier" sh -c "ip -n $tag-hub link show st0.0 | grep -q LOWER_UP && ip -n $tag-spoke link show st0.0 | grep -q LOWER_UP"
for n in hub spoke; do
    stop "${pid_of[$n]}"
    check "$n: SIGTERM still ends with 0" test $? -eq 0
    check "$n: no route is left" test -z "$(ip_in "$n" route show proto 151)"
done
finish
