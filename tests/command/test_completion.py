# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the shell completes and what --help and the command itself know are the same verbs."""
import re

import pytest
from test_command import TOP, run

COMPLETED = dict(re.findall(r"\[(\w+)\]='([^']*)'", (TOP / "examples/fabricnet/fabricnet.bash").read_text()))


@pytest.mark.parametrize("group", sorted(set(COMPLETED) - {"lab"}))
def test_the_verbs_of_a_group_are_completed_and_listed(group):
    result = run(group)
    known = {match for match in re.findall(rf"^  fabricnet {group} ([\w-]+)", result.stderr, re.M)}
    assert result.returncode == 3 and known
    assert set(COMPLETED[group].split()) == known
    line = next(line for line in run("--help").stdout.splitlines() if line.split()[:1] == [group])
    listed = set(re.findall(r"[\w-]+", line.split(maxsplit=1)[1]))
    assert {verb for verb in known if "-" not in verb and verb not in listed} == set(), line
