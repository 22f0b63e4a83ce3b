"""The test before traffic reads what the online store returns."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import pytest

from include.contracts.encoding import Encoding
from include.deployment import looked_up
from include.deployment.looked_up import LookedUp
from tests.unit.loop.loop_worlds import SPEC

AT = pd.Timestamp("2013-02-10 12:00", tz="UTC")
ENTRY = {"name": "engines", "kind": "categorical", "origin": "aircraft", "categories": ["1", "2"]}
VIEW = {"key": "tailnum", "freshness_hours": 24.0, "when_missing": "default"}
MANIFEST = {"views": {"aircraft": VIEW}, "encoding": {"features": [ENTRY]}, "features": {"kept_as": "v1"}}
TAILS = [f"N{i:03d}" for i in range(20)]
ROWS = pd.DataFrame({SPEC.event.id: TAILS, SPEC.event.time: AT, "tailnum": TAILS})


class Stores:
    """Feature stores that know ``engines`` of each aircraft since ``known_at``."""

    def __init__(self, online: Sequence[Any], offline: Sequence[Any], known_at: Any = AT) -> None:
        self._online, self._offline = (dict(zip(TAILS, values, strict=True)) for values in (online, offline))
        self._known_at = known_at

    def online(self, service: str, keys: Sequence[Mapping[str, Any]], *, stamped: bool) -> list[dict[str, Any]]:
        stamp = None if self._known_at is None else self._known_at.timestamp()
        return [{"engines": self._online[k["tailnum"]], "aircraft__event_timestamp": stamp} for k in keys]

    def historical(self, service: str, events: pd.DataFrame, snapshots: Any) -> pd.DataFrame:
        engines = [self._offline[tail] for tail in events["tailnum"]]
        return events.assign(engines=engines, aircraft__event_timestamp=AT)


class Server:
    """Answers by the category that it reads: as its online store returns it, or as it is given."""

    def __init__(self, store: Stores, read: Callable[[Any], Any]) -> None:
        self._store, self._read = store, read

    def infer(self, model: str, rows: Sequence[Any], given: Sequence[str] | None = None) -> list[dict[str, Any]]:
        if given is None:
            values = [self._read(one["engines"]) for one in self._store.online("v1", rows, stamped=True)]
        else:
            values = [json.loads(one)["engines"] for one in given]
        return [{"probability": float(code)} for code in Encoding([ENTRY]).encode({"engines": values})[:, 0]]


def tried(stores: Stores, read: Callable[[Any], Any] = lambda value: value) -> Any:
    found = looked_up.look_up(SPEC, MANIFEST, ROWS, stores, [])
    assert found is not None
    return looked_up.check("private", found, Server(stores, read), 1e-4)


def test_one_spelling_passes_whatever_the_type() -> None:
    outcome = tried(Stores([1.0, 2.0] * 10, ["1", "2"] * 10))
    assert (outcome.gate, outcome.passed) == ("online_store", True)
    assert "20 entities are answered" in outcome.detail


def test_a_release_that_reads_the_online_store_otherwise_gets_no_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looked_up, "PATIENCE_SECONDS", 0.0)
    outcome = tried(Stores([1.0, 2.0] * 10, ["1", "2"] * 10), read=lambda value: f"engine {value}")
    assert not outcome.passed
    assert "20 of 20 answers differ by more than 0.0001" in outcome.detail


def test_a_store_that_was_too_slow_for_one_request_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looked_up, "PAUSE_SECONDS", 0.0)
    slow = iter([True] * 40)  # of two requests of 20 rows
    outcome = tried(Stores([1.0, 2.0] * 10, ["1", "2"] * 10), read=lambda value: None if next(slow, False) else value)
    assert outcome.passed


def test_a_release_that_reads_otherwise_is_refused_when_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looked_up, "PATIENCE_SECONDS", 0.0)
    assert not tried(Stores([1.0, 2.0] * 10, ["1", "2"] * 10), read=lambda value: None).passed


def test_a_type_that_is_lost_between_the_stores_gets_no_traffic() -> None:
    outcome = tried(Stores(["one", "two"] * 10, ["1", "2"] * 10))
    assert not outcome.passed
    assert "'engines' is another value to the model in 20 of 20 rows" in outcome.detail


def test_an_online_store_without_any_of_the_entities_gets_no_traffic() -> None:
    outcome = tried(Stores([None] * 20, ["1", "2"] * 10, known_at=None))
    assert not outcome.passed
    assert "has none of 20 entities whose features the offline store has; run the data pipeline" in outcome.detail


def test_moments_are_compared_by_whole_seconds_whichever_store_keeps_the_fraction() -> None:
    later = AT + pd.Timedelta(milliseconds=250)
    assert "20 entities are answered" in tried(Stores([1.0, 2.0] * 10, ["1", "2"] * 10, known_at=later)).detail


def test_values_of_another_moment_are_not_compared() -> None:
    outcome = tried(Stores([2.0] * 20, ["1"] * 20, known_at=AT + pd.Timedelta(hours=1)))
    assert outcome.passed
    assert "not compared" in outcome.detail


def test_a_few_corrected_values_stop_no_release() -> None:
    assert tried(Stores([2.0] + [1.0] * 19, ["1"] * 20)).passed


def test_one_number_that_is_two_categories_gets_no_traffic() -> None:
    large = ["16777217"] + ["1"] * 19
    entry = {**ENTRY, "categories": ["1", "16777217"]}
    found = looked_up.look_up(
        SPEC, MANIFEST | {"encoding": {"features": [entry]}}, ROWS, Stores([2.0**24] + [1.0] * 19, large), []
    )
    assert found is not None
    outcome = looked_up.check("private", found, Server(Stores([1.0] * 20, large), lambda value: value), 1e-4)
    assert not outcome.passed
    assert (
        "'engines' is another value to the model in 1 of 20 rows, although both stores say the same" in outcome.detail
    )


def test_categories_that_the_model_does_not_know_are_seen_without_values_of_one_moment() -> None:
    outcome = tried(Stores(["one"] * 20, ["1"] * 20, known_at=AT + pd.Timedelta(hours=1)))
    assert not outcome.passed
    assert "'engines' is a category that the model does not know in all 20 entities" in outcome.detail


def test_a_use_case_that_looks_nothing_up_is_asked_nothing() -> None:
    assert (
        looked_up.look_up(SPEC, {"views": {}, "encoding": {"features": []}}, ROWS, Stores([1] * 20, [1] * 20), [])
        is None
    )
    empty = looked_up.look_up(SPEC, MANIFEST, ROWS.assign(tailnum=None), Stores([1] * 20, [1] * 20), [])
    assert empty == LookedUp(0, 0, [], [], {})


class Moving(Stores):
    """The values of the first aircraft change with each reading, as those that a stream feeds."""

    def __init__(self, values: Sequence[Any], moving: int) -> None:
        super().__init__(values, values)
        self._moving, self._read = moving, 0

    def online(self, service: str, keys: Sequence[Mapping[str, Any]], *, stamped: bool) -> list[dict[str, Any]]:
        rows = super().online(service, keys, stamped=stamped)
        moved, self._read = self._read, self._read + 1
        for row in [row for key, row in zip(keys, rows, strict=True) if key["tailnum"] in TAILS[: self._moving]]:
            row["aircraft__event_timestamp"] += moved
            row["engines"] = row["engines"] if not moved else 3 - row["engines"]
        return rows


@pytest.mark.parametrize(("moving", "said"), [(5, "15 entities are answered"), (20, "of 20 entities changed while")])
def test_what_a_stream_changes_meanwhile_refuses_no_release(moving: int, said: str) -> None:
    outcome = tried(Moving([1.0, 2.0] * 10, moving))
    assert outcome.passed
    assert said in outcome.detail


def test_a_stream_hides_no_fault_of_the_entities_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looked_up, "PATIENCE_SECONDS", 0.0)
    outcome = tried(Moving([1.0, 2.0] * 10, 5), read=lambda value: f"engine {value}")
    assert not outcome.passed
    assert "15 of 15 answers differ" in outcome.detail
