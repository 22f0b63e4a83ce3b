"""How a command that failed says so."""

import sys

from include.errors import MoebiusError
from include.formats.plain_text import visible


def report(error: MoebiusError, code: int = 1) -> int:
    """Print the error on standard error; returns the exit code. A value in it cannot steer the terminal."""
    print(visible(f"{type(error).__name__}: {error}"), file=sys.stderr)
    return code
