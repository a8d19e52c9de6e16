#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A way that is narrower than expected: with DF set the kernel refuses (EMSGSIZE), the library learns
# the path's MTU, hosts inside are told (ICMP), TCP goes on; with DF clear outer fragments do it.
. "$(dirname "$0")/lib.sh"
hub_and_spoke
head -c 2000000 /dev/urandom >"$tmp/blob"
transfer() { # hub LAN -> spoke LAN
    ip netns exec "$tag-hub" timeout 20 socat -u "OPEN:$tmp/blob" TCP-LISTEN:5001,bind=192.168.1.1,reuseaddr &
    local server=$!
    sleep 0.3
    rm -f "$tmp/got"
    in_ns spoke timeout 20 socat -u TCP:192.168.1.1:5001,bind=192.168.2.1 "CREATE:$tmp/got"
    wait "$server"
    cmp "$tmp/blob" "$tmp/got"
}
narrow() { # the cable, on both ends
    ip_in hub link set wan mtu "$1"
    ip_in spoke link set wan mtu "$1"
}
sent_too_big() { rows "$1" statistics -- "rows[0]['host']['send_too_big'] > 0"; }

sed -i 's/"name": "st0.0",/"name": "st0.0", "df_bit": "set",/' "$tmp/hub.json" "$tmp/spoke.json"
start hub && hub_pid=$pid && start spoke && spoke_pid=$pid || { not_ok "they start"; finish; }
check "the tunnel is up" wait_for 10 tunnel_up hub
mtu() { ctl hub --json show ipsec sa | grep -o '"mtu":[0-9]*'; }
before=$(mtu)
check "TCP before" transfer
narrow 1300
check "TCP over the narrow way" transfer
check "the kernel refused packets, which was counted" sent_too_big hub
check_not "the tunnel's MTU was learnt" test "$before" = "$(mtu)"
check "inside, too big with DF is answered" sh -c \
    "ip netns exec $tag-spoke ping -c3 -i0.3 -W1 -M do -s 1300 -I 192.168.2.1 192.168.1.1 2>&1 | grep -Eqi 'too long|frag needed|mtu'"
check "what fits passes" in_ns spoke ping -c1 -W2 -M do -s 1000 -I 192.168.2.1 192.168.1.1
check "too big without DF is fragmented inside" in_ns spoke ping -c1 -W2 -M dont -s 2500 -I 192.168.2.1 192.168.1.1
stop "$spoke_pid"
stop "$hub_pid"

narrow 1500
sed -i 's/"df_bit": "set"/"df_bit": "clear"/' "$tmp/hub.json" "$tmp/spoke.json"
start hub && start spoke
check "the tunnel is up again" wait_for 10 tunnel_up hub
narrow 1300
check "DF clear: TCP over the narrow way" transfer
check "DF clear: nothing was refused" rows hub statistics -- "rows[0]['host']['send_too_big'] == 0"
finish
