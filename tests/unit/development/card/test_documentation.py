"""Documents of a model of every task: complete, honest about what is undefined, the same for the same model."""

import json
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from include.contracts.approval import ApprovalEntry
from include.contracts.evaluation import GateOutcome, Verdict
from include.development.card.documentation import document
from include.development.card.facts import Facts
from include.development.card.page import page, page_with_verdict, with_verdict
from include.evaluation.metrics import row_losses, score
from include.specification.task import TASKS
from include.specification.usecase import UseCase
from tests.unit.development.tasks import METRICS, task_dataset, task_parts, task_spec

RECORDS = {f"{n}.json" for n in ("importance", "explanation", "slices", "fairness", "behaviour")}
PICTURES = {
    "binary": {"roc", "calibration", "confusion"},
    "multiclass": {"calibration", "confusion"},
    "regression": {"predicted", "residuals"},
    "forecasting": {"predicted", "residuals", "series"},
    "clustering": {"clusters", "profile"},
}
EVERY = {"importance", "permutation", "learning_curve"}


def facts(spec: UseCase) -> Facts:
    model, parts = task_parts(spec)
    scores = model.predict(parts.frames["test"])
    metrics = {f"test_{name}": score(name, parts.truth["test"], scores) for name in spec.metrics.names}
    behaviour = [GateOutcome(gate="size", passed=False, detail="9 bytes; at most 8 | are allowed")]
    cost = {"cpu_seconds": 1.5, "peak_memory_bytes": 2.0**21}
    return Facts("f" * 64, {"depth": 3}, metrics, tuning="No search.", cost=cost, revision="abc", behaviour=behaviour)


@cache
def documents(task: str) -> dict[str, bytes]:
    spec = task_spec(task)
    model, parts = task_parts(spec)
    return document(spec, task_dataset(spec), model, parts, facts(spec))


@pytest.mark.slow
@pytest.mark.parametrize("task", METRICS)
def test_a_model_of_every_task_is_documented(task: str) -> None:
    found = documents(task)
    assert RECORDS | {"model_card.md", "model_card.html", "surrogate.txt"} <= set(found)
    plots = {Path(name).stem for name in found if name.startswith("plots/")}
    assert plots >= PICTURES[task] | EVERY
    for name in plots:
        ElementTree.fromstring(found[f"plots/{name}.svg"])  # noqa: S314 - our own drawing


@pytest.mark.parametrize("task", METRICS)
def test_what_decides_is_found(task: str) -> None:
    explanation = json.loads(documents(task)["explanation.json"])
    assert json.loads(documents(task)["importance.json"])[0]["feature"] == "strength"
    assert explanation["permutation"]["features"][0]["feature"] == "strength"
    idle = next(row for row in explanation["permutation"]["features"] if row["feature"] == "idle")
    assert idle["low"] == idle["loss"] == idle["high"] == 0
    assert {one["effects"][0]["feature"] for one in explanation["local"]} <= {"strength", "place", "signal"}
    assert sum(row["share"] for row in explanation["shap"]["features"]) == pytest.approx(1)
    assert "strength" in documents(task)["surrogate.txt"].decode()


def test_a_tensor_is_one_feature_with_a_heat_map() -> None:
    explanation = json.loads(documents("regression")["explanation.json"])
    names = [row["feature"] for row in explanation["shap"]["features"]]
    assert sorted(names) == ["idle", "note", "place", "signal", "strength"]
    image = np.array(explanation["tensors"]["signal"])
    assert image.shape == (2, 2)
    assert image[0, 0] > 0.1
    assert np.abs(image.ravel()[1:]).max() < 1e-9


def test_classes_have_their_own_explanation() -> None:
    explanation = json.loads(documents("multiclass")["explanation.json"])
    assert set(explanation["classes"]) == {"low", "middle", "high"}
    assert all(rows[0]["feature"] == "strength" for rows in explanation["classes"].values())


def test_equal_models_have_equal_documents() -> None:
    spec = task_spec("clustering")
    model, parts = task_parts(spec)
    assert document(spec, task_dataset(spec), model, parts, facts(spec)) == documents("clustering")


def test_the_card_says_what_it_must() -> None:
    card = documents("binary")["model_card.md"].decode()
    for said in (
        "f" * 64,
        "traintrain",
        "2013-01-abc",
        "revision `abc`",
        "No search.",
        "how strong",
        "| cpu | 1.5 s |",
        "bootstrap of the 240 test rows by whole blocks (11 days), because rows of one day resemble each other",
    ):
        assert said in card
    assert "| size | **failed** | 9 bytes; at most 8 \\| are allowed |" in card
    assert "place = nowhere" in card
    assert "the test set of 6 rows has too few rows of a class" in card


def test_the_page_needs_nothing_else() -> None:
    card = documents("binary")["model_card.html"].decode()
    assert "<svg" in card
    assert "currentColor" in card
    for loaded in ('src="', "<script", "<link", "url(http"):
        assert loaded not in card


def test_markup_in_the_data_is_shown_and_not_run() -> None:
    shown = page("# Card\n\n| a |\n| --- |\n| <script>alert(1)</script> |\n\n[x](javascript:alert(1))", {})
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert 'href="javascript' not in shown


def test_a_verdict_takes_the_place_of_the_one_before() -> None:
    card, html = (documents("binary")[f"model_card.{kind}"].decode() for kind in ("md", "html"))
    first, second = (verdict(decision) for decision in ("keep_champion", "canary"))
    assert "Not evaluated yet" in card
    assert "Not evaluated yet" in html
    told = with_verdict(with_verdict(card, first), second, HISTORY)
    assert told == with_verdict(card, second, HISTORY)
    assert r"| 2013-08-02 00:00:00 | approved | ada | better \| \<b>best\</b> of all |" in told
    assert told.startswith(card.partition("## Verdict")[0])
    shown = page_with_verdict(page_with_verdict(html, first), second, HISTORY)
    assert shown == page_with_verdict(html, second, HISTORY)
    assert "better | &lt;b&gt;best&lt;/b&gt; of all" in shown
    assert "canary" in shown
    assert "keep_champion" not in shown


HISTORY = [
    ApprovalEntry(
        usecase="flight_delay", environment="prod", sequence=3, previous="0", at="2013-08-02T00:00:00+00:00",
        event="approved", version=2, artifact_hash="0", by="ada", reason="better | <b>best</b>\nof all",
    )
]  # fmt: skip


def verdict(decision: str) -> Verdict:
    return Verdict.model_validate(
        {
            "usecase": "flight_delay", "decision": decision, "rule": "gain", "reason": "because", "candidate": 2,
            "champion": 1, "champion_release": "r0001", "cells": [], "differences": {}, "gates": [],
            "self_test": "passed", "decided_at": "2013-08-01T00:00:00+00:00",
        }
    )  # fmt: skip


@pytest.mark.parametrize("task", METRICS)
def test_losses_are_larger_for_worse_answers(task: str) -> None:
    spec = task_spec(task)
    model, parts = task_parts(spec)
    y, scores = parts.truth["test"], model.predict(parts.frames["test"])
    losses = row_losses(TASKS[task].predicts, y, scores)
    best = np.argsort(losses)[:120]
    assert losses.shape == (240,)
    primary = spec.metrics.primary
    sign = -1 if primary == "mae" else 1
    assert sign * score(primary, y[best], scores[best]) > sign * score(primary, y, scores)
