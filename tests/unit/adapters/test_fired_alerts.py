"""The past of alerts is the same whenever it is asked for."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from include.adapters.metrics_server import Prometheus
from include.contracts.operations import FiredAlert

BEGIN = 1_795_960_541
"""Second of the first sample; the samples are taken 0.887 s after each full second."""
OFFSET, NOW = 0.887, BEGIN + 7000
LABELS = {"alertname": "MoebiusFeatureDrift", "usecase": "u", "severity": "look", "release": "r0002", "gate": "raw"}
ALERTS = [(0, 32, 0), (37, 63, 0), (76, 400, 73), (404, 500, 402), (4000, 7000, 4000)]
"""From and to second of samples, and since when the alert is active: two parts of one alert, three other ones."""
DAYS = timedelta(days=14)


class Sampled:
    """Prometheus as far as a history asks it; ``now``: second until which it has taken samples."""

    def __init__(self, now: int = NOW) -> None:
        self.now, self.asked = now, list[float]()

    def __call__(self, url: str, params: Mapping[str, str], **_: Any) -> httpx.Response:
        if url.endswith("query_range"):
            found = self._cells(params)
            result = [{"metric": LABELS, "values": found}] if found else []
        else:
            fires = BEGIN + ALERTS[-1][1] > self.now - 5
            labels = {**LABELS, "__name__": "ALERTS", "alertstate": "firing"}
            result = [{"metric": labels, "value": [self.now, "1"]}] if fires else []
        return httpx.Response(200, json={"status": "success", "data": {"resultType": "vector", "result": result}})

    def _cells(self, params: Mapping[str, str]) -> list[Any]:
        start, end, step = (float(params[name]) for name in ("start", "end", "step"))
        assert re.search(r"\[(\d+)s\]", params["query"])[1] == params["step"], "no sample is missed"  # type: ignore[index]
        self.asked.append(start % step)
        newest = dict[float, float]()
        for first, last, active in ALERTS:
            for second in range(BEGIN + first, min(BEGIN + last, self.now) + 1):
                at = start + max(0, -(-(second + OFFSET - start) // step)) * step
                if start - step < second + OFFSET and at <= end:
                    newest[at] = BEGIN + active
        return [[at, str(active)] for at, active in sorted(newest.items())]


def history(
    monkeypatch: pytest.MonkeyPatch, now: int = NOW, later: float = 0, length: timedelta = DAYS
) -> list[FiredAlert]:
    server = Sampled(now)
    monkeypatch.setattr(httpx, "get", server)
    until = datetime.fromtimestamp(now + later, UTC)
    found = Prometheus("http://prometheus").fired("u", until - length, until)
    assert set(server.asked) == {0}, "steps lie at multiples of their length"
    return found


def seconds(one: FiredAlert) -> tuple[float, float | None]:
    return one.since.timestamp() - BEGIN, one.until and one.until.timestamp() - BEGIN


def test_each_alert_is_told_to_the_second_and_one_that_went_on_after_a_pause_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = history(monkeypatch)
    assert [seconds(one) for one in found] == [(0, 64), (76, 401), (404, 501), (4000, None)]
    assert {(one.name, one.severity, one.release) for one in found} == {("MoebiusFeatureDrift", "look", "r0002")}
    assert found[0].about == {"gate": "raw"}


def test_the_past_is_the_same_whenever_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    at_first = history(monkeypatch)
    assert all(history(monkeypatch, later=second) == at_first for second in range(1, 40, 3))
    assert history(monkeypatch, length=timedelta(days=1)) == at_first
    years = history(monkeypatch, length=timedelta(days=400))
    assert len(years) == len(at_first), "a gap shorter than a step joins no two alerts"


def test_the_newest_alert_is_seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seconds(history(monkeypatch, now=BEGIN + 4001)[-1]) == (4000, None)
