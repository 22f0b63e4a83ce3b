"""Unread scans of December are offered to a person, come back as labels and train; the month is monitored."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from include.contracts.calendar import Span
from include.contracts.deployment import ReleaseRef
from include.contracts.development import DatasetRef, PartRef
from include.contracts.period import Period
from include.deployment import packaging, rollout, scoring
from include.development.datasets.building import build
from include.development.datasets.encoder import Encoder
from include.development.trainers.protocol import Matrix, Problem, Run
from include.development.trainers.registry import trainer
from include.development.trainers.trained_model import TrainedModel
from include.errors import NotFoundError
from include.loop import labelling, monitoring
from include.operations.drift import drift
from include.operations.labelling.labelling import CANNOT_TELL, LATER, Selection
from include.records.registry import GIVEN_LABELS
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from tests.integration.ml_fixtures import publish

pytestmark = pytest.mark.integration
SPEC = load_usecase("digit_image")
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
DECEMBER = Period("2013-12")


def events(services: Services, month: str) -> pd.DataFrame:
    return services.adapters.lake.read(SPEC.name, "events", [month]).to_pandas()


def release(services: Services, rows: pd.DataFrame) -> ReleaseRef:
    """scikit-learn's own estimator for classes on these scans, packaged as a release."""
    encoder = Encoder.fit(rows, SPEC.features)
    X, y = encoder.transform(rows), rows["digit"].to_numpy(int)
    problem, cut = Problem(SPEC.task, encoder.inputs, len(SPEC.event.classes)), len(rows) * 4 // 5
    fitted = trainer("sklearn").fit(problem, Matrix(X[:cut], y[:cut]), Matrix(X[cut:], y[cut:]), {}, Run())
    model = TrainedModel(
        SPEC.name,
        SPEC.feature_service,
        "sklearn",
        SPEC.task,
        problem.classes,
        encoder,
        fitted,
        tuple(SPEC.event.classes),
    )
    part = PartRef(path="", rows=len(rows), content_hash="a", periods=["2013-11"])
    dataset = DatasetRef(
        usecase=SPEC.name, name="d", path="", feature_service=SPEC.feature_service, label="digit", train=part,
        validation=part, test=part, snapshots={},
    )  # fmt: skip
    accuracy = {"accuracy": {"value": 0.99, "low": 0.98, "high": 1.0, "n": len(rows)}}
    staging = services.settings.releases / "aside"
    packaging.package(
        SPEC, model=model, model_version=1, model_hash="a", dataset=dataset, staging=staging, rows=rows,
        incomplete=[],
        features=services.adapters.feature_store.keep(SPEC.feature_service),
        baseline=drift.baseline(SPEC, rows, model.predict(rows), accuracy),
    )  # fmt: skip
    return services.adapters.releases.add(SPEC.name, staging, 1)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    """October, November and December (half of it unread), and a release of November that serves."""
    settings = Settings(home=tmp_path_factory.mktemp("labelling"))
    services = Services(settings)
    services.adapters.feature_store.apply()
    for month in ("2013-10", "2013-11", "2013-12"):
        publish(SPEC, settings, services.adapters.lake, services.adapters.feature_store, Period(month))
    assert labelling.select_rows(SPEC, services, DECEMBER).rows == []  # before the first release nobody is asked
    champion = release(services, events(services, "2013-11"))
    rollout.write(services.adapters.state, rollout.first(SPEC, champion.name))
    return services


def truth(services: Services) -> dict[str, str]:
    """Scan → its digit, as scikit-learn's file says, also of those that nobody is said to have read."""
    pixels = {tuple(x): str(y) for x, y in zip(*load_digits(return_X_y=True), strict=True)}
    rows = events(services, "2013-12")
    return dict(zip(rows["scan"], (pixels[tuple(x)] for x in rows[SPEC.feature_names].to_numpy(float)), strict=True))


def test_the_least_sure_unread_scans_are_offered_with_their_pictures(services: Services) -> None:
    chosen = labelling.select_rows(SPEC, services, DECEMBER)
    rows = events(services, "2013-12")
    unread = rows[rows["digit"].isna()].reset_index(drop=True)
    offered = [row.event for row in chosen.rows]
    assert len(offered) == len(set(offered)) == SPEC.labelling.rows
    assert set(offered) <= set(unread["scan"])
    p = scoring.scores(Path(services.serving.champion(SPEC).path), unread)
    doubt = pd.Series(-(p * np.log(p)).sum(axis=1) / np.log(10), index=unread["scan"])
    assert chosen.rows[0].event == doubt.idxmax()
    assert [row.uncertainty for row in chosen.rows] == pytest.approx(doubt[offered].to_list(), abs=1e-6)
    assert doubt[offered].min() >= doubt.quantile(0.7)
    assert all(row.shown.count("`|") == 8 and "██" in row.shown for row in chosen.rows)
    assert labelling.select_rows(SPEC, services, DECEMBER) == chosen


@pytest.fixture(scope="module")
def kept(services: Services) -> tuple[Selection, dict[str, str]]:
    """The offered scans, read by a person; the last two were not: one for later, one that nobody can tell."""
    chosen = labelling.select_rows(SPEC, services, DECEMBER)
    digits = truth(services)
    filled = {field: digits[row.event] for field, row in chosen.fields.items()}
    filled |= dict(zip([*filled][-2:], (LATER, CANNOT_TELL), strict=True))
    told = labelling.keep_labels(SPEC, services, chosen, filled, "ada", NOON)
    assert told == {"labels": len(filled) - 2, "cannot_tell": 1, "later": 1}
    assert labelling.keep_labels(SPEC, services, chosen, filled, "ada", NOON) == told
    return chosen, filled


def test_what_was_said_is_kept_once_with_who_and_when(services: Services, kept: tuple) -> None:
    chosen, filled = kept
    words = GIVEN_LABELS.rows(SPEC.name, services.adapters.lake).to_pandas()
    assert len(words) == len(filled) - 1
    assert set(words["given_by"]) == {"ada"}
    assert set(words["selection"]) == {chosen.name}
    known = words.dropna(subset=["digit"])
    assert dict(zip(known["scan"], known["digit"], strict=True)) == {
        row.event: filled[field] for field, row in chosen.fields.items() if filled[field] not in (LATER, CANNOT_TELL)
    }


def test_what_was_answered_is_not_offered_again(services: Services, kept: tuple) -> None:
    chosen, filled = kept
    again = {row.event for row in labelling.select_rows(SPEC, services, DECEMBER).rows}
    later = {row.event for field, row in chosen.fields.items() if filled[field] == LATER}
    assert len(again) == SPEC.labelling.rows
    assert again & {row.event for row in chosen.rows} <= later


def test_the_labels_are_in_the_next_dataset(services: Services, kept: tuple) -> None:
    dataset = build(
        SPEC, train_from=None, train_to=None, test_to=Period("2013-12"), excluded=[], lake=services.adapters.lake,
        feature_store=services.adapters.feature_store, snapshots=services.records.snapshot_refs(SPEC),
        directory=services.settings.datasets / SPEC.name,
    )  # fmt: skip
    codes = pd.read_parquet(dataset.train.path).set_index("scan")["digit"]  # rows chosen as hard measure nothing
    known = GIVEN_LABELS.rows(SPEC.name, services.adapters.lake).to_pandas().dropna(subset=["digit"])
    assert codes[known["scan"]].to_list() == [int(digit) for digit in known["digit"]]
    assert dataset.facts.given == len(known)


def test_a_month_of_classes_is_shipped_and_monitored(services: Services) -> None:
    rows = events(services, "2013-12")
    champion = services.serving.champion(SPEC)
    scores = scoring.scores(Path(champion.path), rows)
    lines = [
        {
            "request_id": f"q{i}", "logged_at": time.time(), "release": champion.name, "latency_ms": 1.0, "missing": [],
            "prediction": int(p.argmax()), "probability": float(p.max()), "scores": p.tolist(), "features": {},
            "inputs": {
                "scan": row["scan"], "event_timestamp": row["event_timestamp"].timestamp(),
                "pixels": row[SPEC.feature_names].to_list(),
            },
        }
        for i, (p, (_, row)) in enumerate(zip(scores, rows.iterrows(), strict=True))
    ]  # fmt: skip
    spool = services.settings.prediction_spool / SPEC.name
    spool.mkdir(parents=True)
    (spool / "1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert monitoring.ship_predictions(SPEC, services) == len(rows)
    found = {name.partition(".")[2]: value for name, value in monitoring.monitor(SPEC, services, DECEMBER).items()}
    read = rows["digit"].notna().to_numpy()
    right = scores[read].argmax(axis=1) == rows["digit"][read].astype(int)
    assert found["accuracy"] == pytest.approx(right.mean())
    assert found["performance_loss"] == pytest.approx(0.99 - right.mean())
    assert (found["labelled"], found["unmatched"]) == (read.sum(), (~read).sum())
    subjects = {f.subject for f in services.records.figures(SPEC) if f.name == "psi"}
    assert subjects == {"pixels"}
    assert len(labelling.select_rows(SPEC, services, DECEMBER).rows) == SPEC.labelling.rows


def test_a_month_that_is_read_has_nothing_to_ask_and_an_unpublished_one_is_named(services: Services) -> None:
    assert labelling.select_rows(SPEC, services, Period("2013-11")).rows == []
    with pytest.raises(NotFoundError, match="2013-05"):
        labelling.select_rows(SPEC, services, Period("2013-05"))
    with pytest.raises(NotFoundError, match="it asks nobody for labels"):
        labelling.select_rows(load_usecase("flight_delay"), services, DECEMBER)


def test_nobody_is_asked_for_a_label_that_is_not_due_yet(services: Services) -> None:
    event = SPEC.event.model_copy(update={"label_delay": Span("36500 days")})
    assert labelling.select_rows(SPEC.model_copy(update={"event": event}), services, DECEMBER).rows == []
