# SPDX-License-Identifier: Apache-2.0
"""The shipped schema: valid itself, takes every shipped configuration, refuses bad ones, and knows
the same members as the gateway's own reader."""
import glob
import importlib.util
import io
import json
import os
import re
import sys
from contextlib import redirect_stdout

import jsonschema

ROOT = sys.argv[1]
GATEWAY = os.path.join(ROOT, "examples", "gateway")


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def bad_cases():
    """The table of check_config.py, without what only the reader can know."""
    spec = importlib.util.spec_from_file_location("cases", os.path.join(os.path.dirname(__file__), "check_config.py"))
    module = importlib.util.module_from_spec(spec)
    sys.argv[1] = "/bin/false"
    with redirect_stdout(io.StringIO()):
        try:
            spec.loader.exec_module(module)
        except SystemExit:
            pass
    only_reader = re.compile(r"psk|duplicate|doubled|host bits|two |immediately|unknown interface|unknown VPN|"
                             r"of another|next hop|different families|below the first|too long|proposal|that is no|bad address|"
                             r"XAuth|virtual addresses|of two minds|ca file|names of certificates|private key|certificates without|than workers")
    return module.BASE, [(c[0], module.change(c[1], c[2])) for c in module.CASES if not only_reader.search(c[0])]


def members_in_reader():
    found = set()
    for path in glob.glob(os.path.join(GATEWAY, "config*.c")):
        with open(path, encoding="utf-8") as f:
            found |= set(re.findall(r'^\s*\{"([$a-z_0-9]+)", rd_', f.read(), re.M))
    return found | {"file", "text", "hex", "hex_file"}


def members_in_schema(node):
    found = set()
    if isinstance(node, dict):
        found |= set(node.get("properties", {}))
        for v in node.values():
            found |= members_in_schema(v)
    elif isinstance(node, list):
        for v in node:
            found |= members_in_schema(v)
    return found


def undescribed(node, where=""):
    if not isinstance(node, dict):
        return []
    out = [f"{where}/{k}" for k, v in node.get("properties", {}).items()
           if not isinstance(v, dict) or not ({"description", "$ref", "default", "type"} & set(v))]
    for k, v in node.items():
        if isinstance(v, dict):
            out += undescribed(v, f"{where}/{k}")
    return out


def main():
    results = []
    schema = load(os.path.join(GATEWAY, "schema", "nhtb-gateway.schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    shipped = sorted(glob.glob(os.path.join(GATEWAY, "demo", "*.json")))
    results.append(("configurations are shipped", bool(shipped)))
    for path in shipped:
        results.append((os.path.basename(path), not list(validator.iter_errors(load(path)))))
    base, bad = bad_cases()
    results.append(("the good configuration", not list(validator.iter_errors(base))))
    for name, doc in bad:
        results.append((f"refused: {name}", bool(list(validator.iter_errors(doc)))))
    reader, written = members_in_reader(), members_in_schema(schema)
    results.append((f"same members (reader only: {sorted(reader - written)}, schema only: {sorted(written - reader)})",
                    reader == written))
    results.append((f"everything is described {undescribed(schema)}", not undescribed(schema)))
    for name, good in results:
        print(("ok: " if good else "FAILED: ") + name)
    failed = sum(not good for _, good in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return failed != 0


sys.exit(main())
