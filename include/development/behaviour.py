"""Behaviour tests of a candidate, declared in the spec; they run before it is registered.

Source of the kinds: Ribeiro et al. 2020, Beyond Accuracy: Behavioral Testing of NLP Models with CheckList.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.encoding import Categories, category
from include.contracts.evaluation import GateOutcome
from include.contracts.spelling import as_text, distinct
from include.development.datasets.building import request_features
from include.development.datasets.encoded import Parts
from include.development.feature_groups import evenly
from include.development.trainers.protocol import placed
from include.development.trainers.trained_model import TrainedModel
from include.errors import DataError, SpecError
from include.families.registry import family
from include.specification.learning import Direction, Invariance, MinimumFunctionality
from include.specification.usecase import UseCase

ROWS = 2000  # evenly spaced in the test part; a share is then known to one percent or so
LATENCY_REPEATS = 100


def check(spec: UseCase, model: TrainedModel, parts: Parts, baseline_beaten: bool) -> list[GateOutcome]:
    """One outcome per test of ``spec.behaviour``, in its order, with figures in words.

    ``baseline_beaten``: whether the model is better than the baseline in the primary metric on the test part.

    Raises
    ------
    SpecError
        a test names a feature, column or class that does not exist, or asks what the task does not have.
    DataError
        a request field that a computed feature needs is not in the dataset.
    """
    tests, rows = spec.behaviour, evenly(parts.frames["test"], ROWS)
    given = model.predict(rows)
    outcomes = [_invariance(spec, model, rows, given, one) for one in tests.invariance]
    outcomes += [_direction(spec, model, parts.frames["train"], rows, given, one) for one in tests.direction]
    outcomes += [_functionality(spec, model, parts.frames["test"], one) for one in tests.minimum_functionality]
    if tests.stability > 0:
        outcomes += _stability(spec, model, rows, given)
    outcomes += list(_budgets(spec, model, rows))
    if tests.beats_baseline:
        outcomes.append(_baseline(spec, baseline_beaten))
    return outcomes


def changed(spec: UseCase, frame: pd.DataFrame, feature: str, change: Mapping[str, pd.Series]) -> pd.DataFrame:
    """``frame`` with other values of a feature, and of every feature that is computed from it.

    A changed request field goes through the use case's own ``on_request`` again, as it would at serving.
    """
    other = frame.assign(**change)
    if not set(change) & set(spec.fields) or not any(f.origin == "on_request" for f in spec.features):
        return other
    if missing := [name for name in spec.fields if name not in other.columns]:
        raise DataError(
            f"{spec.name}: to change {feature!r} the features of request.py must be computed again, which needs the "
            f"request fields {missing}; the dataset keeps {list(frame.columns)}. Test a feature of a view instead"
        )
    return other.assign(**request_features(spec, other))


def columns_of(spec: UseCase, feature: str) -> list[str]:
    """The columns of a feature, tensor or request field; raises SpecError when there is none of the name."""
    tensor = [f.name for f in spec.features if f.tensor == feature]
    if tensor or feature in spec.feature_names:
        return tensor or [feature]
    if feature in spec.fields:
        return [feature]
    raise SpecError(
        f"{spec.directory / 'usecase.yaml'}: behaviour names the feature {feature!r}; there are {spec.feature_names}"
    )


def _numbers(spec: UseCase, frame: pd.DataFrame, feature: str) -> pd.DataFrame:
    values = frame[columns_of(spec, feature)]
    try:
        return values.astype("float64")
    except (TypeError, ValueError):
        raise SpecError(
            f"{spec.directory / 'usecase.yaml'}: behaviour changes {feature!r} by a number, but it is not a number"
        ) from None


def _invariance(
    spec: UseCase, model: TrainedModel, rows: pd.DataFrame, given: np.ndarray, test: Invariance
) -> GateOutcome:
    worst = np.zeros(len(rows))
    for change in _other_values(spec, rows, test):
        answer = model.predict(changed(spec, rows, test.feature, change))
        worst = np.maximum(worst, _moved(answer, given))
    kept = float((worst <= test.max_change).mean())
    other = f"± {test.noise:g} standard deviations" if test.noise is not None else f"= {test.values}"
    detail = (
        f"with {test.feature} {other}, {kept:.1%} of {len(rows)} answers change by at most {test.max_change:g} "
        f"(largest change {worst.max():.4g}); at least {test.share:.1%} must"
    )
    return GateOutcome(gate=f"invariance:{test.feature}", passed=kept >= test.share, detail=detail)


def _other_values(spec: UseCase, rows: pd.DataFrame, test: Invariance) -> Iterator[dict[str, pd.Series]]:
    if test.noise is None:
        for value in test.values:
            yield {name: pd.Series(value, index=rows.index) for name in columns_of(spec, test.feature)}
        return
    numbers = _numbers(spec, rows, test.feature)
    spread = float(np.nanstd(numbers.to_numpy()))
    for step in (test.noise * spread, -test.noise * spread):
        yield {name: numbers[name] + step for name in numbers}


def _moved(answer: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Largest change of a score per row (n,)."""
    return np.abs(answer - given).reshape(len(given), -1).max(axis=1)


def _direction(
    spec: UseCase, model: TrainedModel, train: pd.DataFrame, rows: pd.DataFrame, given: np.ndarray, test: Direction
) -> GateOutcome:
    if given.ndim == 2:
        raise SpecError(f"{spec.name}: behaviour.direction needs one number per row, but {spec.task} answers several")
    gate, numbers = f"direction:{test.feature}", _numbers(spec, rows, test.feature)
    if (_numbers(spec, train, test.feature).nunique() <= 1).all():
        detail = f"not judged: {test.feature} has only one value in the training part, so its effect was not learned"
        return GateOutcome(gate=gate, passed=True, detail=detail)
    answer = model.predict(changed(spec, rows, test.feature, {name: numbers[name] + test.by for name in numbers}))
    moved = (answer - given) * (1 if test.effect == "rises" else -1)
    share = float((moved > 0).mean())
    detail = (
        f"with {test.feature} {test.by:+g} the mean answer goes from {given.mean():.4f} to {answer.mean():.4f} and "
        f"{share:.1%} of {len(rows)} answers {test.effect[:-1]}; required: the mean, and {test.share:.1%} of them"
    )
    passed = bool(moved.mean() > 0 and share >= test.share)
    return GateOutcome(gate=gate, passed=passed, detail=detail)


def _functionality(spec: UseCase, model: TrainedModel, rows: pd.DataFrame, test: MinimumFunctionality) -> GateOutcome:
    gate = f"minimum_functionality:{test.name}"
    such = rows[_where(spec, rows, test)]
    if such.empty:
        return GateOutcome(gate=gate, passed=True, detail=f"not judged: no test row of {len(rows)} has these values")
    scores = model.predict(such)
    if test.predicted is not None:
        return _said(spec, gate, scores, test)
    if scores.ndim == 2:
        raise SpecError(f"{spec.name}: {gate} needs 'predicted': {spec.task} answers several numbers per row")
    mean = float(scores.mean())
    limits = {"at least": test.at_least, "at most": test.at_most}
    bounds = " and ".join(f"{side} {limit:g}" for side, limit in limits.items() if limit is not None)
    passed = (test.at_least is None or mean >= test.at_least) and (test.at_most is None or mean <= test.at_most)
    detail = f"the mean answer of {len(such)} such rows is {mean:.4f}; it must be {bounds or 'any number'}"
    return GateOutcome(gate=gate, passed=passed, detail=detail)


def _said(spec: UseCase, gate: str, scores: np.ndarray, test: MinimumFunctionality) -> GateOutcome:
    names = family(spec).names(spec, scores.shape[-1])
    if test.predicted not in names:
        raise SpecError(f"{spec.name}: {gate} wants the class {test.predicted!r}; there are {names}")
    share = float((family(spec).predicted(scores) == names.index(test.predicted)).mean())
    detail = f"{share:.1%} of {len(scores)} such rows get the class {test.predicted}; at least {test.share:.1%} must"
    return GateOutcome(gate=gate, passed=share >= test.share, detail=detail)


def _where(spec: UseCase, rows: pd.DataFrame, test: MinimumFunctionality) -> np.ndarray:
    """Rows with these values: a number, a text, or a number within [low, high]."""
    chosen = np.ones(len(rows), dtype=bool)
    for column, wanted in test.where.items():
        if column not in rows.columns:
            raise SpecError(f"{spec.name}: minimum_functionality {test.name!r} needs {column!r}; see {list(rows)}")
        values = rows[column]
        if isinstance(wanted, list):
            chosen &= values.between(min(wanted), max(wanted)).to_numpy(dtype=bool)
        elif column == spec.event.label and spec.event.classes:
            chosen &= (values == _code(spec, test, wanted)).to_numpy(dtype=bool)
        else:
            chosen &= _equals(values, wanted).to_numpy(dtype=bool)
    return chosen


def _code(spec: UseCase, test: MinimumFunctionality, wanted: Any) -> int:
    classes, name = spec.event.classes, category(wanted)
    if name not in classes:
        raise SpecError(
            f"{spec.name}: minimum_functionality {test.name!r} wants the class {name!r}; there are {classes}"
        )
    return classes.index(name)


def _equals(values: pd.Series, wanted: Any) -> pd.Series:
    """Rows with the number, or with the category however the spec spells it."""
    if pd.api.types.is_numeric_dtype(values):
        return values == wanted
    texts = as_text(values)
    return texts == Categories(distinct(texts)).find(wanted)


def _stability(spec: UseCase, model: TrainedModel, rows: pd.DataFrame, given: np.ndarray) -> list[GateOutcome]:
    """Rounding must not matter, and a looked-up number that is missing must not break the answer.

    The step is upwards only: trees split at values that the data hold, so a step down crosses a split by design.
    """
    X = model.encoder.transform(rows)
    numbers = _columns(model, lambda entry: entry["kind"] == "numeric")
    looked_up = _columns(model, lambda e: e["kind"] == "numeric" and e["origin"] not in ("request", "on_request"))
    stepped, without = X.copy(), X.copy()
    stepped[:, numbers] = np.nextafter(X[:, numbers], np.float32(np.inf))
    without[:, looked_up] = np.nan
    worst, limit = float(_moved(model.scores(stepped), given).max() / model.spread), spec.behaviour.stability
    unit = " standard deviations of the label" if family(spec).facts.predicts == "value" else ""
    detail = f"one float32 step up of every number changes an answer by at most {worst:.3g}{unit}; {limit:g} is allowed"
    outcomes = [GateOutcome(gate="stability", passed=worst <= limit, detail=detail)]
    if looked_up:
        strange = int((~np.isfinite(model.scores(without))).sum())
        detail = f"{strange} of {given.size} scores are not numbers if looked-up numbers are missing; none may be"
        outcomes.append(GateOutcome(gate="stability:missing", passed=strange == 0, detail=detail))
    return outcomes


def _columns(model: TrainedModel, wanted: Callable[[dict[str, Any]], bool]) -> list[int]:
    """Positions in the encoded matrix of the features that are ``wanted``."""
    inputs = zip(model.encoder.features, placed(model.encoder.inputs), strict=True)
    return [column for entry, one in inputs if wanted(entry) for column in one.columns]


def _budgets(spec: UseCase, model: TrainedModel, rows: pd.DataFrame) -> Iterator[GateOutcome]:
    """Size of the ONNX file, and the median time of one row in ONNX Runtime on one thread."""
    tests = spec.behaviour
    if tests.max_bytes is None and tests.max_row_ms is None:
        return
    onnx = model.onnx()
    if tests.max_bytes is not None:
        detail = f"the ONNX model has {len(onnx):,} bytes; at most {tests.max_bytes:,} are allowed"
        yield GateOutcome(gate="size", passed=len(onnx) <= tests.max_bytes, detail=detail)
    if tests.max_row_ms is not None:
        took = _row_ms(onnx, model.encoder.transform(rows.head(1)))
        detail = f"one row takes {took:.3f} ms (median of {LATENCY_REPEATS}); at most {tests.max_row_ms:g} is allowed"
        yield GateOutcome(gate="latency", passed=took <= tests.max_row_ms, detail=detail)


def _row_ms(onnx: bytes, row: np.ndarray) -> float:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    name, output, taken = session.get_inputs()[0].name, session.get_outputs()[-1].name, []
    for _ in range(LATENCY_REPEATS):
        begun = time.perf_counter()
        session.run([output], {name: row})
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken)) * 1000


def _baseline(spec: UseCase, beaten: bool) -> GateOutcome:
    kind = spec.trainer.baseline.kind
    comparison = "is better than" if beaten else "is not better than"
    detail = f"the model {comparison} the {kind} baseline in {spec.metrics.primary} on the test part; it must be"
    return GateOutcome(gate="beats_baseline", passed=beaten, detail=detail)
