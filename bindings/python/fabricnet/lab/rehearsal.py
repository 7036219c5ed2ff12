# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bring a rehearsal up from a fabric file: hosts, cables, daemons, and then nothing but fabricnet apply on each host."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .. import fabric
from . import mesh, monitoring, network, public, remote, resolvers, tools, web
from .authority import Authority, trust
from .command import Commands
from .host import Host, hold
from .problem import BAD_INPUT, Problem
from .secrets import API_KEY, DIRECTORY, Keys, Rehearsed, install
from .state import SWITCH, State
from .terminal import progress
from .topology import OUTSIDE, VISITOR, Topology, read_document

# What a machine of this role may have already and a rehearsed host must not see.
_HIDDEN = ("etc/fabricnet", "var/lib/fabricnet", "etc/wireguard", "etc/headscale", "var/lib/headscale", "var/lib/tailscale", "var/backups/fabricnet", "etc/letsencrypt", "var/lib/letsencrypt")


@dataclass
class Rehearsal:
    """A fabric's lab that is up."""

    state: State
    topology: Topology
    hosts: Mapping[str, Host]
    layer1: bool

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    @property
    def commands(self) -> Commands:
        """How fabricnet is run on its hosts."""
        return Commands(self.hosts, self.state.own / "peak")


def up(path: Path, secrets_dir: Path | None, layer1: bool) -> Rehearsal:
    """Build the lab of a file; what is left of an earlier one of the same fabric goes first, and a failure leaves nothing."""
    topology = Topology(read_document(path))
    _check(path)
    layer1 = layer1 or not topology.mesh
    programs = tools.require(mesh=not layer1)
    state = State(topology.name)
    with state.locked():
        try:
            state.remove()
            return _build(state, path, secrets_dir, layer1, programs)
        except BaseException:
            progress("taking the half-built lab away")
            state.remove()
            raise


def _check(path: Path) -> None:
    findings = fabric.load(path).check()
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        first = errors[0]
        raise Problem(f"{path}:{first.line}:{first.column}: {first.pointer}: {first.what}; {first.fix}", BAD_INPUT)


def down(name: str) -> bool:
    """Take a fabric's lab away; whether there was one."""
    state = State(name)
    if not state.directory.exists():
        return False
    with state.locked():
        state.remove()
    return True


def find(path: Path) -> Rehearsal:
    """The lab of a file, which must be up."""
    state = State(read_document(path)["name"])
    if not state.complete.exists():
        raise Problem(f"{state.fabric}: its lab is not up; run fabricnet lab up -f {path} first")
    topology = Topology(read_document(state.document))
    layer1 = bool(json.loads(state.complete.read_text())["layer1"])
    return Rehearsal(state, topology, {name: state.host(name) for name in topology.hosts}, layer1)


def _build(state: State, path: Path, secrets_dir: Path | None, layer1: bool, programs: dict[str, Path]) -> Rehearsal:
    rehearsed = Keys(read_document(path), path.parent, secrets_dir).rehearse()
    topology = Topology(rehearsed.document)
    state.own.mkdir(mode=0o700, parents=True)
    folders = tools.folders(programs)
    switch = hold(SWITCH, state.own, state.netns(SWITCH), folders, None)
    hosts = {name: hold(name, state.directory / name, state.netns(name), folders, name) for name in topology.hosts}
    state.document.write_text(json.dumps(rehearsed.document, indent=2) + "\n")
    authority = Authority(state.own / "authority")
    for host in hosts.values():
        _furnish(host, authority, programs, rehearsed)
    progress(f"{len(hosts)} hosts are up: {', '.join(hosts)}")
    network.lay_cables(topology, switch, hosts)
    network.configure(topology, hosts)
    progress(f"{len(topology.segments())} segments are laid; outside is {topology.wan}")
    rehearsal = Rehearsal(state, topology, hosts, layer1)
    remote.start(hosts, rehearsed, layer1)
    for path, certificate in rehearsed.authorities.items():
        for host in hosts.values():
            host.write(path, certificate)
            trust(host, certificate)
    _start_daemons(rehearsal, authority)
    _apply(rehearsal)
    monitoring.start(topology, hosts, layer1)
    state.complete.write_text(json.dumps({"layer1": layer1, "file": str(path)}) + "\n")
    return rehearsal


def _furnish(host: Host, authority: Authority, programs: dict[str, Path], rehearsed: Rehearsed) -> None:
    for hidden in _HIDDEN:
        shutil.rmtree(host.root / hidden, ignore_errors=True)
    for name, path in programs.items():
        host.link(f"/usr/local/bin/{name}", path)
    authority.trust(host)
    if host.name in (OUTSIDE, VISITOR):
        return
    host.write(f"{DIRECTORY}/fabric.json", json.dumps(rehearsed.document, indent=2) + "\n")
    for name, content in rehearsed.common.items():
        host.write(f"{DIRECTORY}/{name}", content)
    for name, content in rehearsed.files.get(host.name, {}).items():
        install(host, name, content)


def _start_daemons(rehearsal: Rehearsal, authority: Authority) -> None:
    topology, hosts = rehearsal.topology, rehearsal.hosts
    resolvers.start(topology, hosts)
    web.start(topology, hosts, authority)
    public.start(topology, hosts, authority)
    progress(f"resolvers and web servers answer ({len(topology.public_names())} public names, {len(topology.services)} services)")
    if rehearsal.layer1:
        return
    for node in topology.nodes:
        mesh.start_tailscaled(hosts[node])
    headscale = hosts[topology.headscale_host or ""]
    mesh.start_headscale(topology, hosts, authority)
    install(headscale, API_KEY, mesh.make_api_key(headscale) + "\n")
    for node in topology.nodes:
        mesh.await_tailscaled(hosts[node])
    progress(f"headscale is well; {len(topology.nodes)} tailscaled wait")


def _enrol(rehearsal: Rehearsal, node: str, key: str) -> int:
    """Apply on a node. tailscaled was seen, rarely, to be registered and yet to stay in Starting: then it looks for its relay anew."""
    try:
        return rehearsal.commands.apply(node, auth_key=key)
    except Problem as problem:
        if "it stays in Starting" not in str(problem):
            raise
        progress(f"{node}: tailscaled is registered and stays in Starting; once more. The end of its log:")
        log = rehearsal.hosts[node].log("tailscaled").read_text(errors="replace")
        print("\n".join(f"         {line}" for line in log.splitlines()[-20:]), flush=True)
        for word in ("rebind", "restun"):
            rehearsal.hosts[node].run("tailscale", "debug", word)
        return rehearsal.commands.apply(node, auth_key=key)


def _apply(rehearsal: Rehearsal) -> None:
    topology, commands = rehearsal.topology, rehearsal.commands
    for name in topology.servers():
        public.learn_ranges(topology, rehearsal[name])
    for name in topology.managed():
        progress(f"{name}: {commands.apply(name, local_only=True)} changes below the mesh")
    for name in topology.servers():
        public.get_certificates(topology, commands, name)
    for name in topology.edge:
        public.start_guards(topology, rehearsal[name])
    if rehearsal.layer1:
        return
    server = topology.headscale_host or ""
    if next(iter(topology.nodes)) != server:
        # Who enrols first needs a user before the server's own turn to apply comes.
        for user in topology.mesh["users"]:
            commands.check(server, "headscale", "users", "add", user)
    for node in topology.nodes:
        if node == server:
            progress(f"{node}: {commands.apply(node)} changes, enrolled")
            continue
        with commands.auth_key(server, node) as key:
            progress(f"{node}: {_enrol(rehearsal, node, key)} changes, enrolled")
    progress(f"{server}: {commands.apply(server)} changes, routes approved")
