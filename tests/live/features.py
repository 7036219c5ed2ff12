# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the live tests found out about each version of headscale, as the table of libfabric-net/headscale/VERSIONS.md: features.py FILE.

FILE has a line for each cell: feature, version, what it is there, parted by tabs. Fails when the table was another one before.
"""

import pathlib
import sys

TABLE = pathlib.Path(__file__).parents[2] / "libfabric-net/headscale/VERSIONS.md"
HEAD = """# What works on which version of Headscale

`tests/run --long headscale-all` asks real servers of these versions and writes this table. What a server cannot do is refused before anything
is sent (`fbn_headscale_can()`); what nobody can do over the API (DNS, prefixes) is in the server's file.

"""


def table(lines):
    cells = dict(((feature, version), cell) for feature, version, cell in lines)
    versions = sorted({version for _, version in cells}, key=lambda version: [int(part) for part in version.split(".")])
    features = list(dict.fromkeys(feature for feature, _ in cells))
    rows = [["", *versions], ["---"] * (len(versions) + 1)]
    rows += [[feature, *(cells.get((feature, version), "not tested") for version in versions)] for feature in features]
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main():
    text = table([line.split("\t") for line in pathlib.Path(sys.argv[1]).read_text().splitlines()])
    before = TABLE.read_text() if TABLE.exists() else ""
    if text == before:
        return 0
    TABLE.write_text(text)
    print(f"{TABLE} had another table: look at the difference and commit it", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
