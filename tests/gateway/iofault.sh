#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal F17: system calls at the gateway's edges fail, devices vanish. Each failure is counted under its
# name, nothing ends, nothing spins (below 5 % of a core while it lasts), and traffic is back within a
# second. The failures come from a library loaded before libc (tests/gateway/faults/io_fault.c).
. "$(dirname "$0")/lib.sh"
fault=$tmp/fault.so
${CC:-cc} -shared -fPIC -O1 -o "$fault" "$here/faults/io_fault.c" -ldl || { not_ok "it compiles"; finish; }
order() { # order CALL ERRNO COUNT
    python3 - "$tmp/order" "$@" <<'X'
import errno, struct, sys
path, call, err, count = sys.argv[1:]
calls = {"none": 0, "recvmmsg": 1, "sendmmsg": 2, "readv": 4, "writev": 8, "sendmsg": 16}
with open(path, "r+b") as f:
    f.write(struct.pack("=IIi", calls[call], getattr(errno, err, 0), int(count)))
X
}
head -c 12 /dev/zero >"$tmp/order"
counter() { ctl spoke --json show statistics | python3 -c \
    "import json,sys; print(json.load(sys.stdin)['rows'][0]['host']['$1'])"; }
cpu() { awk '{print $14 + $15}' "/proc/$spoke_pid/stat"; } # clock ticks of 10 ms

hub_and_spoke
sed -i 's/"establish_tunnels": "immediately",/&"force_encapsulation": true,/' "$tmp/spoke.json"
# seconds of silence are what is tested here; they must not look like a dead peer
sed -i 's/"interval": 2,/"interval": 60,/' "$tmp/hub.json" "$tmp/spoke.json"
start hub && hub_pid=$pid || { not_ok "the hub starts"; finish; }
export NHTB_IO_FAULT=$tmp/order LD_PRELOAD=$fault
start spoke && spoke_pid=$pid
started=$?
unset LD_PRELOAD
[ $started -eq 0 ] || { not_ok "the spoke starts"; finish; }
check "the tunnel is up" wait_for 10 tunnel_up hub
check "traffic" ping_lan

# Twenty failures each, while packets go both ways.
fail_some() { # fail_some CALL ERRNO COUNTER
    local before
    before=$(counter "$3")
    order "$1" "$2" 20
    in_ns spoke ping -c 30 -i 0.01 -W 1 -q -I 192.168.2.1 192.168.1.1 >/dev/null
    order none 0 0
    check "$1 $2 is counted as $3" test "$(counter "$3")" -gt "$before"
    check "... and traffic is back" wait_for 1 ping_lan
}
fail_some sendmmsg ENOBUFS send_no_buffers
fail_some sendmmsg EAGAIN send_no_buffers
fail_some sendmmsg EMSGSIZE send_too_big
fail_some sendmmsg ENETUNREACH send_unreachable
fail_some sendmmsg EHOSTUNREACH send_unreachable
fail_some sendmmsg ENETDOWN send_errors
fail_some sendmmsg EPERM send_errors
fail_some sendmmsg EIO send_errors
fail_some recvmmsg ENOMEM receive_errors
fail_some recvmmsg EIO receive_errors
fail_some writev EIO tun_write_errors
fail_some writev ENOBUFS tun_write_errors
fail_some writev EINVAL tun_write_errors

order recvmmsg EINTR 5
check "recvmmsg EINTR costs nothing" ping_lan
order sendmmsg EINTR 5
check "sendmmsg EINTR costs nothing" ping_lan
order readv EINTR 5
check "readv EINTR costs nothing" ping_lan
order writev EINTR 5
check "writev EINTR costs nothing" ping_lan

# A failure that lasts must not spin.
lasting() { # lasting CALL ERRNO
    local before
    order "$1" "$2" 100000000
    in_ns hub ping -c 20 -i 0.02 -W 1 -q -I 192.168.1.1 192.168.2.1 >/dev/null
    in_ns spoke ping -c 20 -i 0.02 -W 1 -q -I 192.168.2.1 192.168.1.1 >/dev/null
    before=$(cpu)
    sleep 2
    check "$1 $2 for two seconds: below 5 % of a core" test $(($(cpu) - before)) -le 10
    order none 0 0
    check "... and traffic is back" wait_for 2 ping_lan
}
lasting sendmmsg ENOBUFS
lasting recvmmsg EIO
lasting writev EIO

# The device goes away under the gateway.
lost=$(counter tun_lost)
ip_in spoke link del st0.0
check "a deleted device is made again, with its routes: traffic" wait_for 2 ping_lan
check "... which was counted" test "$(counter tun_lost)" -gt "$lost"
check "... and logged" grep -q 'device made again' "$tmp/spoke.log"
lost=$(counter tun_lost)
order readv EIO 40
in_ns spoke ping -c 5 -i 0.2 -W 1 -q -I 192.168.2.1 192.168.1.1 >/dev/null
check "a device that cannot be read is made again" wait_for 2 ping_lan
check "... which was counted" test "$(counter tun_lost)" -gt "$lost"
order none 0 0
if stop "$spoke_pid"; then ok "the gateway ends as asked"; else not_ok "the gateway ends as asked"; fi
finish
