"""The explanation of single answers, with the reference point that their release was packaged with."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from include.contracts.found_answers import Explanation
from include.evaluation.shapley import permuted
from include.operations.windows.window import Answering

METHOD = "SHAP values against the typical row of the release's test set, by sampled permutations"
FELL_BACK = "the release answered with its fallback, because features were missing: nothing moved the answer"


def explained(
    model: Answering,
    X: np.ndarray,
    kept: Mapping[str, Any],
    logged: np.ndarray,
    bound: float,
    classes: Sequence[str],
    seen: Collection[str],
) -> list[Explanation]:
    """One per row of ``X`` (encoded); ``kept`` is what the release's baseline keeps of attributions.

    ``logged`` (n, K) are the scores that were logged, in any order of the classes, ``classes`` the release's own order,
    ``bound`` how far the model server may be from the model, ``seen`` the features whose effects are shown by name.
    """
    columns = kept["columns"]
    reference = np.array([np.nan if value is None else value for value in kept["reference"]], dtype=np.float32)[None]
    values = permuted(model.scores, X, reference, [*columns.values()])
    scores, at_reference = _table(model.scores(X)), _table(model.scores(reference))[0]
    return [
        _one(values[row], scores[row], at_reference, [*columns], classes, seen)
        if _same(scores[row], logged[row], bound)
        else Explanation(why_not=FELL_BACK)
        for row in range(len(X))
    ]


def _one(
    values: np.ndarray,
    scores: np.ndarray,
    reference: np.ndarray,
    names: Sequence[str],
    classes: Sequence[str],
    seen: Collection[str],
) -> Explanation:
    at = int(scores.argmax()) if len(scores) > 1 else 0
    effects = dict(zip(names, map(float, values[:, at]), strict=True))
    largest = sorted((name for name in names if name in seen), key=lambda name: -abs(effects[name]))
    return Explanation(
        method=METHOD,
        of=classes[at] if len(scores) > 1 and at < len(classes) else f"class {at}" if len(scores) > 1 else "the score",
        reference=float(reference[at]),
        answer=float(scores[at]),
        effects={name: effects[name] for name in largest},
        hidden=float(sum(effect for name, effect in effects.items() if name not in seen)),
    )


def _table(scores: np.ndarray) -> np.ndarray:
    return np.asarray(scores, dtype=float).reshape(len(scores), -1)


def _same(scores: np.ndarray, logged: np.ndarray, bound: float) -> bool:
    """Whether the model gives what was answered; classes are logged in the order of the spec."""
    ours, theirs = np.sort(scores), np.sort(np.asarray(logged, dtype=float).reshape(-1))
    return ours.shape == theirs.shape and bool(np.abs(ours - theirs).max() <= bound)
