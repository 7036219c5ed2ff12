# SPDX-License-Identifier: LGPL-2.1-or-later
"""unbound's testdata/fwd_*.tdir: its scripts as they are, its ldns-testns answering, our stub in the place of unbound.

What each .conf says of forwarders becomes the stub's routes; the rest of it is about unbound itself."""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import world

SHIMS = pathlib.Path(__file__).parent / "shims"
UPSTREAMS = {"TOPORT": 5301, "TOPORT2": 5302}

NOT_APPLICABLE = {
    "fwd_bogus": "a bogus answer must become SERVFAIL: validation, which the stub leaves to others",
    "fwd_compress_c00c": "the answer must be compressed anew, byte for byte as unbound does it: what an upstream sent is passed on as it is",
    "fwd_udp_with_tcp_upstream": "an upstream that is only ever asked over TCP: no route says such a thing",
}
# Its upstream sleeps before each answer, so that the last waits for all before it; and a resolver that has several goes waits longer.
PATIENT = {"fwd_oneport", "fwd_udptmout", "fwd_waitudp", "fwd_three_service"}
# The same, and one question is asked before: that this upstream changes letters is found out over TCP, which sleeps as well.
KNOWN = {"fwd_three_service", "fwd_udptmout"}
# unbound asks with DO whatever the client says; the stub as the client does.
SIGNATURES = {"fwd_edns_bksec", "fwd_edns_probe", "fwd_no_edns"}
QUICK = ["fwd_udp", "fwd_tcp", "fwd_tcp_tc", "fwd_tcp_tc6", "fwd_capsid", "fwd_capsid_fallback", "fwd_capsid_strip", "fwd_capsid_white", "fwd_edns_bksec", "fwd_edns_probe",
         "fwd_no_edns"]


def names(folder):
    return sorted(path.stem for path in (folder / "testdata").glob("*.tdir") if path.stem.startswith("fwd_"))


def read_routes(text):
    """forward-zone and stub-zone blocks as SUFFIX=UPSTREAM,…"""
    zones = {}
    for block in re.split(r"^(?=\S)", text, flags=re.M):
        if not re.match(r"(forward|stub)-zone:", block):
            continue
        name = re.search(r'name:\s*"?([^"\s]+)', block).group(1).rstrip(".") or "."
        for address, port in re.findall(r'(?:forward|stub)-addr:\s*"?([^@"\s]+)@@?(\w+)@?', block):
            address = f"[{address}]" if ":" in address else address
            zones.setdefault(name, []).append(f"{address}:{UPSTREAMS[port]}")
    return [f"{name}={','.join(upstreams)}" for name, upstreams in zones.items()]


def listen(text):
    if "interface-automatic: yes" in text:
        return ["0.0.0.0", "::"]
    return ["::1"] if "do-ip4: no" in text else ["127.0.0.1"]


def run(folder, name):
    with tempfile.TemporaryDirectory() as root, contextlib.ExitStack() as stack:
        work = pathlib.Path(root) / "testdata" / f"{name}.tdir"
        shutil.copytree(folder / "testdata" / f"{name}.tdir", work)
        shutil.copy(folder / "testdata/common.sh", work.parent)
        shutil.copy(SHIMS / "streamtcp", root)
        settings = (work / f"{name}.conf").read_text()
        (work / ".tpkg.var.test").write_text(f"UNBOUND_PORT={world.PORT}\n")
        (work / "unbound.log").touch()
        for suffix, log, port in (("testns", "fwd.log", UPSTREAMS["TOPORT"]), ("testns2", "fwd2.log", UPSTREAMS["TOPORT2"])):
            (work / log).touch()
            if not (work / f"{name}.{suffix}").exists():
                continue
            with open(work / log, "w") as file:
                stack.enter_context(world.program("ldns-testns", "-v", *(["-6"] if "::1@" in settings else []), "-p", port, f"{name}.{suffix}", cwd=work,
                                                  stdout=file, stderr=file))
            world.wait_for_port(port, "::1" if "::1@" in settings else "127.0.0.1")
        stack.enter_context(world.stub(read_routes(settings), listen(settings), ["timeout 20s"] if name in PATIENT else []))
        if name in KNOWN:
            subprocess.run(["dig", "@127.0.0.1", "-p", str(world.PORT), "+time=30", "www1.example.com"], stdout=subprocess.DEVNULL, check=True)
            time.sleep(4) # for what is still asked over its second attempt
        environment = dict(os.environ, PATH=f"{SHIMS}:{os.environ['PATH']}", DIG_OPTIONS="+dnssec" if name in SIGNATURES else "")
        done = subprocess.run(["bash", f"{name}.test"], cwd=work, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise world.Failed(done.stdout[-6000:] + done.stderr[-1000:])
