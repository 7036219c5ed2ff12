# SPDX-License-Identifier: LGPL-2.1-or-later
"""The physical network: a bridge for each segment, a cable to each interface, addresses and default routes."""

from collections.abc import Mapping

from ..context import Context
from ..errors import Error
from .host import Host
from .problem import Problem
from .topology import OUTSIDE, Attachment, Topology
from .topology import Host as Place

# What a distribution's own start would have set: strict reverse-path filtering and no forwarding, so that the fabric has to change them.
_FRESH = {"net.ipv4.conf.all.rp_filter": 1, "net.ipv4.conf.default.rp_filter": 1, "net.ipv4.ip_forward": 0}
_SYSTEM = 4  # RTPROT_STATIC: routes and addresses of the host's own system, which the fabric must leave alone
_INTERNET = {
    "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.ip_forward": 1,
    "net.ipv4.conf.all.send_redirects": 0,
    "net.ipv4.conf.default.send_redirects": 0,
}


def lay_cables(topology: Topology, switch: Host, hosts: Mapping[str, Host]) -> None:
    """Join every interface that the file declares to the bridge of its segment."""
    with Context(netns=switch.netns) as c:
        # No interface of a fabric has ~ in its name.
        bridges = {segment: f"segment~{number}" for number, segment in enumerate(topology.segments())}
        for bridge in bridges.values():
            c.link.create(name=bridge, kind="bridge")
            c.link.set(name=bridge, state="up")
        attachments = [a for place in topology.hosts.values() for a in place.attachments]
        cables = [(a.host, a.device, bridges[a.segment]) for a in attachments if not a.trunk]
        cables += [(place.name, trunk, None) for place in topology.hosts.values() for trunk in place.trunks]
        ports = {(host, device): f"port~{number}" for number, (host, device, _) in enumerate(cables)}
        for host, device, bridge in cables:
            _plug(c, ports[host, device], device, bridge, hosts[host])
        for number, attachment in enumerate(a for a in attachments if a.trunk):
            _tag(c, f"tag~{number}", attachment, ports[attachment.host, attachment.trunk or ""], bridges[attachment.segment])


def _plug(c: Context, port: str, device: str, bridge: str | None, host: Host) -> None:
    c.link.create(name=port, kind="veth", peer=device)
    c.link.move(device, host.netns)
    c.link.set(name=port, master=bridge, state="up")


def _tag(c: Context, name: str, attachment: Attachment, port: str, bridge: str) -> None:
    """The switch's end of a VLAN on a trunk; the host's own is made by what is applied there."""
    try:
        c.link.create(name=name, kind="vlan", parent=port, vlan=attachment.tag)
    except Error as error:
        where = f"/hosts/{attachment.host}/interfaces/{attachment.device}/trunk"
        raise Problem(f"{where}: {error}; a kernel without VLANs can rehearse the segment by an interface of its own, without trunk") from None
    c.link.set(name=name, master=bridge, state="up")


def configure(topology: Topology, hosts: Mapping[str, Host]) -> None:
    """What each host's own system does at boot: kernel settings, links up, addresses, default route."""
    for name, place in topology.hosts.items():
        with Context(netns=hosts[name].netns) as c:
            _boot(c, place)
    outside = hosts[OUTSIDE]
    with Context(netns=outside.netns) as c:
        c.link.address_add(device="lo", address=f"{topology.web}/32", protocol=_SYSTEM)
        for place in topology.hosts.values():
            for address in place.also:
                c.route.add(destination=f"{address}/32", gateway=place.wan, protocol=_SYSTEM)


def _boot(c: Context, place: Place) -> None:
    for key, value in (_INTERNET if place.name == OUTSIDE else _FRESH).items():
        c.sysctl.set(key, value)
    c.link.set(name="lo", state="up")
    for trunk in place.trunks:
        c.link.set(name=trunk, state="up")
    for attachment in place.attachments:
        if attachment.trunk:
            continue
        c.link.set(name=attachment.device, state="up")
        c.link.address_add(device=attachment.device, address=attachment.address, protocol=_SYSTEM)
    for address in place.also:
        c.link.address_add(device=place.attachments[0].device, address=f"{address}/32", protocol=_SYSTEM)
    if place.gateway:
        c.route.add(destination="0.0.0.0/0" if place.gateway.version == 4 else "::/0", gateway=place.gateway, protocol=_SYSTEM)
