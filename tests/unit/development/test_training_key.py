"""The key of a training changes with what decides its model."""

import pytest

from include.contracts.development import DatasetRef
from include.development import environment, training_key
from include.development.order import Order
from tests.unit.development.frames import build, flight_spec, started_from


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetRef:
    return build(tmp_path_factory.mktemp("datasets"))


def test_the_key_follows_what_the_model_depends_on(dataset: DatasetRef, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, order = flight_spec(), Order(dataset=dataset, parameters={"max_depth": 3})
    key = training_key.training_key(spec, order)
    assert training_key.training_key(spec, Order.model_validate(order.json_dict())) == key
    changes = [
        {"parameters": {"max_depth": 4}},
        {"trials": 9},
        {"minutes": 1.0},
        {"sampler": "random"},
        {"run": "again"},
        {"start": started_from(dataset, "0" * 64)},
        {"dataset": dataset.model_copy(update={"name": "x"})},
    ]
    others = [training_key.training_key(spec, order.model_copy(update=change)) for change in changes]
    monkeypatch.setattr(environment, "version", lambda name: "0")
    others.append(training_key.training_key(spec, order))
    assert len({key, *others}) == 9


def test_a_larger_budget_goes_on_with_the_same_search(dataset: DatasetRef) -> None:
    spec, order = flight_spec(), Order(dataset=dataset, trials=3)
    key = training_key.search_key(spec, order)
    assert training_key.search_key(spec, order.model_copy(update={"trials": 9, "minutes": 5.0})) == key
    for change in ({"sampler": "random"}, {"parameters": {"max_depth": 3}}, {"start": started_from(dataset, "1")}):
        assert training_key.search_key(spec, order.model_copy(update=change)) != key
