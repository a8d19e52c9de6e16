# SPDX-License-Identifier: Apache-2.0
"""The control socket by hand: frames, limits, bad requests."""
import json
import socket
import struct
import sys
import time

PATH, ROUTES, SECRET = sys.argv[1], int(sys.argv[2]), sys.argv[3]
results = []


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(PATH)
    return s


def frame(data):
    return struct.pack(">I", len(data)) + data


def read(s, n):
    data = b""
    while len(data) < n:
        part = s.recv(n - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def answer(s):
    """(closing object, rows, frames, largest frame)"""
    rows, frames, most = [], 0, 0
    while True:
        n = struct.unpack(">I", read(s, 4))[0]
        text = read(s, n)
        frames, most = frames + 1, max(most, n)
        value = json.loads(text)
        if isinstance(value, list):
            rows += value
        elif value.get("end"):
            return value, rows, frames, most


def ask(s, request):
    s.sendall(frame(json.dumps(request).encode()))
    return answer(s)


def closed(s):
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True


def test(name):
    def run(f):
        try:
            why = f()
        except (OSError, EOFError, ValueError, KeyError) as e:
            why = repr(e)
        results.append(not why)
        print(f"FAILED: {name}: {why}" if why else f"ok: {name}")
    return run


@test("a table of many rows comes in frames of at most 64 KiB")
def _():
    end, rows, frames, most = ask(connect(), {"command": "show", "table": "route"})
    mine = [r for r in rows if r["prefix"].startswith("172.")]
    if not end["ok"] or len(mine) != ROUTES:
        return f"{len(mine)} rows"
    if len({r["prefix"] for r in mine}) != ROUTES:
        return "a row is doubled"
    return "" if frames > 3 and most <= 65536 else f"{frames} frames, {most} bytes"


@test("several requests on one connection, sent at once")
def _():
    s = connect()
    s.sendall(b"".join(frame(json.dumps({"command": "show", "table": t}).encode())
                       for t in ("peers", "nothing", "interfaces")))
    first, second, third = answer(s), answer(s), answer(s)
    good = first[1][0]["name"] and second[0]["code"] == "unknown_table" and third[1][0]["name"] == "st0.0"
    return "" if good else f"{first} {second} {third}"


@test("a request in single bytes")
def _():
    s = connect()
    for b in frame(b'{"command":"show","table":"interfaces"}'):
        s.sendall(bytes([b]))
    return "" if answer(s)[1][0]["name"] == "st0.0" else "wrong rows"


@test("bad requests are refused one by one and the connection lives")
def _():
    s = connect()
    for text, code in ((b"{", "bad_request"), (b"[]", "bad_request"), (b"[" * 5000, "bad_request"),
                       (b"{}", "unknown_command"), (b'{"command":"dance"}', "unknown_command"),
                       (b'{"command":"show"}', "unknown_table"), (b'{"command":"clear"}', "missing"),
                       (b'{"command":"clear","peer":"nobody"}', "not_found"),
                       (b'{"command":"reload","colour":"red"}', "unknown_argument"),
                       (b'{"command":"rekey","peer":"spoke","what":"all"}', "bad_argument"),
                       (b'\xff\xfe', "bad_request")):
        s.sendall(frame(text))
        got = answer(s)[0]
        if got["ok"] or got["code"] != code:
            return f"{text[:40]}: {got}"
    return "" if ask(s, {"command": "show", "table": "peers"})[0]["ok"] else "dead"


@test("a frame of 65536 bytes is read")
def _():
    s = connect()
    s.sendall(frame(b'{"command":"show","table":"peers"}' + b" " * (65536 - 34)))
    return "" if answer(s)[0]["ok"] else "refused"


for size in (0, 65537, 0xFFFFFFFF):
    @test(f"a frame of {size} bytes is refused and the connection closed")
    def _():
        s = connect()
        s.sendall(struct.pack(">I", size) + b"{}")
        got = answer(s)[0]
        return "" if got["code"] == "frame_size" and closed(s) else str(got)


@test("the 17th client is told so; a place that gets free is used")
def _():
    many = [connect() for _ in range(16)]
    for s in many:
        if not ask(s, {"command": "show", "table": "interfaces"})[0]["ok"]:
            return "one of 16 refused"
    s = connect()
    got = answer(s)[0]
    if got["code"] != "too_many_clients" or not closed(s):
        return str(got)
    many.pop().close()
    time.sleep(0.2)
    good = ask(connect(), {"command": "show", "table": "interfaces"})[0]["ok"]
    for m in many:
        m.close()
    return "" if good else "the free place is not used"


@test("a client that leaves in the middle of a table harms nobody")
def _():
    for _ in range(20):
        s = connect()
        s.sendall(frame(b'{"command":"show","table":"route"}'))
        s.recv(10)
        s.close()
    time.sleep(0.2)
    return "" if ask(connect(), {"command": "show", "table": "interfaces"})[0]["ok"] else "dead"


@test("no answer holds a key")
def _():
    s = connect()
    for table in ("ike sa", "ipsec sa", "ipsec next-hop-tunnels", "route", "interfaces", "statistics", "peers"):
        if SECRET in json.dumps(ask(s, {"command": "show", "table": table})):
            return table
    return ""


print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
sys.exit(not all(results))
