# SPDX-License-Identifier: LGPL-2.1-or-later
"""systemd-networkd itself reads what is written for it, and says nothing against it."""

import dataclasses
import os
import pathlib
import subprocess

import pytest

from fabricnet import wireguard

DAEMON = "/lib/systemd/systemd-networkd"
EVERY_KEY = pathlib.Path(__file__).parents[1] / "data/wireguard/every-key.conf"


def said(*files):
    """What the daemon says of its files, as it starts in the sandbox's empty /run."""
    folder = pathlib.Path("/run/systemd/network")
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "netif").mkdir(exist_ok=True)
    for name, text in files:
        (folder / name).write_bytes(text)
        (folder / name).chmod(0o644)  # for the user that it becomes
    done = subprocess.run(["timeout", "3", DAEMON], capture_output=True, text=True,
                          env={**os.environ, "SYSTEMD_LOG_LEVEL": "debug", "SYSTEMD_LOG_TARGET": "console"})
    return [line for line in (done.stdout + done.stderr).splitlines() if "network/" in line or "wg0" in line]


@pytest.mark.skipif(not os.path.exists(DAEMON), reason="no systemd-networkd")
def test_networkd_reads_our_files():
    config = wireguard.parse(EVERY_KEY.read_text())
    config = wireguard.Config(dataclasses.replace(config.interface, name="wg0"), config.peers)
    netdev, network = (bytes(wireguard.format(config, format)) for format in ("netdev", "network"))
    lines = said(("wg0.netdev", netdev), ("wg0.network", network))
    assert any('loaded "wireguard"' in line for line in lines), lines
    assert not [line for line in lines if "ignoring" in line.lower() or "invalid" in line.lower() or "failed to parse" in line.lower()]
    assert [line for line in said(("wg0.netdev", netdev + b"Nonsense=1\n")) if "Unknown key 'Nonsense'" in line]
