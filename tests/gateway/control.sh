#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The control socket: who may use it, what it takes, nhtbctl's words and exit statuses.
. "$(dirname "$0")/lib.sh"
hub_and_spoke
routes=2000
python3 - "$tmp/hub.json" $routes <<'X'
import json, sys
path, n = sys.argv[1], int(sys.argv[2])
c = json.load(open(path))
c["routes"] += [{"prefix": f"172.{16 + i // 256}.{i % 256}.0/24", "interface": "st0.0", "next_hop": "10.11.11.12"}
                for i in range(n)]
json.dump(c, open(path, "w"))
X
start hub || { cat "$tmp/hub.log"; not_ok "the hub starts"; finish; }
hub_pid=$pid
s=$tmp/hub.sock

check "the socket has mode 600" test "$(stat -c %a "$s")" = 600
chmod 755 "$tmp"
chmod 666 "$s"
out=$(setpriv --reuid 65534 --clear-groups "$nhtbctl" --socket "$s" show peers 2>&1)
status=$?
check "another user is refused even where the file would let it" test "$status" -eq 1
check "... and told why" grep -q "only root" <<<"$out"
check "... and it is logged" grep -q "user 65534 refused" "$tmp/hub.log"
chmod 600 "$s"

if out=$(python3 "$here/check_control.py" "$s" $routes not-a-secret-psk); then :; fi
echo "$out" | grep -v ' passed, '
counts=$(tail -1 <<<"$out")
passed=$((passed + ${counts%% *}))
more=${counts#*, }
failed=$((failed + ${more%% *}))

status_of() { "$nhtbctl" --socket "$s" "$@" >"$tmp/out" 2>&1; echo $?; }
check "status 0: show" test "$(status_of show ike sa)" -eq 0
check "status 1: unknown peer" test "$(status_of initiate nobody)" -eq 1
check "... names it" grep -q nobody "$tmp/out"
check "status 2: unknown word" test "$(status_of show everything)" -eq 2
check "status 2: unknown option" test "$(status_of --colour show peers)" -eq 2
check "status 3: no gateway" test "$(s=$tmp/none; status_of show peers)" -eq 3
check "clear all" test "$(status_of clear all)" -eq 0
for words in "ike sa" "ipsec sa" "ipsec next-hop-tunnels" route interfaces peers statistics; do
    # shellcheck disable=SC2086
    check "--json show $words is JSON" sh -c \
        "'$nhtbctl' --socket '$s' --json show $words | python3 -c 'import json,sys; json.load(sys.stdin)[\"rows\"]'"
done
check "the columns are Junos'" sh -c "'$nhtbctl' --socket '$s' show ipsec next-hop-tunnels |
    grep -Eq '^Next-hop gateway +Interface +IPsec VPN name +Flag'"
check "... and IKE-ID, XAuth user" sh -c "'$nhtbctl' --socket '$s' show ipsec next-hop-tunnels |
    head -1 | grep -Eq 'Flag +IKE-ID +XAUTH username'"
check "next-hop tunnels of one interface" test "$(status_of show ipsec next-hop-tunnels interface-name st0.0)" -eq 0
check "status 1: unknown interface" test "$(status_of show ipsec next-hop-tunnels interface-name st9.9)" -eq 1
check "status 2: interface-name of nothing" test "$(status_of show ipsec next-hop-tunnels interface-name)" -eq 2
result_of() { "$nhtbctl" --socket "$s" --json show route "$1" | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"])'; }
check "the chain of an address behind no tunnel" test "$(result_of 203.0.113.250)" = no_route
check "the chain of an own network" test "$(result_of 192.168.1.77)" = local
check "the chain of a prefix whose next hop is not bound" test "$(result_of 192.168.2.77)" = no_binding
check "... in words" sh -c "'$nhtbctl' --socket '$s' show route 192.168.2.77 | grep -q 'no tunnel is bound to the next hop'"
check "status 1: not an address" test "$(status_of show route nonsense)" -eq 1
out=$(timeout 3 "$nhtbctl" --socket "$s" --watch 1 show peers | grep -c '^Gateway')
check "--watch repeats" test "$out" -ge 2

echo '{' >"$tmp/hub.json"
check "reload of a bad file: status 1" test "$(status_of reload)" -eq 1
check "... with line and column" grep -Eq 'hub.json:[0-9]+:[0-9]+: ' "$tmp/out"
check "... and all goes on" test "$(status_of show peers)" -eq 0
stop "$hub_pid"
check "SIGTERM: status 0" test $? -eq 0
check_not "the socket is gone" test -e "$s"
finish
