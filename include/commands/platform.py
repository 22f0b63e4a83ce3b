"""``make up``, ``make down``, ``make status``."""

import sys

from rich.console import Console

from include.errors import MoebiusError
from include.platform.embedded import Platform
from include.settings import load_settings


def main(verb: str) -> int:
    console = Console()
    try:
        platform = Platform(load_settings())
        if verb == "up":
            platform.up(lambda line: console.print(line, highlight=False))
            console.print(platform.table())
        elif verb == "down":
            console.print(f"stopped: {', '.join(platform.down()) or 'nothing was running'}")
        else:
            console.print(platform.table())
    except MoebiusError as error:
        console.print(f"[red]{type(error).__name__}:[/] {error}", highlight=False)
        return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("up", "down", "status"):
        sys.exit("usage: python -m include.commands.platform up | down | status")
    sys.exit(main(sys.argv[1]))
