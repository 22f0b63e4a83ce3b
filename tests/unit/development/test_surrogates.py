"""Simple models of the model say what it does: known effects come back, and how faithful they are."""

from dataclasses import replace

import numpy as np
import pytest

from include.development.explanation import permutation_importance
from include.development.feature_groups import feature_groups, shown
from include.development.surrogates import local_surrogate, surrogate_tree
from include.development.trainers.label_units import LabelUnits, scaled_model
from include.specification.usecase import UseCase
from tests.unit.development.tasks import CLASSES, METRICS, task_parts, task_spec


def test_a_line_is_found_again_around_a_row() -> None:
    """2 per unit of ``strength``, 1 for being there, 0.3 per unit of ``signal_00``."""
    spec = task_spec("regression")
    model, parts = task_parts(spec)
    rows = parts.frames["test"]
    one = rows[rows["place"] == "there"].head(1)
    found = local_surrogate(spec, model, one, model.encoder.transform(parts.frames["train"]))
    effects = {effect["feature"]: effect["effect"] for effect in found["effects"]}
    spread = parts.frames["train"]["strength"].std()
    others = 1 - (parts.frames["train"]["place"] == "there").mean()
    assert found["fidelity"] > 0.95
    assert effects["strength"] == pytest.approx(2 * spread, rel=0.05)
    assert effects["place"] == pytest.approx(others, abs=0.15)
    assert effects["idle"] == pytest.approx(0, abs=0.05)
    assert found["answer"] == pytest.approx(model.predict(one)[0])


def test_a_missing_number_is_explained_too() -> None:
    spec = task_spec("regression")
    model, parts = task_parts(spec)
    one = parts.frames["test"].head(1).assign(strength=np.nan)
    found = local_surrogate(spec, model, one, model.encoder.transform(parts.frames["train"]))
    values = {effect["feature"]: effect["value"] for effect in found["effects"]}
    assert values["strength"] == "missing"
    assert np.isfinite(found["fidelity"])


@pytest.mark.parametrize("task", METRICS)
def test_the_rules_cover_all_rows(task: str) -> None:
    spec = task_spec(task)
    model, parts = task_parts(spec)
    tree = surrogate_tree(spec, model, parts.frames["train"])
    shares = [int(rule.rpartition("(")[2].partition("%")[0]) for rule in tree.rules]
    assert sum(shares) == pytest.approx(100, abs=len(shares))
    assert len(tree.rules) <= 8
    assert tree.fidelity > 0.7
    assert any("strength" in rule for rule in tree.rules)
    if task == "multiclass":
        assert any(name in rule for rule in tree.rules for name in CLASSES)


@pytest.mark.parametrize("units", [LabelUnits(0.0, 1e-9), LabelUnits(1e9, 1.0)])
def test_the_rules_hang_on_neither_the_offset_nor_the_unit_of_the_label(units: LabelUnits) -> None:
    spec = task_spec("regression")
    model, parts = task_parts(spec)
    usual = surrogate_tree(spec, model, parts.frames["train"])
    found = surrogate_tree(spec, replace(model, fitted=scaled_model(model.fitted, units)), parts.frames["train"])
    assert found.fidelity == pytest.approx(usual.fidelity, abs=1e-3)
    assert len(found.rules) == len(usual.rules)


def test_personal_values_are_not_shown() -> None:
    spec = task_spec("binary")
    model, parts = task_parts(spec)
    hidden = with_personal(spec, "place")
    groups = {group.name: group for group in feature_groups(model)}
    row = parts.frames["test"].iloc[0]
    assert shown(spec, groups["place"], row) == row["place"]
    assert shown(hidden, groups["place"], row) == "(personal)"
    assert "4 numbers, mean" in shown(spec, groups["signal"], row)


def with_personal(spec: UseCase, column: str) -> UseCase:
    rule = type(spec.privacy).model_validate({"columns": {column: {"class": "personal", "treatment": "mask"}}})
    return spec.model_copy(update={"privacy": rule})


def test_a_metric_that_cannot_be_told_is_said() -> None:
    spec = task_spec("binary")
    model, parts = task_parts(spec)
    one_class = parts.frames["validation"].assign(label=np.int8(1))
    found = permutation_importance(spec, model, one_class)
    assert found["features"] == []
    assert "undefined" in found["undefined"]
