# SPDX-License-Identifier: Apache-2.0
"""What the scenarios look at: the hub's tables, side by side and held against one another.

    arrows.py NHTBCTL DIR up | tables | match FLAG | chain ADDRESS N | packets | used BEFORE AFTER FROM TO | link STATE N
"""
import json
import subprocess
import sys

NHTBCTL, DIR, WHAT, *ARGS = sys.argv[1:]


def ask(*words):
    p = subprocess.run([NHTBCTL, "--socket", f"{DIR}/hub/control", "--json", "show", *words],
                       capture_output=True, text=True, timeout=10, check=True)
    return json.loads(p.stdout)


def routes():
    return sorted((r for r in ask("route")["rows"] if r["kind"] == "tunnel"), key=lambda r: r["prefix"])


def bindings(*words):
    return sorted(ask("ipsec", "next-hop-tunnels", *words)["rows"], key=lambda r: r["next_hop"])


def spokes_up():
    rows = ask("ipsec", "sa")["rows"]
    return len({r["peer"] for r in rows}) == 3 and len([b for b in bindings() if b["up"]]) == 3


def tables():
    left = [("IP prefix", "Next hop")] + [(r["prefix"], r["next_hop"]) for r in routes()]
    right = [("Next hop", "Interface", "IPsec VPN", "Flag")]
    right += [(b["next_hop"], b["interface"], b["vpn"], b["flag"]) for b in bindings()]
    print(f"  {'Route table':<36}    NHTB table")
    for n in range(max(len(left), len(right))):
        a = left[n] if n < len(left) else ("", "")
        b = right[n] if n < len(right) else ("", "", "", "")
        print(f"  {a[0]:<18}{a[1]:<18} {'->' if n and n < len(left) else '  '} {b[0]:<14}{b[1]:<11}{b[2]:<11}{b[3]}")


def match(flag):
    keys = {(b["interface"], b["next_hop"]): b for b in bindings()}
    return len(keys) == 3 and all((r["interface"], r["next_hop"]) in keys for r in routes()) and \
        all(b["flag"] == flag and b["up"] for b in keys.values()) and \
        bindings("interface-name", "st0.0") == bindings()


def chain(address, n):
    w = ask("route", address)
    sa = [r for r in ask("ipsec", "sa")["rows"] if r["peer"] == f"spoke{n}" and r["current"]]
    return w["result"] == "sa" and w["route"]["interface"] == "st0.0" and \
        w["route"]["next_hop"] == f"10.11.11.1{n}" and \
        w["tunnel"] == {"peer": f"spoke{n}", "vpn": f"vpn{n}", "up": True} and \
        [w["sa"]["spi_out"], w["sa"]["spi_in"]] == [sa[0]["spi_out"], sa[0]["spi_in"]]


def packets():
    return {r["name"]: (r["out_packets"], r["in_packets"]) for r in ask("peers")["rows"]}


def used(before, after, a, b):
    """Three echoes and their answers: both ways over the tunnels of both sites, nothing elsewhere."""
    with open(before, encoding="utf-8") as f, open(after, encoding="utf-8") as g:
        old, new = json.load(f), json.load(g)
    moved = {k: [x - y for x, y in zip(new[k], old[k])] for k in new}
    print(moved)
    want = {f"spoke{n}": [3, 3] if str(n) in (a, b) else [0, 0] for n in (1, 2, 3)}
    return moved == want


def link(state, n):
    i = ask("interfaces")["rows"][0]
    return i["up"] == i["carrier"] == (state == "up") and i["tunnels_up"] == int(n)


if WHAT == "tables":
    tables()
elif WHAT == "packets":
    print(json.dumps(packets()))
else:
    answer = {"up": spokes_up, "match": match, "chain": chain, "used": used, "link": link}[WHAT](*ARGS)
    print(WHAT, ARGS, answer)
    sys.exit(not answer)
