"""``moebius up``, ``down``, ``status`` and ``setup``."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from include.platform.embedded import Platform

LITTLE = 0.05
"""Share of free bytes, or inodes, of a disk that is almost full."""


def up() -> None:
    """Start every service of the platform, and wait until each is ready. What runs already is left alone."""
    from rich import print as show

    from include.platform import requirements
    from include.settings import load_settings

    requirements.ensure(load_settings())
    platform = _platform()
    platform.up(lambda line: print(line, flush=True))
    show(platform.table())
    print(platform.logins())
    _show_faults(checked=True)


def down(
    services: Annotated[list[str] | None, typer.Argument(help="only these, as `status` names them")] = None,
) -> None:
    """Stop every process that `up` or `demo` started, or only the services named; `up` starts them again."""
    print(f"stopped: {', '.join(_platform().down(*services or ())) or 'nothing was running'}")


def status() -> None:
    """Show which services run, since when, what died, when and why, their addresses, memory and log files."""
    from rich import print as show

    platform = _platform()
    show(platform.table())
    print(platform.logins())
    for line in platform.last_deaths():
        print(line)
    _show_disks()
    _show_faults(checked=False)


def _show_disks() -> None:
    """Print the file systems that are almost full."""
    from include.services.disks import disks
    from include.settings import load_settings

    for disk in disks(load_settings()):
        if disk.free_share < LITTLE:
            print(f"almost full: {disk}")


def _show_faults(checked: bool) -> None:
    """Print why use cases cannot be used: after a check of those that changed, or what is known."""
    from include.services import checking
    from include.settings import load_settings

    faults = checking.check_changed(load_settings()) if checked else checking.known(load_settings())
    if faults:
        print(f"use cases that cannot be used, wholly or in part: {', '.join(faults)}")
    for line in (line for lines in faults.values() for line in lines):
        print(line)


def setup() -> None:
    """Install the server programs that pip cannot install (Prometheus, Redis), or say how to install them."""
    from include.platform import requirements
    from include.settings import load_settings

    requirements.ensure(load_settings())


def _platform() -> "Platform":
    from include.platform.embedded import Platform
    from include.settings import load_settings

    return Platform(load_settings())
