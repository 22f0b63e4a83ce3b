"""Outside systems as pages ask them: a page waits for an answer that comes, not for a server that hangs."""

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import cached_property, partial
from threading import Thread
from typing import Any, cast

from include.errors import ServiceError
from include.ports.development import ExperimentReader
from include.ports.metrics import MetricsServer
from include.services.adapters import Adapters

FIRST, SIGN, REST = 0.7, 0.5, 5.0
"""Seconds: how long an answer may take before the server is asked for a sign of life, how long that may take, and for
how long a server that gave none is not asked again."""
_silent: dict[str, float] = {}
"""Address → until when it is not asked, by the clock of this process."""


class PagesAdapters(Adapters):
    """Those of a page."""

    @cached_property
    def metrics_server(self) -> MetricsServer:
        asks = frozenset({"query", "rules", "series", "alerts", "all_firing", "fired"})
        return cast(MetricsServer, Patient("Prometheus", super().metrics_server, asks))

    @cached_property
    def experiment_reader(self) -> ExperimentReader:
        asks = frozenset({"document", "registered", "newest"})
        return cast(ExperimentReader, Patient("MLflow", super().experiment_reader, asks))


class Patient:
    """An adapter whose methods ``asks`` raise ServiceError within ``FIRST + SIGN`` when the server hangs."""

    def __init__(self, name: str, server: Any, asks: frozenset[str]) -> None:
        self._name, self._server, self._asks = name, server, asks

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._server, method)
        return partial(self._asked, found) if method in self._asks else found

    def _asked(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """What the method gives; it may take as long as the adapter waits while the server gives signs of life."""
        url = self._server.url
        if time.monotonic() < _silent.get(url, 0.0):
            raise self._hangs()
        answer = _beside(partial(method, *arguments, **options))
        while not wait([answer], FIRST).done:
            sign = _beside(self._server.lives)
            if not (wait([sign], SIGN).done and sign.result()) and not answer.done():
                _silent[url] = time.monotonic() + REST
                raise self._hangs()
        return answer.result()

    def _hangs(self) -> ServiceError:
        return ServiceError(f"{self._name} at {self._server.url} does not answer; see `make status`")


def _beside(work: Callable[[], Any]) -> Future[Any]:
    """In a thread that keeps no process from ending."""
    done = Future[Any]()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # whoever waits for it gets it
            done.set_exception(error)

    Thread(target=run, name="asks", daemon=True).start()
    return done
