"""Asks every probe of the standard at once, and keeps the answers for half a minute: a page waits for none of them."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from include.errors import MoebiusError
from include.governance.standard import probes
from include.governance.standard.states import Answer, State
from include.platform.probes import service
from include.services import probes as of_services
from include.services.composition import Services
from include.services.platform_checks import CHECKS
from include.ui import dag_runs

STANDS, FIRST = 30.0, 0.2
"""Seconds: how long answers stand, and how long a page waits while some have never been given."""
AT_ONCE = 8
ASKING = "asking"
Names = tuple[str, ...]
Ask = Callable[[], Mapping[str, Answer]]
"""Answers of some probes, which are asked together."""
log = logging.getLogger(__name__)


class Probing:
    """Answers by probe. Those that are older than ``STANDS`` are shown while new ones are asked for."""

    def __init__(self, asks: Mapping[Names, Ask], clock: Callable[[], float] = time.monotonic) -> None:
        self._asks, self._clock, self._lock = asks, clock, Lock()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="probe")
        self._answers: dict[str, Answer] = {}
        self._asking: list[Future[None]] = []
        self._begun = float("-inf")

    def evidence(self, patience: float = FIRST) -> dict[str, Answer]:
        """What is known; of a probe that has never answered, that it is being asked."""
        with self._lock:
            done = all(each.done() for each in self._asking)
            if done and self._clock() - self._begun > STANDS:
                self._begun = self._clock()
                self._asking = [self._pool.submit(self._ask, names) for names in self._asks]
            asking = self._asking
        names = [name for several in self._asks for name in several]
        if len(self._answers) < len(names):
            wait(asking, patience)
        waiting = Answer("none", ASKING, datetime.now(UTC))
        return {name: self._answers.get(name, waiting) for name in names}

    def _ask(self, names: Names) -> None:
        try:
            self._answers |= self._asks[names]()
        except Exception as error:  # what a probe meets must break no page
            if not isinstance(error, MoebiusError):
                log.warning("probes failed: %s", ", ".join(names), exc_info=True)
            why = str(error) if isinstance(error, MoebiusError) else type(error).__name__
            self._answers |= {name: Answer("none", "unasked", datetime.now(UTC), {"why": why}) for name in names}

    def close(self) -> None:
        """Wait for what is being asked."""
        self._pool.shutdown(wait=True)


def asks(services: Services) -> dict[Names, Ask]:
    """Every probe that the standard names, with what asks it; Airflow is asked once for all that it knows."""
    kinds: dict[str, Callable[[str], Answer]] = {
        "service": lambda name: service(services.settings, name),
        "table": lambda name: of_services.table(services, name),
        "metric": lambda name: of_services.metric(services, name),
        "spec": of_services.fact,
        "check": lambda name: CHECKS[name](services),
    }

    def one(probe: str) -> Ask:
        kind, _, subject = probe.partition(":")
        return lambda: {probe: kinds[kind](subject)}

    of_airflow = tuple(name for name in probes.NAMES if name.startswith(("dag:", "form:")))
    alone: dict[Names, Ask] = {(name,): one(name) for name in probes.NAMES if name not in of_airflow}
    return {of_airflow: lambda: _of_airflow(of_airflow), **alone}


_of_process: dict[Path, Probing] = {}
_making = Lock()


def probing(services: Services) -> Probing:
    """The one of this process for these settings: each request has services of its own."""
    with _making:
        key = services.settings.home
        if key not in _of_process:
            _of_process[key] = Probing(asks(services))
        return _of_process[key]


def _of_airflow(names: Names) -> dict[str, Answer]:
    families, choices = dag_runs.families(), cache(dag_runs.form_choices)
    return {
        name: _family(subject, families) if kind == "dag" else _choice(subject, choices)
        for name in names
        for kind, _, subject in [name.partition(":")]
    }


def _family(name: str, every: Iterable[dag_runs.Family]) -> Answer:
    """How the newest runs of a family's DAGs ended: one that failed makes it ill, without a run it is idle."""
    own = [one for one in every if one.family == name]
    if not own:
        return Answer("none", "no_dag", datetime.now(UTC), {"family": name})
    ran = [one for one in own if one.at]
    if not ran:
        return Answer("idle", "never_ran", datetime.now(UTC), {"family": name, "dags": str(len(own))})
    failed = [one for one in ran if one.state == "failed"]
    newest = max(failed or ran, key=lambda one: one.at or datetime.min.replace(tzinfo=UTC))
    state: State = "healthy" if not failed else "down" if len(failed) == len(ran) else "degraded"
    facts = {"family": name, "dags": str(len(own)), "run": newest.dag_id, "run_id": newest.run_id}
    facts |= {"state": newest.state, "at": f"{newest.at:%Y-%m-%d %H:%M} UTC", "usecase": newest.usecase}
    return Answer(state, "ran", datetime.now(UTC), facts)


def _choice(subject: str, choices: Callable[[str], dict[str, list[Any]]]) -> Answer:
    """Whether a form offers a value: ``<family>.<field>=<value>``."""
    field, _, value = subject.partition("=")
    family, _, name = field.partition(".")
    offered = value in choices(family).get(name, [])
    facts = {"family": family, "field": name, "value": value}
    return Answer("healthy" if offered else "none", "offered" if offered else "not_offered", datetime.now(UTC), facts)
