# SPDX-License-Identifier: LGPL-2.1-or-later
"""F14 and F19: secrets are kept, and what stands is left alone."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..command import FILE
from .prover import Absent, Prover
from .tunnel import device, tunnel_address

_LOCKED = b"\0GITCRYPT\0"
_SECRETS = "etc/fabricnet/secrets"


def prove_secrets(p: Prover) -> str:
    """A locked key file is named as locked; a tunnel's rebuild from nothing, watched, shows no secret in output, argv, environment or logs."""
    tunnel, host, member = next(((t, h, m) for t, h, m in p.topology.members() if h in p.topology.managed()), (None, None, None))
    if tunnel is None or host is None or member is None:
        raise Absent("no host of ours has a key")
    _prove_locked(p, host, member["private_key"]["file"])
    secrets = _all_secrets(p)
    with _watched() as seen:
        texts = list(_rebuild(p, tunnel))
    p.note("machine", "cat /proc/*/cmdline /proc/*/environ; cat /run/fabricnet-lab/*/*/log/*")
    texts += [*seen, *_logs(p)]
    for name, secret in secrets.items():
        p.expect(not any(secret in text for text in texts), f"the secret {name} can be read in output, argv, environment or a log")
    return f"a locked file is named; {len(secrets)} secrets, none of them in {len(texts)} outputs, command lines, environments and logs"


def _rebuild(p: Prover, tunnel: str) -> Iterator[str]:
    """Take a tunnel's devices away and apply; yields what is said. A new hub knows no endpoints and would wait until old sessions age."""
    members = p.topology.wireguard[tunnel]["members"]
    managed = [name for name in members if name in p.topology.managed()]
    hubs = [name for name in managed if "endpoint" in members[name]]
    others = [name for name in managed if name not in hubs]
    for host in [*hubs, *others]:
        p.output(host, f"ip link delete {device(p, tunnel, host)}")
        for command in ("plan", "apply"):
            p.note(host, f"fabricnet {command} -v -f {FILE}")
            code, output, errors = p.lab.commands.run(host, command, "-v", "--local-only")
            p.expect(code in (0, 2), f"{host}: fabricnet {command}: {errors.strip()}")
            yield from (output, errors)
    for host in others:
        for hub in hubs:
            p.reach(host, tunnel_address(p, tunnel, hub))


def _prove_locked(p: Prover, host: str, file: str) -> None:
    path = p.host(host).root / "etc/fabricnet" / file
    content = path.read_bytes()
    try:
        path.write_bytes(_LOCKED + b"\0" * 12)
        p.note(host, f"printf '\\0GITCRYPT\\0…' > /etc/fabricnet/{file}; fabricnet plan -f {FILE}")
        code, output, errors = p.lab.commands.run(host, "plan", "--local-only")
    finally:
        path.write_bytes(content)
    said = (errors + output).lower()
    p.expect(
        code not in (0, 2) and "git-crypt" in said and Path(file).name.lower() in said,
        f"{host}: a locked {file} is not named as locked: {(errors or output).strip()}",
    )


def _all_secrets(p: Prover) -> dict[str, str]:
    found = {}
    for host in p.lab.hosts.values():
        folder = host.root / _SECRETS
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            found[f"{host.name}:{path.name}"] = path.read_text().strip()
    return {name: secret for name, secret in found.items() if secret}


def _logs(p: Prover) -> Iterator[str]:
    for path in sorted(p.lab.state.directory.glob("*/log/*.log")):
        yield path.read_text(errors="replace")


@contextmanager
def _watched() -> Iterator[set[str]]:
    """Every command line and environment on the machine during a block."""
    seen: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for name in ("cmdline", "environ"):
                for path in Path("/proc").glob(f"[0-9]*/{name}"):
                    try:
                        seen.add(path.read_bytes().decode(errors="replace"))
                    except OSError:
                        continue
            done.wait(0.01)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def prove_rebuild(p: Prover) -> str:
    """The lab was built from empty hosts by apply alone; a second apply does nothing, and stock tools see no difference."""
    hosts = p.topology.managed()
    for name in hosts:
        # The kernel and tailscaled change routes by themselves at times; what apply changes would show each time.
        for chance in range(3):
            time.sleep(2 * chance)
            changed = _apply_again(p, name)
            if not changed:
                break
        p.expect(not changed, f"{name}: a second apply changed {changed}")
    return f"nothing to do on {len(hosts)} hosts"


def _apply_again(p: Prover, host: str) -> str:
    """What stock tools then show otherwise, in words; "" for nothing."""
    _settle(p, host)
    before = _observed(p, host)
    p.note(host, f"fabricnet apply -f {FILE}")
    options = ["--local-only"] if p.lab.layer1 else []
    code, output, errors = p.lab.commands.run(host, "apply", *options, "--json")
    p.expect(code == 0, f"{host}: fabricnet apply: {errors.strip()}")
    steps = json.loads(output)["steps"]
    p.expect(not steps, f"{host}: a second apply has {len(steps)} changes, first {steps[0] if steps else ''}")
    for (command, was), now in zip(before.items(), _observed(p, host).values(), strict=True):
        if now != was:
            return f"what '{command}' shows: {sorted(set(was) ^ set(now))[:2]}"
    return ""


def _settle(p: Prover, host: str) -> None:
    """The kernel adds routes of its own when it has found an IPv6 address to be nobody else's: until then nothing stands still."""
    deadline = time.monotonic() + 10
    while p.output(host, "ip -6 address show tentative").strip() and time.monotonic() < deadline:
        time.sleep(0.2)


def _observed(p: Prover, host: str) -> dict[str, list[str]]:
    commands = ("ip -j rule", "ip route show table all", "nft -s list ruleset", "wg show all allowed-ips", "ip -br address")
    # Sorted: userspace WireGuard lists its peers in any order.
    return {command: sorted(p.output(host, command).splitlines()) for command in commands}
