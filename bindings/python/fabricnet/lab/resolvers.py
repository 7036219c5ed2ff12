# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names in the lab: the Internet's DNS on the outside host, the router's unbound with the declared zones, each host's resolv.conf."""

import json
from collections.abc import Mapping
from ipaddress import ip_address

from .. import fabric
from .host import Host
from .topology import OUTSIDE, VISITOR, WAN, Address, Topology

_SERVER = """server:
    interface: 0.0.0.0
    interface-automatic: yes
    do-ip6: no
    username: ""
    chroot: ""
    directory: "/etc/unbound"
    pidfile: "/run/unbound.pid"
    use-syslog: no
    logfile: ""
    log-queries: yes
    module-config: "iterator"
    num-threads: 1
    msg-cache-size: 1m
    rrset-cache-size: 1m
    qname-minimisation: no
    minimal-responses: no
    unblock-lan-zones: yes
    insecure-lan-zones: yes
"""
_END = "remote-control:\n    control-enable: no\n"


def outside_configuration(topology: Topology) -> str:
    """The public names; whatever else is asked does not exist."""
    data = "".join(_record(name, address) for name, address in sorted(topology.public_names().items()))
    return f'{_SERVER}    access-control: 0.0.0.0/0 allow\n    local-zone: "." static\n{data}{_END}'


def router_configuration(topology: Topology, router: str) -> str:
    """The zones declared at this host, for the fabric's own prefixes; the rest is asked of the Internet."""
    local = {name for name, value in topology.document.get("prefixes", {}).items() if isinstance(value, dict) and "local_to" in value}
    admitted = ["127.0.0.0/8", *(str(prefix) for name, prefix in topology.prefixes.items() if name not in local)]
    text = _SERVER + "    access-control: 0.0.0.0/0 refuse\n"
    text += "".join(f"    access-control: {prefix} allow\n" for prefix in admitted)
    for route in fabric.parse(json.dumps(topology.document)).dns(router).list():
        name = route.suffix.removeprefix("=")
        if route.blocked:
            text += f'    local-zone: "{name}." static\n'
        for address in route.addresses:
            text += _record(name, ip_address(str(address))) + f'    local-data-ptr: "{address} 60 {name}."\n'
    return f'{text}{_END}forward-zone:\n    name: "."\n    forward-addr: {topology.web}\n'


def _record(name: str, address: Address) -> str:
    return f'    local-data: "{name}. 60 IN {"A" if address.version == 4 else "AAAA"} {address}"\n'


def start(topology: Topology, hosts: Mapping[str, Host]) -> None:
    """Start every resolver and tell each host which one is its."""
    routers = {content["at"] for content in topology.zones.values()}
    for name in (OUTSIDE, *sorted(routers)):
        text = outside_configuration(topology) if name == OUTSIDE else router_configuration(topology, name)
        hosts[name].write("/etc/unbound/unbound.conf", text)
        start_unbound(hosts[name])
    for name, host in hosts.items():
        host.write("/etc/resolv.conf", f"# written by the lab\nnameserver {_resolver_of(topology, name, routers)}\n")
        host.write("/etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost\n")
        host.write("/etc/nsswitch.conf", "hosts: files dns\n")


def start_unbound(host: Host) -> None:
    """Start the unbound of a host that has its configuration, and wait until it answers."""
    host.start("unbound", "unbound", "-d", "-c", "/etc/unbound/unbound.conf")
    host.await_daemon("unbound", lambda: host.run("dig", "+tries=1", "+time=1", "@127.0.0.1", "localhost", timeout=5).returncode == 0)


def _resolver_of(topology: Topology, name: str, routers: set[str]) -> Address | str:
    if name in (OUTSIDE, VISITOR):
        return topology.web
    if name in routers:
        return "127.0.0.1"
    for attachment in topology.hosts[name].attachments:
        router = topology.at.get(attachment.segment)
        there = topology.hosts[router].on(attachment.segment) if attachment.segment != WAN and router in routers and router else None
        if there:
            return there.address.ip
    return topology.web
