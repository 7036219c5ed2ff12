# SPDX-License-Identifier: LGPL-2.1-or-later
"""Networks of other shapes than the homelab are rehearsed as well: whatever they declare holds."""

import json
import os
from pathlib import Path

import pytest
from fabricnet.lab import rehearsal
from fabricnet.lab.proofs import ROWS
from fabricnet.lab.verify import prove

SHAPES = sorted((Path(__file__).parent / "shapes").glob("*.json"))
# What must be there and hold, so that nothing passes by being absent.
SERVED = {
    "two-hosts": {"F1", "F12", "F14", "F19", "F20"},
    "three-sites": {"F1", "F12", "F14", "F19", "F20", "F21"},
    "behind-nginx": {"F1", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F12", "F14", "F19", "F20", "F21"},
}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda path: path.stem)
def test_every_row_that_a_shape_declares_holds(tmp_path: Path, shape: Path) -> None:
    name = f"{shape.stem}-{os.getpid()}"
    path = tmp_path / "fabric.json"
    path.write_text(json.dumps({**json.loads(shape.read_text()), "name": name}))
    try:
        lab = rehearsal.up(path, None, layer1=False)
        found = {row.code: prove(lab, row) for row in ROWS if row.prove and (row.layer == 1 or not lab.layer1)}
    finally:
        rehearsal.down(name)
    assert {code: why for code, (verdict, why, _) in found.items() if verdict == "FAIL"} == {}
    assert {code for code, (verdict, _, _) in found.items() if verdict == "PASS"} == SERVED[shape.stem]
