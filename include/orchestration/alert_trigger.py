"""The watcher: turns firing Prometheus alerts into asset events."""

import asyncio
import logging
from collections.abc import AsyncIterator, Hashable
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from include.errors import MoebiusError, ServiceError

if TYPE_CHECKING:  # DAG files are parsed often
    from include.contracts.operations import Alert

log = logging.getLogger(__name__)


class PrometheusAlertTrigger(BaseEventTrigger):
    """Fires once per set of alerts of one use case; all use cases share one poll of Prometheus.

    An alert is the same as long as its name, release and period are; so a restart of the triggerer may
    repeat an event, and the decision step is the one that refuses a second retrain of the same period.

    Parameters
    ----------
    url
        Prometheus, e.g. ``http://127.0.0.1:9090``.
    usecase
        Only alerts with this ``usecase`` label count.
    poll_seconds
        Time between two polls.
    """

    def __init__(self, *, url: str, usecase: str, poll_seconds: float) -> None:
        super().__init__()
        self.url, self.usecase, self.poll_seconds = url, usecase, poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        classpath = f"{type(self).__module__}.{type(self).__qualname__}"
        return classpath, {"url": self.url, "usecase": self.usecase, "poll_seconds": self.poll_seconds}

    def shared_stream_key(self) -> Hashable | None:
        return ("prometheus-alerts", self.url, self.poll_seconds)

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator["list[Alert]"]:
        """One poll loop; an unreachable Prometheus is logged and asked again."""
        from include.services.adapters import metrics_server

        server = metrics_server(kwargs["url"])
        while True:
            try:
                yield await server.firing()
            except ServiceError as error:
                log.warning("%s", error)
            await asyncio.sleep(kwargs["poll_seconds"])

    async def filter_shared_stream(self, shared_stream: AsyncIterator["list[Alert]"]) -> AsyncIterator[TriggerEvent]:
        seen: set[tuple[str, ...]] = set()
        async for alerts in shared_stream:
            mine = await asyncio.to_thread(self._audible, [a for a in alerts if a.usecase == self.usecase])
            now: set[tuple[str, ...]] = {(a.name, a.release, a.period) for a in mine}
            if now - seen:
                yield TriggerEvent({"usecase": self.usecase, "alerts": [a.json_dict() for a in mine]})
            seen = now

    def _audible(self, alerts: "list[Alert]") -> "list[Alert]":
        """Without those that a person silenced; all of them where that cannot be read."""
        from include.services import composition

        try:
            return composition.services().controls.audible(self.usecase, alerts)
        except MoebiusError as error:
            log.warning("%s: no silence counts: %s", self.usecase, error)
            return alerts

    async def run(self) -> AsyncIterator[TriggerEvent]:
        kwargs = self.serialize()[1]
        async for event in self.filter_shared_stream(type(self).open_shared_stream(kwargs)):
            yield event
