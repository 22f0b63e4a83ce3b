"""The key of a training changes with what decides its model, and with nothing else."""

from functools import cache
from pathlib import Path
from typing import Any

import grimp
import pytest

from include.contracts.development import DatasetRef
from include.development import environment, training, training_key
from include.development.order import Order, Workspace
from include.development.trainers.registry import TRAINERS
from include.specification.data import Event
from include.specification.learning import Trainer
from include.specification.usecase import UseCase
from tests.unit.development.frames import build, flight_spec, started_from
from tests.unit.fakes.state import MemoryLocks

BESIDE = {
    "adapters.file_locks": "keeps workers apart",
    "formats.atomic_file": "how a file is written",
    "formats.checksums": "proves what is read",
    "contracts.calendar": "records",
    "contracts.deployment": "records, whose names are refused in a spec",
    "contracts.development": "records: their values are in the key",
    "contracts.evaluation": "records",
    "formats.file_proof": "proves what is read",
    "contracts.guard": "records: what was left out is not in the dataset, whose name is in the key",
    "contracts.names": "which names are refused",
    "contracts.operations": "records, whose names are refused in a spec",
    "contracts.period": "records",
    "contracts.record": "records",
    "formats.sealed_text": "how a file is written",
    "formats.state_file": "how a file is written",
    "contracts.steady": "reads a clock",
    "contracts.tables": "records",
    "development.cost": "measures",
    "development.trainers.onnx_average": "the graph, which is made when a release is packaged",
    "development.trainers.onnx_calibrated": "the graph, which is made when a release is packaged",
    "development.order": "where an order and its fit lie",
    "errors": "what is raised",
    "evaluation.blocks": "what intervals draw as a whole: a search draws rows",
    "evaluation.intervals": "of one metric: a search looks at gains only",
    "evaluation.power": "of intervals and gates",
    "ports.state": "what a lock must do",
    "specification.approving": "who must approve, when a version is there",
    "specification.capabilities": "which specs are refused",
    "specification.compliance": "what only authors can say for an audit",
    "specification.examples": "which specs are refused",
    "specification.connectors": "where raw tables come from",
    "specification.loader": "reads the yaml, whose values are in the key",
    "specification.modules": "imports the modules of the use case",
    "specification.names": "which names are refused",
    "specification.packaging": "what comes after a training",
    "specification.references": "which specs are refused",
    "specification.running": "what comes after a training",
    "specification.slicing": "by what monitoring slices",
    "specification.schedule": "when runs start",
    "specification.search": "what may be tried, whose values are in the key",
    "specification.streams": "which specs are refused",
    "specification.text": "reads the yaml, whose values are in the key",
    "specification.times": "which specs are refused",
    "specification.treatments": "which specs are refused",
    "specification.wording": "how a fault is worded",
}
"""Modules on the path of a fit that do not decide the model."""


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


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("trainer", {"parameters": {"max_depth": 3}}),
        ("trainer", {"imbalance": "weights"}),
        ("trainer", {"calibration": "sigmoid"}),
        ("trainer", {"tuning": {"pruning": False}}),
        ("split", {"validation": "3 days"}),
        ("metrics", {"primary": "brier"}),
        ("behaviour", {"stability": 0.5}),
        ("event", {"label": "delayed"}),
        ("features", {"kind": "categorical"}),
    ],
)
def test_what_the_spec_says_about_the_fit_changes_the_key(dataset: DatasetRef, part: str, changed: dict) -> None:
    assert keys(changed_spec(part, changed), dataset) != keys(flight_spec(), dataset)


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("title", "Another title"),
        ("owner", "somebody else"),
        ("monitoring", {"performance_loss": 0.9}),
        ("rollout", {"bake_seconds": 99}),
        ("trainer", {"ensemble": True, "start_from": "champion", "tuning": {"trials": 7, "workers": 3}}),
        ("event", {"label_delay": "99 hours"}),
        ("features", {"description": "another"}),
    ],
)
def test_what_the_spec_says_about_anything_else_does_not(dataset: DatasetRef, part: str, changed: Any) -> None:
    assert keys(changed_spec(part, changed), dataset) == keys(flight_spec(), dataset)


def test_a_fit_reads_nothing_else_of_the_spec(
    dataset: DatasetRef, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, place, read = flight_spec(), Workspace(tmp_path / "order", MemoryLocks()), set()
    place.write_order(Order(dataset=dataset, parameters={"n_estimators": 5}, trials=2, search="s" * 16))

    def noted(part: Any, name: str) -> Any:
        read.add((type(part), name))
        return object.__getattribute__(part, name)

    for kind in (UseCase, Event, Trainer):
        monkeypatch.setattr(kind, "__getattribute__", noted, raising=False)
    training.train(spec, place, 1, {})
    monkeypatch.undo()
    settled = training_key.settled(spec)
    for kind, known in ((UseCase, settled), (Event, settled["event"]), (Trainer, settled["trainer"])):
        fields = {name for of, name in read if of is kind and name in kind.model_fields}
        assert fields, kind
        assert fields <= set(known)


def changed_spec(part: str, changed: Any) -> UseCase:
    content = flight_spec().model_dump(mode="json", by_alias=True)
    if part == "features":
        content["features"][-1] |= changed
    else:
        content[part] = _over(content[part], changed)
    return UseCase.model_validate(content)


def _over(value: Any, changed: Any) -> Any:
    if not isinstance(changed, dict):
        return changed
    return {**value, **{name: _over(value.get(name, {}), one) for name, one in changed.items()}}


def keys(spec: UseCase, dataset: DatasetRef) -> tuple[str, str]:
    order = Order(dataset=dataset, trials=3)
    return training_key.training_key(spec, order), training_key.search_key(spec, order)


def test_a_change_of_the_code_is_seen_by_name_and_content(dataset: DatasetRef, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(flight_spec(), dataset)
    monkeypatch.setattr(training_key, "_content_hash", lambda name: "changed" if "imbalance" in name else "same")
    once = keys(flight_spec(), dataset)
    monkeypatch.setattr(training_key, "_content_hash", lambda name: "same")
    assert len({before, once, keys(flight_spec(), dataset)}) == 3


def test_a_use_case_with_a_trainer_of_its_own_brings_its_code() -> None:
    spec = changed_spec("trainer", {"name": "own"})
    own = {name for name in training_key.modules(spec, False) if name.startswith("usecases.")}
    assert own >= {"usecases.flight_delay.features", "usecases.flight_delay.request"}


@cache
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("include", cache_dir=None)


def reachable(*starts: str) -> set[str]:
    """Modules below ``include`` that these import, directly or not, inside functions too."""
    found, ahead = set(), [f"include.{start}" for start in starts]
    while ahead:
        if (module := ahead.pop()) not in found:
            found.add(module)
            ahead += imports().find_modules_directly_imported_by(module)
    return {module.removeprefix("include.") for module in found}


@pytest.mark.parametrize("name", sorted(set(TRAINERS) - {"ensemble"}))  # an ensemble is made, not fitted
def test_the_list_is_all_that_the_code_of_a_fit_imports(name: str) -> None:
    spec = flight_spec()
    spec = spec.model_copy(update={"trainer": spec.trainer.model_copy(update={"name": name})})
    by_name = TRAINERS[name].removeprefix("include.").rpartition(".")[0], f"families.{spec.task}"
    path = reachable("development.training", *by_name)
    assert path - set(BESIDE) == set(training_key.modules(spec, True))
