"""Every kind of answer on the real server: classes of an image, numbers, clusters; their log and their figures."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from sklearn.datasets import load_digits

from include.contracts.deployment import ReleaseRef
from include.deployment import predeployment, scoring
from include.deployment.batch_scoring import BatchScorer
from include.deployment.requests import answered, request
from include.development.datasets.encoder import Encoder
from include.development.trainers.protocol import Matrix, Problem, Run
from include.development.trainers.registry import trainer
from include.development.trainers.trained_model import TrainedModel
from include.errors import DataError, DeploymentError, ServiceError
from include.services.composition import Services
from include.settings import ROOT
from include.specification.usecase import UseCase
from tests.integration.pipeline_fixtures import AT, Serving, wait_until

pytestmark = pytest.mark.integration
DIGITS = [str(digit) for digit in range(10)]
FLIGHTS = yaml.safe_load((ROOT / "include" / "usecases" / "flight_delay" / "usecase.yaml").read_text())
COMPARISON = {name: value for name, value in FLIGHTS["comparison"].items() if name != "slices"}
ROWS = 300


def spec(name: str, task: str, metric: str, request: dict[str, str], features: list[dict], **event: Any) -> UseCase:
    """A use case without entities and feature views: everything comes with the request."""
    label = {} if task == "clustering" else {"label": "truth", "label_time": "known_at"}
    return UseCase.model_validate(
        FLIGHTS
        | {
            "name": name, "task": task, "event": {"id": "row_id", "time": "at", **label, **event},
            "request": {"row_id": "string", "at": "timestamp", **request},
            "features": [{"from": "request", "kind": "numeric", **feature} for feature in features],
            "trainer": {"name": "sklearn" if task == "clustering" else "torch_tabular"},
            "behaviour": {}, "fairness": {}, "comparison": COMPARISON,
            "entities": {}, "feature_views": {}, "streams": {}, "user_acceptance": [], "privacy": {}, "hand_over": {},
            "metrics": {"primary": metric}, "acceptance": [{"metric": metric, "at_least": 0}],
        }
    )  # fmt: skip


IMAGE = spec(
    "image", "multiclass", "accuracy", {"pixels": "float"}, [{"name": "pixels", "shape": [8, 8]}], classes=DIGITS
)
PRICE = spec(
    "price", "regression", "r2", {"size": "float", "words": "string"},
    [{"name": "size"}, {"name": "words", "kind": "text", "length": 3}],
)  # fmt: skip
GROUP = spec("group", "clustering", "silhouette", {"a": "float", "b": "float"}, [{"name": "a"}, {"name": "b"}])


def rows_of(columns: dict[str, Any], count: int = ROWS) -> pd.DataFrame:
    ids = [f"row{i}" for i in range(count)]
    return pd.DataFrame({"row_id": ids, "at": AT + pd.to_timedelta(range(count), unit="s"), **columns})


def trained(
    spec: UseCase, name: str, frame: pd.DataFrame, y: np.ndarray | None, parameters: dict[str, Any]
) -> TrainedModel:
    encoder = Encoder.fit(frame, spec.features)
    X, problem = encoder.transform(frame), Problem(spec.task, encoder.inputs, len(spec.event.classes))
    parts = [Matrix(X[rows], None if y is None else y[rows]) for rows in (slice(0, 240), slice(240, ROWS))]
    fitted = trainer(name).fit(problem, *parts, parameters, Run())
    names = tuple(spec.event.classes)
    return TrainedModel(spec.name, spec.feature_service, name, spec.task, problem.classes, encoder, fitted, names)


def image() -> tuple[TrainedModel, pd.DataFrame]:
    X, y = load_digits(return_X_y=True)
    frame = rows_of(dict(zip(IMAGE.feature_names, X[:ROWS].T, strict=True)))
    return trained(IMAGE, "sklearn", frame, y[:ROWS], {}), frame


def price() -> tuple[TrainedModel, pd.DataFrame]:
    random = np.random.default_rng(0)
    size, words = random.uniform(-5, 5, ROWS), random.choice(["quiet street", "loud", "New: quiet, bright"], ROWS)
    frame = rows_of({"size": size, "words": words})
    return trained(PRICE, "xgboost", frame, -3 * size + 10 * (words == "loud") - 5, {"n_estimators": 20}), frame


def group() -> tuple[TrainedModel, pd.DataFrame]:
    random = np.random.default_rng(1)
    X = random.normal(random.choice([-4, 0, 4], (ROWS, 1)), 1, (ROWS, 2))
    frame = rows_of({"a": X[:, 0], "b": X[:, 1]})
    return trained(GROUP, "sklearn", frame, None, {"estimator": "kmeans", "clusters": 3}), frame


MADE = {"image": (IMAGE, image), "price": (PRICE, price), "group": (GROUP, group)}


@dataclass
class Served:
    serving: Serving
    model: TrainedModel
    frame: pd.DataFrame
    release: ReleaseRef

    def ask(self, rows: pd.DataFrame) -> list[dict[str, Any]]:
        sent = [request(self.serving.spec.inputs, row) for row in rows.to_dict("records")]
        return self.serving.server.infer(self.serving.spec.name, sent)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Served]]:
    """One server with a release of each task; nobody ever made an online store."""
    bare = Serving(tmp_path_factory.mktemp("tasks"), IMAGE)
    bare.start()
    every = {}
    try:
        for name, (spec, make) in MADE.items():
            model, frame = make()
            serving = bare.of(spec)
            every[name] = Served(serving, model, frame, serving.package(model, 1, frame))
            serving.install()
            serving.serve(every[name].release.name)
        yield every
    finally:
        for one in every.values():
            one.serving.server.close()
        bare.server.close()
        bare.stop()


@pytest.mark.parametrize("name", MADE)
def test_the_server_answers_as_the_model_logs_it_and_counts_it(served: dict[str, Served], name: str) -> None:
    one = served[name]
    serving, rows = one.serving, one.frame.head(40)
    expected = one.model.predict(rows)
    answers = one.ask(rows)
    np.testing.assert_allclose(answered(answers), expected, atol=1e-4)
    np.testing.assert_allclose(scoring.scores(Path(one.release.path), rows), expected, atol=1e-4)
    said = expected.argmax(axis=1) if expected.ndim == 2 else expected
    told = [a["prediction"] for a in answers]
    if name == "image":
        assert told == [DIGITS[code] for code in said]
        np.testing.assert_allclose([a["probability"] for a in answers], expected.max(axis=1), atol=1e-4)
    else:
        np.testing.assert_allclose(told, said, atol=1e-4)
        assert "probability" not in answers[0]
    _logged_as_sent(serving, rows, expected, said)
    _counted(serving, expected.max(axis=1) if expected.ndim == 2 else expected)


def _logged_as_sent(serving: Serving, rows: pd.DataFrame, expected: np.ndarray, said: np.ndarray) -> None:
    """The log as the lake gets it: one column per number of a tensor."""
    spec = serving.spec
    spool = Services(serving.settings).adapters.prediction_log(spec)
    (batch,) = spool.unshipped()
    spool.acknowledge(batch)
    logged = batch.rows
    pd.testing.assert_frame_equal(
        logged[["row_id", *spec.feature_names]], rows[["row_id", *spec.feature_names]], check_exact=False, rtol=1e-6
    )
    assert (logged["at"] == rows["at"]).all()
    np.testing.assert_allclose(np.stack(logged["scores"]), expected.reshape(len(rows), -1), atol=1e-4)
    np.testing.assert_allclose(logged["prediction"], said, atol=1e-4)
    assert logged["probability"].isna().all() == (spec.task != "multiclass")


def _counted(serving: Serving, headline: np.ndarray) -> None:
    for sign, total in {"positive": headline.clip(0).sum(), "negative": -headline.clip(max=0).sum()}.items():
        wait_until(
            lambda sign=sign, total=total: (
                abs(serving.figure(f"moebius_answer_{sign}_total", usecase=serving.spec.name) - total) < 0.01
            ),
            what=f"{sign} answers",
        )


@pytest.mark.parametrize("name", MADE)
def test_a_release_of_each_task_passes_the_test_before_traffic(served: dict[str, Served], name: str) -> None:
    one = served[name]
    serving = one.serving
    figures = predeployment.verify(
        serving.spec,
        one.release,
        serving.server,
        serving.kserve,
        serving.write_model,
        serving.settings.staging / "private",
    )
    assert figures["max_difference"] <= serving.spec.rollout.parity_bound


def test_a_tensor_of_another_size_is_refused_here_and_by_the_server(served: dict[str, Served]) -> None:
    one = served["image"]
    server = one.serving.server
    good = request(IMAGE.inputs, one.frame.iloc[0].to_dict())
    with pytest.raises(DataError, match="'pixels' must be 64 numbers"):
        server.infer("image", [good | {"pixels": good["pixels"][:63]}])
    with pytest.raises(
        ServiceError, match="row 0: request field 'pixels' is missing: the fields that may be missing are \\[\\]"
    ):
        server.infer("image", [good | {"pixels": [float("nan"), *good["pixels"][1:]]}])
    assert server.infer("image", [good])


def test_class_names_travel_with_a_release_when_the_spec_orders_its_classes_anew(served: dict[str, Served]) -> None:
    one, names = served["image"], DIGITS[::-1]
    spec = IMAGE.model_copy(update={"event": IMAGE.event.model_copy(update={"classes": names})})
    serving, rows = one.serving.of(spec), one.frame.head(20)
    aside = serving.settings.staging / "private"
    figures = predeployment.verify(spec, one.release, serving.server, serving.kserve, serving.write_model, aside)
    assert figures["max_difference"] <= spec.rollout.parity_bound
    serving.write_model(aside, one.release.name)
    serving.server.install("image--anew", aside)
    serving.server.load("image--anew")
    sent = [request(spec.inputs, row) for row in rows.to_dict("records")]
    answers = serving.server.infer("image--anew", sent)
    serving.server.remove("image--anew")
    expected = one.model.predict(rows)
    assert [answer["prediction"] for answer in answers] == [DIGITS[code] for code in expected.argmax(axis=1)]
    np.testing.assert_allclose(answered(answers), expected[:, ::-1], atol=1e-4)
    np.testing.assert_allclose(scoring.scores(Path(one.release.path), rows, names), expected[:, ::-1], atol=1e-4)
    table = BatchScorer(spec, Path(one.release.path)).score(pa.RecordBatch.from_pandas(rows, preserve_index=False))
    assert table["predicted_class"].to_pylist() == [DIGITS[code] for code in expected.argmax(axis=1)]
    np.testing.assert_allclose(table["prediction"].to_numpy(), 9 - expected.argmax(axis=1))


def test_a_model_whose_last_output_has_other_columns_is_not_packaged(served: dict[str, Served]) -> None:
    one = served["group"]

    class Wide:
        """Says more than its ONNX does."""

        onnx, encoding = staticmethod(one.model.onnx), staticmethod(one.model.encoding)

        def predict(self, frame: pd.DataFrame) -> np.ndarray:
            return np.column_stack([np.zeros(len(frame)), one.model.predict(frame)])

    with pytest.raises(DeploymentError, match=r"gives scores of shape \(300, 3\), the trained one \(300, 4\)"):
        one.serving.package(Wide(), 2, one.frame)


@pytest.mark.parametrize("name", MADE)
def test_a_batch_gets_the_answers_of_the_server(served: dict[str, Served], name: str) -> None:
    one = served[name]
    spec, rows = one.serving.spec, one.frame.tail(60)
    (batch,) = pa.Table.from_pandas(rows, preserve_index=False).to_batches()
    scored, answers = BatchScorer(spec, Path(one.release.path)).score(batch).to_pandas(), one.ask(rows)
    assert set(scored["outcome"]) == {"answered"}
    assert scored["row_id"].tolist() == rows["row_id"].tolist()
    said = scored["predicted_class" if name == "image" else "prediction"]
    np.testing.assert_allclose(np.stack(scored["scores"]).squeeze(), answered(answers), atol=1e-5)
    if name == "price":
        np.testing.assert_allclose(said, answered(answers), atol=1e-5)
    else:
        assert said.tolist() == [answer["prediction"] for answer in answers]
    assert scored["probability"].isna().all() == ("probability" not in answers[0])
