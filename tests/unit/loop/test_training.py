"""From published months to an order: what a training needs, and what a repeated one does not do again."""

from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from include.contracts.development import TrainingRequest
from include.contracts.period import Period
from include.development.order import Fit, Order
from include.development.registration import as_made
from include.development.search.tuning import Tuning
from include.errors import DataError, NotFoundError, TrainingError
from include.loop import rollout, training
from include.services import old_test_sets
from include.services.composition import Services
from tests.unit.development.frames import build, flight_spec
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.loop.at_once import many_at_once, meeting
from tests.unit.loop.loop_worlds import APRIL, SPEC, publish, register

FLIGHTS = flight_spec()


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_in(tmp_path)


def test_one_published_month_is_not_enough_to_train_on(services: Services) -> None:
    publish(services, "2013-04")
    with pytest.raises(DataError, match=r"first training needs 2013-01..2013-02 \(2 months\)"):
        training.order(SPEC, services, TrainingRequest())


def test_the_test_set_of_what_serves_is_kept_out(services: Services) -> None:
    assert old_test_sets.frozen_test_sets(SPEC, services, APRIL) == []
    model = register(services)
    rollout.promote_release(SPEC, services, packaged(services, SPEC, 1, model_hash=model.artifact_hash))
    assert old_test_sets.frozen_test_sets(SPEC, services, APRIL) == [model.dataset]


def test_an_order_is_found_under_its_key_and_the_same_order_has_the_same_key(services: Services) -> None:
    asked = Order(dataset=build(services.settings.datasets), trials=0, minutes=None, sampler="tpe")
    key = training.place(FLIGHTS, services, asked)
    assert training.place(FLIGHTS, services, asked) == key
    assert training.remaining(FLIGHTS, services, key) == "fit"
    assert services.adapters.tracker.searches == {}  # type: ignore[attr-defined]


def test_a_search_is_announced_before_its_workers_start(services: Services) -> None:
    asked = Order(dataset=build(services.settings.datasets), trials=3, minutes=None, sampler="tpe")
    key = training.place(FLIGHTS, services, asked)
    assert training.remaining(FLIGHTS, services, key) == "search"
    assert list(services.adapters.tracker.searches.values()) == [[]]  # type: ignore[attr-defined]


def test_a_model_that_is_registered_is_not_trained_again(services: Services) -> None:
    asked = Order(dataset=build(services.settings.datasets), trials=0, minutes=None, sampler="tpe")
    key = training.place(FLIGHTS, services, asked)
    known = services.adapters.tracker.log_training(FLIGHTS.name, asked.dataset, b"m", {}, {}, {}, key=key)
    services.approvals.register(FLIGHTS, known, key=key, by="ada", people=["ada"])
    assert training.remaining(FLIGHTS, services, key) == "registration"
    assert training.register(FLIGHTS, services, key) == known
    assert pd.read_parquet(asked.dataset.test.path).shape[0] == asked.dataset.test.rows


def test_a_model_that_somebody_put_into_mlflow_under_the_key_is_not_taken(
    services: Services,
) -> None:
    asked = Order(dataset=build(services.settings.datasets), trials=0, minutes=None, sampler="tpe")
    key = training.place(FLIGHTS, services, asked)
    forged = services.adapters.tracker.log_training(FLIGHTS.name, asked.dataset, b"forged", {}, {}, {}, key=key)
    assert training.remaining(FLIGHTS, services, key) == "fit"
    with pytest.raises(NotFoundError, match="clear the training from build_dataset on"):
        training.register(FLIGHTS, services, key)
    with pytest.raises(TrainingError, match=f"MLflow has version {forged.version} .* but with the model"):
        as_made(forged, asked.dataset, b"fitted here")
    assert services.approvals.history(FLIGHTS) == []


def test_what_was_never_ordered_cannot_be_fitted(services: Services) -> None:
    with pytest.raises(NotFoundError):
        training.fit(FLIGHTS, services, "no such key")


def test_the_same_training_registered_by_many_at_once_is_one_version(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Order(dataset=build(services.settings.datasets), trials=0, minutes=None, sampler="tpe")
    key = training.place(FLIGHTS, services, asked)
    tracker = services.adapters.tracker
    work = meeting(lambda *_: tracker.log_training(FLIGHTS.name, asked.dataset, b"m", {}, {}, {}, key=key))
    monkeypatch.setattr(training, "_registered", work)
    models = many_at_once(lambda: training.register(FLIGHTS, services, key))
    assert {model.version for model in models} == {1}
    assert len(work.times) == 1  # type: ignore[attr-defined]


def test_a_fit_whose_model_was_registered_meanwhile_is_the_registered_one(services: Services) -> None:
    asked = Order(dataset=build(services.settings.datasets), trials=0, minutes=None, sampler="tpe")
    key = training.place(FLIGHTS, services, asked)
    fit = Fit(artifact_hash="a", parameters={}, threads=1, tuning=Tuning(metric="brier", parameters={}), curve=[],
              cost={}, environment={})  # fmt: skip
    documents = {"fit.json": fit.model_dump_json()}
    model = services.adapters.tracker.log_training(FLIGHTS.name, asked.dataset, b"m", {}, {}, documents, key=key)
    services.approvals.register(FLIGHTS, model, key=key, by="ada", people=["ada"])
    training.register(FLIGHTS, services, key)  # by another run, which deletes the order
    training.search(FLIGHTS, services, key)
    assert training.fit(FLIGHTS, services, key) == fit


def test_a_plan_that_would_see_no_new_row_is_refused_and_a_person_may_train_the_same_rows(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = flight_spec(training=FLIGHTS.training.model_copy(update={"refit": "never"}))
    learned = build(services.settings.datasets)
    model = services.adapters.tracker.log_training(FLIGHTS.name, learned, b"m", {}, {}, {})
    services.approvals.register(FLIGHTS, model, by="ada", people=["ada"])
    rollout.promote_release(FLIGHTS, services, packaged(services, FLIGHTS, 1, model_hash=model.artifact_hash))
    monkeypatch.setattr(training, "dataset_for", lambda *_: learned)
    with pytest.raises(DataError, match=r"no new rows: all 1400 of dataset 2013-03-\w+ taught the model that serves"):
        training.order(spec, services, TrainingRequest(plan="2013-03-retrain-1"), ["ada"])
    assert training.remaining(spec, services, training.order(spec, services, TrainingRequest(), ["ada"])) == "fit"


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        ("2013-05-02T00:00-04:00", "2013-04"),
        ("2013-04-17T00:00-04:00", "2013-04"),  # the labels of the first half are due: 24 hours after
        ("2013-04-16T23:00-04:00", "2013-03"),
        ("2013-03-05T00:00-05:00", "2013-04"),  # none is: the dataset says so
    ],
)
def test_without_a_window_the_newest_period_with_most_labels_due_tests(now: str, newest: str) -> None:
    published = [Period("2013-03"), Period("2013-04")]
    assert old_test_sets.newest_known(FLIGHTS, published, datetime.fromisoformat(now)) == newest
