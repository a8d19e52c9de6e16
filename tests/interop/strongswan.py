# SPDX-License-Identifier: Apache-2.0
"""A strongSwan peer: charon-systemd with its own configuration and control socket, in a namespace
(userland ESP by kernel-libipsec) or in a kernel guest (native ESP by netlink)."""
import os
import re
import subprocess

from lab import LabError, wait_for

PSK = "interop-pre-shared-key-0123456789"
PLUGINS = ("random nonce drbg openssl aes des sha1 sha2 md5 hmac xcbc cmac gcm ccm ctr chapoly kdf gmp "
           "curve25519 pem pkcs1 pkcs8 x509 revocation constraints pubkey {kernel} kernel-netlink socket-default "
           "vici updown counters xauth-generic attr resolve")
USER, PASSWORD = "alice", "wonderland-and-back"

DAEMON = """charon-systemd {{
 load = {plugins}
 fragment_size = {fragment_size}
 retransmit_tries = 4
 retransmit_timeout = 1.0
 retransmit_base = 1.5
 install_virtual_ip = {install_vip}
 delete_rekeyed = yes
 i_dont_care_about_security_and_use_aggressive_mode_psk = yes
 {charon_more}
 plugins {{
  vici {{ socket = unix://{dir}/vici }}
  kernel-libipsec {{ allow_peer_ts = yes }}
 }}
 filelog {{ log {{ path = {dir}/charon.log
  default = 1
  ike = 2
  chd = 2
  cfg = 2
  flush_line = yes
  time_format = %T
 }} }}
 syslog {{ daemon {{ default = -1 }} }}
 journal {{ default = -1 }}
}}
"""

CONNECTION = """connections {{ nhtb {{
 version = {version}
 aggressive = {aggressive}
 pull = {pull}
{more}
 local_addrs = {local}
 remote_addrs = {remote}
 proposals = {ike}
 encap = {encap}
 mobike = no
 fragmentation = {fragmentation}
 dpd_delay = {dpd}
 dpd_timeout = {dpd_timeout}
 rekey_time = {rekey_ike}
 unique = {unique}
 local {{ auth = {local_auth}
  id = {local_id}
{local_more}
 }}
 remote {{ auth = {remote_auth}
  id = {remote_id}
{remote_more}
 }}
{rounds}
 children {{ net {{
  local_ts = {local_ts}
  remote_ts = {remote_ts}
  esp_proposals = {esp}
  rekey_time = {rekey_child}
  mode = tunnel
  dpd_action = clear
  start_action = none
  replay_window = {window}
 }} {children} }}
}} }}
{pools}
secrets {{ ike-nhtb {{ secret = {psk}
 }}
 xauth-user {{ id = alice
  secret = wonderland-and-back
 }} }}
"""
CHILD = """ {name} {{
  local_ts = {local_ts}
  remote_ts = {remote_ts}
  esp_proposals = {esp}
  rekey_time = {rekey_child}
  mode = tunnel
  start_action = none
 }}"""

DEFAULTS = {"remote": "%any", "ike": "aes256gcm16-prfsha256-x25519", "esp": "aes256gcm16", "encap": "no",
            "dpd": "0", "rekey_ike": "0", "rekey_child": "0", "unique": "replace",
            "local_id": "peer.interop", "remote_id": "nhtb.interop", "local_ts": "10.2.0.0/24",
            "remote_ts": "10.1.0.0/24", "window": "64", "psk": f'"{PSK}"', "kernel": "kernel-libipsec",
            "version": "2", "aggressive": "no", "pull": "yes", "fragmentation": "no", "fragment_size": "1280",
            "auth": "psk", "more": "", "local_more": "", "remote_more": "", "rounds": "", "children": "", "pools": "",
            "install_vip": "no", "dpd_timeout": "0", "charon_more": "", "files": {}}

IKE_LINE = re.compile(r"^nhtb: #(\d+), ESTABLISHED, IKEv[12], ([0-9a-f]+)_i(\*?) ([0-9a-f]+)_r(\*?)$")
CHILD_LINE = re.compile(r"^  (net\d?): #(\d+), reqid \d+, (\w+), (TUNNEL\S*), ESP:(\S+)$")
BYTES_LINE = re.compile(r"^    (in|out)\s+([0-9a-f]{8}).*?,\s*(\d+) bytes,\s*(\d+) packets")


class StrongSwan:
    """start(), then ctl(); sas() is strongSwan's own report."""

    def __init__(self, lab, ns, name="swan", guest=None, **options):
        self.lab, self.ns, self.guest = lab, ns, guest
        self.options = {**DEFAULTS, **options}
        self.name, self.dir = name, lab.path(name)
        self.view = f"/lab/{name}" if guest else self.dir  # where the peer itself sees its files

    def files(self):
        o = dict(self.options)
        o["local_auth"] = o.get("local_auth", o["auth"])
        o["remote_auth"] = o.get("remote_auth", o["auth"])
        for name, text in o.pop("files").items():
            self.lab.write(f"{self.name}/swanctl/{name}", text)
        os.makedirs(os.path.join(self.dir, "swanctl", "conf.d"), exist_ok=True)
        plugins = PLUGINS.format(kernel=o["kernel"])
        self.lab.write(f"{self.name}/strongswan.conf", DAEMON.format(
            plugins=plugins, dir=self.view, fragment_size=o["fragment_size"], install_vip=o["install_vip"],
            charon_more=o["charon_more"]))
        o["children"] = "".join(CHILD.format(**{**o, "name": n, "local_ts": local, "remote_ts": remote})
                                for n, local, remote in o.pop("more_children", []))
        self.lab.write(f"{self.name}/swanctl/swanctl.conf", CONNECTION.format(**o))

    def start(self):
        self.files()
        env = {"STRONGSWAN_CONF": f"{self.view}/strongswan.conf", "SWANCTL_DIR": f"{self.view}/swanctl"}
        if self.guest:
            words = " ".join(f"{k}={v}" for k, v in env.items())
            self.guest.background(f"{words} /usr/sbin/charon-systemd")
        else:
            self.process = self.lab.start(self.ns, ["/usr/sbin/charon-systemd"], f"{self.name}/stdout", env)
        wait_for("strongSwan's control socket", 15, self.alive)
        self.ctl("--load-all", "--noprompt")
        return self

    def alive(self):
        if self.guest:
            return self.guest.status(f"test -S {self.view}/vici") == 0
        return os.path.exists(os.path.join(self.dir, "vici"))

    def ctl(self, *words, check=True, seconds=30):
        argv = ["swanctl", *words, "--uri", f"unix://{self.view}/vici"]
        env = {"STRONGSWAN_CONF": f"{self.view}/strongswan.conf", "SWANCTL_DIR": f"{self.view}/swanctl"}
        if self.guest:
            out, status = self.guest.run(" ".join([f"{k}={v}" for k, v in env.items()] + argv))
        else:
            p = subprocess.run(argv, env={**os.environ, **env}, capture_output=True, text=True,
                               timeout=seconds, check=False)
            out, status = p.stdout + p.stderr, p.returncode
        if check and status:
            raise LabError(f"swanctl {' '.join(words)}: {out.strip()[-300:]}")
        return out

    def initiate(self, check=True, child="net"):
        return self.ctl("--initiate", "--child", child, "--timeout", "20", check=check)

    def sas(self):
        """[{spi_i, spi_r, suite, children: [{esp, mode, in, out, bytes_in, bytes_out}]}]"""
        found, last = [], None
        for line in self.ctl("--list-sas").splitlines():
            m = IKE_LINE.match(line)
            if m:
                found.append({"id": m[1], "spi_i": m[2], "spi_r": m[4], "suite": "", "children": []})
            m = re.match(r"^  ([A-Z0-9_/-]+/PRF_\S+)$", line)
            if m and found:
                found[-1]["suite"] = m[1]
            m = CHILD_LINE.match(line)
            if m and found:  # one that was replaced is still listed for a while
                last = {"name": m[1], "id": m[2], "mode": m[4], "esp": m[5]}
                if m[3] == "INSTALLED":
                    found[-1]["children"].append(last)
            m = BYTES_LINE.match(line)
            if m and last is not None:
                last[m[1]], last["bytes_" + m[1]], last["packets_" + m[1]] = m[2], int(m[3]), int(m[4])
            m = re.match(r"^    (local|remote)  ?(\S.*)$", line)
            if m and last is not None:
                last["ts_" + m[1]] = m[2].strip()
        return found

    def log(self):
        with open(os.path.join(self.dir, "charon.log"), encoding="utf-8", errors="replace") as f:
            return f.read()


def version():
    out = subprocess.run(["swanctl", "--help"], capture_output=True, text=True, check=False)
    m = re.search(r"strongSwan (\S+)", out.stdout + out.stderr)
    return m[1] if m else "unknown"
