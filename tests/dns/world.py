# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the suites share: the stub as a process, and programs that end with the test."""
import contextlib
import os
import pathlib
import socket
import subprocess
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
DNSD = os.environ.get("FBN_DNSD", str(TOP / "build/examples/fabricnet/fabricnet-dnsd"))
PORT = 5300


class Failed(Exception):
    """A test that does not hold, and what was seen."""


@contextlib.contextmanager
def program(*words, **options):
    process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def stub(routes, listen=("127.0.0.1",), settings=(), port=PORT):
    """fabricnet-dnsd by these routes (SUFFIX=UPSTREAM,…), once it listens."""
    words = [DNSD]
    for route in routes:
        words += ["--route", route]
    for address in listen:
        words += ["--listen", f"[{address}]:{port}" if ":" in address else f"{address}:{port}"]
    for line in ("allow 0.0.0.0/0 ::/0", "private-answers", *settings):
        words += ["--set", line]
    with program(*words, stderr=subprocess.PIPE, text=True) as process:
        lines = []
        while len([line for line in lines if line.startswith("listening")]) < len(listen):
            lines.append(process.stderr.readline())
            if not lines[-1]:
                raise Failed("the stub did not start: " + "".join(lines))
        yield process
        if process.poll() is not None:
            raise Failed(f"the stub ended with {process.returncode}: {process.stderr.read()[-2000:]}")


def wait_for_port(port, address="127.0.0.1"):
    """Until somebody takes connections there."""
    deadline = time.monotonic() + 20
    while True:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as client:
            if client.connect_ex((address, port)) == 0:
                return
        if time.monotonic() > deadline:
            raise Failed(f"nobody listens at {address} port {port}")
        time.sleep(0.05)
