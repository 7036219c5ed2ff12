# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same on kernel WireGuard, two thousand peers, in the emulated machine of tests/vm: all times are longer there, for everyone."""
import os
import re
import shutil
import subprocess

from harness import CACHE, Goal, Sample

PEERS = 2_000
ROUNDS = 3
FEW = 100  # peers for pyroute2, which would need minutes for all
PYROUTE2 = CACHE / "bench-pyroute2/bin/python"  # of route.py
WGCTRL = CACHE / "bench-wgctrl/wgctrl"

# pyroute2 sends one message a peer; that is how its documentation sets peers.
IN_PYTHON = """
import sys
from pyroute2 import WireGuard
section, interface, peers = None, {}, []
for line in open(sys.argv[1]):
    name, _, value = line.strip().partition(" = ")
    if name == "[Peer]":
        peers.append({})
    elif name == "PrivateKey":
        interface["private_key"] = value
    elif name == "ListenPort":
        interface["listen_port"] = int(value)
    elif name == "PublicKey":
        peers[-1]["public_key"] = value
    elif name == "PresharedKey":
        peers[-1]["preshared_key"] = value
    elif name == "AllowedIPs":
        peers[-1]["allowed_ips"] = value.split(", ")
    elif name == "Endpoint":
        peers[-1]["endpoint_addr"], _, port = value.rpartition(":")
        peers[-1]["endpoint_port"] = int(port)
with WireGuard() as wg:
    wg.set("wg0", **interface)
    for peer in peers:
        wg.set("wg0", peer=peer)
"""

# Says "sample MEASURE PEER WALL USER SYSTEM RSS" for each run, and "sets MEASURE N": how many set messages strace saw of ours. They
# begin with WG_CMD_SET_DEVICE, the version, and the attribute with the interface's name.
SCRIPT = r"""export LD_LIBRARY_PATH=/run
cd /run
umask 077
echo 1 >/sys/kernel/rcu_expedited # deleting waits for each peer: 45 s for two thousand
sample() { # MEASURE PEER COMMAND…
        local measure=$1 peer=$2 told
        shift 2
        if told=$(/run/measure "$@" 3>&1 >/dev/null 2>/run/err); then
                echo "sample $measure $peer $told"
        else
                echo "failed $measure $peer: $(tail -n 1 /run/err)"
        fi
}
fresh() {
        ip link del wg0 2>/run/err
        ip link add wg0 type wireguard && ip link set wg0 up
}
sets() { # MEASURE COMMAND…
        local measure=$1
        shift
        strace -f -xx -e trace=sendto,sendmsg,sendmmsg -o /run/trace "$@" >/run/err && echo "sets $measure $(grep -c '"\\x01\\x01\\x00\\x00\\x08\\x00\\x02\\x00' /run/trace)"
}
ours() { fresh; sample first ours /run/wireguard apply wg0 /run/wg0.conf $FIRST; }
theirs() { fresh; sample first "wg setconf" wg setconf wg0 /run/wg0.conf; }
ours >/run/err # the emulator translates code when it runs first
for ((round = 0; round < ROUNDS; round++)); do
        if ((round % 2)); then ours; theirs; else theirs; ours; fi
        sample noop ours /run/wireguard apply wg0 /run/wg0.conf 0
        sample noop "wg syncconf" wg syncconf wg0 /run/wg0.conf
        sample get ours /run/wireguard show wg0
        sample get "wg show" wg show wg0 dump
done
if [ -x /run/wgctrl ]; then # once: it is shown beside the others, and slow here
        fresh; sample first wgctrl-go /run/wgctrl apply wg0 /run/wg0.conf
        sample noop wgctrl-go /run/wgctrl apply wg0 /run/wg0.conf
        sample get wgctrl-go /run/wgctrl show wg0
fi
fresh; sets first /run/wireguard apply wg0 /run/wg0.conf $FIRST
sets noop /run/wireguard apply wg0 /run/wg0.conf 0
[ -x $PYTHON ] || exit 0
head -n $FEW_LINES /run/wg0.conf >/run/few.conf
fresh; sample few ours /run/wireguard apply wg0 /run/few.conf $FEW
fresh; sample few pyroute2 timeout 60 $PYTHON /run/apply.py /run/few.conf
"""


def machine(bench, text):
    """Run the script in the machine; its lines."""
    words = {"ROUNDS": min(bench.rounds or ROUNDS, ROUNDS), "FIRST": PEERS + 2, "PYTHON": PYROUTE2, "FEW_LINES": 3 + 5 * FEW, "FEW": FEW + 2}
    script = bench.write("wireguard-kernel", "#!/bin/bash\n" + "".join(f"{name}={value}\n" for name, value in words.items()) + SCRIPT)
    os.chmod(script, 0o700)
    files = [bench.write("wg0.conf", text), bench.write("apply.py", IN_PYTHON), bench.program("measure"), bench.program("wireguard"),
             bench.top / "build/libfabric-net/libfabricnet-core.so.0", *filter(os.path.exists, [WGCTRL])]
    command = ["bash", str(bench.top / "tests/vm/run"), *(word for file in files for word in ("--file", str(file))), script]
    done = subprocess.run(command, env={**os.environ, "FBN_VM_SECONDS": "230"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"{bench.name}: the machine failed: {done.stdout[-2000:]}")
    return done.stdout.splitlines()


def samples_of(lines):
    """By measure and peer."""
    found = {}
    for line in lines:
        if match := re.fullmatch(r"sample (\S+) (.+?) ([\d.]+) ([\d.]+) ([\d.]+) (\d+)", line):
            measure, peer, *numbers = match.groups()
            wall, user, system, rss = map(float, numbers)
            found.setdefault(measure, {}).setdefault(peer, []).append(Sample(wall, user + system, int(rss)))
    return found


def run(bench, text):
    if not shutil.which("qemu-system-x86_64"):
        bench.note("qemu-system-x86_64 not installed: kernel WireGuard skipped")
        return
    lines = machine(bench, text)
    for line in lines:
        if line.startswith("failed "):
            bench.note(line)
    goals = {"wg setconf": Goal(1.05, rss_ratio=2)}
    for measure, peers in samples_of(lines).items():
        name = f"first-{FEW}-kernel" if measure == "few" else f"{measure}-2k-kernel"
        for peer, samples in peers.items():
            if peer != "ours" and "ours" in peers:
                bench.result(name, peer, "s", peers["ours"], samples, lambda s: s.value, goals.get(peer) or Goal())
    sets = dict(line.split()[1:] for line in lines if line.startswith("sets "))
    if sets.get("noop") != "0" or int(sets.get("first", 0)) == 0:
        raise SystemExit(f"{bench.name}: strace saw these set messages: {sets}; a no-op sends none")
    bench.note(f"strace: {sets['first']} set messages for {PEERS} new peers, none for a no-op")
