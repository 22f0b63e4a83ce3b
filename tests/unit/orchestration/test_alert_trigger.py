"""The watcher: one event for a new set of alerts, none for the same, none for another use case's."""

import asyncio
from collections.abc import AsyncIterator

from include.contracts.operations import Alert
from include.orchestration.alert_trigger import PrometheusAlertTrigger


def alert(period: str, usecase: str = "flight_delay", name: str = "MoebiusPerformanceLoss") -> Alert:
    return Alert(
        name=name, usecase=usecase, severity="retrain", release="r0001", period=period, value=2.0, summary="s"
    )  # fmt: skip


def events(*polls: list[Alert]) -> list[dict]:
    trigger = PrometheusAlertTrigger(url="http://x", usecase="flight_delay", poll_seconds=1)

    async def stream() -> AsyncIterator[list[Alert]]:
        for poll in polls:
            yield poll

    async def collect() -> list[dict]:
        return [event.payload async for event in trigger.filter_shared_stream(stream())]

    return asyncio.run(collect())


def test_the_same_alert_fires_once() -> None:
    assert len(events([alert("2013-06")], [alert("2013-06")], [alert("2013-06")])) == 1


def test_another_period_or_another_alert_fires_again() -> None:
    both = [alert("2013-06"), alert("2013-06", name="MoebiusFeatureDrift")]
    fired = events([alert("2013-05")], [alert("2013-06")], both)
    assert [len(e["alerts"]) for e in fired] == [1, 1, 2]


def test_an_alert_that_went_away_and_came_back_fires_again() -> None:
    assert len(events([alert("2013-06")], [], [alert("2013-06")])) == 2


def test_alerts_of_another_use_case_are_not_ours() -> None:
    assert events([alert("2013-06", usecase="digit_image")]) == []


def test_all_use_cases_share_one_poll() -> None:
    one = PrometheusAlertTrigger(url="http://x", usecase="a", poll_seconds=1)
    other = PrometheusAlertTrigger(url="http://x", usecase="b", poll_seconds=1)
    assert one.shared_stream_key() == other.shared_stream_key()
    path, kwargs = one.serialize()
    assert path == "include.orchestration.alert_trigger.PrometheusAlertTrigger"
    assert PrometheusAlertTrigger(**kwargs).serialize() == one.serialize()
