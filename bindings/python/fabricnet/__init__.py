# SPDX-License-Identifier: LGPL-2.1-or-later
"""A declared two-layer private network: WireGuard and Tailscale with Headscale.

with fabricnet.Context(netns="vps") as c:
    for change in c.wireguard.apply("wg0", fabricnet.wireguard.parse_file("wg0.conf")):
        print(change)
"""

from . import _fabricnet, _register, backup, ban, dns, edge, errors, fabric, headscale, key, link, monitor, nat, records, route, router, sysctl, tailscale, wireguard
from ._fabricnet import Secret
from ._values import Endpoint
from .context import Context
from .errors import (
    CanceledError,
    Code,
    ConflictError,
    DeniedError,
    Error,
    ExistsError,
    InterruptedReadError,
    InvalidError,
    LockedError,
    NotAllowedError,
    NotFoundError,
    OutOfMemoryError,
    PartialError,
    ProtocolError,
    StaleError,
    SystemCallError,
    TimedOutError,
    UnavailableError,
    UndoneError,
    UnsupportedError,
)
from .fabric import Fabric, FabricStatus, Path, Plan
from .monitor import Monitor
from .records import (
    Backup,
    BackupState,
    Ban,
    BanState,
    Change,
    DnsCounters,
    DnsExplanation,
    DnsHost,
    DnsRecord,
    DnsRoute,
    Event,
    Fact,
    Finding,
    Generation,
    HeadscaleKey,
    HeadscaleNode,
    HeadscaleUser,
    Hop,
    Link,
    LinkAddress,
    NatBan,
    NatElement,
    NatForeign,
    NatRule,
    NatTrace,
    NatSet,
    Neighbour,
    Nexthop,
    NexthopMember,
    PlanStep,
    Route,
    RouteHop,
    RpFilterPacket,
    RpFilterResult,
    RpFilterState,
    Rule,
    RouterObject,
    Service,
    Sysctl,
    SysctlEffect,
    TailscaleNode,
    TailscalePong,
    TailscalePrefs,
    TailscaleState,
    WireguardInterface,
    WireguardMember,
    WireguardPeer,
)

__version__: str = _fabricnet.fbn_version()
__all__ = [name for name in dir() if not name.startswith("_")]
