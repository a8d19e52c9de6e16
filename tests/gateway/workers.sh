#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A hub with several workers and eight tunnels, half of them in UDP: each worker gets its tunnels' packets
# from the kernel; without help of the kernel they are handed over; tunnels move and a worker comes
# while packets flow, and none is lost. Prints the figures.
. "$(dirname "$0")/lib.sh"
unset NHTB_WORKERS
many=8

space hub
space crowd
link hub 203.0.113.1/24 crowd 203.0.113.101/24
ip_in hub link add lan type veth peer name lan-end
ip_in crowd link add lan type veth peer name lan-end
for ((i = 1; i <= many; i++)); do
    [ "$i" -eq 1 ] || ip_in crowd addr add "203.0.113.$((100 + i))/24" dev wan
    ip_in hub addr add "192.168.1.$i/24" dev lan
    ip_in crowd addr add "192.168.$((100 + i)).1/24" dev lan
done
for n in hub crowd; do ip_in $n link set lan-end up && ip_in $n link set lan up; done
key psk
cat >"$tmp/make.py" <<'X'
import json, sys
tmp, many = sys.argv[1], int(sys.argv[2])
key = {"file": "psk"}
def hub_side(n):
    return {"name": f"s{n}", "local_address": "203.0.113.1",
            "remote_address": f"203.0.113.{100 + n}" if n % 4 < 2 else "any",
            "local_identity": "hub.example", "remote_identity": f"s{n}.example",
            "pre_shared_key": key, "establish_tunnels": "responder-only",
            "vpns": [{"name": "vpn", "bind_interface": "st0.0"}]}
def crowd_side(n):
    return {"name": f"hub{n}", "local_address": f"203.0.113.{100 + n}", "remote_address": "203.0.113.1",
            "local_identity": f"s{n}.example", "remote_identity": "hub.example",
            "pre_shared_key": key, "establish_tunnels": "immediately", "force_encapsulation": n % 2 == 0,
            "vpns": [{"name": "vpn", "bind_interface": f"st0.{n}"}]}
each = range(1, many + 1)
json.dump({
    "workers": 2, "worker_weights": [1, 0], "ipsec": {"overlap_seconds": 1},
    "interfaces": [{"name": "st0.0", "multipoint": True, "address": ["10.11.0.100/24"]}],
    "gateways": [hub_side(n) for n in each],
    "routes": [{"prefix": f"192.168.{100 + n}.0/24", "interface": "st0.0", "next_hop": f"10.11.0.{n}"} for n in each],
    "local_networks": ["192.168.1.0/24"]}, open(f"{tmp}/hub.json", "w"))
json.dump({
    "interfaces": [{"name": f"st0.{n}", "address": [f"10.11.0.{n}/32"]} for n in each],
    "gateways": [crowd_side(n) for n in each],
    "routes": [{"prefix": f"192.168.1.{n}/32", "interface": f"st0.{n}"} for n in each],
    "local_networks": [f"192.168.{100 + n}.0/24" for n in each]}, open(f"{tmp}/crowd.json", "w"))
X
python3 "$tmp/make.py" "$tmp" "$many"
change() { # change PYTHON: edits the hub's c
    python3 -c "import json
p='$tmp/hub.json'
c=json.load(open(p))
$1
json.dump(c, open(p, 'w'))"
}
all_up() { rows hub ipsec sa -- "len({r['peer'] for r in rows}) == $many"; }
spis() { ctl hub --json show ipsec sa | python3 -c "import json,sys; print(sorted((r['peer'], r['spi_in']) for r in json.load(sys.stdin)['rows']))"; }
flow() { # flow COUNT: so many pings through each tunnel, fifty a second, in the background
    pings=()
    for ((i = 1; i <= many; i++)); do
        in_ns crowd python3 "$here/echo.py" "192.168.$((100 + i)).1" "192.168.1.$i" "$1" 0.02 >"$tmp/ping.$i" 2>&1 &
        pings+=($!)
    done
}
no_loss() { # no_loss TEXT: of the flow
    wait "${pings[@]}"
    for ((i = 1; i <= many; i++)); do
        grep -q ' 0% packet loss' "$tmp/ping.$i" || { not_ok "$1" "s$i: $(tail -2 "$tmp/ping.$i")"; return; }
    done
    ok "$1"
}
spread() { # spread A B ...: the gateways and dynamic peers of each worker
    rows hub tunnel-distribution -- "[r['gateways'] + r['dynamic_peers'] for r in rows] == [$(IFS=,; echo "$*")]"
}
settled() { rows hub tunnel-map -- "len(rows) == $many and all(r['sas_elsewhere'] == 0 for r in rows)"; }
on_anchor() { rows hub ipsec sa -- "all(int(r['spi_in'], 16) & 3 == r['worker'] for r in rows)"; }
sum_of() { ctl hub --json show tunnel-distribution | python3 -c "import json,sys; print(sum(r['$1'] for r in json.load(sys.stdin)['rows']))"; }

# ---- steered by the kernel ----------------------------------------------------------------------
start hub && start crowd || { not_ok "they start" "$(cat "$tmp"/*.log)"; finish; }
hub_pid=${pids[0]} crowd_pid=$pid
check "all tunnels are up" wait_for 20 all_up
check "a worker without weight has none" spread $many 0
check "two threads of the data plane" rows hub tunnel-distribution -- "[(r['worker'], r['running'], r['weight']) for r in rows] == [(0, True, 1), (1, True, 0)]"
check "the device has queues" rows hub interfaces -- "'multi_queue' in rows[0]['offload']"
check "the sockets are steered" rows hub interfaces -- "all('steering' in v for v in rows[0]['sockets'].values())"
flow 20
no_loss "packets through all"

change 'c["worker_weights"] = [1, 1]'
before=$(spis)
check "weights by reload" ctl hub reload
check "... move nothing" spread $many 0
check "... and change no SA" test "$before" = "$(spis)"
flow 100
sleep 0.3
check "rebalance" test "$(ctl hub rebalance)" = "4 gateways move with the next rekey, under way"
no_loss "no packet is lost while tunnels move"
check "half of them on each" spread 4 4
check "old SAs end after the overlap" wait_for 15 settled
check "the SPIs name the workers" on_anchor
flow 50
no_loss "packets through both"
check "both open packets" rows hub tunnel-distribution -- "all(r['in_packets'] >= 200 and r['out_packets'] > 0 for r in rows)"
# a packet that was in the queue of the sockets' first owner when steering began may still be handed over
check "the kernel finds the workers: no hand-offs" test "$(sum_of handoffs)" -eq 0

# ---- a worker comes -----------------------------------------------------------------------------
before=$(spis)
change 'c.update(workers=3, worker_weights=[1, 1, 1])'
flow 100
sleep 0.3
check "a third worker by reload" ctl hub reload
no_loss "no packet is lost while it comes"
check "it runs, and has nothing yet" spread 4 4 0
check "no SA has changed" test "$before" = "$(spis)"
flow 100
sleep 0.3
check "rebalance again" test "$(ctl hub rebalance)" != "nothing to move"
no_loss "no packet is lost while tunnels move to it"
check "the third has some" rows hub tunnel-distribution -- "rows[2]['gateways'] + rows[2]['dynamic_peers'] >= 2"
check "old SAs end after the overlap" wait_for 15 settled
check "the SPIs name the workers" on_anchor
flow 50
no_loss "packets through all three"
check "the third opens packets" rows hub tunnel-distribution -- "rows[2]['in_packets'] >= 100"
cp "$tmp/hub.json" "$tmp/hub.keep"
change 'c.update(workers=5); del c["worker_weights"]'
check_not "more than twice those at the start are refused" ctl hub reload
cp "$tmp/hub.keep" "$tmp/hub.json"
change 'c.update(workers=1); del c["worker_weights"]'
check "fewer workers by reload" ctl hub reload
check "... get nothing new" rows hub tunnel-distribution -- "[r['weight'] for r in rows] == [1, 0, 0]"
check "rebalance empties them" test "$(ctl hub rebalance)" != "nothing to move"
check "all on the first" spread $many 0 0
flow 20
no_loss "packets through the first"
ctl hub show tunnel-distribution
ctl hub --json show statistics | python3 -c "import json, sys
h = json.load(sys.stdin)['rows'][0]['host']
print('longest callbacks of the control loop, us of CPU:', {k[8:-3]: v for k, v in h.items() if k.startswith('longest_')}, 'jobs:', h['jobs_done'])
sys.exit(not (h['jobs_done'] >= 2 * $many and h['longest_job_us'] <= 1000 and h['handoffs_dropped'] == 0))"
check "jobs ran in the pool, and none that came back took the loop 1 ms of CPU" test $? -eq 0
stop "$hub_pid"
check "SIGTERM: status 0" test $? -eq 0

# ---- handed over --------------------------------------------------------------------------------
cp "$tmp/hub.keep" "$tmp/hub.json"
change 'c.update(workers=2, offload=False); del c["worker_weights"]'
start hub || { not_ok "the hub starts again" "$(cat "$tmp/hub.log")"; finish; }
hub_pid=$pid
for ((i = 1; i <= many; i++)); do ctl crowd clear "hub$i" >/dev/null; done
check "all tunnels are up again" wait_for 30 all_up
check "some of them on each" rows hub tunnel-distribution -- "all(r['gateways'] + r['dynamic_peers'] > 0 for r in rows)"
# all to the worker that has no raw socket of its own now
change 'c.update(worker_weights=[0, 1])'
check "the first one's weight goes by reload" ctl hub reload
check "rebalance empties it" test "$(ctl hub rebalance)" != "nothing to move"
check "all on the second" spread 0 $many
check "old SAs end after the overlap" wait_for 15 settled
check "nothing is steered" rows hub interfaces -- "all('steering' not in v for v in rows[0]['sockets'].values())"
flow 50
no_loss "packets through all"
check "native ESP comes to the first worker, and is handed over" test "$(sum_of handoffs)" -ge 100
check "all of it arrived" test "$(sum_of handoffs)" -eq "$(sum_of handoffs_taken)"
check "nothing was dropped" test "$(sum_of handoffs_dropped)" -eq 0
ctl hub show tunnel-distribution

# ---- the end, while jobs run --------------------------------------------------------------------
for ((i = 1; i <= many; i++)); do ctl crowd clear "hub$i" >/dev/null; done
kill -TERM "$crowd_pid" "$hub_pid"
kill -TERM "$crowd_pid" "$hub_pid" # asked twice: at once, the jobs are waited for
wait "$hub_pid"
check "the hub's status is 0" test $? -eq 0
wait "$crowd_pid"
check "the crowd's too" test $? -eq 0
finish
