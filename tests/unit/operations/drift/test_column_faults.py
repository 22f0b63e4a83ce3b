"""A fault of one column is seen whatever its share of all cells; seasons and chance are no fault."""

import numpy as np
import pandas as pd
import pytest

from include.contracts.period import Period
from include.operations.drift import column_faults, drift
from include.operations.monitoring.monitoring import measure
from include.operations.monitoring.window_inputs import WindowInputs
from include.operations.windows.release_history import History
from tests.unit.evaluation.evaluation_specs import small_spec

NUMBERS = [f"x{i:02d}" for i in range(20)]
SPEC = small_spec(
    request=dict.fromkeys(NUMBERS, "float"),
    features=[
        *({"name": name, "kind": "numeric", "from": "request"} for name in NUMBERS),
        {"name": "season", "kind": "numeric", "from": "on_request", "clock": True},
        {"name": "origin", "kind": "categorical", "from": "request"},
    ],
)
JUNE = Period("2013-06")


def month(seed: int, n: int = 3000) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(50, 10, (n, 20)), columns=NUMBERS)
    frame["season"] = 0.9 - 0.001 * np.arange(n) / n  # of the days of a year on a circle
    frame["x19"] = np.where(random.random(n) < 0.9, 0.0, random.random(n))  # mostly zero, as rain is
    return frame.assign(
        request_id=[f"q{i}" for i in range(n)], flight_id=[f"f{i}" for i in range(n)], release="r0001",
        probability=random.random(n), latency_ms=1.0, origin=random.choice(["EWR", "JFK", "LGA"], n),
        logged_at=pd.Timestamp("2013-06-30", tz="UTC"),
        event_timestamp=pd.Timestamp("2013-06-01", tz="UTC") + pd.to_timedelta(np.arange(n) * 30 * 24 / n, unit="h"),
    )  # fmt: skip


BASELINE = drift.baseline(SPEC, month(1), np.linspace(0, 1, 3000), {})


def faults(rows: pd.DataFrame, baseline: dict = BASELINE) -> tuple[list[str], list[str]]:
    events = rows[["flight_id"]].assign(late=True)
    figures = measure(SPEC, "r0001", baseline, WindowInputs(predictions=rows, events=events, period=JUNE))
    return column_faults.faults(History(figures, SPEC.name, "r0001", JUNE))


def days(rows: pd.DataFrame, count: int) -> pd.Series:
    return rows["event_timestamp"].dt.day <= count


FAULTS = {
    "one feature of 21 wholly missing": lambda f: f.assign(x03=np.nan),
    "a third of it missing": lambda f: f.assign(x03=f["x03"].where(np.arange(len(f)) % 3 > 0)),
    "stuck at one value": lambda f: f.assign(x03=47.0),
    "stuck for half of the month": lambda f: f.assign(x03=f["x03"].where(~days(f, 15), 47.0)),
    "all zero": lambda f: f.assign(x03=0.0),
    "all zero where most are": lambda f: f.assign(x19=0.0),
    "another unit": lambda f: f.assign(x03=f["x03"] * 1000),
    "infinite": lambda f: f.assign(x03=np.inf),
    "new categories": lambda f: f.assign(origin=f["origin"].str.lower()),
    "one category": lambda f: f.assign(origin="JFK"),
    "four whole days missing": lambda f: f.assign(x03=f["x03"].mask(days(f, 4))),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_one_faulty_column_of_many_is_a_data_fault(fault: str) -> None:
    sentences, subjects = faults(FAULTS[fault](month(2)))
    expected = "x19" if "where most" in fault else "origin" if "categor" in fault else "x03"
    assert set(subjects) == {expected}
    assert all(expected in sentence for sentence in sentences)


HARMLESS = {
    "nothing": lambda f: f,
    "a season": lambda f: f.assign(x03=f["x03"] + 25),
    "a tenth more missing": lambda f: f.assign(x03=f["x03"].where(np.arange(len(f)) % 10 > 0)),
    "one whole day missing": lambda f: f.assign(x03=f["x03"].mask(days(f, 1))),
    "a new category now and then": lambda f: f.assign(origin=f["origin"].where(np.arange(len(f)) % 10 > 0, "SWF")),
    "few rows": lambda f: f.head(25),
    "the day of the year, a month later": lambda f: f.assign(season=f["season"] - 0.1),
    "one day of the year alone": lambda f: f.assign(season=0.5),
}


@pytest.mark.parametrize("change", HARMLESS)
def test_seasons_and_chance_are_no_data_fault(change: str) -> None:
    assert faults(HARMLESS[change](month(2))) == ([], [])


def test_a_column_that_was_so_in_the_baseline_too_is_no_fault() -> None:
    def dull(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(x03=np.nan, x04=7.0, origin=[f"{i}" for i in range(len(frame))])

    described = drift.baseline(SPEC, dull(month(1)), np.linspace(0, 1, 3000), {})
    again = dull(month(2)).assign(origin=[f"{i + 9000}" for i in range(3000)])
    assert faults(again, described) == ([], [])


def test_a_baseline_from_before_ranges_were_kept_is_judged_by_the_rest() -> None:
    old = {n: {k: v for k, v in d.items() if k not in ("low", "high")} for n, d in BASELINE["features"].items()}
    assert faults(month(2).assign(x03=month(2)["x03"] * 1000), BASELINE | {"features": old}) == ([], [])
    assert faults(month(2).assign(x03=np.nan), BASELINE | {"features": old})[1] == ["x03"]
