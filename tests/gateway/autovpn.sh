#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One wildcard entry on the hub and five spokes with keys from its seed: every spoke reaches every
# other, owners of next hops survive kill -9 of the hub, theft is refused until the row is cleared.
. "$(dirname "$0")/lib.sh"
spokes=5
space hub
(umask 077 && head -c 32 /dev/urandom >"$tmp/seed")
cat >"$tmp/hub.json" <<X2
{
 "interfaces": [{"name": "st0.0", "multipoint": true, "address": ["10.11.11.254/24"]}],
 "gateways": [
  {"name": "spokes", "remote_address": "any", "local_identity": "hub.example",
   "remote_identity": {"domain_suffix": "spokes.example"}, "seed": {"file": "seed"},
   "connection_limit": 20, "second_session": "replace", "establish_tunnels": "responder-only",
   "dead_peer_detection": {"interval": 1, "threshold": 2},
   "next_hop_owners": {"10.11.11.200": "reserved.spokes.example"},
   "vpns": [{"name": "vpn", "bind_interface": "st0.0"}]}
 ],
 "routes": [
  {"prefix": "10.1.1.0/24", "interface": "st0.0", "next_hop": "10.11.11.1"},
  {"prefix": "10.1.2.0/24", "interface": "st0.0", "next_hop": "10.11.11.2"},
  {"prefix": "10.1.3.0/24", "interface": "st0.0", "next_hop": "10.11.11.3"},
  {"prefix": "10.1.4.0/24", "interface": "st0.0", "next_hop": "10.11.11.4"},
  {"prefix": "10.1.5.0/24", "interface": "st0.0", "next_hop": "10.11.11.5"}
 ],
 "state_file": "owners.json"
}
X2
derive() { "$nhtbctl" psk-derive --seed-file "$tmp/seed" --hub-id hub.example --id "$1"; }
make_spoke() { # make_spoke N IDENTITY TUNNEL-ADDRESS: configuration and key of namespace sN
    (umask 077 && derive "$2" >"$tmp/s$1.hex")
    cat >"$tmp/s$1.json" <<X2
{
 "interfaces": [{"name": "st0.0", "address": ["$3/24"]}],
 "gateways": [
  {"name": "hub", "local_address": "203.0.$1.2", "remote_address": "203.0.$1.1",
   "local_identity": "$2", "remote_identity": "hub.example", "pre_shared_key": {"hex_file": "s$1.hex"},
   "establish_tunnels": "immediately", "dead_peer_detection": {"interval": 1, "threshold": 2},
   "vpns": [{"name": "vpn", "bind_interface": "st0.0"}]}
 ],
 "routes": [{"prefix": "10.1.0.0/16", "interface": "st0.0"}],
 "local_networks": ["10.1.$1.0/24"]
}
X2
}
for ((i = 1; i <= spokes; i++)); do
    space "s$i"
    ip -n "$tag-hub" link add "wan$i" type veth peer name wan netns "$tag-s$i"
    ip -n "$tag-hub" addr add "203.0.$i.1/24" dev "wan$i" && ip -n "$tag-hub" link set "wan$i" up
    ip_in "s$i" addr add "203.0.$i.2/24" dev wan && ip_in "s$i" link set wan up
    lan "s$i" "10.1.$i.1/24"
    make_spoke "$i" "s$i.spokes.example" "10.11.11.$i"
done
psk=$(derive s1.spokes.example)
check "psk-derive: 64 hexadecimal digits" grep -Eqx '[0-9a-f]{64}' "$tmp/s1.hex"
check "psk-derive: case does not change the key" test "$psk" = "$("$nhtbctl" psk-derive --seed-file "$tmp/seed" --hub-id HUB.example --id S1.spokes.EXAMPLE)"
check_not "psk-derive: another identity, another key" test "$psk" = "$(derive s2.spokes.example)"
chmod 644 "$tmp/seed"
check_not "psk-derive: a seed that others may read is refused" derive s1.spokes.example
check_not "... also by the hub" in_ns hub "$gateway" --check "$tmp/hub.json"
chmod 600 "$tmp/seed"
check "one entry for all spokes" test "$(grep -c remote_identity "$tmp/hub.json")" -eq 1

declare -A pid_of
run() { start "$1" && pid_of[$1]=$pid; }
run hub || { not_ok "the hub starts" "$(cat "$tmp/hub.log")"; finish; }
for ((i = 1; i <= spokes; i++)); do run "s$i" || not_ok "s$i starts" "$(cat "$tmp/s$i.log")"; done
bindings() { rows hub ipsec next-hop-tunnels -- "len([r for r in rows if r['up'] and r['flag'] == 'Auto']) == $1"; }
wait_for 15 bindings $spokes
check "all spokes are up and learnt" bindings $spokes
ping_all() {
    local a b
    for ((a = 1; a <= spokes; a++)); do
        for ((b = 1; b <= spokes; b++)); do
            [ $a -eq $b ] || in_ns "s$a" ping -c1 -W2 -I "10.1.$a.1" "10.1.$b.1" >/dev/null || { echo "$a -> $b"; return 1; }
        done
    done
}
check "every spoke reaches every other" ping_all
check "their identities are shown" rows hub ipsec next-hop-tunnels -- "{r['ike_id'] for r in rows} >= {'s%d.spokes.example' % i for i in range(1, 6)}"

# ---- one spoke by name, or the entry for all of them --------------------------------------------
on_hub() { # on_hub WORDS -- PATTERN...: hub's nhtbctl prints all of them
    local words=() p
    while [ "$1" != -- ]; do words+=("$1"); shift; done
    shift
    ctl hub "${words[@]}" >"$tmp/said" 2>&1 || { cat "$tmp/said"; return 1; }
    for p in "$@"; do grep -Eq -- "$p" "$tmp/said" || { cat "$tmp/said"; return 1; }; done
}
check "show peers: the entry counts its connections" on_hub show peers -- '^spokes .* 5 of 20 ' '^s3.spokes.example +UP .* 1/1 '
check "... --json: each names its entry" rows hub peers -- "len([r for r in rows if r['entry'] == 'spokes' and r['connections'] is None]) == 5 and [r for r in rows if r['connections'] == 5 and r['connection_limit'] == 20]"
check "explain a spoke" on_hub explain s3.spokes.example -- 's3.spokes.example: IKE UP, VPNs up: 1 of 1' 'Admitted by the entry spokes'
check "explain the entry" on_hub explain spokes -- 'Connections: 5 of 20' 'we wait for the peer'
check "the log names VPNs of spokes" grep -q 'tunnel_up s3.spokes.example/vpn' "$tmp/hub.log"
check "show who owns which next hop" on_hub show ipsec next-hop-owners -- '^10.11.11.3 .*s3.spokes.example .*first use' '^10.11.11.200 .*reserved.spokes.example .*configuration'
spi_of() { ctl hub --json show ipsec sa | python3 -c "
import json, sys
print(*[r['spi_in'] for r in json.load(sys.stdin)['rows'] if r['peer'] == '$1.spokes.example' and r['current']])"; }
spis() { for ((i = 1; i <= spokes; i++)); do spi_of "s$i"; done; }
renewed() { # renewed FROM TO: these spokes have another SA than in the list `was`, the others the same
    local i now
    for ((i = 1; i <= spokes; i++)); do
        now=$(spi_of "s$i")
        if [ "$i" -ge "$1" ] && [ "$i" -le "$2" ]; then
            [ -n "$now" ] && [ "$now" != "${was[$((i - 1))]}" ] || return 1
        else
            [ "$now" = "${was[$((i - 1))]}" ] || return 1
        fi
    done
}
was=($(spis))
check "rekey one spoke" ctl hub rekey s3.spokes.example child
wait_for 10 renewed 3 3
check "... it alone has new keys" renewed 3 3
was=($(spis))
check "rekey by the entry" on_hub rekey spokes child -- '5 peers'
wait_for 10 renewed 1 5
check "... all have new keys" renewed 1 5
was=($(spis))
check "clear one spoke" ctl hub clear s2.spokes.example
wait_for 15 renewed 2 2
check "... it alone comes again" renewed 2 2
was=($(spis))
check "clear by the entry" on_hub clear spokes -- '5 peers'
wait_for 20 renewed 1 5
check "... all come again" renewed 1 5
check_not "a spoke that is not there" ctl hub explain s9.spokes.example
check_not "... nor is an entry initiated" ctl hub initiate spokes
wait_for 15 bindings $spokes

owner() { python3 -c "
import json
rows = json.load(open('$tmp/owners.json'))['owners']
print(*[bytes.fromhex(r['identity_hex']).decode() for r in rows if r['next_hop'] == '$1'])"; }
check "the owners are on disk" test "$(owner 10.11.11.3)" = s3.spokes.example
check "the file is 0600" test "$(stat -c %a "$tmp/owners.json")" = 600

# ---- kill -9 of the hub, and a thief who is there first -----------------------------------------
kill -KILL "${pid_of[s3]}" "${pid_of[hub]}"
wait "${pid_of[s3]}" "${pid_of[hub]}" 2>/dev/null
make_spoke 3 thief.spokes.example 10.11.11.3 # an authenticated spoke that claims another's address
run hub || not_ok "the hub starts again" "$(cat "$tmp/hub.log")"
run s3
up_as() { rows hub ike sa -- "[r for r in rows if r['up'] and r['remote_identity'] == '$1']"; }
check "the thief authenticates" wait_for 20 up_as thief.spokes.example
check "the claim is refused" wait_for 10 grep -q 'binding_refused.*10.11.11.3.*belongs to another identity' "$tmp/hub.log"
check "the row still names its owner" test "$(owner 10.11.11.3)" = s3.spokes.example
check "no binding for the thief" rows hub ipsec next-hop-tunnels -- "not [r for r in rows if r['next_hop'] == '10.11.11.3' and r['up']]"
check_not "no traffic to the thief" in_ns s1 ping -c1 -W1 -I 10.1.1.1 10.1.3.1
stop "${pid_of[s3]}"
make_spoke 3 s3.spokes.example 10.11.11.3
run s3
check "the owner comes back and has it" wait_for 20 bindings $spokes
check "every spoke reaches every other again" ping_all

# ---- cleared on request -------------------------------------------------------------------------
stop "${pid_of[s3]}"
check "clear one row" ctl hub clear ipsec next-hop-tunnels 10.11.11.3
check "it is off the disk" test -z "$(owner 10.11.11.3)"
check "the others are not" test "$(owner 10.11.11.2)" = s2.spokes.example
check_not "no address: refused" ctl hub clear ipsec next-hop-tunnels nonsense
make_spoke 3 new.spokes.example 10.11.11.3
run s3
check "another identity may take it now" wait_for 20 bindings $spokes
check "... and owns it" test "$(owner 10.11.11.3)" = new.spokes.example
stop "${pid_of[s3]}"
make_spoke 3 new.spokes.example 10.11.11.200
run s3
check "a configured owner's address is refused" wait_for 15 grep -q 'binding_refused.*10.11.11.200.*belongs to another identity' "$tmp/hub.log"
stop "${pid_of[s3]}"
make_spoke 3 s3.elsewhere.example 10.11.11.3
run s3
check "an identity outside the suffix is refused" wait_for 15 rows s3 peers -- "rows[0]['last_error'] is not None"
stop "${pid_of[s3]}"

# ---- no more than so many -----------------------------------------------------------------------
python3 - "$tmp/hub.json" <<'X2'
import json, sys
c = json.load(open(sys.argv[1]))
c["gateways"][0]["connection_limit"] = 4
json.dump(c, open(sys.argv[1], "w"))
X2
check "a connection limit of 4" ctl hub reload
make_spoke 3 s3.spokes.example 10.11.11.3
wait_for 20 bindings 4
check "four are up" bindings 4
run s3
check "a fifth is refused, and the log says why" wait_for 15 grep -q 'limit.*capacity' "$tmp/hub.log"
check "... the four stay" rows hub peers -- "[r for r in rows if r['connections'] == 4 and r['connection_limit'] == 4]"
check "... it learns no more than that it is not let in" rows s3 peers -- "rows[0]['last_error'] == 'authentication'"
check_not "no log holds the seed's keys" grep -qr "$psk" "$tmp/hub.log" "$tmp/s1.log"
stop "${pid_of[hub]}"
check "SIGTERM: status 0" test $? -eq 0
finish
