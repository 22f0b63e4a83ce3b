"""What is judged: versions that a training of this state root registered, and no other."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from include.development.datasets.parts import MANIFEST
from include.errors import NotFoundError
from include.formats import checksums, state_file
from include.loop import approval, retrain_evaluation
from include.services import verdicts
from include.services.composition import Services
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.families.test_class_names import CLASSES, OTHER, model, ordered, written
from tests.unit.loop.loop_worlds import SPEC, dataset, register, verdict


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = services_in(tmp_path)
    verdicts.store(SPEC, made, register(made), verdict(), run="run-1")
    return made


def test_a_version_that_is_not_registered_is_named_with_those_that_are(services: Services) -> None:
    with pytest.raises(NotFoundError, match=r"no model version 7 that a training .* there are \[1\]"):
        retrain_evaluation.evaluate(SPEC, services, "7")


def test_a_version_that_stands_in_mlflow_only_is_not_judged(services: Services) -> None:
    home = services.settings.home
    services.adapters.tracker.log_training(SPEC.name, dataset(home), b"forged", {}, {}, {}, key="forged")
    with pytest.raises(NotFoundError, match="A version that stands in MLflow only is not used"):
        retrain_evaluation.evaluate(SPEC, services, "2")


def test_without_a_registered_version_there_is_nothing_to_judge(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="train one first"):
        retrain_evaluation.evaluate(SPEC, services_in(tmp_path), None)


def test_the_verdict_is_in_the_lake_and_with_the_version(services: Services) -> None:
    assert [one.digest for one in services.records.verdicts(SPEC)] == [verdict().digest]
    assert services.adapters.tracker.tags(SPEC.name, 1)["verdict"] == "promote"
    assert approval.report(SPEC, services, "run-1").count("better") >= 1


@pytest.mark.parametrize("kept", [CLASSES, []], ids=["kept with model and dataset", "kept with the release only"])
def test_class_names_travel_with_the_champion_when_the_spec_orders_its_classes_anew(
    services: Services, tmp_path: Path, kept: list[str]
) -> None:
    spec, champion = ordered(OTHER), replace(model(CLASSES), class_names=tuple(kept))
    parts = tmp_path / "parts"
    parts.mkdir()
    dataset = written(parts, kept)
    manifest = {"path": str(parts), "name": parts.name}
    dataset = dataset.model_copy(update=manifest)
    state_file.write(parts / MANIFEST, dataset.model_dump_json())
    checksums.write_sums(parts, parts.glob("*.parquet"))
    release = services.adapters.releases.get(spec.name, packaged(services, spec, 7, approved=False, classes=CLASSES))
    known = SimpleNamespace(version=7, dataset=dataset)
    old = retrain_evaluation._test_set(spec, services, dataset, release).frame
    names = retrain_evaluation._names(spec, services, champion, release.name)
    scores = retrain_evaluation._scores(spec, known, champion, names, old)  # type: ignore[arg-type]
    assert np.mean(scores.argmax(axis=1) == old["label"]) > 0.75
    assert old["label"].max() == 2
