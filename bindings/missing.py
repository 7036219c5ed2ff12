# SPDX-License-Identifier: LGPL-2.1-or-later
"""While rooms are still being built: functions that are declared but not there yet, so that the modules load without them."""
import re, subprocess, sys

output, include, *libraries = sys.argv[1:]
there = set()
for library in libraries:
    there |= set(re.findall(r" T (fbn_\w+)", subprocess.run(["nm", "-D", library], capture_output=True, text=True, check=True).stdout))
declared = set()
import glob
for header in glob.glob(include + "/fabricnet/*.h"):
    declared |= set(re.findall(r"^FBN_PUBLIC [^;(]*?(fbn_\w+)\(", open(header).read(), re.M))
with open(output, "w") as file:
    file.write("#include <stdio.h>\n#include <stdlib.h>\n")
    for name in sorted(declared - there):
        file.write(f'int {name}(void); int {name}(void) {{ fputs("{name} is not built yet\\n", stderr); abort(); }}\n')
