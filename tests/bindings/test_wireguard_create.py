# SPDX-License-Identifier: LGPL-2.1-or-later
"""Creating with an MTU, adopting, keys from descriptors and credentials: from Python; Lua's are in test_fabricnet.lua."""
import os

import pytest

import fabricnet

PRIVATE = b"yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\r\n"
PUBLIC = "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw="


def test_mtu_and_adopt(c, ip):
    assert c.wireguard.create("wgp", backend="userspace", mtu=1280) == "userspace"
    assert ip("link", "show", "wgp")[0]["mtu"] == 1280
    with pytest.raises(fabricnet.ExistsError, match="wgp"):
        c.wireguard.create("wgp", mtu=1300)
    assert c.wireguard.create("wgp", adopt=True, mtu=1300) == "userspace"
    assert ip("link", "show", "wgp")[0]["mtu"] == 1300
    with pytest.raises(fabricnet.ExistsError, match="not WireGuard"):
        c.wireguard.create("lo", adopt=True)
    c.wireguard.delete("wgp")


def test_keys_from_descriptors_and_credentials(tmp_path, monkeypatch):
    read, write = os.pipe()
    os.write(write, PRIVATE)
    os.close(write)
    assert fabricnet.key.public(fabricnet.key.read_file(f"fd:{read}")) == PUBLIC
    os.close(read)
    with pytest.raises(fabricnet.InvalidError, match=f"fd:{read}"):
        fabricnet.key.read_file(f"fd:{read}")
    (tmp_path / "wg").write_bytes(PRIVATE)
    (tmp_path / "wg").chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert fabricnet.key.public(fabricnet.key.read_file("credential:wg")) == PUBLIC
    with fabricnet.Context() as c:
        assert c.credential("wg") == c.secret_file(tmp_path / "wg")
