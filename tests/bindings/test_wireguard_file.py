# SPDX-License-Identifier: LGPL-2.1-or-later
"""A wg-quick file applied in one call: from Python; Lua's is in test_fabricnet.lua."""
import pytest

import fabricnet

FILE = "[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n[Peer]\nPublicKey = 1N/GN//7gLLZLNkVhzFJi3+Ft4tvDGT7QGFn5EpnpyA=\n"


def test_apply_file(c, tmp_path):
    path = tmp_path / "wgp.conf"
    path.write_text(FILE)
    path.chmod(0o600)
    c.wireguard.create("wgp", backend="userspace")
    assert [change.kind for change in c.wireguard.apply_file("wgp", path, dry_run=True)] == ["update", "create"]
    assert len(c.wireguard.apply_file("wgp", path)) == 2
    assert c.wireguard.apply_file("wgp", path, keep_peers=True) == []
    with pytest.raises(fabricnet.NotFoundError, match="no such file"):
        c.wireguard.apply_file("wgp", tmp_path / "none")
    c.wireguard.delete("wgp")
