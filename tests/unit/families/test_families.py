"""What every family must keep, whatever its kind."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from include.development.card import plots
from include.errors import SpecError
from include.evaluation.metrics import row_losses
from include.families.registry import family, family_named
from include.families.serving import flags, headline, logged_column, logged_scores, outputs
from include.specification.task import TASKS
from tests.unit.development.tasks import CLASSES, rows, task_spec

N = 240
every = pytest.mark.parametrize("task", TASKS)


def scores_of(task: str) -> np.ndarray:
    random = np.random.default_rng(0)
    if not TASKS[task].table:
        return random.random(N)
    table = random.random((N, 3))
    return table / table.sum(axis=1, keepdims=True)


def test_a_task_without_an_entry_is_refused() -> None:
    with pytest.raises(SpecError, match="'ranking' is no task; the tasks are binary, multiclass"):
        family_named("ranking")


@every
def test_truth_predictions_and_losses_have_a_value_per_row(task: str) -> None:
    spec, frame, scores = task_spec(task), rows(task, N, 1), scores_of(task)
    kind = family(spec)
    y, predicted = kind.truth(spec, frame), kind.predicted(scores)
    assert len(y) == len(predicted) == N
    assert row_losses(kind.facts.predicts, y, scores).shape == (N,)
    assert y.dtype == {"binary": bool, "multiclass": np.int64}.get(task, np.float64)
    assert (y.ndim == 2) == (kind.facts.predicts == "cluster")
    if kind.facts.predicts != "value":
        assert set(predicted) <= set(range(len(kind.names(spec, 3))))


@every
def test_classes_have_names_and_rows_and_nothing_else_has(task: str) -> None:
    spec, frame = task_spec(task), rows(task, N, 1)
    kind = family(spec)
    names = {"binary": ["0", "1"], "multiclass": CLASSES}.get(task, [])
    assert kind.names(spec) == names
    counts = kind.class_rows(spec, kind.truth(spec, frame))
    assert list(counts) == names
    assert sum(counts.values()) == (N if names else 0)
    assert set(kind.every_class) <= set(kind.facts.metrics)


@pytest.mark.parametrize(
    ("task", "labels", "codes", "kind"),
    [
        ("binary", [True, 0], [1, 0], "int8"),
        ("multiclass", ["high", "low"], [2, 0], "int16"),
        ("regression", [1, 2.5], [1.0, 2.5], "float64"),
    ],
)
def test_labels_are_coded(task: str, labels: list, codes: list, kind: str) -> None:
    coded = family_named(task).label_codes(task_spec(task), pd.Series(labels, dtype=object))
    assert coded.tolist() == codes
    assert coded.dtype == kind


def test_whole_numbers_are_names_of_classes_too() -> None:
    spec = task_spec("multiclass", event={"classes": ["1", "2", "3"]})
    assert family(spec).label_codes(spec, pd.Series([3.0, 1.0])).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        ([1.0, 2.0, 2**53 + 1], [1, 2.0, 2**53 + 1]),
        ([True, False, "maybe"], [True, False, "maybe"]),
        (["true", "false", "maybe"], [True, False, "maybe"]),
        (["1.5", 2.5, "-0"], [1.5, 2.5, "-0"]),
    ],
)
def test_a_class_has_one_spelling_in_the_spec_and_in_the_labels(names: list, labels: list) -> None:
    spec = task_spec("multiclass", event={"classes": names})
    assert family(spec).label_codes(spec, pd.Series(labels, dtype=object)).tolist() == [0, 1, 2]


def test_a_class_that_is_an_answer_of_the_labelling_form_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"\['\(later\)'\] are answers of the labelling form that are no label"):
        task_spec("multiclass", event={"classes": ["a", "b", "(later)"]})


def test_the_space_of_clusters_is_robust_and_has_no_gap() -> None:
    spec, frame = task_spec("clustering"), rows("clustering", N, 1)
    frame.loc[0, "strength"], frame["idle"] = np.nan, 1.0
    space = family(spec).truth(spec, frame)
    assert np.isfinite(space).all()
    np.testing.assert_allclose(np.median(space, axis=0), 0, atol=0.05)
    assert space[0, 0] == 0
    assert (space[:, -1] == 0).all()


@every
def test_pictures_are_plots_of_the_card_with_a_caption(task: str) -> None:
    spec, frame, scores = task_spec(task), rows(task, N, 1), scores_of(task)
    pictures = family(spec).pictures(spec, frame, family(spec).truth(spec, frame), scores)
    assert pictures
    for one in pictures.values():
        assert getattr(plots, one.plot)(*one.arguments).axes
        assert one.caption.endswith(".")


@every
def test_the_log_gives_back_the_scores_that_serving_writes(task: str) -> None:
    spec, scores = task_spec(task), scores_of(task)
    best = headline(scores)
    log = pd.DataFrame({"probability": best, "prediction": best, "scores": list(scores.reshape(N, -1))})
    np.testing.assert_array_equal(logged_scores(spec, log), scores)
    assert logged_column(spec) in {"scores", *outputs(spec)}


@every
def test_flags_are_plain(task: str) -> None:
    told = flags(task_spec(task))
    assert told["classes"] == (CLASSES if task == "multiclass" else [])
    assert (told["threshold"] is not None) == (told["scores"] == "column" and told["predicts"] == "class")
    assert all(isinstance(value, str | bool | float | list | None) for value in told.values())
