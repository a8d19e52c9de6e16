#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the walls of the house (docs/rooms.md): includes, symbols, limits, exports, hardening.

    check.py CHECK --build DIR [--update]

CHECK is one of the functions below named check_*. Each prints one line per finding and ends with
status 1 when there is one. Called by CTest (label "layer" or "abi") and by hand.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIB = ROOT / "lib"
INC = ROOT / "include"

# Room -> rooms it may include and call, besides itself. The table of docs/rooms.md.
ROOMS = {
    "base": set(),
    "wire": {"base"},
    "crypto": {"base"},
    "fib": {"base", "crypto"},
    "dp": {"base", "wire", "crypto", "fib"},
    "db": {"base", "crypto", "fib"},
    "ike": {"base", "wire", "crypto"},
    "engine": {"base", "wire", "crypto", "fib", "dp", "db", "ike"},
}
FREESTANDING = {"stdint.h", "stddef.h", "stdbool.h", "stdalign.h", "stdarg.h", "stdatomic.h",
                "stdnoreturn.h", "limits.h", "float.h", "iso646.h"}
MEMORY_FOUR = {"memcpy", "memmove", "memset", "memcmp"}
# Words no file of lib/ may call, with the reason shown.
FORBIDDEN = {
    "assert": "use nhi_check", "abort": "peer input never aborts", "exit": "the host decides",
    "system": "no shell", "popen": "no shell", "alloca": "unbounded stack",
    "strcpy": "unbounded", "strcat": "unbounded", "sprintf": "unbounded", "vsprintf": "unbounded",
    "gets": "unbounded", "malloc": "memory is the host's", "calloc": "memory is the host's",
    "realloc": "memory is the host's", "free": "memory is the host's",
    "printf": "the host logs", "fprintf": "the host logs", "puts": "the host logs",
    "rand": "not a random source", "random": "not a random source",
}
MAX_LINES = 600
findings = []


def finding(text):
    findings.append(text)
    print(text)


def run(cmd, **kw):
    return subprocess.run(cmd, text=True, capture_output=True, check=False, **kw)


def rel(path):
    return os.path.relpath(path, ROOT)


def files(base, *suffixes):
    return sorted(p for p in pathlib.Path(base).rglob("*")
                  if p.suffix in suffixes and p.is_file()) if pathlib.Path(base).exists() else []


def includes(path):
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        m = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if m:
            yield number, m.group(1), m.group(2)


def room_of(path):
    """'base' .. 'engine', or 'backend/<x>'."""
    parts = path.relative_to(LIB).parts
    return "/".join(parts[:2]) if parts[0] == "backend" else parts[0]


def code_only(text):
    """Source with comments and literals blanked, line numbers kept."""
    def blank(m):
        s = m.group(0)
        return re.sub(r"[^\n]", " ", s) if s[0] == "/" else s[0] + s[0]
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


# ---- (a) include lines -----------------------------------------------------------------------
def core_include(path, room, number, kind, name):
    where = f"{rel(path)}:{number}"
    if kind == "<":
        if name.startswith("nhtb/backend_"):
            finding(f"{where}: the core includes no backend ({name})")
        elif not name.startswith("nhtb/") and name not in FREESTANDING:
            finding(f"{where}: <{name}> is not a freestanding header")
        return
    target = name.split("/")[0]
    if "/" not in name or not (LIB / name).exists():
        finding(f'{where}: "{name}" is not a "room/file.h" of lib/')
    elif target != room and target not in ROOMS[room]:
        finding(f'{where}: {room}/ may not include {target}/ ("{name}")')


def backend_include(path, room, number, kind, name):
    where = f"{rel(path)}:{number}"
    own = room.split("/")[1]
    if kind == "<":
        if name.startswith("nhtb/backend_") and name != f"nhtb/backend_{own}.h":
            finding(f"{where}: another backend's header")
    elif not (path.parent / name).exists() and not name.startswith(f"{room}/"):
        finding(f'{where}: a backend includes no room of lib/ ("{name}")')


def check_includes(_args):
    for path in files(LIB, ".c", ".h"):
        room = room_of(path)
        if room not in ROOMS and not room.startswith("backend/"):
            finding(f"{rel(path)}: no such room")
            continue
        rule = backend_include if room.startswith("backend/") else core_include
        for number, kind, name in includes(path):
            rule(path, room, number, kind, name)
    for path in files(INC, ".h", ".in"):
        for number, kind, name in includes(path):
            if kind == '"' or not (name.startswith("nhtb/") or name in FREESTANDING):
                finding(f"{rel(path)}:{number}: public headers include <nhtb/...> and "
                        f"freestanding C only ({name})")
    for top in ("examples", "bindings"):
        for path in files(ROOT / top, ".c", ".h", ".hpp", ".cpp"):
            for number, _kind, name in includes(path):
                inside = (path.parent / name).exists() or (path.parents[0].parent / name).exists()
                if "lib/" in name or ((LIB / name).exists() and not inside):
                    finding(f"{rel(path)}:{number}: reaches into lib/ ({name})")


def check_headers(args):
    """Every header compiles alone: public ones in C and C++, the rooms' in C."""
    flags = ["-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{INC}", f"-I{args.build}/include"]
    jobs = []
    for h in files(INC, ".h"):
        name = f"nhtb/{h.name}"
        jobs.append((name, "c", ["-std=c11", "-pedantic"]))
        jobs.append((name, "c++", ["-std=c++11", "-pedantic"]))
    for h in files(LIB, ".h"):
        if not room_of(h).startswith("backend/"):
            jobs.append((str(h.relative_to(LIB)), "c", ["-std=c11", f"-I{LIB}"]))

    def one(job):
        name, lang, extra = job
        cc = args.cc if lang == "c" else args.cxx
        text = f"#include <{name}>\nextern int unused_tu;\n"
        r = run([cc, "-x", lang, *flags, *extra, "-"], input=text)
        return f"{name} alone in {lang}: {r.stderr.strip()}" if r.returncode else None
    with ThreadPoolExecutor(2) as pool:
        for text in pool.map(one, jobs):
            if text:
                finding(text)


# ---- (b) symbols -----------------------------------------------------------------------------
def objects(build):
    """room -> object files, from the build's OBJECT libraries."""
    out = {}
    for room in ROOMS:
        top = pathlib.Path(build) / "CMakeFiles" / f"nhi_{room}.dir"
        found = [p for p in files(top, ".o")
                 if (ROOT / p.relative_to(top)).with_suffix("").exists()]
        if found:
            out[room] = found
    return out


def source_of(build, obj):
    """lib/ike/sa.c of .../nhi_ike.dir/lib/ike/sa.c.o"""
    path = obj.relative_to(pathlib.Path(build) / "CMakeFiles").as_posix()
    return path.split("/", 1)[1].rsplit(".", 1)[0]


def symbols(obj):
    """(defined global names, undefined names)."""
    defined, undefined = set(), set()
    for line in run(["nm", "-g", str(obj)]).stdout.splitlines():
        parts = line.split()
        if parts[-2] == "U":
            undefined.add(parts[-1])
        elif parts[-2] not in "wv":
            defined.add(parts[-1])
    return defined, undefined


def check_symbols(args):
    rooms = objects(args.build)
    if set(rooms) != set(ROOMS):
        finding(f"no objects in {args.build} for: {' '.join(sorted(set(ROOMS) - set(rooms)))}")
    table = {obj: symbols(obj) for objs in rooms.values() for obj in objs}
    owner = {name: room for room, objs in rooms.items() for o in objs for name in table[o][0]}
    for room, objs in rooms.items():
        for obj in objs:
            defined, undefined = table[obj]
            for name in sorted(defined):
                if not re.match(r"nhi_|nhtb_", name):
                    finding(f"{room}/{obj.name}: global name without prefix: {name}")
            for name in sorted(undefined):
                other = owner.get(name)
                if other is None:
                    if name not in MEMORY_FOUR | {"__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_"}:
                        finding(f"{room}/{obj.name}: needs {name} from outside the core")
                elif other != room and other not in ROOMS[room]:
                    finding(f"{room}/{obj.name}: calls {name} of {other}/")


# ---- (c) limits ------------------------------------------------------------------------------
def check_limits(args):
    for top in ("lib", "include", "examples", "bindings", "tests"):
        for path in files(ROOT / top, ".c", ".h", ".hpp", ".cpp"):
            text = path.read_text(errors="replace")
            n = text.count("\n")
            if n > MAX_LINES:
                finding(f"{rel(path)}: {n} lines (limit {MAX_LINES})")
            for number, line in enumerate(text.splitlines(), 1):
                if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
                    finding(f"{rel(path)}:{number}: unfinished work: {line.strip()}")
            if "SPDX-License-Identifier: Apache-2.0" not in text[:300]:
                finding(f"{rel(path)}: no SPDX line")
    words = "|".join(FORBIDDEN)
    for path in files(LIB, ".c", ".h"):
        for number, line in enumerate(code_only(path.read_text()).splitlines(), 1):
            for m in re.finditer(rf"(?<![\w.>*])({words})\s*\(", line):
                finding(f"{rel(path)}:{number}: {m.group(1)}(): {FORBIDDEN[m.group(1)]}")
    objs = [o for v in objects(args.build).values() for o in v]
    for top in pathlib.Path(args.build).glob("CMakeFiles/nhtb_*_objects.dir"):
        objs += files(top, ".o")
    for obj in objs:
        for line in run(["objdump", "-t", str(obj)]).stdout.splitlines():
            # address, flags, section, size, name: constants that need relocation are .data.rel.ro
            m = re.match(r"[0-9a-f]+ .{6}O (\S+)\s+([0-9a-f]+)\s+(.*)", line)
            if m and re.match(r"\.(data|bss|tdata|tbss)(?!\.rel\.ro)|\*COM\*", m.group(1)):
                finding(f"{obj.name}: mutable global {m.group(3)} in {m.group(1)}")


def core_sources(keylog, ikev1):
    """A feature that can be left out is in some files, and in one that does nothing: a build takes
    the former or the latter."""
    def taken(p):
        if p.name in ("keylog.c", "keylog_none.c"):
            return (p.name == "keylog.c") == keylog
        if p.name == "v1_none.c":
            return not ikev1
        return ikev1 or p.parent != LIB / "ike" / "v1"
    return [p for room in ROOMS for p in files(LIB / room, ".c") if taken(p)]


def check_sources(args):
    """cmake/sources.txt names exactly the core's sources, for foreign build systems."""
    listing = ROOT / "cmake" / "sources.txt"
    have = [rel(p) for p in core_sources(keylog=False, ikev1=True)]
    text = ("# The core's sources, for build systems other than CMake. Include paths: include, lib,\n"
            "# and the folder of the generated nhtb/version.h.\n" + "\n".join(have) + "\n")
    if args.update:
        listing.write_text(text)
    elif not listing.exists() or listing.read_text() != text:
        finding("cmake/sources.txt differs from the tree: run tests/layer/check.py sources --update")


def symbols_of(objs):
    """symbols() of many objects by one nm."""
    out = {str(o): (set(), set()) for o in objs}
    for line in run(["nm", "-g", "-A", *out]).stdout.splitlines():
        obj, rest = line.split(":", 1)
        kind, name = rest.split()[-2:]
        if kind not in "wv":
            out[obj][kind == "U"].add(name)
    return out


def compile_one(args, path, tmp):
    obj = f"{tmp}/{path.stem}.o"
    r = run([*args.launcher, args.cc, "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror",
             "-Wmissing-prototypes", f"-I{LIB}", f"-I{INC}", f"-I{args.build}/include", "-c",
             str(path), "-o", obj])
    if r.returncode:
        finding(f"switches: {r.stderr.strip()}")
    return obj


def check_switches(args):
    """The core without each of the two features: its stand-in compiles, and nothing is missing or
    there twice. The other objects are the same whatever the switches say (no #if in functions)."""
    objs = {source_of(args.build, o): str(o) for v in objects(args.build).values() for o in v}
    with tempfile.TemporaryDirectory() as tmp:
        for path in {p for k in (True, False) for p in core_sources(keylog=k, ikev1=k)}:
            if rel(path) not in objs:
                objs[rel(path)] = compile_one(args, path, tmp)
        table = symbols_of(objs.values())
    for off in ({"keylog": False, "ikev1": True}, {"keylog": True, "ikev1": False},
                {"keylog": False, "ikev1": False}):
        name = " ".join("without " + k for k, v in off.items() if not v)
        sources = [rel(p) for p in core_sources(**off)]
        owner = {}
        for source in sources:
            for s in table[objs[source]][0]:
                if s in owner:
                    finding(f"{name}: {s} is in {owner[s]} and {source}")
                owner[s] = source
        for source in sources:
            for s in sorted(table[objs[source]][1] - set(owner)):
                if re.match(r"nhi_|nhtb_", s):
                    finding(f"{name}: {source} needs {s}")


# ---- (d) exports -----------------------------------------------------------------------------
def libraries(build):
    return sorted(p for p in pathlib.Path(build).glob("libnhtb*.so.0") if p.exists())


def declared(header):
    text = code_only(header.read_text())
    return set(re.findall(r"NHTB_API\b[^;{]*?\b(nhtb_\w+)\s*\(", text))


def check_exports(args):
    lines, wanted = [], {}
    for lib in libraries(args.build):
        backend = re.fullmatch(r"libnhtb-(\w+)\.so\.0", lib.name)
        headers = [INC / "nhtb" / f"backend_{backend.group(1)}.h"] if backend else [
            h for h in files(INC, ".h", ".in") if not h.name.startswith("backend_")]
        wanted[lib.name] = set().union(*(declared(h) for h in headers))
        out = run(["nm", "-D", "--defined-only", str(lib)]).stdout
        names = {l.split()[-1] for l in out.splitlines() if l.split()[-2] not in "A"}
        for name in sorted(names):
            lines.append(f"{lib.name} {name}")
        plain = {n.split("@")[0] for n in names}
        for name in sorted(wanted[lib.name] - plain):
            finding(f"{lib.name}: {name} is declared NHTB_API but not exported")
        for name in sorted(plain - wanted[lib.name]):
            finding(f"{lib.name}: {name} is exported but in no public header")
    if "libnhtb.so.0" not in wanted:
        finding(f"no libnhtb.so.0 in {args.build}")
    listing = ROOT / "tests" / "abi" / "exports.txt"
    if args.update:
        listing.write_text("\n".join(lines) + "\n")
        return
    old = listing.read_text().splitlines() if listing.exists() else []
    # A build without one of the backends is compared by what it built.
    built = {l.split()[0] for l in lines}
    old = [l for l in old if l.split()[0] in built]
    for line in sorted(set(old) - set(lines)):
        finding(f"export gone (ABI break): {line}")
    for line in sorted(set(lines) - set(old)):
        finding(f"export not listed: {line}; run tests/layer/check.py exports --update")


# ---- (e) freestanding ------------------------------------------------------------------------
def check_freestanding(args):
    flags = ["-std=c11", "-O2", "-ffreestanding", "-nostdlib", "-fno-stack-protector",
             "-U_FORTIFY_SOURCE", f"-I{INC}", f"-I{args.build}/include", f"-I{LIB}"]
    for name, extra, whole in (("threads", [], True),
                               ("single core", ["-DNHTB_SINGLE_CORE"], False)):
        sources = core_sources(keylog=whole, ikev1=whole)
        with tempfile.TemporaryDirectory() as tmp:
            def one(path):
                obj = f"{tmp}/{rel(path).replace('/', '_')}.o"
                r = run([*args.launcher, args.cc, *flags, *extra, "-c", str(path), "-o", obj])
                return obj, r
            with ThreadPoolExecutor(2) as pool:
                done = list(pool.map(one, sources))
            for _obj, r in done:
                if r.returncode:
                    finding(f"freestanding ({name}): {r.stderr.strip()}")
            objs = [o for o, r in done if r.returncode == 0]
            core = f"{tmp}/core.o"
            r = run([args.cc, "-nostdlib", "-r", *objs, "-o", core])
            if r.returncode:
                finding(f"freestanding ({name}) link: {r.stderr.strip()}")
                continue
            missing = set(run(["nm", "-u", core]).stdout.split()) - {"U", "w"} - MEMORY_FOUR
            for symbol in sorted(missing - {"_GLOBAL_OFFSET_TABLE_"}):
                finding(f"freestanding ({name}): needs {symbol}")


# ---- (f) hardening ---------------------------------------------------------------------------
def check_hardening(args):
    build = pathlib.Path(args.build)
    programs = [build / n for n in ("nhtb-gateway", "nhtbctl", "two_peers")]
    targets = libraries(build) + [p for p in programs if p.exists()]
    if not targets:
        finding(f"nothing to check in {build}")
    for path in targets:
        elf = run(["readelf", "-lhdW", str(path)]).stdout
        stack = re.search(r"GNU_STACK.*", elf)
        for what, good in (
                ("RELRO", "GNU_RELRO" in elf),
                ("immediate binding", re.search(r"BIND_NOW|Flags:.*\bNOW\b", elf)),
                ("non-executable stack", stack and "RWE" not in stack.group(0)),
                ("position independent", re.search(r"Type:\s+DYN", elf)),
                ("PIE", "PIE" in elf or ".so" in path.name)):
            if not good:
                finding(f"{path.name}: no {what}")
        # A backend whose functions hold no arrays needs no guard; the rest must have one.
        if not path.name.startswith("libnhtb-") and \
                "__stack_chk_fail" not in run(["nm", "-D", str(path)]).stdout:
            finding(f"{path.name}: no stack protector")


def main():
    checks = {n[6:]: f for n, f in globals().items() if n.startswith("check_")}
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("check", choices=sorted(checks))
    p.add_argument("--build", default=str(ROOT / "build"))
    p.add_argument("--cc", default=os.environ.get("CC", "cc"))
    p.add_argument("--cxx", default=os.environ.get("CXX", "c++"))
    p.add_argument("--update", action="store_true", help="write the stored list (sources, exports)")
    args = p.parse_args()
    from shutil import which
    args.launcher = ["ccache"] if which("ccache") else []
    checks[args.check](args)
    print(f"{args.check}: {len(findings)} finding(s)")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
