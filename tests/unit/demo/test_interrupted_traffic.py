"""Requests that were interrupted continue behind the last answer of the prediction log."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from include.contracts.period import Period
from include.demo.world import Traffic
from include.errors import ServiceError
from include.specification.loader import load_usecase
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.serving import MemoryLog

SPEC = load_usecase("digit_image")
ID, TIME = SPEC.event.id, SPEC.event.time
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = pd.date_range("2013-04-01", periods=3, freq="h", tz="UTC").repeat(4)
EVENTS = pd.DataFrame({ID: [f"e{n}" for n in range(12)], TIME: HOURS})


def logged(numbers: list[int], at: datetime) -> pd.DataFrame:
    rows = EVENTS.iloc[numbers].assign(release="r0001", logged_at=pd.Timestamp(at))
    figures = dict.fromkeys(("latency_ms", "probability"), 0.1) | dict.fromkeys(("missing", "unavailable"), 0)
    ids = [f"{at.year}-{n}" for n in numbers]
    return rows.assign(request_id=ids, prediction="1", scores=[[0.1]] * len(rows), **figures)


class Server:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def infer(self, usecase: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self.asked += [str(row["id"]) for row in rows]
        if "e2" in self.asked[-1:]:
            raise ServiceError("no answer")
        return [{"release": "r0002"} for _ in rows]

    def close(self) -> None: ...


def resumed(home: Path, monkeypatch: pytest.MonkeyPatch, *batches: pd.DataFrame) -> tuple[Traffic, list[str]]:
    services, server = services_in(home), Server()
    services.adapters.log = MemoryLog(*batches)  # type: ignore[attr-defined]
    services.adapters.server = server  # type: ignore[attr-defined]
    monkeypatch.setattr(Traffic, "_events", lambda traffic: EVENTS)
    monkeypatch.setattr("include.demo.world.request", lambda inputs, row: {"id": row[ID]})
    traffic = Traffic(SPEC, services, [Period("2013-04")], 12, BEGUN)
    traffic.run()
    return traffic, sorted(server.asked)


def test_what_was_answered_is_not_asked_again_and_a_failed_one_stays_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """e2 failed, e6 and e7 were on their way; what was answered before the traffic began is of somebody else."""
    earlier = logged([9], datetime(2025, 1, 1, tzinfo=UTC))
    traffic, asked = resumed(tmp_path, monkeypatch, logged([0, 1, 3], BEGUN), logged([4, 5], BEGUN), earlier)
    assert asked == sorted(["e6", "e7", "e8", "e9", "e10", "e11"])
    assert (traffic.total, traffic.sent, traffic.failed) == (12, 12, 1)
    assert traffic.answers == {"r0001": 5, "r0002": 6}


def test_when_all_was_asked_only_what_failed_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traffic, asked = resumed(tmp_path, monkeypatch, logged([n for n in range(12) if n != 2], BEGUN))
    assert (asked, traffic.sent, traffic.failed) == (["e2"], 12, 1)


def test_without_an_answer_all_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traffic, asked = resumed(tmp_path, monkeypatch)
    assert (len(asked), traffic.sent, traffic.failed) == (12, 12, 1)
