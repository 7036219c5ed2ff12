# SPDX-License-Identifier: LGPL-2.1-or-later
"""The physical network under a fabric file: which host is on which segment, with which address, behind which gateway."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .problem import BAD_INPUT, Problem

Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface
Network = IPv4Network | IPv6Network

OUTSIDE, VISITOR = "outside", "visitor"
WAN = ".outside"  # the segment; no prefix has a name like this
WAN_DEVICE = "eth0"
WEB_NAME = "www.example.com"
ACME_NAME = "acme.example.com"
API_NAME = "api.cloudflare.com"
# RFC 5737 and RFC 2544: networks that no fabric means when it says "the Internet".
WAN_PREFIXES = ("203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24", "198.18.0.0/24")


@dataclass(frozen=True)
class Attachment:
    """An interface of a host on a segment."""

    host: str
    device: str
    segment: str
    address: Interface
    trunk: str | None = None  # the device that carries it as a VLAN
    tag: int = 0


@dataclass
class Host:
    """A host with its place in the physical network."""

    name: str
    manager: str = "fabricnet"
    attachments: list[Attachment] = field(default_factory=list)
    trunks: list[str] = field(default_factory=list)  # devices that carry VLANs and nothing else
    gateway: Address | None = None
    also: list[Address] = field(default_factory=list)  # public addresses that the file spells out

    def on(self, segment: str) -> Attachment | None:
        """How it is attached to a segment, if it is."""
        return next((a for a in self.attachments if a.segment == segment), None)

    @property
    def wan(self) -> Address | None:
        """Its address on the outside network."""
        return self.address_on(WAN)

    def address_on(self, segment: str) -> Address | None:
        """Its address on a segment."""
        attachment = self.on(segment)
        return attachment.address.ip if attachment else None

    @property
    def public(self) -> list[Address]:
        """Its addresses on the outside network, first those that the file spells out."""
        return [*self.also, *([self.wan] if self.wan else [])]

    @property
    def lan(self) -> Address | None:
        """Its first address on a segment of the fabric."""
        return next((a.address.ip for a in self.attachments if a.segment != WAN), None)


class Topology:
    """A fabric file as the lab sees it. The file has been validated by the library before."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.name: str = document["name"]
        self.prefixes: dict[str, Network] = {
            name: ip_network(value["prefix"] if isinstance(value, dict) else value) for name, value in document.get("prefixes", {}).items()
        }
        self.at = {name: value["at"] for name, value in document.get("prefixes", {}).items() if isinstance(value, dict) and "at" in value}
        self.tags = {name: value["vlan"] for name, value in document.get("prefixes", {}).items() if isinstance(value, dict) and "vlan" in value}
        # Two public networks: what is on the hosts' own link would be reached past a road warrior's tunnel.
        self.wan, self.web, self.cdn = self._choose_outside()
        self.hosts: dict[str, Host] = {}
        self._place_hosts()
        self._choose_gateways()

    # What the file declares.

    @property
    def wireguard(self) -> dict[str, dict[str, Any]]:
        """The tunnels by name."""
        return dict(self.document.get("wireguard", {}))

    def members(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Every (tunnel, host, member)."""
        for tunnel, content in self.wireguard.items():
            for host, member in content.get("members", {}).items():
                yield tunnel, host, member

    @property
    def mesh(self) -> dict[str, Any]:
        """The mesh, {} if there is none."""
        return dict(self.document.get("mesh", {}))

    @property
    def nodes(self) -> dict[str, dict[str, Any]]:
        """The mesh's nodes in the order in which they enrol: by declared address, the others after them."""
        nodes = self.mesh.get("nodes", {})
        last = IPv4Address("255.255.255.255")
        order = sorted(nodes, key=lambda n: IPv4Address(nodes[n]["address"]) if "address" in nodes[n] else last)
        return {name: nodes[name] for name in order}

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        """The published services by name."""
        return dict(self.document.get("services", {}))

    def servers(self) -> list[str]:
        """The hosts that publish services."""
        return list(dict.fromkeys(service["at"] for service in self.services.values()))

    def services_at(self, host: str) -> dict[str, dict[str, Any]]:
        """The services that a host publishes, by name."""
        return {name: service for name, service in self.services.items() if service["at"] == host}

    @property
    def edge(self) -> dict[str, dict[str, Any]]:
        """What keeps public hosts, by host."""
        return dict(self.document.get("edge", {}))

    @property
    def zones(self) -> dict[str, dict[str, Any]]:
        """The declared DNS zones."""
        return {name: zone for name, zone in self.document.get("dns", {}).items() if isinstance(zone, dict) and "at" in zone}

    @property
    def headscale_host(self) -> str | None:
        """The host that runs Headscale."""
        host = self.mesh.get("headscale", {}).get("host")
        return str(host) if host else None

    @property
    def headscale_url(self) -> tuple[str, int]:
        """Headscale's host name and port."""
        url = urlsplit(self.mesh["headscale"]["url"])
        return url.hostname or "", url.port or 443

    def managed(self) -> list[str]:
        """Hosts on which the lab applies the fabric; those of a router's own software are rehearsed as Linux."""
        return [name for name, host in self.hosts.items() if host.manager != "none" and name not in (OUTSIDE, VISITOR)]

    def declared(self) -> list[Host]:
        """The fabric's own hosts."""
        return [host for name, host in self.hosts.items() if name not in (OUTSIDE, VISITOR)]

    # Addresses.

    def address_of(self, host: str) -> Address:
        """Where a host is reached from inside the fabric: its LAN address, else its tunnel's, its mesh's, its public one."""
        lan = self.hosts[host].lan
        if lan:
            return lan
        for _, member_host, member in self.members():
            if member_host == host and "address" in member:
                return ip_address(member["address"])
        if "address" in self.nodes.get(host, {}):
            return IPv4Address(self.nodes[host]["address"])
        return self.public_of(host)

    def public_of(self, host: str) -> Address:
        """A host's address on the outside network: its own, or that of the gateway that it is behind."""
        seen = set()
        while host not in seen:
            seen.add(host)
            entry = self.hosts[host]
            if entry.public:
                return entry.public[0]
            host = next((h.name for h in self.hosts.values() if entry.gateway in [a.address.ip for a in h.attachments]), host)
        raise Problem(f'{host}: has no way to the outside network; give one of its prefixes an "at" with a "wan" interface', BAD_INPUT)

    def record(self, value: str) -> Address:
        """The address that a record of a declared zone stands for."""
        return self.address_of(value) if value in self.hosts else ip_address(value)

    def public_names(self) -> dict[str, Address]:
        """The names that the Internet's DNS knows: endpoints, Headscale, services."""
        names: dict[str, Address] = {WEB_NAME: self.web}
        for _, host, member in self.members():
            name = member.get("endpoint", "").rpartition(":")[0].strip("[]")
            if name and not _is_address(name):
                names[name] = self.public_of(host)
        if self.headscale_host:
            name = self.headscale_url[0]
            if not _is_address(name):
                names[name] = self.public_of(self.headscale_host)
        for name, service in self.services.items():
            for each in (name, *service.get("also", [])):
                names[each] = self.cdn if service.get("cdn") else self.public_of(service["at"])
        if self.services:
            names |= {ACME_NAME: self.web, API_NAME: self.web}
        return names

    def listeners(self) -> dict[str, set[int]]:
        """The TCP ports on which each host runs a small server: what services and expectations lead to."""
        ports: dict[str, set[int]] = {host.name: {80} for host in self.declared() if host.manager == "none"}
        for service in self.services.values():
            host, port = service["to"].rsplit(":", 1)
            if host in self.hosts:
                ports.setdefault(host, set()).add(int(port))
        for expectation in self.document.get("expect", []):
            target, _, protocol = expectation.get("to", "").partition("/")
            name, _, port = target.rpartition(":")
            host = self.host_of_name(name)
            if host and protocol == "tcp" and int(port) not in self._served(host):
                ports.setdefault(host, set()).add(int(port))
        return ports

    def _served(self, host: str) -> set[int]:
        """TCP ports of the host's own daemons."""
        ports = {80, 443} if any(service["at"] == host for service in self.services.values()) else set()
        ports |= {53} if any(zone["at"] == host for zone in self.zones.values()) else set()
        return ports | ({self.headscale_url[1]} if host == self.headscale_host else set())

    def host_of_name(self, name: str) -> str | None:
        """The host that a host name or a name in a declared zone means."""
        if name in self.hosts:
            return name
        for zone, content in self.zones.items():
            label = name.removesuffix("." + zone)
            value = content.get("records", {}).get(label) if label != name else None
            if isinstance(value, str) and value in self.hosts:
                return value
        return None

    def segments(self) -> list[str]:
        """The segments that some host is on, the outside network first."""
        names = [WAN]
        for host in self.hosts.values():
            names += [a.segment for a in host.attachments if a.segment not in names]
        return names

    # How they are found.

    def _choose_outside(self) -> tuple[IPv4Network, IPv4Address, IPv4Address]:
        candidates = [IPv4Network(text) for text in WAN_PREFIXES]
        free = [c for c in candidates if not any(c.version == p.version and c.overlaps(p) for p in self.prefixes.values())]
        if len(free) < 2:
            raise Problem(
                f"{self.name}: its prefixes overlap all but {len(free)} of {', '.join(WAN_PREFIXES)}; the lab needs two of them", BAD_INPUT
            )
        return free[0], free[1][1], free[1][65]

    def _place_hosts(self) -> None:
        declared = self.document.get("hosts", {})
        for reserved in (OUTSIDE, VISITOR):
            if reserved in declared:
                raise Problem(f"/hosts/{reserved}: the lab has a host of that name itself; rename it to rehearse this file", BAD_INPUT)
        free = iter(list(self.wan.hosts())[10:])
        for name, content in {**declared, OUTSIDE: {}, VISITOR: {}}.items():
            host = Host(name, content.get("manager", "fabricnet"))
            self.hosts[name] = host
            interfaces = content.get("interfaces") or {WAN_DEVICE: {"wan": True}}
            for device, interface in interfaces.items():
                self._attach(host, device, interface, free)
            carried = {a.trunk for a in host.attachments if a.trunk}
            host.trunks = sorted(carried - {a.device for a in host.attachments})
        for name, literal in self._literal_endpoints():
            if literal not in [a.address.ip for a in self.hosts[name].attachments]:
                self.hosts[name].also.append(literal)

    def _attach(self, host: Host, device: str, interface: dict[str, Any], free: Iterator[IPv4Address]) -> None:
        address = interface.get("address")
        if interface.get("wan") or (address and self._segment_of(address) is None):
            own = next(free) if host.name != OUTSIDE else self.wan[1]
            host.attachments.append(Attachment(host.name, device, WAN, IPv4Interface((own, self.wan.prefixlen))))
            if address:
                host.also.append(ip_address(address))
        elif address:
            segment = self._segment_of(address)
            assert segment is not None
            at = ip_interface(f"{address}/{self.prefixes[segment].prefixlen}")
            host.attachments.append(Attachment(host.name, device, segment, at, interface.get("trunk"), self.tags.get(segment, 0)))

    def _segment_of(self, address: str) -> str | None:
        ip = ip_address(address)
        holding = [name for name, prefix in self.prefixes.items() if ip in prefix]
        return max(holding, key=lambda name: self.prefixes[name].prefixlen, default=None)

    def _literal_endpoints(self) -> Iterator[tuple[str, Address]]:
        names = [(host, member.get("endpoint", "").rpartition(":")[0].strip("[]")) for _, host, member in self.members()]
        names += [(self.headscale_host, self.headscale_url[0])] if self.headscale_host else []
        for host, name in names:
            if _is_address(name) and ":" in name:
                raise Problem(
                    f"{host}: {name}: the lab's outside is IPv4 only; give it a name or an IPv4 address to rehearse this", BAD_INPUT
                )
            if _is_address(name):
                yield host, ip_address(name)

    def _choose_gateways(self) -> None:
        for host in self.hosts.values():
            if host.name == OUTSIDE:
                continue
            if host.on(WAN):
                host.gateway = self.wan[1]
                continue
            for attachment in host.attachments:
                router = self.hosts.get(self.at.get(attachment.segment, ""))
                there = router.on(attachment.segment) if router and router is not host else None
                if there:
                    host.gateway = there.address.ip
                    break


def read_document(path: Path) -> dict[str, Any]:
    """The file as JSON; what is wrong with it beyond that is the library's to say."""
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError:
        raise Problem(f"{path}: no such file; name the fabric file with -f FILE", BAD_INPUT) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"{path}: cannot be read: {error}", BAD_INPUT) from None
    except json.JSONDecodeError as error:
        raise Problem(f"{path}:{error.lineno}:{error.colno}: {error.msg}", BAD_INPUT) from None
    if not isinstance(document, dict) or "name" not in document:
        raise Problem(f'{path}: not a fabric file: it needs "fabric": 1 and a "name"', BAD_INPUT)
    for part in document.pop("include", []):
        _include(document, json.loads((path.parent / part).read_text()))
    return document


def _include(into: dict[str, Any], part: dict[str, Any]) -> None:
    """As the library does; it has read the file before and refused what stands in two of them."""
    for name, value in part.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _include(into[name], value)
        else:
            into.setdefault(name, value)


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False
