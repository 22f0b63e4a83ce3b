"""Every firing alert of our rules is read at once, of use cases and of the platform."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from include.adapters.metrics_server import Prometheus
from include.errors import ServiceError

SINCE = "2013-06-01T12:00:00.123456789Z"


def fired(name: str, state: str = "firing", **labels: str) -> dict[str, Any]:
    notes = {"summary": f"{name} happened", "action": "look"}
    return {"labels": {"alertname": name, **labels}, "annotations": notes, "state": state, "activeAt": SINCE}


def test_alerts_of_use_cases_and_of_the_platform_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = list[float]()
    alerts = [
        fired("B", usecase="u", severity="look", release="r1"), fired("C", severity="repair", asks="retrain_trigger"),
        fired("A", "pending", usecase="u", severity="look"), fired("not_ours", severity="page"), fired("bare"),
    ]  # fmt: skip

    def get(url: str, timeout: float, **_: Any) -> httpx.Response:
        waited.append(timeout)
        return httpx.Response(200, json={"status": "success", "data": {"alerts": alerts}})

    monkeypatch.setattr(httpx, "get", get)
    platform, own = Prometheus("http://prometheus").all_firing(0.5)
    assert (platform.name, platform.usecase, platform.severity, platform.asks) == ("C", "", "repair", True)
    assert (own.name, own.usecase, own.release, own.asks) == ("B", "u", "r1", False)
    assert own.since == datetime(2013, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert (own.summary, own.action, waited) == ("B happened", "look", [0.5])


def test_without_an_answer_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(url: str, **_: Any) -> httpx.Response:
        raise httpx.ConnectTimeout("too late")

    monkeypatch.setattr(httpx, "get", get)
    with pytest.raises(ServiceError, match=r"did not answer /api/v1/alerts: too late"):
        Prometheus("http://prometheus").all_firing(0.5)
