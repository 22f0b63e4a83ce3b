"""The share of labels that is known so long after the event, and what it says of a provisional figure."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from include.contracts.period import Period
from include.operations.monitoring.monitoring import measure
from include.operations.monitoring.window_inputs import WindowInputs
from include.operations.windows import maturity_curve
from include.operations.windows.scope import Scope
from tests.unit.operations.monitored_world import SPEC, baseline, month

BEGIN = datetime(2013, 6, 1, tzinfo=UTC)
EVENT, LABEL = SPEC.event, str(SPEC.event.label)


def events(n: int = 1000, never: float = 0.0) -> pd.DataFrame:
    """Every six minutes; labels come after 0 to 24 hours, evenly, a share of them never."""
    times = pd.Series(pd.date_range(BEGIN, periods=n, freq="6min"))
    random = np.random.default_rng(0)
    came = times + pd.to_timedelta(random.uniform(0, 24, n), "h")
    lost = random.random(n) < never
    return pd.DataFrame(
        {
            EVENT.id: times.index.astype(str),
            EVENT.time: times,
            LABEL: np.where(lost, np.nan, 1.0),
            EVENT.label_time: came,
        }
    )


def test_the_curve_is_right_though_most_labels_are_still_to_come() -> None:
    now = BEGIN + timedelta(hours=60)
    seen = events()
    found = maturity_curve.curve(SPEC, seen, now)
    assert found is not None
    known = seen[EVENT.label_time] <= pd.Timestamp(now)
    assert known[seen[EVENT.time] <= pd.Timestamp(now)].mean() < 0.85, "some of them are not known yet"
    delays = (seen[EVENT.label_time] - seen[EVENT.time])[seen[EVENT.time] <= pd.Timestamp(now)]
    true = [(delays <= pd.Timedelta(hours=hours)).mean() for hours in (6, 12, 18)]
    assert found.at(np.array([6.0, 12.0, 18.0])) == pytest.approx(true, abs=0.03)


def test_labels_that_never_come_are_not_known_at_any_age() -> None:
    found = maturity_curve.curve(SPEC, events(never=0.3), BEGIN + timedelta(days=30))
    assert found is not None
    assert found.at(np.array([48.0]))[0] == pytest.approx(0.7, abs=0.05)


def test_the_figures_are_by_age_with_intervals_and_end_where_nothing_is_known() -> None:
    found = maturity_curve.curve(SPEC, events(100), BEGIN + timedelta(hours=20))
    figures = {f.subject: f for f in maturity_curve.figures(Scope(SPEC, "r0001", Period("2013-06")), found)}
    assert [*figures] == ["0h", "6h", "12h", "18h", "24h", "36h", "48h"]
    assert figures["0h"].value == 0
    assert figures["12h"].low < figures["12h"].value < figures["12h"].high
    assert {subject for subject, f in figures.items() if f.state == "too few"} == {"24h", "36h", "48h"}
    assert figures["24h"].note == "no event is older than 20 h"


def test_without_times_of_labels_there_is_no_curve() -> None:
    assert maturity_curve.curve(SPEC, events().drop(columns=str(EVENT.label_time)), BEGIN) is None
    assert maturity_curve.curve(SPEC, events().assign(**{LABEL: np.nan}), BEGIN + timedelta(days=9)) is None


def test_a_provisional_figure_says_how_many_labels_were_usually_known() -> None:
    log, truth = month(1)
    log[EVENT.time] = pd.date_range(BEGIN, periods=len(log), freq="6min")
    now = BEGIN + timedelta(hours=100)
    found = measure(
        SPEC,
        "r0001",
        baseline(),
        WindowInputs(predictions=log, events=truth, period=Period("2013-06"), as_of=now, labelled=events(2000)),
    )
    [auc] = [figure for figure in found if figure.name == "roc_auc"]
    assert auc.state == "provisional"
    assert auc.note == "38 % of labels due, by now 43 % of such labels were usually known"
    assert {f.subject for f in found if f.name == "label_maturity"} >= {"6h", "24h"}
