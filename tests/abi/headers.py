#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each public header stands alone in C11 and C++17, pedantic, and every public function has its page right above it."""
import pathlib
import re
import subprocess
import sys

INCLUDE = pathlib.Path(__file__).resolve().parents[2] / "include"
headers = sorted((INCLUDE / "fabricnet").glob("*.h"))
COMPILERS = (["gcc", "-std=c11", "-x", "c"], ["g++", "-std=c++17", "-x", "c++"])
failed = []
for header in headers:
    for compiler in COMPILERS:
        command = compiler + ["-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{INCLUDE}", str(header)]
        if subprocess.run(command).returncode:
            failed.append(f"{header.name}: {' '.join(compiler)}")
    previous = ""
    for number, line in enumerate(header.read_text().splitlines(), 1):
        if line.startswith("FBN_PUBLIC"):
            if not previous.rstrip().endswith("*/"):
                failed.append(f"{header.name}:{number}: no comment right above {line[11:60]}")
            name = re.search(r"fbn_\w+(?=\()", line)
            if not name:
                failed.append(f"{header.name}:{number}: no fbn_ name in {line}")
        if line.strip():
            previous = line
print("\n".join(failed) if failed else f"{len(headers)} passed")
sys.exit(bool(failed) or len(headers) < 8)
