"""A sixth family is one file and one entry: every room works for it as it is."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

import include.families
from include.contracts.period import Period
from include.deployment import ab_readout, pipeline, schema
from include.development.baseline import fit_baseline
from include.development.datasets.encoded import Parts, encoded
from include.development.datasets.encoder import Encoder
from include.development.datasets.label_alarm import alarms
from include.development.trainers.protocol import Problem, Run
from include.development.trainers.registry import trainer
from include.errors import DataError, TrainingError
from include.evaluation.four_comparisons import compare
from include.evaluation.inputs import EvaluationSet, Side
from include.families.registry import family
from include.families.serving import flags
from include.operations.drift import drift
from include.operations.labelling import labelling
from include.operations.monitoring.monitoring import measure
from include.operations.monitoring.window_inputs import WindowInputs
from include.specification.task import TASKS, TaskFacts
from include.specification.usecase import UseCase
from tests.unit.deployment.serving_code import served
from tests.unit.evaluation.evaluation_specs import small_spec

ENTRY = TaskFacts("value", "column", ("mae", "rmse"), ("disagreement",), ("squared_error",))
CHANGES: dict[str, Any] = {
    "task": "counting",
    "metrics": {"primary": "mae", "secondary": ["rmse"]},
    "acceptance": [{"metric": "mae", "at_most": 1.1}],
    "labelling": {"strategy": "disagreement"},
    "features": [{"name": name, "kind": "numeric", "from": "on_request"} for name in ("x", "z")],
}


@pytest.fixture
def spec(monkeypatch: pytest.MonkeyPatch) -> Iterator[UseCase]:
    """A use case of the sixth task: its file lies in the room's path, its entry in the table."""
    monkeypatch.setitem(TASKS, "counting", ENTRY)
    monkeypatch.setattr(
        include.families, "__path__", [*include.families.__path__, str(Path(__file__).with_name("sixth"))]
    )
    yield small_spec(**CHANGES)
    sys.modules.pop("include.families.counting", None)
    vars(include.families).pop("counting", None)


def rows(n: int = 1000, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": random.uniform(0, 3, n), "z": random.normal(size=n)})
    frame["flight_id"] = [f"{seed}-{i}" for i in range(n)]
    frame["late"] = random.poisson(frame["x"]).astype(float)
    frame["origin"] = random.choice(["JFK", "LGA"], n)
    return frame


def test_a_label_with_a_fraction_is_not_cut_to_a_whole_number(spec: UseCase) -> None:
    with pytest.raises(DataError, match=r"1 of 2 labels 'late' cannot be used .*a whole number that int32 holds"):
        family(spec).label_codes(spec, pd.Series([2.7, 1.0]))
    row = labelling.OfferedRow(event="1-1", title="1", answer="2", uncertainty=0.5, shown="")
    facts = {"usecase": spec.name, "name": "n", "period": "2013-05", "release": "r1", "strategy": "disagreement"}
    selection = labelling.Selection(**facts, rows=[row])
    with pytest.raises(DataError, match="row_001 must be a finite number"):
        labelling.labels(spec, selection, {"row_001": "2.7"})


def test_the_spec_takes_what_the_entry_says_and_nothing_else(spec: UseCase) -> None:
    assert spec.task == "counting"
    for change in ({"metrics": {"primary": "r2"}}, {"labelling": {"strategy": "entropy"}}, {"task": "counted"}):
        with pytest.raises(ValidationError, match=r"is not (a metric|a strategy|one) of counting|is no task"):
            small_spec(**(CHANGES | change))


def parts_of(spec: UseCase) -> Parts:
    frames = {name: rows(400, seed) for seed, name in enumerate(("train", "validation", "test"), start=3)}
    for frame in frames.values():
        frame["late"] = family(spec).label_codes(spec, frame["late"])
    return encoded(spec, frames, Encoder.fit(frames["train"], spec.features))


def test_it_is_learned_by_the_trainers_that_predict_values_and_beats_its_baseline(spec: UseCase) -> None:
    parts = parts_of(spec)
    train, validation = parts.matrices["train"], parts.matrices["validation"]
    assert not alarms(spec, parts.frames["train"])
    fitted = trainer("xgboost").fit(parts.problem, train, validation, {"n_estimators": 20}, Run())
    baseline = fit_baseline(spec, parts.problem, train)
    error = [np.abs(parts.truth["validation"] - one.predict(validation.X)).mean() for one in (fitted, baseline)]
    assert error[0] < error[1]
    with pytest.raises(TrainingError, match=r"sklearn estimator 'kmeans' cannot do counting; these can: linear"):
        trainer("sklearn").fit(parts.problem, train, validation, {"estimator": "kmeans"}, Run())
    assert Problem("counting", parts.encoder.inputs).outputs == 1


def test_labels_below_zero_are_refused_where_they_are_coded(spec: UseCase) -> None:
    with pytest.raises(ValueError, match="1 labels are below 0"):
        family(spec).label_codes(spec, pd.Series([1, -1]))
    events = rows().assign(late=-1.0)
    with pytest.raises(DataError, match="1000 labels are below 0"):
        measured(spec, events, events["x"].to_numpy())


def side(version: int, noise: float, **more: Any) -> Side:
    def predict(frame: pd.DataFrame) -> np.ndarray:
        return frame["x"].to_numpy() + noise * frame["z"].to_numpy()

    return Side(version, predict, **more)


def test_two_models_are_compared_on_its_metrics_and_their_resamples(spec: UseCase) -> None:
    old, new = (EvaluationSet(rows(seed=seed), f"hash{seed}", [f"2013-{seed:02d}"]) for seed in (3, 6))
    verdict = compare(spec, candidate=side(2, 0.0), champion=side(1, 2.0, release="r0001"), old=old, new=new)
    cells = {(cell.name, cell.metric): cell.figure for cell in verdict.cells}
    assert verdict.decision in ("promote", "canary")
    assert set(cells) == {(name, metric) for name in "ABCD" for metric in ("mae", "rmse")}
    assert cells["D", "mae"].value == pytest.approx(np.abs(new.frame["late"] - new.frame["x"]).mean())
    assert cells["D", "mae"].low < cells["D", "mae"].value < cells["D", "mae"].high < cells["C", "mae"].low


def measured(spec: UseCase, events: pd.DataFrame, scores: np.ndarray) -> dict[str, float]:
    n = len(events)
    log = events[["flight_id", "x", "z"]].assign(
        request_id=[f"q{i}" for i in range(n)], release="r0001", prediction=scores, latency_ms=1.0,
        logged_at=pd.date_range("2013-06-01", periods=n, freq="min", tz="UTC"),
    )  # fmt: skip
    interval = {"value": 1.0, "low": 0.9, "high": 1.1, "n": n}
    baseline = drift.baseline(spec, events, scores, {"mae": interval})
    assert len(baseline["prediction"]["edges"]) == 9
    found = measure(
        spec,
        "r0001",
        baseline,
        WindowInputs(predictions=log, events=events[["flight_id", "late"]], period=Period("2013-06")),
    )
    return {figure.name: figure.value for figure in found}


def test_its_figures_are_monitored(spec: UseCase) -> None:
    events = rows()
    figures = measured(spec, events, events["x"].to_numpy())
    assert figures["label_none"] == pytest.approx((events["late"] == 0).mean())
    assert figures["mae"] == pytest.approx(np.abs(events["late"] - events["x"]).mean())
    assert figures["performance_loss"] == pytest.approx(figures["mae"] - 1.0)
    assert figures["prediction_psi"] == pytest.approx(0, abs=1e-9)
    assert not {"calibration_error", "label_std", "label_rate"} & set(figures)


def test_people_label_it_with_numbers_and_an_ab_test_takes_its_loss(spec: UseCase) -> None:
    offered = labelling.OfferedRow(event="e", title="1", answer="2", uncertainty=0.1, shown="")
    selection = labelling.Selection(
        usecase=spec.name, name="s", period="2013-06", release="r0001", strategy="disagreement", rows=[offered]
    )
    assert labelling.labels(spec, selection, {"row_001": "3"}) == {"e": 3}
    assert ab_readout.measure_of(spec) == "squared_error"
    np.testing.assert_array_equal(ab_readout.losses(spec, np.array([1.0, 4.0]), np.array([3, 4])), [4.0, 0.0])


def test_the_server_answers_it_by_the_flags_of_its_release(spec: UseCase) -> None:
    answers, scores = served("answers"), np.array([[1.4], [2.6]], dtype=np.float32)
    tensors = answers.tensors(flags(spec), scores)
    declared = {name for name, _, _ in pipeline.outputs(spec)} - set(pipeline.ALWAYS)
    assert set(tensors) == declared == {"prediction"}
    np.testing.assert_array_equal(tensors["prediction"], scores)
    assert {one["name"]: one["datatype"] for one in schema.outputs(spec)}["prediction"] == "FP64"
    assert answers.records(flags(spec), scores)[0] == {
        "prediction": pytest.approx(1.4), "probability": None, "scores": [pytest.approx(1.4)],
    }  # fmt: skip
