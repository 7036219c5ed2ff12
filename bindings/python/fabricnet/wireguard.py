# SPDX-License-Identifier: LGPL-2.1-or-later
"""WireGuard interfaces and the files that describe them: Context.wireguard, parse_file()."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface
from typing import Any

from . import _fabricnet as _c
from ._fabricnet import Secret
from ._members import one_record
from ._values import Path, PrefixLike
from .context import Context, default, milliseconds
from .monitor import Monitor
from .records import Change, WireguardInterface, WireguardMember, WireguardPeer

Peer = WireguardPeer
Interface = WireguardInterface
Member = WireguardMember


@dataclass(frozen=True, slots=True, init=False)
class Config:
    """An interface with its peers: wanted, read from a device, or read from a file.

    Config(private_key=key, listen_port=51820, peers=[…]) or Config(interface, peers).
    """

    interface: WireguardInterface | Mapping[str, Any]
    peers: tuple[WireguardPeer | Mapping[str, Any], ...]

    def __init__(
        self,
        interface: WireguardInterface | Mapping[str, Any] | None = None,
        peers: Iterable[WireguardPeer | Mapping[str, Any]] = (),
        **members: Any,
    ) -> None:
        given = one_record(interface, members)
        object.__setattr__(self, "interface", WireguardInterface(**given) if isinstance(given, Mapping) else given)
        object.__setattr__(self, "peers", tuple(WireguardPeer(**peer) if isinstance(peer, Mapping) else peer for peer in peers))


class Wireguard:
    """WireGuard in a context's namespace."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def create(
        self,
        name: str,
        *,
        backend: str | None = None,
        daemon: str | None = None,
        timeout: float | None = None,
        mtu: int = 0,
        adopt: bool = False,
    ) -> str:
        """Make an interface, down and without keys, or with adopt take one that is there. Gives its backend, "kernel" or "userspace"."""
        options = {"backend": backend, "daemon": daemon, "timeout_ms": milliseconds(timeout), "mtu": mtu, "adopt": adopt}
        made = _c.fbn_wireguard_create(self._context.handle, name, options)
        return "kernel" if made == _c.FBN_WIREGUARD_KERNEL else "userspace"

    def list(self) -> list[WireguardInterface]:
        """The interfaces of the namespace: name and backend only, get() reads the rest."""
        return _c.fbn_wireguards_all(_c.fbn_wireguard_list(self._context.handle))

    def delete(self, name: str) -> None:
        """Delete an interface, and end the daemon that runs it."""
        _c.fbn_wireguard_delete(self._context.handle, name)

    def get(self, name: str) -> Config:
        """An interface and all its peers."""
        return _config(_c.fbn_wireguard_get(self._context.handle, name))

    def apply(self, name: str, config: Config, *, keep_peers: bool = False, dry_run: bool = False) -> list[Change]:
        """Make an interface as wanted, sending only what differs; sessions of unchanged peers go on."""
        handle = self._context.handle
        want = _handle(handle, config)
        options = {"keep_peers": keep_peers, "dry_run": dry_run}
        return _c.fbn_changes_all(_c.fbn_wireguard_apply(handle, name, want, options))

    def apply_file(self, name: str, path: Path, *, keep_peers: bool = False, dry_run: bool = False) -> list[Change]:
        """parse_file() and apply() in one, faster where a daemon has thousands of peers."""
        options = {"keep_peers": keep_peers, "dry_run": dry_run}
        return _c.fbn_changes_all(_c.fbn_wireguard_apply_file(self._context.handle, name, os.fspath(path), options))

    def watch(
        self,
        name: str | None = None,
        *,
        interval: float | None = None,
        stale: int = 0,
        counters: float | None = None,
        counters_bytes: int = 0,
        existing: bool = False,
    ) -> Monitor:
        """Events of an interface, or of all: peers, handshakes, roaming, staleness; counters every so many seconds or bytes."""
        options = {
            "interval_ms": milliseconds(interval),
            "stale_s": stale,
            "counters_ms": milliseconds(counters),
            "counters_bytes": counters_bytes,
            "existing": existing,
        }
        return Monitor(self._context, _c.fbn_wireguard_monitor_new(self._context.handle, name, options))

    def resolver(self, name: str, config: Config, *, interval: float | None = None, stale: int = 0, family: str | None = None) -> Monitor:
        """Give peers the endpoints that their names stand for, now and as these change; events tell what was changed and what failed."""
        options = {"interval_ms": milliseconds(interval), "stale_s": stale, "family": family}
        handle = self._context.handle
        return Monitor(self._context, _c.fbn_wireguard_resolver_new(handle, name, _handle(handle, config), options))

    def resolve(self, config: Config, name: str | None = None, *, timeout: float | None = None) -> Config:
        """The configuration with endpoints in place of names, for apply(); names without an answer stay, without an endpoint.

        name: the interface that it is for; of several addresses a peer keeps the one in use.
        """
        handle = self._context.handle
        return _config(_c.fbn_wireguard_resolve(handle, name, _handle(handle, config), milliseconds(timeout)))


def parse_file(path: Path, context: Context | None = None) -> Config:
    """Read a file of wg(8) or wg-quick(8)."""
    return _config(_c.fbn_wireguard_parse_file(default(context).handle, os.fspath(path)))


def parse(text: str, name: str = "text", context: Context | None = None) -> Config:
    """The same from text; name stands for the file in errors."""
    return _config(_c.fbn_wireguard_parse(default(context).handle, name, text))


def format(config: Config, format: str = "wg-quick", context: Context | None = None) -> Secret:
    """Write a file: for "wg-quick", or "netdev" and "network" for systemd-networkd. What was parsed keeps order, comments and unknown keys.

    "qr-text", "qr-svg" and "qr-png" draw a code for the app of a phone.
    """
    handle = default(context).handle
    return _c.fbn_wireguard_format(handle, _handle(handle, config), format)


class Network:
    """A declared network, from which every member's configuration follows: two members are peers if one of them has an endpoint.

    Network([{"name": "hub", "private_key": key, "addresses": ["10.0.0.1/24"], "endpoint": "vpn.example.org:51820", "relay": True}, …],
    prefixes=["10.0.0.0/24"], preshared=secret) gives each pair a pre-shared key derived from the secret.
    """

    def __init__(
        self,
        members: Iterable[WireguardMember | Mapping[str, Any]] = (),
        *,
        prefixes: Iterable[PrefixLike] = (),
        preshared: Secret | None = None,
        context: Context | None = None,
    ) -> None:
        self._context = default(context)
        self._handle = _c.fbn_wireguard_network_new(self._context.handle, {"prefixes": tuple(prefixes), "preshared": preshared})
        _c.fbn_wireguard_network_fill(self._context.handle, self._handle, members)

    def __len__(self) -> int:
        return _c.fbn_wireguard_network_count(self._handle)

    @property
    def members(self) -> list[WireguardMember]:
        return _c.fbn_wireguard_network_all(self._handle)

    def add(self, member: WireguardMember | Mapping[str, Any] | None = None, /, **members: Any) -> None:
        """Add a member: add(name="phone", public_key="…", addresses=["10.0.0.9/32"], road_warrior=True)."""
        _c.fbn_wireguard_network_fill(self._context.handle, self._handle, [one_record(member, members)])

    def derive(self, name: str) -> Config:
        """The configuration of one member."""
        return _config(_c.fbn_wireguard_network_derive(self._context.handle, self._handle, name))

    def next_address(self, prefix: PrefixLike) -> IPv4Interface | IPv6Interface:
        """The lowest address in a prefix that no member has."""
        return _c.fbn_wireguard_network_next_address(self._context.handle, self._handle, prefix)


def _handle(context: Any, config: Config) -> Any:
    made = _c.fbn_wireguard_new(context, config.interface)
    _c.fbn_wireguard_fill(context, made, config.peers)
    return made


def _config(handle: Any) -> Config:
    return Config(_c.fbn_wireguard_interface_of(handle), _c.fbn_wireguard_all(handle))
