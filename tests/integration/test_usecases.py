"""weather_forecast and aircraft_segment through the real parts of the loop, on the real data of 2013."""

from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest

from include.contracts.calendar import Span
from include.contracts.development import ModelRef
from include.contracts.evaluation import Verdict
from include.contracts.period import Period
from include.contracts.pseudonyms import is_token
from include.contracts.tables import SnapshotRef
from include.data import ingestion
from include.development.datasets import building
from include.development.trainers.trained_model import TrainedModel
from include.families.registry import family
from include.loop.batch_inference import score_partition
from include.settings import Settings
from include.specification.usecase import UseCase
from include.usecases.aircraft_segment import features
from tests.integration.usecase_fixtures import Loop, live

pytestmark = pytest.mark.integration
LEARNED = ("2013-01", "2013-02", "2013-03")  # the last of them is the first release's test set
LATER = "2013-04"


def with_features(loop: Loop, snapshot: SnapshotRef) -> pd.DataFrame:
    """The month's events with all features, as a dataset of that month has them."""
    snapshots = loop.services.records.snapshot_refs(loop.spec)
    events = loop.read(snapshot, "events")
    return building.with_features(loop.spec, events, loop.services.adapters.feature_store, snapshots)


def said_by(loop: Loop, model: ModelRef, rows: pd.DataFrame) -> pd.Series:
    """What the registered model predicts for the rows, by event id."""
    trained = TrainedModel.from_bytes(loop.services.adapters.tracker.load(model))
    return pd.Series(family(loop.spec).predicted(trained.predict(rows)), index=rows[loop.spec.event.id])


def scored_in_bulk(loop: Loop, model: ModelRef, month: SnapshotRef) -> None:
    """The month's batch predictions are those of the registered model on the features known at each event's time."""
    counts = score_partition(loop.spec, loop.services, Period(month.period))
    found = (
        loop.services.adapters.lake.read(loop.spec.name, "batch_predictions").to_pandas().set_index(loop.spec.event.id)
    )
    assert counts
    assert counts["answered"] == len(found) == month.tables["events"].rows
    expected = said_by(loop, model, with_features(loop, month))[found.index]
    np.testing.assert_allclose(found["prediction"], expected, atol=loop.spec.rollout.parity_bound)


def compared_with_the_champion(verdict: Verdict) -> bool:
    return {cell.name for cell in verdict.cells} == set("ABCD") and verdict.decision != "data_problem"


def test_the_days_of_weather_forecast_pass_their_gates_and_join_across_them_also_the_one_of_23_hours(
    tmp_path: Path,
) -> None:
    loop = Loop(tmp_path, "weather_forecast")
    loop.publish("2013-03-08", gated=True)
    day = loop.publish("2013-03-09", gated=True)
    short = loop.publish("2013-03-10", gated=True)
    for snapshot, rows in ((day, 72), (short, 69)):
        assert {t: r.rows for t, r in snapshot.tables.items()} == dict.fromkeys(
            ["events", "recent_weather", "weather"], rows
        )
    made = with_features(loop, short)
    assert made["event_timestamp"].min() == pd.Timestamp("2013-03-09T06:00Z"), "23 hours before the day begins"
    assert set(made["origin"]) == {"EWR", "JFK", "LGA"}
    assert made.filter(regex=r"^temp_\d\d$").notna().all(axis=None), "readings of the days before are in the series"
    assert 2 < (made["temp_ahead"] - made["temp_23"]).abs().mean() < 12, "the seasonal baseline of a day"


def test_the_months_of_aircraft_segment_pass_their_gates_and_show_no_tail_number(tmp_path: Path) -> None:
    loop = Loop(tmp_path, "aircraft_segment")
    loop.publish("2013-01", gated=True)
    february = loop.publish("2013-02", gated=True)
    assert february.tables["events"].rows == 1710
    rows = with_features(loop, february)
    assert all(map(is_token, rows["tailnum"]))
    assert (rows["flights"] >= features.FEWEST_FLIGHTS).all()
    assert (rows["plane_usage__event_timestamp"] == pd.Timestamp("2013-03-01T06:00Z")).all()
    assert 0.75 < rows["seats"].notna().mean() < 0.95
    online = loop.services.adapters.feature_store.online(
        loop.spec.feature_service, rows[["tailnum"]].head(5).to_dict("records")
    )
    assert [one["flights"] for one in online] == rows["flights"].head(5).tolist()


def with_short_windows(spec: UseCase) -> UseCase:
    """Two weeks of June by a linear model, tested and validated on three days each: its own are 5.5 °F off."""
    days = {"test": Span("3 days"), "validation": Span("3 days")}
    parts = {
        "split": spec.split.model_copy(update=days),
        "comparison": spec.comparison.model_copy(update={"min_rows": 50}),
        "acceptance": [spec.acceptance[0].model_copy(update={"at_most": 7.0})],
        "behaviour": spec.behaviour.model_copy(update={"beats_baseline": False, "direction": []}),
        "periods": spec.periods.model_copy(update={"first": Period("2013-06-01")}),
        "trainer": spec.trainer.model_copy(
            update={"name": "sklearn", "parameters": {"estimator": "ridge", "alpha": 100.0}}
        ),
    }
    return spec.model_copy(update=parts)


def test_weather_forecast_from_its_source_to_monitored_answers_and_a_second_candidate(
    tmp_path: Path, mlflow: Settings
) -> None:
    """The answers of a day are about hours of the next: their truth is in its table, their figures are of their day."""
    with live(tmp_path, "weather_forecast", mlflow) as loop:
        loop.spec = with_short_windows(loop.spec)
        for day in Period.ranged("2013-06-01..2013-06-14"):
            loop.publish(day)
        first = loop.train()
        release = loop.deploy(loop.evaluate(first))
        days = [loop.publish(day, online=False) for day in ("2013-06-15", "2013-06-16")]
        events = loop.read(days[1], "events")
        series = pd.concat([loop.read(day, "recent_weather") for day in days])
        answers = {}
        for hour in sorted(events["event_timestamp"].unique())[:12]:  # each as if it were now
            loop.services.adapters.feature_store.push("recent_weather", series[series["event_timestamp"] == hour])
            asked = events[events["event_timestamp"] == hour]
            answers |= dict(zip(asked["forecast_id"], loop.ask(asked), strict=True))
        assert {answer["release"] for answer in answers.values()} == {release.name}
        expected = said_by(loop, first, with_features(loop, days[1]))[list(answers)]
        bound = loop.spec.rollout.parity_bound
        np.testing.assert_allclose([answer["prediction"] for answer in answers.values()], expected, atol=bound)
        scored_in_bulk(loop, first, days[1])
        figures = loop.monitor("2013-06-16")
        assert figures[f"{release.name}.rows"] == figures[f"{release.name}.labelled"] == len(answers) == 36
        assert 0 < figures[f"{release.name}.mae"] < 40
        measured = loop.services.records.figures(loop.spec, periods=[Period("2013-06-15")], name="rows")
        assert [figure.value for figure in measured] == [36], "the day on which they were made"
        assert compared_with_the_champion(loop.evaluate(loop.train()))


def test_aircraft_segment_from_its_source_to_monitored_answers_and_a_second_candidate(
    tmp_path: Path, mlflow: Settings
) -> None:
    with live(tmp_path, "aircraft_segment", mlflow) as loop:
        for month in LEARNED:
            loop.publish(month)
        first = loop.train()
        release = loop.deploy(loop.evaluate(first))
        april = loop.publish(LATER)
        asked = in_clear(loop, LATER).head(100)
        answers = dict(zip(asked["usage_id"], loop.ask(asked), strict=True))
        assert {answer["release"] for answer in answers.values()} == {release.name}
        assert all(len(answer["scores"]) == 5 for answer in answers.values())
        expected = said_by(loop, first, with_features(loop, april))[list(answers)]
        assert [answer["prediction"] for answer in answers.values()] == expected.tolist()
        scored_in_bulk(loop, first, april)
        figures = loop.monitor(LATER)
        assert figures[f"{release.name}.rows"] == len(answers)
        assert compared_with_the_champion(loop.evaluate(loop.train()))


def in_clear(loop: Loop, month: str) -> pd.DataFrame:
    """The month's events as a client knows them: with clear tail numbers."""
    period, landing = Period(month), loop.services.places.landing(loop.spec)
    raw = ingestion.tables(loop.spec, period, landing, loop.services.adapters.connector)
    return features.process({name: ibis.memtable(rows) for name, rows in raw.items()})["events"].to_pandas()
