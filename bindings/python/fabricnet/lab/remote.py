# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hosts that others log in to: sshd with the lab's host key, keys that read what is backed up and nothing else, and those of managers."""

from collections.abc import Mapping

from .host import Host
from .secrets import Rehearsed

ROUTER_CONFIGURATION = """<?xml version="1.0"?>
<pfsense>
\t<version>22.9</version>
\t<system><hostname>{name}</hostname></system>
</pfsense>
"""
METRICS = "/usr/local/bin/fabricnet status --openmetrics -f /etc/fabricnet/fabric.json"
_SETTINGS = """HostKey /etc/fabricnet/secrets/ssh-{name}
AuthorizedKeysFile /etc/ssh/lab_keys
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
PidFile /run/sshd.pid
"""


def folder_of(file: str) -> str:
    """Where a host has a file that is backed up: a restricted key sees the rest of the path."""
    return "/conf" if not file.startswith("/") else ""


def start(hosts: Mapping[str, Host], rehearsed: Rehearsed, layer1: bool) -> None:
    """Start sshd on every host whose files are backed up, with a file of each, that is asked for its metrics or managed over it."""
    for name in sorted({*rehearsed.readers, *rehearsed.watchers, *rehearsed.managers}):
        host = hosts[name]
        keys, watchers = rehearsed.readers.get(name, []), rehearsed.watchers.get(name, [])
        lines = [f'restrict,command="rrsync -ro {folder_of(file) or "/"}" {public}' for file, public in keys]
        lines += [f'restrict,command="{METRICS} --host {name}{" --local-only" if layer1 else ""}" {public}' for public in watchers]
        lines += [rehearsed.managers[name]] if name in rehearsed.managers else []
        host.write("/etc/ssh/lab_keys", "\n".join(lines) + "\n")
        for file, _ in keys:
            host.write(f"{folder_of(file)}/{file}".replace("//", "/"), ROUTER_CONFIGURATION.format(name=name), 0o600)
        host.write("/etc/ssh/lab_config", _SETTINGS.format(name=name))
        start_sshd(host)


def start_sshd(host: Host) -> None:
    """Start the sshd of a host that has its configuration, and wait until it listens."""
    host.check("mkdir", "-p", "/run/sshd")
    (host.root / "run/sshd.pid").unlink(missing_ok=True)
    host.start("sshd", "/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/lab_config")
    host.await_daemon("sshd", lambda: (host.root / "run/sshd.pid").exists())
