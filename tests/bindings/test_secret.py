# SPDX-License-Identifier: LGPL-2.1-or-later
import copy
import os
import pickle

import pytest

import fabricnet

HIDDEN = b"swordfish"


@pytest.fixture
def secret():
    return fabricnet.Context().secret(HIDDEN)


def test_only_bytes_shows_it(secret):
    assert bytes(secret) == HIDDEN and len(secret) == len(HIDDEN)
    peer = fabricnet.WireguardPeer(preshared_key=secret)
    for text in (repr(secret), str(secret), f"{secret}", "%s" % secret, repr(peer), str(vars(type(secret)))):
        assert "swordfish" not in text


def test_it_is_not_copied_behind_ones_back(secret):
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="secret"):
            attempt(secret)
    with pytest.raises(TypeError):
        hash(secret)


def test_equal_by_value(secret):
    c = fabricnet.Context()
    assert secret == c.secret(HIDDEN) and secret != c.secret(b"swordfisH") and secret != HIDDEN


def test_empty_is_refused():
    with pytest.raises(fabricnet.InvalidError):
        fabricnet.Context().secret(b"")


def test_files(tmp_path):
    path = tmp_path / "key"
    with fabricnet.Context(secrets_dir=tmp_path) as c:
        key = fabricnet.key.generate(c)
        c.write_secret(fabricnet.key.encode(key, c), path)
        assert os.stat(path).st_mode & 0o777 == 0o600
        assert fabricnet.key.read_file("key", c) == key
        with pytest.raises(fabricnet.ExistsError):
            c.write_secret(key, path)
        path.chmod(0o644)
        with pytest.raises(fabricnet.NotAllowedError, match="chmod 600"):
            c.secret_file("key")
        path.write_bytes(b"\0GITCRYPT\0" + b"x" * 20)
        with pytest.raises(fabricnet.LockedError, match="git-crypt"):
            c.secret_file("key")
    with pytest.raises(fabricnet.NotFoundError):
        fabricnet.Context().secret_file(tmp_path / "none")


def test_keys_agree_with_wg():
    import subprocess

    key = fabricnet.key.generate()
    text = fabricnet.key.encode(key)
    public = subprocess.run(["wg", "pubkey"], input=bytes(text), capture_output=True, check=True).stdout.decode().strip()
    assert fabricnet.key.public(key) == public
    assert fabricnet.key.decode(text) == key
    assert not fabricnet.key.valid(public[:-2] + "==")
    with pytest.raises(fabricnet.InvalidError):
        fabricnet.key.decode("no key at all")
    with pytest.raises(fabricnet.InvalidError):
        fabricnet.key.public(fabricnet.Context().secret(b"short"))
