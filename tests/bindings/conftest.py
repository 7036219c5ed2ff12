# SPDX-License-Identifier: LGPL-2.1-or-later
"""A namespace and a context in it for each test; stock tools say what is really there."""

import json
import shutil
import subprocess

import pytest

import fabricnet


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def netns():
    run("ip", "netns", "add", "here")
    run("ip", "-n", "here", "link", "set", "lo", "up")
    yield "here"
    run("ip", "netns", "delete", "here")
    shutil.rmtree("/var/lib/fabricnet/netns/here", ignore_errors=True)  # the generations of a fabric that was applied in it


@pytest.fixture
def c(netns):
    with fabricnet.Context(netns=netns) as context:
        yield context


@pytest.fixture
def ip(netns):
    """What ip(8) reads as JSON in the namespace."""
    return lambda *words: json.loads(run("ip", "-n", netns, "-j", "-d", *words) or "[]")


@pytest.fixture
def veth(c):
    """A pair of links that are up, v0 with 10.9.0.1/24."""
    c.link.create(name="v0", kind="veth", peer="v1")
    for name in ("v0", "v1"):
        c.link.set(name=name, state="up")
    c.link.address_add(device="v0", address="10.9.0.1/24")
    return "v0"
