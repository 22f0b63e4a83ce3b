"""Splits by group and stratified: whole groups, equal shares, and sides that new data never change."""

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from include.development.datasets.splits import PERSON, TEST, TRAIN, VALIDATION, Frozen, cut, sides
from include.errors import DataError
from include.specification.learning import Split
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.unit.development.frames import flight_spec

STRATIFIED = Split(by="stratified", test_share=0.2, validation_share=0.15)
GROUPED = Split(by="group", group="tailnum", test_share=0.3, validation_share=0.2)
PARTS = (TRAIN, VALIDATION, TEST)


def rows(count: int, periods: int = 3, groups: int = 40, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "flight_id": [f"f{seed}-{i}" for i in range(count)],
            "tailnum": [f"N{n}" for n in random.integers(0, groups, count)],
            "late": (random.random(count) < 0.2).astype(int),
            "period": [f"2013-{1 + n:02d}" for n in random.integers(0, periods, count)],
        }
    )


def parted(spec: UseCase, frame: pd.DataFrame, frozen: Frozen | None = None) -> dict[str, pd.DataFrame]:
    periods = set(frame["period"])
    return cut(spec, frame, learn=periods, test=periods, frozen=frozen or Frozen())


@settings(max_examples=25, deadline=None)
@given(count=st.integers(50, 400), seed=st.integers(0, 1000))
def test_a_stratified_split_takes_its_share_of_every_class_in_every_month(count: int, seed: int) -> None:
    frame = rows(count, seed=seed)
    parts = parted(flight_spec(split=STRATIFIED), frame)
    assert sorted(pd.concat(parts.values()).index) == list(frame.index)
    for stratum, size in frame.groupby(["period", "late"]).size().items():
        found = {name: part.groupby(["period", "late"]).size().get(stratum, 0) for name, part in parts.items()}
        assert abs(found[TEST] - 0.2 * size) < 1
        assert abs(found[TEST] + found[VALIDATION] - 0.35 * size) < 1


@settings(max_examples=25, deadline=None)
@given(split=st.sampled_from([STRATIFIED, GROUPED]), seed=st.integers(0, 1000))
def test_a_row_keeps_its_side_when_months_are_added_and_rows_come_in_another_order(split: Split, seed: int) -> None:
    spec, frame = flight_spec(split=split), rows(300, periods=4, seed=seed)
    before = sides(spec, frame[frame["period"] < "2013-04"])
    after = sides(spec, frame.sample(frac=1, random_state=seed))
    assert after[before.index].equals(before)


@settings(max_examples=25, deadline=None)
@given(split=st.sampled_from([STRATIFIED, GROUPED, flight_spec().split]), seed=st.integers(0, 1000))
def test_a_row_that_a_person_was_asked_about_only_trains(split: Split, seed: int) -> None:
    spec, frame = flight_spec(split=split), rows(300, seed=seed)
    frame["event_timestamp"] = pd.to_datetime(frame["period"] + "-01", utc=True) + pd.to_timedelta(frame.index, "h")
    asked = frame.index % 10 == 3
    learn, test = ["2013-01", "2013-02"], ["2013-03"] if split.by == "time" else ["2013-01", "2013-02"]
    parts = cut(spec, frame.assign(**{PERSON: asked}), learn=learn, test=test, frozen=Frozen())
    assert parts[TRAIN][PERSON].any()
    assert not parts[VALIDATION][PERSON].any()
    assert not parts[TEST][PERSON].any()
    if split.by == "stratified":  # and moves no other row to another side
        others = frame[~asked]
        assert sides(spec, frame.assign(**{PERSON: asked}))[others.index].equals(sides(spec, others))


@settings(max_examples=25, deadline=None)
@given(groups=st.integers(5, 200), seed=st.integers(0, 1000))
def test_a_group_is_in_one_part_only(groups: int, seed: int) -> None:
    frame = rows(400, groups=groups, seed=seed)
    side = sides(flight_spec(split=GROUPED), frame)
    assert (side.groupby(frame["tailnum"]).nunique() == 1).all()


def test_the_shares_of_many_groups_are_those_of_the_spec() -> None:
    frame = rows(20_000, groups=3000)
    found = sides(flight_spec(split=GROUPED), frame).groupby(frame["tailnum"]).first().value_counts(normalize=True)
    assert found[TEST] == pytest.approx(0.3, abs=0.03)
    assert found[VALIDATION] == pytest.approx(0.2, abs=0.03)


def test_use_cases_do_not_test_on_the_same_rows() -> None:
    frame = rows(400)
    one, other = (sides(flight_spec(split=STRATIFIED, name=name), frame) for name in ("one", "other"))
    assert 0.3 < (one == other).mean() < 0.8


def test_what_a_champion_was_tested_on_never_learns_and_what_it_learned_from_never_tests() -> None:
    spec, frame = flight_spec(split=STRATIFIED), rows(300)
    plain = parted(spec, frame)
    tested, learned = plain[TRAIN]["flight_id"].iloc[:7], plain[TEST]["flight_id"].iloc[:5]
    parts = parted(spec, frame, Frozen(tested=frozenset(tested), learned=frozenset(learned)))
    assert {name: len(plain[name]) - len(parts[name]) for name in PARTS} == {TRAIN: 7, VALIDATION: 0, TEST: 5}
    assert not set(tested) & set(pd.concat(parts.values())["flight_id"])


def test_a_frozen_group_never_learns() -> None:
    spec, frame = flight_spec(split=GROUPED), rows(300)
    group = parted(spec, frame)[TRAIN]["tailnum"].iloc[0]
    parts = parted(spec, frame, Frozen(groups=frozenset([group])))
    assert group not in set(pd.concat([parts[TRAIN], parts[VALIDATION]])["tailnum"])


def test_periods_bound_what_learns_and_what_tests() -> None:
    parts = cut(
        flight_spec(split=STRATIFIED), rows(400), learn=["2013-01"], test=["2013-01", "2013-02"], frozen=Frozen()
    )
    assert {name: set(part["period"]) for name, part in parts.items()} == {
        TRAIN: {"2013-01"},
        VALIDATION: {"2013-01"},
        TEST: {"2013-01", "2013-02"},
    }


def test_without_classes_every_month_gives_its_share() -> None:
    frame = rows(600).drop(columns="late")
    event = load_usecase("flight_delay").event.model_copy(update={"label": None, "label_time": None})
    found = sides(flight_spec(split=STRATIFIED, task="clustering", event=event), frame)
    assert ((found == TEST).groupby(frame["period"]).mean() - 0.2).abs().max() < 0.01


def test_a_row_without_group_is_refused() -> None:
    frame = rows(300)
    frame.loc[3, "tailnum"] = None
    with pytest.raises(DataError, match="1 rows have no tailnum, by which the dataset is split"):
        parted(flight_spec(split=GROUPED), frame)


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(DataError, match="no rows are left for training"):
        cut(flight_spec(split=STRATIFIED), rows(100), learn=[], test=["2013-01"], frozen=Frozen())


def test_rows_that_would_all_validate_are_refused_with_the_way_out() -> None:
    spec = flight_spec()
    times = pd.date_range("2013-01-01", periods=96, freq="h", tz="UTC")
    hours = pd.DataFrame({
        spec.event.id: [f"e{number}" for number in range(96)], spec.event.time: times,
        "period": times.strftime("%Y-%m-%d"), spec.event.label: 0,
    })  # fmt: skip
    with pytest.raises(DataError, match=r"all 72 rows .* last 7 days .* none is left to train on; .* split.validation"):
        cut(spec, hours, learn=["2013-01-01", "2013-01-02", "2013-01-03"], test=["2013-01-04"], frozen=Frozen())
