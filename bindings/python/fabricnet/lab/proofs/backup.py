# SPDX-License-Identifier: LGPL-2.1-or-later
"""F17: the router's configuration, fetched to where it is kept."""

import json
from typing import Any

from ..command import FILE
from ..remote import folder_of
from .prover import Absent, Prover


def _fetch(p: Prover, host: str, name: str) -> list[dict[str, Any]]:
    p.note(host, f"fabricnet backup {name} -f {FILE}")
    code, output, errors = p.lab.commands.run(host, "backup", name, "--json")
    p.expect(code == 0, f"{host}: fabricnet backup {name}: {errors.strip()}")
    return list(json.loads(output))


def prove_backup(p: Prover) -> str:
    """A changed configuration arrives whole, an unchanged one makes no generation; the key reads and nothing else; a failure is seen."""
    backups = p.topology.document.get("backups", {})
    if not backups:
        raise Absent("nothing is backed up")
    for name, backup in backups.items():
        _prove_one(p, name, backup)
    return f"{', '.join(backups)}: a change is fetched, once; the key can neither write nor log in"


def _prove_one(p: Prover, name: str, backup: dict[str, Any]) -> None:
    source, keeper = backup["of"], backup["to"]
    there = f"{folder_of(backup['file'])}/{backup['file']}".replace("//", "/")
    folder = backup.get("folder", f"/var/backups/fabricnet/{name}")
    _fetch(p, keeper, name)
    p.output(source, f"sed -i s/22.9/23.0/ {there}")
    made = _fetch(p, keeper, name)
    p.expect(len(made) == 1, f"{keeper}: a changed {there} made {len(made)} generations")
    newest = made[0]["object"]
    digest = p.output(source, f"sha256sum {there}").split()[0]
    p.expect(p.output(keeper, f"sha256sum {newest}").split()[0] == digest, f"{keeper}: {newest} is not what {source} has")
    p.expect(p.output(keeper, f"stat -c %a {newest}").strip() == "600", f"{keeper}: {newest} is not root's alone")
    p.expect(not _fetch(p, keeper, name), f"{keeper}: an unchanged file made a generation")
    p.output(source, f"sed -i s/23.0/22.9/ {there}")
    p.expect(len(_fetch(p, keeper, name)) == 1, f"{keeper}: the file as it was before made no generation")
    _prove_restricted(p, keeper, name, source)
    # As the unit of the timer has it.
    p.output(keeper, f"setpriv --no-new-privs --bounding-set=-all fabricnet backup {name} -f {FILE} --host {keeper}")
    p.expect(p.output(keeper, f"ls {folder}").count("\n") >= 2, f"{keeper}: {folder} has no two generations")


def _prove_restricted(p: Prover, keeper: str, name: str, source: str) -> None:
    document = p.topology.document
    key = f"/etc/fabricnet/{document['backups'][name]['private_key']['file']}"
    address = p.topology.address_of(source)
    shell = f"ssh -i {key} -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    p.run(keeper, f"{shell} root@{address} touch /tmp/fabricnet-was-here")
    p.run(keeper, f"env -C / rsync -e '{shell}' /etc/hostname root@{address}:fabricnet-was-here")
    for path in ("/tmp", "/conf"):
        p.expect(p.run(source, f"test -e {path}/fabricnet-was-here").returncode != 0, f"{source}: the backup's key can write to {path}")
