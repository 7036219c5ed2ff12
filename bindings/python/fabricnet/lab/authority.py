# SPDX-License-Identifier: LGPL-2.1-or-later
"""A certificate authority that lives as long as the lab; every lab host trusts it."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .host import Host
from .problem import Problem

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "7")


class Authority:
    """The lab's CA, in a directory that only root reads."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory = directory
        self.certificate = directory / "ca.pem"
        self.key = directory / "ca.key"
        if not self.key.exists():
            _openssl("req", "-x509", *_KEY, "-subj", "/CN=fabricnet lab CA", "-keyout", str(self.key), "-out", str(self.certificate))

    def issue(self, names: Sequence[str]) -> tuple[str, str]:
        """A certificate for host names and addresses: (certificate, private key) as PEM text."""
        alternatives = ",".join(f"IP:{name}" if name.replace(".", "").isdigit() else f"DNS:{name}" for name in names)
        out, key = self.directory / "leaf.pem", self.directory / "leaf.key"
        _openssl(
            "req",
            "-x509",
            "-CA",
            str(self.certificate),
            "-CAkey",
            str(self.key),
            *_KEY,
            "-subj",
            f"/CN={names[0]}",
            "-addext",
            f"subjectAltName={alternatives}",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
            str(key),
            "-out",
            str(out),
        )
        pair = out.read_text(), key.read_text()
        out.unlink()
        key.unlink()
        return pair

    def trust(self, host: Host) -> None:
        """Add the CA to what a host trusts anyway."""
        trust(host, self.certificate.read_text())


def trust(host: Host, certificate: str) -> None:
    """Add an authority to what a host trusts anyway."""
    bundle = host.root / BUNDLE.lstrip("/")
    host.write(BUNDLE, (bundle.read_text() if bundle.exists() else "") + certificate)


def _openssl(*arguments: str) -> None:
    old = os.umask(0o077)
    try:
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    finally:
        os.umask(old)
    if done.returncode != 0:
        raise Problem(f"openssl {arguments[0]}: {done.stderr.strip().splitlines()[-1]}")
