# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the shell completes and what --help and the command itself know are the same verbs."""
import re
import subprocess

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


@pytest.mark.parametrize("words, expected", [
    ("wg sh", {"show"}),
    ("wg show w", {"wg0", "wgs1"}),
    ("wg apply w", {"wg0", "wgs1"}),
    ("wg create wg2 ", {"kernel", "userspace", "daemon", "mtu", "adopt"}),
    ("wg export wg0 n", {"netdev", "network"}),
    ("wg --json export wg0 wg-", {"wg-quick"}),
    ("wg diff wg0 a.conf k", {"keep-peers"}),
    ("wg import ", set()),
    ("key p", {"preshared", "public"}),
])
def test_words_of_wg_are_completed(words, expected, tmp_path):
    last = "''" if words.endswith(" ") else ""
    script = f"""source {TOP}/examples/fabricnet/fabricnet.bash
fabricnet() {{ printf 'wg0  kernel\\nwgs1  userspace\\n'; }}
COMP_WORDS=(fabricnet {words}{last})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_fabricnet
echo "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (set(done.stdout.split()), done.stderr) == (expected, "")
