# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can go wrong in a rehearsal, as one line that says what, where and what to do."""

FAILED = 1
BAD_INPUT = 3
NOT_ALLOWED = 6


class Problem(Exception):
    """Ends the command with this line and this exit code."""

    def __init__(self, line: str, code: int = FAILED) -> None:
        super().__init__(line)
        self.code = code
