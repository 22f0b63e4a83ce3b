"""Datasets of a use case by days: windows of time, the frozen one kept apart, and rows that the champion never saw."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from include.contracts.calendar import Calendar, Span
from include.contracts.development import DatasetRef
from include.contracts.period import Period
from include.development.datasets import fresh_rows
from include.development.datasets.parts import read_part
from include.errors import DataError, LeakageError
from include.specification.data import Periods
from include.specification.learning import Training
from include.specification.usecase import UseCase
from tests.unit.development import frames

DAYS = Period.between(Period("2013-01-01"), Period("2013-01-20"))
CALENDAR = Calendar(every="day", timezone="America/New_York")


def day(key: str, rows: int = 200) -> pd.DataFrame:
    """A day of a month's flights; local midnight to local midnight."""
    whole = frames.events("2013-01", rows)
    times = pd.date_range(*CALENDAR.window(Period(key)).utc(), periods=rows + 1, inclusive="left")
    times = times.astype("datetime64[us, UTC]")
    ids = [f"{key}_{i:05d}" for i in range(rows)]
    known = times + pd.Timedelta(hours=6)
    distance = whole["distance"] + DAYS.index(Period(key)) / 1000  # no day is a copy of another
    return whole.assign(flight_id=ids, event_timestamp=times, label_timestamp=known, period=key, distance=distance)


TABLES = {key: day(key) for key in DAYS}
LAKE = frames.MemoryLake(TABLES)  # of all tests: it keeps what the input guard says of each day


def daily(test: str = "4 days", window: str = "all") -> UseCase:
    spec = frames.flight_spec()
    return spec.model_copy(
        update={
            "periods": Periods(first="2013-01-01", last="2013-12-31", schedule="@daily", timezone="America/New_York"),
            "split": spec.split.model_copy(update={"test": Span(test), "validation": Span("3 days")}),
            "retrain": spec.retrain.model_copy(update={"window": window if window == "all" else Span(window)}),
        }
    )


def build(directory: Path, test_to: str, spec: UseCase | None = None, **changes: Any) -> DatasetRef:
    published = {key: rows for key, rows in TABLES.items() if key <= test_to}
    return frames.build(directory, published, spec or daily(), test_to=Period(test_to), lake=LAKE, **changes)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> DatasetRef:
    """The dataset that is tested up to 12 January; tests change nothing in it."""
    return build(tmp_path_factory.mktemp("first"), "2013-01-12")


@pytest.fixture(scope="module")
def refitted_first(tmp_path_factory: pytest.TempPathFactory, first: DatasetRef) -> DatasetRef:
    """That of its refit; tests change nothing in it."""
    return refitted(tmp_path_factory.mktemp("refitted"), first)


def spans(dataset: DatasetRef) -> list[tuple[str, str]]:
    return [(part.periods[0], part.periods[-1]) for part in (dataset.train, dataset.validation, dataset.test)]


def test_the_last_days_test_and_the_days_before_validate(first: DatasetRef) -> None:
    assert spans(first) == [("2013-01-01", "2013-01-05"), ("2013-01-06", "2013-01-08"), ("2013-01-09", "2013-01-12")]
    assert first.test.rows == 800, "four days together"
    assert first.validation.rows == 600
    assert first.name.startswith("2013-01-12-")


def test_a_window_to_learn_from_is_a_length_of_time(tmp_path: Path) -> None:
    dataset = build(tmp_path, "2013-01-16", daily(window="8 days"))
    assert spans(dataset) == [("2013-01-05", "2013-01-09"), ("2013-01-10", "2013-01-12"), ("2013-01-13", "2013-01-16")]


def test_a_person_may_name_both_windows(tmp_path: Path) -> None:
    named = {"train_from": Period("2013-01-02"), "train_to": Period("2013-01-08"), "test_from": Period("2013-01-14")}
    dataset = build(tmp_path, "2013-01-16", **named)
    assert spans(dataset) == [("2013-01-02", "2013-01-05"), ("2013-01-06", "2013-01-08"), ("2013-01-14", "2013-01-16")]


@pytest.mark.parametrize(
    ("named", "error", "words"),
    [
        ({"test_from": "2013-01-13"}, DataError, "test_from 2013-01-13 is after test_to 2013-01-12"),
        ({"test_from": "2013-01-10", "train_to": "2013-01-10"}, LeakageError, "train_to 2013-01-10 is not before the"),
        (
            {"test_from": "2013-01-01"},
            DataError,
            r"nothing is published up to 2012-12-31, before the test set 2013-01-01",
        ),
    ],
)
def test_windows_that_cannot_be_are_named(tmp_path: Path, named: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        build(tmp_path, "2013-01-12", **{name: Period(key) for name, key in named.items()})


def test_a_split_by_rule_has_no_days_that_only_test(tmp_path: Path) -> None:
    spec = daily()
    by_rule = spec.model_copy(update={"split": spec.split.model_copy(update={"by": "stratified"})})
    with pytest.raises(DataError, match="split by stratified, so a share of all periods tests: leave test_from out"):
        build(tmp_path, "2013-01-12", by_rule, test_from=Period("2013-01-10"))


def test_the_next_test_window_is_later_than_the_frozen_one_which_teaches_nobody(
    tmp_path: Path, first: DatasetRef
) -> None:
    later = build(tmp_path, "2013-01-15", excluded=[first])
    assert later.test.periods == ["2013-01-13", "2013-01-14", "2013-01-15"], "the days since, not four days back"
    assert later.train.periods[-1] < "2013-01-09"
    whole = build(tmp_path, "2013-01-18", excluded=[first])
    assert spans(whole)[2] == ("2013-01-15", "2013-01-18")
    learned = {*whole.train.periods, *whole.validation.periods}
    assert learned == {*DAYS[:8], "2013-01-13", "2013-01-14"}, "the frozen days are left out, those after them teach"
    ids = set(read_part(whole.train)["flight_id"]) | set(read_part(whole.validation)["flight_id"])
    assert not ids & set(read_part(first.test)["flight_id"])


def test_a_retrain_a_week_later_on_the_same_rows_is_refused_and_a_later_one_says_what_is_new(
    tmp_path: Path, first: DatasetRef
) -> None:
    spec = daily().model_copy(update={"training": Training(refit="never")})
    same = build(tmp_path, "2013-01-16", excluded=[first])
    with pytest.raises(DataError, match=r"would see no new rows: all 1600 of dataset 2013-01-16-\w+ taught the model"):
        fresh_rows.require(spec, same, first)
    assert fresh_rows.require(spec, build(tmp_path, "2013-01-18", excluded=[first]), first) == 400
    shorter = build(tmp_path, "2013-01-16", daily(window="10 days"), excluded=[first])
    with pytest.raises(DataError, match="no new rows"):
        fresh_rows.require(spec, shorter, first)


def refitted(directory: Path, proof: DatasetRef) -> DatasetRef:
    published = {key: rows for key, rows in TABLES.items() if key <= proof.test.periods[-1]}
    return frames.build_refit(directory, proof, published, daily())


def test_a_second_and_a_third_cycle_after_a_refit_have_something_to_learn(
    tmp_path: Path, first: DatasetRef, refitted_first: DatasetRef
) -> None:
    """Each refit has learned all days up to its test; the next candidate's proof learns no day that is new to it."""
    for dataset in (first, refitted_first):  # a refit looks for what its proof left out
        shutil.copytree(dataset.path, tmp_path / dataset.name)
    champion = refitted_first
    for test_to, fresh in (("2013-01-16", 800), ("2013-01-20", 800)):
        proof = build(tmp_path, test_to, excluded=[champion])
        learned = {*read_part(proof.train)["flight_id"], *read_part(proof.validation)["flight_id"]}
        assert learned <= {*read_part(champion.train)["flight_id"]}
        assert fresh_rows.require(daily(), proof, champion) == fresh
        champion = refitted(tmp_path, proof)
        with pytest.raises(DataError, match=r"wait until more is published$"):
            fresh_rows.require(daily(), proof, champion)


def test_rows_of_a_test_set_that_refused_somebody_are_new_to_the_champion_too(
    tmp_path: Path, refitted_first: DatasetRef
) -> None:
    refused = build(tmp_path, "2013-01-16", excluded=[refitted_first])
    later = build(tmp_path, "2013-01-20", excluded=[refused])
    assert fresh_rows.require(daily(), later, refitted_first) == 1600, "the frozen days and those that test"
    assert later.train.periods + later.validation.periods == DAYS[:12]


def test_periods_and_their_snapshots_say_before_any_row_is_read_whether_there_is_something_new(
    first: DatasetRef,
) -> None:
    champion = first
    published = {ref.period: ref for ref in frames.snapshots(TABLES)}

    def may_teach(first: str, last: str, given: int | None = None, refs: Any = None) -> bool:
        periods = Period.between(Period(first), Period(last))
        return fresh_rows.may_teach(champion, refs or published, given, periods)

    assert not may_teach("2013-01-01", "2013-01-12"), "learned from, or tested on"
    assert may_teach("2013-01-01", "2013-01-13")
    assert may_teach("2013-01-01", "2013-01-12", given=3), "people gave labels since"
    assert not may_teach("2013-02-01", "2013-02-03"), "not published"
    again = published[Period("2013-01-02")].model_copy(update={"name": "2013-01-02-again"})
    assert may_teach("2013-01-01", "2013-01-12", refs=published | {Period("2013-01-02"): again})
    nothing = published[Period("2013-01-13")].tables["events"].model_copy(update={"rows": 0})
    empty = published[Period("2013-01-13")].model_copy(update={"tables": {"events": nothing}})
    assert not may_teach("2013-01-01", "2013-01-13", refs=published | {Period("2013-01-13"): empty})


def test_labels_of_the_newest_day_that_are_not_due_refuse_it(tmp_path: Path) -> None:
    with pytest.raises(LeakageError, match="labels of 2013-01-12 are known only after"):
        build(tmp_path, "2013-01-12", as_of=datetime(2013, 1, 12, 12, tzinfo=UTC))
