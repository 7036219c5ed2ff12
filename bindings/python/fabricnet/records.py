# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the library reads and takes: plain immutable values.

The same record goes in (wanted) and comes out (read). Calls also take a mapping of the members instead, and addresses as text.
None, 0 and False mean "not given". Times are nanoseconds since 1970, 0 for never. Members are those of the C header.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._fabricnet import Secret
from ._values import Address, AddressLike, EndpointLike, PrefixLike


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that an apply did, or with dry_run would do."""

    kind: str  #: "create", "update", "delete"
    object: str
    field: str | None = None
    before: str | None = None
    after: str | None = None

    def __str__(self) -> str:
        return _sentence(self.kind, self.object, self.field, self.before, self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that a monitor saw."""

    kind: str  #: "added", "changed", "removed", "resync", "handshake", "stale", "counters", "failed", "traced"
    time: int = 0
    type: str  #: "interface", "peer", "link", "address", "route", "rule", "table", "chain", "set" …
    object: str | None = None
    field: str | None = None
    before: str | None = None
    after: str | None = None
    by: str | None = None  #: nftables: the program that did it
    pid: int = 0
    peer: WireguardPeer | None = None
    link: Link | None = None
    address: LinkAddress | None = None
    route: Route | None = None
    rule: Rule | None = None
    neighbour: Neighbour | None = None
    trace: NatTrace | None = None

    def __str__(self) -> str:
        return _sentence(self.kind, self.object or self.type, self.field, self.before, self.after)


def _sentence(kind: str, object: str, field: str | None, before: str | None, after: str | None) -> str:
    values = " → ".join(value for value in (before, after) if value is not None)
    return f"{kind} {object}" + (f": {field}" if field else "") + (f" {values}" if values else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A network interface."""

    name: str | None = None
    kind: str | None = None  #: "wireguard", "veth", "bridge", "vlan", "dummy", "vrf", "tun", "tap"; None for hardware
    index: int = 0
    mtu: int = 0
    state: str | None = None  #: "up", "down"
    alias: str | None = None
    master: str | None = None
    peer: str | None = None
    parent: str | None = None
    vlan: int = 0
    vlan_protocol: int = 0  #: 0x8100 or 0x88a8
    table: int = 0  #: of a VRF
    vlan_filtering: str | None = None  #: of a bridge: "on", "off"
    stp: str | None = None  #: of a bridge: "on", "off"
    altnames: tuple[str, ...] = ()
    running: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkAddress:
    """An address of a link; read ones are interfaces of ipaddress."""

    device: str | None = None
    address: PrefixLike | None = None
    peer: AddressLike | None = None
    broadcast: AddressLike | None = None
    scope: str = "global"  #: "global", "site", "link", "host"
    valid: int = 0  #: seconds, 0 for ever
    preferred: int = 0  #: seconds, 0 as long as it is valid
    deprecated: bool = False
    protocol: int = 0
    no_prefix_route: bool = False
    no_dad: bool = False
    tentative: bool = False
    dad_failed: bool = False
    secondary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteHop:
    """One of several ways of a route."""

    gateway: AddressLike | None = None
    device: str | None = None
    weight: int = 0
    onlink: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route."""

    destination: PrefixLike | None = None
    gateway: AddressLike | None = None
    device: str | None = None
    source: AddressLike | None = None
    table: int = 0
    metric: int = 0
    mtu: int = 0
    advmss: int = 0
    type: str = "unicast"  #: "unicast", "blackhole", "unreachable", "prohibit", "throw", "local" …
    protocol: int = 0
    onlink: bool = False
    tos: int = 0
    scope: str | None = None  #: "global", "site", "link", "host"; None: what fits
    hops: tuple[RouteHop | Mapping[str, Any], ...] = ()
    nexthop: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Nexthop:
    """A nexthop object: a way, or a group of them, that routes refer to by its id."""

    id: int = 0
    family: str | None = None  #: "inet", "inet6"
    gateway: AddressLike | None = None
    device: str | None = None
    onlink: bool = False
    blackhole: bool = False
    members: tuple[NexthopMember | Mapping[str, Any], ...] = ()
    protocol: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NexthopMember:
    """One way of a group."""

    id: int = 0
    weight: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Who is behind an address on a link."""

    address: AddressLike | None = None
    device: str | None = None
    link_address: str | None = None
    state: str | None = None  #: of read ones: "permanent", "reachable", "stale" …
    proxy: bool = False
    router: bool = False
    protocol: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of policy routing."""

    family: str | None = None  #: "inet", "inet6"
    priority: int = 0
    invert: bool = False
    from_: PrefixLike | None = None
    to: PrefixLike | None = None
    in_device: str | None = None
    out_device: str | None = None
    fwmark: int = 0
    fwmask: int = 0
    table: int = 0
    suppress_prefix_length: int | None = None  #: as ip-rule(8) counts: 0 refuses default routes
    protocol: int = 0
    action: str = "lookup"  #: "lookup", "goto", "nop", "blackhole", "unreachable", "prohibit"
    target: int = 0
    tos: int = 0
    dscp: int | None = None
    ip_protocol: int = 0
    source_port: int = 0
    source_port_last: int = 0
    destination_port: int = 0
    destination_port_last: int = 0
    uid: int = 0
    uid_end: int = 0  #: the first above the last
    l3mdev: bool = False
    suppress_group: int | None = None
    tunnel: int = 0
    flow_label: int = 0
    flow_label_mask: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sysctl:
    """A kernel setting that is a number."""

    key: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SysctlEffect:
    """A setting of a link as it is in force."""

    key: str
    name: str
    own: int
    all: int
    value: int
    rule: str  #: "own", "larger", "either", "both", "all"
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RpFilterState:
    """All that a verdict of the reverse-path filter depends on; see the C header."""

    source: AddressLike | None = None
    destination: AddressLike | None = None
    rp_filter: int = 0
    accept_local: bool = False
    route_localnet: bool = False
    unrouted: bool = False
    no_address: bool = False
    own_source: bool = False
    policy: bool = False
    redirects: bool = False
    reverse: str = "none"  #: "none", "unicast", "local", "other"
    reverse_device: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RpFilterPacket:
    """A packet that comes in."""

    source: AddressLike | None = None
    destination: AddressLike | None = None
    in_device: str | None = None
    mark: int = 0
    tos: int = 0
    ip_protocol: int = 0
    source_port: int = 0
    destination_port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RpFilterResult:
    """What the kernel does with a packet, and why."""

    kind: str  #: "accept", "drop", "martian", "unrouted"
    clause: str
    why: str
    state: RpFilterState


@dataclass(frozen=True, slots=True, kw_only=True)
class WireguardInterface:
    """A WireGuard interface without its peers."""

    name: str | None = None
    backend: str | None = None  #: "kernel", "userspace"
    private_key: Secret | None = None
    public_key: str | None = None
    listen_port: int = 0
    fwmark: int = 0
    addresses: tuple[PrefixLike, ...] = ()
    dns: tuple[str, ...] = ()
    mtu: int = 0
    table: str | None = None
    hooks: tuple[str, ...] = ()  #: "PostUp = COMMAND", never run
    layout: Secret | None = None  #: the file's lines, for wireguard.format()


@dataclass(frozen=True, slots=True, kw_only=True)
class WireguardPeer:
    """A peer of a WireGuard interface."""

    public_key: str | None = None
    preshared_key: Secret | None = None
    endpoint: EndpointLike | None = None
    endpoint_name: str | None = None
    keepalive: int = 0  #: seconds
    allowed_ips: tuple[PrefixLike, ...] = ()
    last_handshake: int = 0
    received: int = 0
    sent: int = 0
    protocol_version: int = 0
    layout: Secret | None = None  #: the file's lines, for wireguard.format()


@dataclass(frozen=True, slots=True, kw_only=True)
class WireguardMember:
    """A member of a wireguard.Network."""

    name: str | None = None
    public_key: str | None = None
    private_key: Secret | None = None
    addresses: tuple[PrefixLike, ...] = ()
    endpoint: str | None = None  #: "host:port" where others reach it
    listen_port: int = 0
    keepalive: int = 0  #: seconds
    announces: tuple[PrefixLike, ...] = ()  #: networks behind it
    connected: tuple[PrefixLike, ...] = ()  #: announced networks that it is on itself
    relay: bool = False
    road_warrior: bool = False
    mtu: int = 0
    dns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NatRule:
    """A rule of our nftables table."""

    kind: str  #: "masquerade", "accept", "drop", "clamp_mss", "keep_out", "snat", "dnat", "redirect", "count", "set_mark", "save_mark" …
    at: str | None = None  #: "forward", "input", "output", "arrival"
    name: str
    sources: tuple[PrefixLike, ...] = ()
    destinations: tuple[PrefixLike, ...] = ()
    source_set: str | None = None
    destination_set: str | None = None
    to_map: str | None = None
    local: bool = False
    in_device: str | None = None
    out_device: str | None = None
    protocol: str | None = None
    source_port: int = 0
    source_port_last: int = 0
    destination_port: int = 0
    destination_port_last: int = 0
    mark: int = 0
    mark_mask: int = 0
    connection_mark: int = 0
    connection_mark_mask: int = 0
    states: str | None = None  #: "new", "established,related" …
    dnat: bool = False
    rate: int = 0
    rate_seconds: int = 0
    burst: int = 0
    log: str | None = None
    log_group: int = 0
    log_level: int = 0
    mss: int = 0
    to: AddressLike | None = None
    to_port: int = 0
    to_port_last: int = 0
    random: bool = False
    hairpin: int = 0
    set_mark: int = 0
    set_mark_mask: int = 0
    packets: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NatForeign:
    """A place outside of our table where what ours accepts can be dropped."""

    kind: str  #: "reverse_path", "forward_policy", "forward_rules"
    where: str
    rules: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NatSet:
    """A set of our nftables table, or with data a map."""

    name: str
    key: str  #: as nft(8) has it: "ipv4_addr", "ipv4_addr . inet_service"
    data: str | None = None
    intervals: bool = False
    timeouts: bool = False
    timeout_ms: int = 0
    limit: int = 0
    counters: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NatBan:
    """Sets and rules that drop what comes from their elements: NAME-ipv4, NAME-ipv4-nets, NAME-ipv6, NAME-ipv6-nets, NAME-never-…"""

    name: str
    in_device: str | None = None
    timeout_ms: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ban:
    """An address or prefix that is kept out."""

    prefix: PrefixLike
    duration_ms: int = 0  #: how long from now on; read: what is left; 0: the engine's default
    for_good: bool = False
    reason: str | None = None
    since: int = 0
    cdn: str | None = None  #: "waiting", "blocked", "lifting", "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A file of another host that is fetched by rsync over ssh and kept in generations."""

    host: str
    path: str
    private_key: str  #: file of the ssh key
    host_key: str  #: "ssh-ed25519 AAAA…": nobody else is spoken to
    folder: str
    port: int = 0  #: 0: 22
    user: str | None = None  #: None: root
    keep: int = 0  #: generations; 0: 30
    timeout_s: int = 0  #: 0: 60


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupState:
    """How a backup fares; times are seconds since 1970, 0: never."""

    generations: int = 0
    newest: str = ""
    newest_at: int = 0
    succeeded_at: int = 0
    failed_at: int = 0
    failure: str = ""  #: "" once a later run succeeded


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterObject:
    """One thing that a router should have, or has."""

    kind: str  #: as the C header lists them: "tunnel", "peer", "rule" …; of Linux "fabric" and "file"
    name: str  #: unique in its kind
    content: str | None = None  #: JSON object: its members in config.xml, or the fabric file
    secret: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that nginx on this host passes on."""

    name: str
    names: tuple[str, ...]
    upstream: AddressLike
    port: int
    upstream_tls: bool = False
    device: str | None = None  #: the link that leads there
    certificate: str | None = None
    certificate_key: str | None = None
    websocket: bool = False
    cdn: bool = False  #: visitors come through the CDN only
    body_bytes: int = 0
    timeout_ms: int = 0
    allow: tuple[PrefixLike, ...] = ()
    hsts_s: int = 0
    pending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BanState:
    """How a ban engine fares."""

    bans: int = 0
    waiting: int = 0
    lifting: int = 0
    refused: int = 0
    resident_kib: int = 0
    stored: bool = False
    trouble: str | None = None  #: what does not work now


@dataclass(frozen=True, slots=True, kw_only=True)
class NatElement:
    """An element of a set."""

    key: str  #: "192.0.2.0/24", "192.0.2.1 . 443"
    data: str | None = None
    timeout_ms: int = 0
    expires_ms: int = 0
    packets: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NatTrace:
    """One step of a packet that nat.trace() follows, or its fate."""

    kind: str  #: "hook", "rule", "return", "policy", "fate"
    id: int
    hook: str | None = None
    family: str | None = None
    table: str | None = None
    chain: str | None = None
    handle: int = 0
    rule: str | None = None
    verdict: str | None = None
    target: str | None = None
    why: str | None = None
    mark: int = 0
    in_device: str | None = None
    out_device: str | None = None
    source: Address | None = None
    destination: Address | None = None
    ip_protocol: int = 0
    source_port: int = 0
    destination_port: int = 0
    length: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsRoute:
    """What is done with the names of a suffix: upstreams are asked, or addresses are answered, or there are no such names."""

    suffix: str  #: "x": x and below; "*.x": those below; "=x": x alone; ".": the default
    upstreams: tuple[EndpointLike, ...] = ()
    addresses: tuple[AddressLike, ...] = ()
    blocked: bool = False
    reverse: tuple[PrefixLike, ...] = ()  #: the reverse names of these prefixes go the same way
    system: bool = False  #: the upstreams are what this host had


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsRecord:
    """A record of an answer."""

    section: str  #: "answer", "authority", "additional"
    name: str
    type: str
    ttl: int
    data: str  #: as in a zone file
    address: Address | None = None  #: of A and AAAA


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsExplanation:
    """Why an answer is what it is."""

    name: str
    type: str
    status: str  #: "NOERROR", "NXDOMAIN", "SERVFAIL" …
    route: str  #: suffix of the route that it took, "" if none
    source: str  #: "none", "upstream", "cache", "route" (that says it itself), "local" (localhost and the like)
    upstream: EndpointLike | None = None  #: who answered just now
    authoritative: bool = False
    kept_s: int = 0  #: seconds that it is kept from now on
    microseconds: int = 0  #: that it took


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsHost:
    """What was found of a host's resolver."""

    manager: str  #: "resolved", "resolvconf", "dnsmasq", "unbound", "file"
    reason: str
    ours: bool = False  #: it has a setting of ours
    servers: tuple[EndpointLike, ...] = ()  #: what the host asks, or would ask, without us
    search: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsCounters:
    """What a stub did since it was made."""

    queries: int = 0
    answers: int = 0
    failures: int = 0
    refused: int = 0
    retries: int = 0
    mismatches: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    cache_entries: int = 0
    cache_bytes: int = 0
    stale: int = 0  #: of the answers, those whose time was over
    filtered: int = 0  #: answers of the default route with private addresses, made empty


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadscaleUser:
    """A user of a Headscale server."""

    id: int
    name: str
    display_name: str | None = None
    email: str | None = None
    created: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadscaleKey:
    """What may be known of a key of a Headscale server: not its secret."""

    kind: str  #: "pre-auth", "api"
    id: int
    prefix: str | None = None  #: what the secret begins with
    user: str | None = None
    reusable: bool = False
    ephemeral: bool = False
    used: bool = False
    own: bool = False  #: the API key of this connection
    expiry: int = 0
    created: int = 0
    last_seen: int = 0
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadscaleNode:
    """A node of a Headscale server. A wanted one is a mapping: what it leaves out stays as it is."""

    id: int
    name: str
    given_name: str | None = None
    user: str | None = None
    addresses: tuple[Address, ...] = ()
    available_routes: tuple[PrefixLike, ...] = ()
    approved_routes: tuple[PrefixLike, ...] = ()
    serving_routes: tuple[PrefixLike, ...] = ()
    tags: tuple[str, ...] = ()
    online: bool = False
    last_seen: int = 0
    expiry: int = 0
    created: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TailscaleNode:
    """This device, or a peer, as tailscaled sees it."""

    id: str | None = None
    host_name: str | None = None
    dns_name: str | None = None
    addresses: tuple[Address, ...] = ()
    allowed_ips: tuple[PrefixLike, ...] = ()
    primary_routes: tuple[PrefixLike, ...] = ()
    online: bool = False
    endpoint: str | None = None
    relay: str | None = None
    last_handshake: int = 0
    received: int = 0
    sent: int = 0
    user: str | None = None
    tags: tuple[str, ...] = ()
    exit_node: bool = False
    exit_node_option: bool = False
    key_expiry: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TailscalePong:
    """How a ping came back."""

    latency: int = 0  #: nanoseconds
    node: str | None = None
    endpoint: str | None = None  #: of a direct path
    relay: str | None = None  #: else the relay


@dataclass(frozen=True, slots=True, kw_only=True)
class TailscaleState:
    """What tailscaled says of itself, and its peers."""

    state: str | None = None  #: "NoState", "NeedsLogin", "NeedsMachineAuth", "Stopped", "Starting", "Running"
    version: str | None = None
    auth_url: str | None = None
    magic_dns_suffix: str | None = None
    have_node_key: bool = False
    health: tuple[str, ...] = ()
    self: TailscaleNode | None = None
    advice: tuple[str, ...] = ()  #: what is known to go wrong, if it was asked for
    peers: tuple[TailscaleNode, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TailscalePrefs:
    """Preferences of tailscaled; in wanted ones None means "as it is"."""

    login_server: str | None = None
    host_name: str | None = None
    accept_routes: bool | None = None
    accept_dns: bool | None = None
    snat: bool | None = None
    want_running: bool | None = None
    advertise_routes: tuple[PrefixLike, ...] | None = None
    advertise_tags: tuple[str, ...] | None = None
    exit_node: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found in a fabric file."""

    code: str
    severity: str  #: "error", "warning", "note"
    pointer: str | None = None
    line: int = 0
    column: int = 0
    what: str | None = None
    why: str | None = None
    fix: str | None = None
    file: str | None = None  #: the fabric's, or one that it includes
    allowed: str | None = None  #: the reason that the file gives in "allow"; None: it counts


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    """A step towards the declared state, or a difference from it."""

    domain: str
    kind: str  #: "create", "update", "delete"
    object: str
    field: str | None = None
    before: str | None = None
    after: str | None = None
    reason: str | None = None
    pointer: str | None = None
    line: int = 0
    file: str | None = None  #: the fabric's, or one that it includes
    disruption: str | None = None  #: what happens to traffic meanwhile
    needs: int = 0  #: which step must come before, from 1; 0: none
    replaces: bool = False  #: the same object goes and comes
    drift: bool = False  #: it brings back what was applied last and somebody has changed since

    def __str__(self) -> str:
        return _sentence(self.kind, self.object, self.field, self.before, self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One step on a packet's way through the declared network."""

    host: str  #: where it is taken
    step: str  #: "route", "nat", "rp-filter", "wireguard", "mesh" …
    text: str  #: what decides it, and how
    pointer: str | None = None
    back: bool = False  #: it is the answer's


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One change of a host. Times are nanoseconds since 1970."""

    number: int
    outcome: str  #: "open", "confirmed", "undone", "failed"
    verb: str | None = None  #: "apply", "rollback", "boot"
    of: int = 0  #: of rollback and boot: the generation gone back to
    begun: int = 0
    ended: int = 0
    by: str | None = None
    fabric: str | None = None
    host: str | None = None
    file: str | None = None
    why: str | None = None  #: of what was undone or failed
    changes: tuple[str, ...] = ()
    stands: str | None = None  #: of what was undone or failed: what is still there, on this host or in the mesh


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One line of a host's status."""

    domain: str
    object: str
    health: str  #: "ok", "warning", "down"
    text: str | None = None
