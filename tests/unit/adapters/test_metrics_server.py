"""Every firing alert of our rules is read at once, of use cases and of the platform."""

import shutil
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from include.adapters.metrics_server import Prometheus, query_fault
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
        rules = [{"duration": 0, "alerts": alerts[:1]}, {"duration": 60, "alerts": alerts[1:]}]
        return httpx.Response(200, json={"status": "success", "data": {"groups": [{"rules": rules}]}})

    monkeypatch.setattr(httpx, "get", get)
    platform, own = Prometheus("http://prometheus").all_firing(0.5)
    assert (platform.name, platform.usecase, platform.severity, platform.asks) == ("C", "", "repair", True)
    assert (own.name, own.usecase, own.release, own.asks) == ("B", "u", "r1", False)
    assert own.since == datetime(2013, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert platform.since == datetime(2013, 6, 1, 12, 1, 0, 123456, tzinfo=UTC), "it fires when its rule has waited"
    assert (own.summary, own.action, waited) == ("B happened", "look", [0.5])


def test_without_an_answer_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(url: str, **_: Any) -> httpx.Response:
        raise httpx.ConnectTimeout("too late")

    monkeypatch.setattr(httpx, "get", get)
    with pytest.raises(ServiceError, match=r"did not answer /api/v1/rules: too late"):
        Prometheus("http://prometheus").all_firing(0.5)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool checks the queries")
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("up", ""),
        ("1", ""),
        ("sum(up) > 0  # a comment", ""),
        ('sum(increase(moebius_requests_total{usecase="$usecase"}[$window]))', ""),
        ("", "unexpected"),
        (" ", "no expression found"),
        ("sum(", "unclosed left parenthesis"),
        ("up) or (up", "unexpected right parenthesis"),
        ("rate(up)", "expected type range vector"),
        ("up[5m]", "the answer must have only scalar and instant vector types"),
        ('"text"', "the answer must have only scalar and instant vector types"),
    ],
)
def test_a_query_whose_answer_cannot_be_judged_is_a_fault_before_a_run(query: str, said: str) -> None:
    assert said in query_fault(query)
    assert bool(query_fault(query)) == bool(said)
