"""The keeper process: what dies or hangs at night is there again in seconds, without anybody.

Each subject has a module with a ``watch``: ``models`` looks into the model servers, ``hangs`` asks every service,
``supervision`` looks after supervisord, ``logs`` keeps the log files small, ``rollouts`` ends what nobody watches.
"""

import logging
import signal
import sys
import threading
from pathlib import Path

from include.platform.topology import keeper_file
from include.processes.keeper import hangs, logs, models, rollouts, supervision
from include.processes.keeper.watch import stuck
from include.settings import load_settings

log = logging.getLogger("keeper")
LIFE_SECONDS = 2.0
"""Between two signs of life."""


def main() -> None:
    """Ends with 1 when a subject does not go on: a keeper that only seems to look is worse than one that is missing."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings, stop = load_settings(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    single = [subject.watch(settings) for subject in (supervision, hangs, rollouts, logs)]
    watches = [*single, *models.watches(settings)]
    for watch in watches:
        watch.begin(stop)
    while not stop.wait(LIFE_SECONDS):
        if names := stuck(watches):
            sys.exit(f"the keeper's rounds of {', '.join(names)} do not end")
        _live(keeper_file(settings))


def _live(file: Path) -> None:
    """A sign of life, which needs no space on the disk."""
    try:
        file.touch(mode=0o600)
    except OSError as error:
        log.error("no sign of life in %s: %s", file, error)


if __name__ == "__main__":
    main()
