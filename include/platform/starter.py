"""Starts one service that died, as it is to be started now, and becomes its holder again.

Run by the holder as ``python -m include.platform.starter <directory> <name> <life> <parent>``: what the holder does not
know (settings, arguments, environment) is computed here. A start that fails is noted and ends this program with 1, so
that supervisord's back-off comes before the next try.
"""

import os
import sys
import time
import traceback
from pathlib import Path

from include.contracts.platform import append_event
from include.errors import MoebiusError
from include.platform import servers
from include.platform.supervisor import Supervisor
from include.platform.supervisord import NAME
from include.process_environment import use_utc
from include.settings import load_settings

REST_SECONDS = 5.0
HOLDER = Path(__file__).with_name("holder.py")


def main(arguments: list[str]) -> None:
    """Never returns without an exit or another program."""
    directory, name = Path(arguments[0]), arguments[1]
    os.umask(0o077)
    use_utc()
    try:
        start(Supervisor(directory, load_settings().host), name)
    except (MoebiusError, OSError) as error:
        _failed(directory, name, f"{type(error).__name__}: {error}")
    except Exception:  # a fault of ours: whoever reads the log of the service finds it there
        _failed(directory, name, traceback.format_exc())
    else:
        if name == NAME:
            sys.exit(0)  # it starts a holder of its own
    os.execv(sys.executable, [sys.executable, "-I", "-S", str(HOLDER), *arguments])  # noqa: S606


def start(supervisor: Supervisor, name: str) -> None:
    """Raises NotFoundError when no service has this name, else as ``Supervisor.resume`` does."""
    supervisor.resume(servers.called(name, load_settings()))


def _failed(directory: Path, name: str, what: str) -> None:
    """Ends this program, unless it is the last one that looks after supervisord."""
    _note(directory, name, what)
    if name != NAME:
        sys.exit(1)
    time.sleep(REST_SECONDS)


def _note(directory: Path, name: str, what: str) -> None:
    """In the events and in the log of the service, where somebody looks first; a full disk takes neither."""
    append_event(directory / "events.jsonl", name, "failed", what.strip().splitlines()[-1][:300])
    try:
        with (directory / "log" / f"{name}.log").open("a") as log:
            log.write(f"{name} was not started again: {what}\n")
    except OSError:
        return


if __name__ == "__main__":
    main(sys.argv[1:])
