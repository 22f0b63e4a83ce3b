"""A feature that is the label in disguise raises the alarm; a good one does not."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.development.datasets.label_alarm import Alarm, alarms
from include.specification.data import Event, Feature
from include.specification.usecase import UseCase
from tests.unit.development.frames import flight_spec

ROWS = 2000
RANDOM = np.random.default_rng(3)
NOISE = RANDOM.normal(size=ROWS)
LABELS: dict[str, np.ndarray] = {
    "binary": (RANDOM.random(ROWS) < 0.1).astype(int),
    "multiclass": RANDOM.choice(["a", "b", "c"], ROWS, p=[0.8, 0.15, 0.05]),
    "regression": 10 * RANDOM.random(ROWS),
}


def spec_of(task: str, kind: str, **changes: Any) -> UseCase:
    event = Event(id="flight_id", time="event_timestamp", label="y", label_time="t", classes=[*"abc"])
    feature = Feature.model_validate({"name": "x", "kind": kind, "from": "request", **changes})
    return flight_spec(task=task, event=event, features=[feature])


def found(task: str, kind: str, x: Any, **changes: Any) -> list[Alarm]:
    return alarms(spec_of(task, kind, **changes), pd.DataFrame({"x": x, "y": LABELS[task]}))


@pytest.mark.parametrize(
    ("task", "kind", "x", "measure"),
    [
        ("binary", "numeric", 100 - 5 * LABELS["binary"] + 0.1 * NOISE, "AUC"),
        ("binary", "categorical", np.where(LABELS["binary"], "cancelled", "flown"), "lambda"),
        (
            "multiclass",
            "numeric",
            np.char.equal(LABELS["multiclass"], "a") + 2.0 * (LABELS["multiclass"] == "c"),
            "lambda",
        ),
        ("multiclass", "categorical", np.char.add("code-", LABELS["multiclass"]), "lambda"),
        ("regression", "numeric", np.exp(LABELS["regression"] / 10) + 1e-3 * NOISE, "rank correlation"),
        ("regression", "categorical", (2 * LABELS["regression"]).round(), "eta squared"),
    ],
)
def test_a_copy_of_the_label_is_found_however_it_is_written(task: str, kind: str, x: Any, measure: str) -> None:
    (alarm,) = found(task, kind, x)
    assert (alarm.feature, alarm.measure) == ("x", measure)
    assert alarm.value >= 0.995


@pytest.mark.parametrize("task", LABELS)
def test_a_good_feature_is_no_leak(task: str) -> None:
    codes = pd.factorize(LABELS[task])[0] if task == "multiclass" else LABELS[task]
    assert found(task, "numeric", codes + 0.5 * NOISE) == []


@pytest.mark.parametrize("task", LABELS)
def test_a_name_that_every_row_has_for_itself_tells_nothing(task: str) -> None:
    assert found(task, "categorical", [f"id-{i}" for i in range(ROWS)]) == []


@pytest.mark.parametrize("task", LABELS)
def test_a_constant_or_an_empty_column_is_no_leak(task: str) -> None:
    assert found(task, "numeric", np.ones(ROWS)) == []
    assert found(task, "numeric", np.full(ROWS, np.nan)) == []


def test_that_a_value_is_missing_may_tell_the_label_too() -> None:
    assert found("binary", "categorical", np.where(LABELS["binary"], None, "N1"))


def test_a_rare_label_is_not_told_by_always_guessing_the_other() -> None:
    rare = pd.DataFrame({"x": RANDOM.choice(["p", "q"], ROWS), "y": (np.arange(ROWS) < 4).astype(int)})
    assert alarms(spec_of("binary", "categorical"), rare) == []


def test_a_feature_that_may_tell_the_label_is_not_judged() -> None:
    x = LABELS["binary"].astype(float)
    assert found("binary", "numeric", x)
    assert found("binary", "numeric", x, tells_label=True) == []


def test_clusters_have_no_label_to_tell() -> None:
    event = Event(id="flight_id", time="event_timestamp")
    spec = spec_of("binary", "numeric").model_copy(update={"task": "clustering", "event": event})
    assert alarms(spec, pd.DataFrame({"x": NOISE})) == []


GAPS = np.where(LABELS["binary"] == 1, np.nan, NOISE)
PLACES = RANDOM.random(ROWS)


@pytest.mark.parametrize(
    ("task", "x", "y"),
    [
        ("binary", GAPS, LABELS["binary"]),
        ("binary", np.where(LABELS["binary"] == 1, NOISE, np.nan), LABELS["binary"]),
        (
            "multiclass",
            np.where(LABELS["multiclass"] == "a", np.nan, LABELS["multiclass"] == "b"),
            LABELS["multiclass"],
        ),
    ],
)
def test_that_a_number_is_missing_may_tell_the_label(task: str, x: np.ndarray, y: np.ndarray) -> None:
    (alarm,) = alarms(spec_of(task, "numeric"), pd.DataFrame({"x": x, "y": y}))
    assert alarm.value >= 0.995


@pytest.mark.parametrize(
    ("task", "y"),
    [
        ("binary", (np.abs(PLACES - 0.5) < 0.2).astype(int)),  # inside or outside
        ("binary", (np.sin(20 * PLACES) > 0).astype(int)),
        ("binary", ((PLACES * 40).astype(int) % 2 == 0).astype(int)),
        ("multiclass", np.array([*"aba"])[(PLACES * 3).astype(int)]),
        ("regression", (PLACES - 0.5) ** 2),
        ("regression", np.sin(20 * PLACES)),
        ("regression", 1e8 + np.abs(PLACES - 0.3)),
    ],
)
def test_a_relation_that_is_not_monotone_is_found(task: str, y: np.ndarray) -> None:
    (alarm,) = alarms(spec_of(task, "numeric"), pd.DataFrame({"x": PLACES, "y": y}))
    assert alarm.value >= 0.995


@pytest.mark.parametrize("different", [100, 300])
def test_codes_whose_order_means_nothing_tell_the_label(different: int) -> None:
    codes = RANDOM.integers(0, different, ROWS)
    late = RANDOM.permutation(np.arange(different) % 2)
    assert alarms(spec_of("binary", "numeric"), pd.DataFrame({"x": codes, "y": late[codes]}))


@pytest.mark.parametrize("task", LABELS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_gaps_that_come_by_chance_tell_nothing(task: str, share: float) -> None:
    gaps = RANDOM.random(ROWS) < share
    assert found(task, "numeric", np.where(gaps, np.nan, NOISE)) == []
    assert found(task, "numeric", np.where(gaps, np.nan, np.round(NOISE))) == []


def test_a_copy_of_the_label_with_gaps_is_still_found() -> None:
    gaps = RANDOM.random(ROWS) < 0.4
    for task in ("binary", "regression"):
        assert found(task, "numeric", np.where(gaps, np.nan, LABELS[task]))


def test_that_a_text_is_missing_may_tell_the_label_too() -> None:
    texts = np.where(LABELS["binary"], None, [f"note {i}" for i in range(ROWS)])
    (alarm,) = found("binary", "text", texts, length=3)
    assert (alarm.measure, alarm.value) == ("lambda", 1.0)
    assert found("binary", "text", [f"note {i}" for i in range(ROWS)], length=3) == []


def test_a_calendar_is_no_leak_of_a_label_that_changes_slowly() -> None:
    hours = np.arange(ROWS)
    temperature = np.cumsum(RANDOM.normal(size=ROWS)) + 5 * np.sin(hours * 2 * np.pi / 24)
    frame = pd.DataFrame({"x": np.sin(hours * 2 * np.pi / 8766), "y": temperature})
    assert alarms(spec_of("regression", "numeric"), frame) == []


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_a_copy_of_a_label_that_alternates_with_the_rows_is_found(kind: str) -> None:
    """Evenly spaced rows of a long table would all be of one class, or of one hour of the day."""
    labels = np.arange(40_000) % 2
    assert alarms(spec_of("binary", kind), pd.DataFrame({"x": labels, "y": labels}))


def test_a_category_of_many_values_is_judged_on_all_rows() -> None:
    """Each of 20,000 names has ten rows of one class: of a tenth of the rows each has one."""
    random = np.random.default_rng(0)
    names = random.permutation(np.tile(np.arange(20_000), 10))
    labels = (random.random(20_000) < 0.3).astype(int)[names]
    assert alarms(spec_of("binary", "categorical"), pd.DataFrame({"x": [f"c{i}" for i in names], "y": labels}))
