# SPDX-License-Identifier: LGPL-2.1-or-later
"""WireGuard keys. Private and pre-shared ones are secrets, public ones base64 text."""

from __future__ import annotations

import os

from . import _fabricnet as _c
from ._fabricnet import Secret
from ._values import Path
from .context import Context, default


def generate(context: Context | None = None) -> Secret:
    """A private key of 32 bytes, random and clamped."""
    return _c.fbn_key_generate(default(context).handle)


def preshared(context: Context | None = None) -> Secret:
    """A pre-shared key of 32 random bytes."""
    return _c.fbn_key_generate_preshared(default(context).handle)


def public(private: Secret, context: Context | None = None) -> str:
    """The public key of a private one, as base64."""
    return _c.fbn_key_public(default(context).handle, private)


def decode(text: Secret | str, context: Context | None = None) -> Secret:
    """32 bytes from base64, in constant time. Text that is secret should come as a Secret."""
    context = default(context)
    secret = text if isinstance(text, Secret) else context.secret(text.encode())
    return _c.fbn_key_decode(context.handle, secret)


def encode(key: Secret, context: Context | None = None) -> Secret:
    """The base64 of a key, still as a secret."""
    return _c.fbn_key_encode(default(context).handle, key)


def read_file(path: Path, context: Context | None = None) -> Secret:
    """A private or pre-shared key from a file that holds its base64."""
    return _c.fbn_key_read_file(default(context).handle, os.fspath(path))


def valid(text: str) -> bool:
    """Whether this is a public key in canonical base64."""
    try:
        _c.fbn_key_parse(text)
    except ValueError:
        return False
    return True
