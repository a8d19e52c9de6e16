# SPDX-License-Identifier: Apache-2.0
"""A real Linux kernel as a peer: Debian's user-mode-linux, root = overlay over this machine's files,
network = a TAP in a namespace. The guest runs one command after the other from a shared folder."""
import os
import signal
import subprocess
import time

from lab import LabError, run, wait_for

# Seconds for what takes one or two: each system call of the guest is several switches of this machine,
# so a guest beside busy neighbours is a hundred times slower than alone.
PATIENCE = 300

INIT = r"""#!/bin/sh
# first process of the guest: overlay root in RAM, then the command loop
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -n -t proc proc /proc
mods=/usr/lib/uml/modules/$(uname -r)
for w in $(cat /proc/cmdline); do case $w in share=*) share=${w#share=};; esac; done
insmod $mods/kernel/fs/overlayfs/overlay.ko
mount -n -t tmpfs -o size=100% tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -n -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
cd /mnt/root
mkdir -p lab lib/modules
mount -n -t hostfs -o "$share" none lab
mount -n --move /proc proc
mount -n -t sysfs sysfs sys
mount -n -t devtmpfs dev dev
mkdir -p dev/pts dev/shm
mount -n -t devpts devpts dev/pts
for d in dev/shm run tmp; do mount -n -t tmpfs tmpfs $d; done
ln -sfn /proc/self/mounts etc/mtab
ln -s $mods lib/modules/
exec chroot . /bin/sh /lab/guest/loop
"""

LOOP = r"""hostname guest
d=/lab/guest
for m in xfrm_user esp4 esp6 af_key gcm ctr cbc echainiv seqiv chacha20poly1305 authenc hmac tun; do
  modprobe -q $m
done
ip link set lo up
mkdir -p /run/lock
: >$d/ready
n=1
while :; do
  if [ -e $d/command.$n ]; then
    ( . $d/command.$n ) >$d/output.$n 2>&1 </dev/null
    echo $? >$d/status.tmp
    mv $d/status.tmp $d/status.$n
    n=$((n + 1))
  elif [ -e $d/stop ]; then
    sync
    echo o >/proc/sysrq-trigger
    sleep 9
  fi
  sleep 0.05
done
"""


class Guest:
    """boot(), run(command), background(command), off()."""

    def __init__(self, lab, ns, tap):
        self.lab, self.ns, self.tap, self.number, self.process = lab, ns, tap, 0, None

    def boot(self):
        for name, text in (("init", INIT), ("loop", LOOP)):
            self.lab.write(f"guest/{name}", text, 0o755)
        run(["ip", "netns", "exec", self.ns, "ip", "tuntap", "add", self.tap, "mode", "tap"])
        run(["ip", "-n", self.ns, "link", "set", self.tap, "up"])
        d = self.lab.path("guest")
        console = open(os.path.join(d, "console"), "wb")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.ns, "linux.uml", "mem=160M", f"uml_dir={d}", "umid=guest",
             "rootfstype=hostfs", "root=/dev/root", "rootflags=/", "ro", f"init={d}/init",
             f"share={self.lab.dir}", "con=null", "con0=null,fd:1",
             f"vec0:transport=tap,ifname={self.tap},depth=64,gro=0"],
            stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True)
        console.close()
        self.lab.closers.append(self.off)
        wait_for("the guest kernel", PATIENCE, lambda: self.ready() or self.process.poll() is not None, 0.1)
        if not self.ready():
            raise LabError("the guest kernel did not start")
        return self

    def ready(self):
        return os.path.exists(self.lab.path("guest/ready"))

    def run(self, command, seconds=PATIENCE):
        """(output, status)"""
        self.number += 1
        n = self.number
        self.lab.write("guest/command.new", command + "\n")
        os.rename(self.lab.path("guest/command.new"), self.lab.path(f"guest/command.{n}"))
        status = self.lab.path(f"guest/status.{n}")
        wait_for(f"the guest's answer to {command!r}", seconds, lambda: os.path.exists(status))
        with open(self.lab.path(f"guest/output.{n}"), encoding="utf-8", errors="replace") as f:
            out = f.read()
        with open(status, encoding="ascii") as f:
            return out, int(f.read())

    def status(self, command):
        return self.run(command)[1]

    def must(self, command):
        out, status = self.run(command)
        if status:
            raise LabError(f"guest: {command}: {out.strip()[-300:]}")
        return out

    def background(self, command):
        self.run(f"( {command} ) >/lab/guest/background.{self.number + 1} 2>&1 </dev/null &")

    def off(self):
        if self.process is None or self.process.poll() is not None:
            return
        with open(self.lab.path("guest/stop"), "w", encoding="ascii"):
            pass
        for _ in range(50):
            if self.process.poll() is not None:
                return
            time.sleep(0.1)
        os.killpg(self.process.pid, signal.SIGKILL)  # helper threads of the guest hold the TAP
        self.process.wait()
