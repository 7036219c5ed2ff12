# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab of the homelab file, under a name of its own, kept up for all tests here."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("FBN_BUILD", TOP / "build"))
sys.path.insert(0, str(BUILD / "bindings" / "python"))
os.environ["PATH"] = f"{BUILD / 'examples' / 'fabricnet'}:{os.environ['PATH']}"
os.environ["PYTHONPATH"] = os.pathsep.join([str(BUILD / "bindings" / "python"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)

from fabricnet.lab import rehearsal  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "further: another cause of a row that has one already; the step 'sabotage' leaves it to 'sabotage-all'")


def renamed(folder: Path, name: str) -> Path:
    """A copy of the homelab file under another fabric's name, so that a lab that is up already stays."""
    document = json.loads((TOP / "examples" / "homelab" / "fabric.json").read_text())
    document["name"] = name
    (folder / "policy.hujson").write_text((TOP / "examples" / "homelab" / "policy.hujson").read_text())
    path = folder / "fabric.json"
    path.write_text(json.dumps(document, indent=2))
    return path


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rehearsal.Rehearsal]:
    """The whole network, up."""
    path = renamed(tmp_path_factory.mktemp("fabric"), f"sabotage-{os.getpid()}")
    try:
        yield rehearsal.up(path, None, layer1=False)
    finally:
        rehearsal.down(f"sabotage-{os.getpid()}")
