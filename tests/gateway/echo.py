#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Echo requests at even intervals, and all the time their answers need.

    echo.py SOURCE DESTINATION COUNT INTERVAL

iputils' ping gives the last answers twice the longest round trip: on a busy machine some come later and
would count as lost. Here each has five seconds. Last line as ping's."""
import os
import select
import socket
import struct
import sys
import time

PATIENCE_S = 5


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def request(ident, seq):
    body = bytes(56)
    head = struct.pack("!BBHHH", 8, 0, 0, ident, seq)
    return struct.pack("!BBHHH", 8, 0, checksum(head + body), ident, seq) + body


def take(s, ident, until, heard, want):
    """Answers until a moment, or until there are enough."""
    while len(heard) < want and (left := until - time.monotonic()) > 0:
        if not select.select([s], [], [], left)[0]:
            return
        packet = s.recv(2048)
        icmp = packet[(packet[0] & 15) * 4:]
        kind, _, _, of, seq = struct.unpack("!BBHHH", icmp[:8])
        if kind == 0 and of == ident:
            heard.add(seq)


def main():
    source, destination, count, interval = sys.argv[1:]
    count, interval, ident, heard = int(count), float(interval), os.getpid() & 0xffff, set()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
        s.bind((source, 0))
        s.connect((destination, 0))
        begin = time.monotonic()
        for seq in range(count):
            take(s, ident, begin + seq * interval, heard, count + 1)
            s.send(request(ident, seq))
        take(s, ident, time.monotonic() + PATIENCE_S, heard, count)
    print(f"{count} packets transmitted, {len(heard)} received, "
          f"{100 * (count - len(heard)) / count:g}% packet loss")
    return len(heard) != count


sys.exit(main())
