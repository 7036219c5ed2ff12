# SPDX-License-Identifier: LGPL-2.1-or-later
"""Links and their addresses: Context.link."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from typing import IO, Any

from . import _fabricnet as _c
from ._members import one_record
from ._values import PrefixLike
from .context import Context
from .monitor import Monitor
from .records import Change, Link, LinkAddress


class Links:
    """Links of a context's namespace."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(self, name: str | None = None) -> builtins.list[Link]:
        """All links, or the one of this name; NotFoundError if it is not there."""
        return _c.fbn_links_all(_c.fbn_link_list(self._context.handle, name))

    def get(self, name: str) -> Link:
        """The link of this name."""
        return self.list(name)[0]

    def create(self, link: Link | Mapping[str, Any] | None = None, /, **members: Any) -> None:
        """Make a link: create(name="v0", kind="veth", peer="v1")."""
        _c.fbn_link_create(self._context.handle, one_record(link, members))

    def set(self, link: Link | Mapping[str, Any] | None = None, /, **members: Any) -> None:
        """Change mtu, state, alias, master, of a bridge vlan_filtering and stp, whatever is given; altnames are added."""
        _c.fbn_link_set(self._context.handle, one_record(link, members))

    def delete(self, name: str) -> None:
        _c.fbn_link_delete(self._context.handle, name)

    def altname_delete(self, name: str, altname: str) -> None:
        _c.fbn_link_altname_delete(self._context.handle, name, altname)

    def move(self, name: str, netns: str | int | IO[Any]) -> None:
        """To another namespace: a name, a path, a process id, or an open file of it."""
        to = str(netns) if isinstance(netns, (str, int)) else f"fd:{netns.fileno()}"
        _c.fbn_link_move(self._context.handle, name, to)

    def apply(
        self,
        link: Link | Mapping[str, Any] | None = None,
        /,
        *,
        adopt: bool = False,
        dry_run: bool = False,
        **members: Any,
    ) -> builtins.list[Change]:
        """Make one link as wanted: create what is missing, change what differs."""
        options = {"adopt": adopt, "dry_run": dry_run}
        return _c.fbn_changes_all(_c.fbn_link_apply(self._context.handle, one_record(link, members), options))

    def addresses(self, device: str | None = None) -> builtins.list[LinkAddress]:
        """All addresses, or those of one link."""
        return _c.fbn_link_addresses_all(_c.fbn_link_address_list(self._context.handle, device))

    def address_add(self, address: LinkAddress | Mapping[str, Any] | None = None, /, **members: Any) -> None:
        """Add an address: address_add(device="v0", address="192.168.8.1/24"). A LinkAddress works as well."""
        _c.fbn_link_address_add(self._context.handle, one_record(address, members))

    def address_delete(self, address: LinkAddress | Mapping[str, Any] | None = None, /, **members: Any) -> None:
        _c.fbn_link_address_delete(self._context.handle, one_record(address, members))

    def address_apply(
        self, device: str, addresses: Iterable[PrefixLike | LinkAddress | Mapping[str, Any]], *, dry_run: bool = False
    ) -> builtins.list[Change]:
        """Make our addresses of one link as wanted; addresses that we did not make stay."""
        handle = self._context.handle
        want = _c.fbn_link_addresses_new(handle)
        _c.fbn_link_addresses_fill(handle, want, [_address(device, address) for address in addresses])
        return _c.fbn_changes_all(_c.fbn_link_address_apply(handle, device, want, {"dry_run": dry_run}))

    def watch(self, device: str | None = None, *, existing: bool = False, buffer: int = 0) -> Monitor:
        """Events of links and their addresses, or of one link and its. buffer: bytes in the kernel for what was not yet read."""
        options = {"device": device, "existing": existing, "buffer_bytes": buffer}
        return Monitor(self._context, _c.fbn_link_monitor_new(self._context.handle, options))


def _address(device: str, address: PrefixLike | LinkAddress | Mapping[str, Any]) -> LinkAddress | Mapping[str, Any]:
    if isinstance(address, Mapping):
        return {"device": device, **address}
    if isinstance(address, LinkAddress):
        return address
    return {"device": device, "address": address}
