"""Draws pictures for the pages: a line of JSON in is a Vega-Lite specification, a line out its SVG or what is wrong.

The process ends with its input. It reads nothing of the platform, and no address of a specification is opened.
"""

import json
import sys
from typing import Any

from include.adapters import vega


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin.buffer:
        sys.stdout.write(json.dumps(_answer(line)) + "\n")
        sys.stdout.flush()


def _answer(line: bytes) -> dict[str, Any]:
    try:
        return {"svg": vega.svg(json.loads(line))}
    except ValueError as error:
        return {"error": str(error)}


if __name__ == "__main__":
    main()
