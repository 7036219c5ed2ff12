# SPDX-License-Identifier: LGPL-2.1-or-later
"""Keys of a rehearsal: the file's own where they can be read, else new ones, and the rehearsed copy of the file to match."""

import copy
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

from .. import key
from .._fabricnet import Secret
from .authority import Authority
from .host import Host
from .problem import BAD_INPUT, Problem
from .terminal import progress
from .topology import ACME_NAME

DIRECTORY = "/etc/fabricnet"
API_KEY = "secrets/headscale-api.key"
ACME_URL = f"https://{ACME_NAME}:14000/dir"
_LOCKED = b"\0GITCRYPT\0"


@dataclass
class Rehearsed:
    """The copy of the fabric file that the lab's hosts get, and which host gets which secret file."""

    document: dict[str, Any]
    files: dict[str, dict[str, str]] = field(default_factory=dict)  # host → path under /etc/fabricnet → content
    common: dict[str, str] = field(default_factory=dict)  # what every host gets: policies and the like
    authorities: dict[str, str] = field(default_factory=dict)  # path → certificate of an authority whose key is a secret
    readers: dict[str, list[tuple[str, str]]] = field(default_factory=dict)  # host → files that are fetched from it, with whose ssh key
    watchers: dict[str, list[str]] = field(default_factory=dict)  # host → ssh keys of those who ask for its metrics
    managers: dict[str, str] = field(default_factory=dict)  # host → the ssh key of who manages it


class Keys:
    """Finds or makes the secrets of one fabric file."""

    def __init__(self, document: dict[str, Any], folder: Path, secrets_dir: Path | None) -> None:
        self.folder = folder
        self.secrets_dir = secrets_dir
        self.rehearsed = Rehearsed(copy.deepcopy(document))
        self.made: list[str] = []
        self.host_keys: dict[str, str] = {}

    def rehearse(self) -> Rehearsed:
        """The copy of the file with every secret in place."""
        document = self.rehearsed.document
        self._managers(document)
        for tunnel, content in document.get("wireguard", {}).items():
            members = content.get("members", {})
            for host, member in members.items():
                self._private_key(tunnel, host, member)
                self._preshared_key(tunnel, host, member, members)
        for name, backup in document.get("backups", {}).items():
            self._backup_keys(name, backup)
        for name, watched in document.get("monitoring", {}).get("hosts", {}).items():
            self._watcher_keys(name, watched, document["monitoring"]["at"])
        for name, certificate in document.get("certificates", {}).items():
            self._certificate(name, certificate, document)
        for host, edge in document.get("edge", {}).items():
            self._token(host, edge.get("bans", {}).get("cloudflare"))
        for name, host in document.get("hosts", {}).items():
            if "ssh" in host:
                self._login_keys(name, host, document)
        headscale = document.get("mesh", {}).get("headscale")
        if headscale:
            headscale["api_key"] = {"file": API_KEY}
        self._policy(document.get("mesh", {}))
        if self.made:
            progress(f"made {len(self.made)} keys for the rehearsal: {', '.join(self.made)}")
        return self.rehearsed

    def _managers(self, document: dict[str, Any]) -> None:
        # Whoever has a part in a tunnel or the mesh needs somebody to play it: routers, NixOS hosts and phones alike are Linux here.
        players = {host for content in document.get("wireguard", {}).values() for host in content.get("members", {})}
        players |= set(document.get("mesh", {}).get("nodes", {}))
        for name, host in document.get("hosts", {}).items():
            if host.get("manager") == "nixos" or (host.get("manager") == "none" and name in players):
                host["manager"] = "fabricnet"

    def _private_key(self, tunnel: str, host: str, member: dict[str, Any]) -> None:
        text = self._read(member.get("private_key"), f"/wireguard/{tunnel}/members/{host}/private_key")
        if text is None:
            private = key.generate()
            text = _text(private)
            member["public_key"] = key.public(private)
            self.made.append(f"{host}.key")
        member["private_key"] = self._install(f"secrets/{tunnel}-{host}.key", text, [host])

    def _preshared_key(self, tunnel: str, host: str, member: dict[str, Any], members: dict[str, Any]) -> None:
        if "preshared_key" not in member:
            return
        text = self._read(member["preshared_key"], f"/wireguard/{tunnel}/members/{host}/preshared_key")
        if text is None:
            text = _text(key.preshared())
            self.made.append(f"{host}.psk")
        both = [host, *(other for other, content in members.items() if other != host and "endpoint" in content)]
        member["preshared_key"] = self._install(f"secrets/{tunnel}-{host}.psk", text, both)

    def _login_keys(self, name: str, host: dict[str, Any], document: dict[str, Any]) -> None:
        # Whoever is reached through a tunnel of the router's manages it: a change that breaks the tunnel cuts him off.
        private, self.rehearsed.managers[name] = ssh_key()
        members = [tunnel["members"] for tunnel in document.get("wireguard", {}).values() if name in tunnel["members"]]
        hubs = [other for one in members for other, member in one.items() if other != name and "endpoint" in member]
        key = self._install(f"secrets/router-{name}.key", private, hubs or [other for other in document["hosts"] if other != name])
        host["ssh"] = {"system": "linux", "private_key": key, "host_key": self._host_key(name)}
        self.made.append(f"router-{name}.key")

    def _backup_keys(self, name: str, backup: dict[str, Any]) -> None:
        host = backup["of"]
        backup["host_key"] = self._host_key(host)
        private, public = ssh_key()
        backup["private_key"] = self._install(f"secrets/backup-{name}.key", private, [backup["to"]])
        self.rehearsed.readers.setdefault(host, []).append((backup["file"], public))
        self.made.append(f"backup-{name}.key")

    def _watcher_keys(self, host: str, watched: dict[str, Any], at: str) -> None:
        watched["host_key"] = self._host_key(host)
        private, public = ssh_key()
        watched["private_key"] = self._install(f"secrets/metrics-{host}.key", private, [at])
        self.rehearsed.watchers.setdefault(host, []).append(public)
        self.made.append(f"metrics-{host}.key")

    def _host_key(self, host: str) -> str:
        # The rehearsed host's own, which nobody has yet; the keys of those who log in are made anew with it.
        if host not in self.host_keys:
            private, self.host_keys[host] = ssh_key()
            self._install(f"secrets/ssh-{host}", private, [host])
        return self.host_keys[host]

    def _certificate(self, name: str, certificate: dict[str, Any], document: dict[str, Any]) -> None:
        # An authority of the lab's own stands for whichever is declared: nothing here is asked of the Internet.
        if "acme" in certificate:
            certificate["acme"] = {**certificate["acme"], "server": ACME_URL}
        if "authority" in certificate:
            private, public = authority_key()
            hosts = sorted({service["at"] for service in document.get("services", {}).values() if service.get("certificate") == name})
            certificate["authority"]["key"] = self._install(f"secrets/authority-{name}.key", private, hosts)
            self.rehearsed.authorities[certificate["authority"]["certificate"]] = public
            self.made.append(f"authority-{name}.key")

    def _token(self, host: str, cloudflare: dict[str, Any] | None) -> None:
        if cloudflare:
            cloudflare["token"] = self._install("secrets/cloudflare.token", token_hex(20), [host])
            self.made.append("cloudflare.token")

    def _policy(self, mesh: dict[str, Any]) -> None:
        policy = mesh.get("policy")
        if not isinstance(policy, dict) or "file" not in policy:
            return
        path = self.folder / policy["file"]
        try:
            self.rehearsed.common["policy.hujson"] = path.read_text()
        except OSError as error:
            raise Problem(f"/mesh/policy/file: {path}: {error.strerror}", BAD_INPUT) from None
        policy["file"] = "policy.hujson"

    def _install(self, path: str, text: str, hosts: list[str]) -> dict[str, str]:
        for host in hosts:
            self.rehearsed.files.setdefault(host, {})[path] = text + "\n"
        return {"file": path}

    def _read(self, reference: Any, pointer: str) -> str | None:
        for path in self._places(reference):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise Problem(f"{pointer}: {path}: {error.strerror}", BAD_INPUT) from None
            if content.startswith(_LOCKED):
                progress(f"{path} is locked by git-crypt: rehearsing with a key of the lab's own (git-crypt unlock to use yours)")
                return None
            return content.decode("ascii", errors="replace").strip()
        return None

    def _places(self, reference: Any) -> Iterator[Path]:
        if not isinstance(reference, dict):
            return
        if "file" in reference:
            if self.secrets_dir:
                yield self.secrets_dir / reference["file"]
            yield self.folder / reference["file"]
        elif "credential" in reference and "CREDENTIALS_DIRECTORY" in os.environ:
            yield Path(os.environ["CREDENTIALS_DIRECTORY"]) / reference["credential"]


def ssh_key() -> tuple[str, str]:
    """A new ssh key: what is private, and its public part in two words."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)
        return path.read_text().strip(), " ".join(path.with_suffix(".pub").read_text().split()[:2])


def authority_key() -> tuple[str, str]:
    """A new authority of one's own: its private key, and its certificate."""
    with tempfile.TemporaryDirectory() as folder:
        made = Authority(Path(folder))
        return made.key.read_text().strip(), made.certificate.read_text()


def _text(secret: Secret) -> str:
    return bytes(key.encode(secret)).decode()


def install(host: Host, name: str, content: str) -> None:
    """Put a secret file on a host, readable by root only."""
    host.write(f"{DIRECTORY}/{name}", content, 0o600)
    os.chmod(host.root / DIRECTORY.lstrip("/") / "secrets", 0o700)
