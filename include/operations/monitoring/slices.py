"""Figures of one release in a window by slice: rows, quality with intervals, drift; and which slices are worse.

A slice is one value of one column of ``monitoring.slices``, by the release's baseline: the fifty most common values of
its test set, ``other`` ones, ``unseen`` ones, ``missing``; of a number the bins of the baseline. A slice
is measured from ``comparison.slices.min_rows`` rows on, in enough blocks, with enough rows of each class where the
metric needs all; of a smaller one it is said what it lacks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from include.contracts.operations import Figure, FigureState, SliceFigure
from include.errors import UndefinedMetricError
from include.evaluation.bootstrap import Resampled, by_parts
from include.evaluation.contrasts import Contrasts, holm_levels
from include.evaluation.inputs import CLASS_ROWS
from include.evaluation.metrics import calibration_error, direction, undefined
from include.evaluation.power import standard_error
from include.families.registry import family
from include.families.serving import logged_scores
from include.operations.drift import slice_drift
from include.operations.drift.slice_baseline import groups
from include.operations.windows.states import of_labels, too_few
from include.operations.windows.window import Window

RESAMPLES, FEWEST = 400, 100
"""Of all slices at once: they give a standard error, which is known to 4 % then; of very many rows fewer, to 7 %."""
CELLS = 20_000_000
"""Resamples x rows beyond which there are fewer."""
NAMED = 5
"""Slices that the note of a figure names."""
WHOLE = ""


@dataclass(frozen=True)
class Slice:
    """Rows of one slice: positions in the window's ``asked`` and ``known`` rows; ``baseline``: of the test set."""

    key: str
    value: str
    asked: np.ndarray
    known: np.ndarray
    baseline: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        return f"{self.key}={self.value}"


@dataclass
class _Judged:
    """The slices whose metric could be judged, how much worse than the whole each is, and why others were not."""

    intervals: dict[str, Figure] = field(default_factory=dict)
    worse: dict[str, Contrasts] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


def measured(window: Window) -> tuple[list[SliceFigure], list[Figure]]:
    """The figures of all slices; and of each column, how many are surely worse than the whole."""
    slices, unknown = _slices(window)
    if not slices:
        return [], _not_described(window, unknown)
    drifts = slice_drift.figures(window, {one.name: one.asked for one in slices}, _baselines(slices))
    judged = _judged(window, slices)
    found = [_of(one, figure) for one in slices for figure in _figures(window, one, judged, drifts.get(one.name, []))]
    return found, [*_beyond(window, slices, judged), *_not_described(window, unknown)]


def _slices(window: Window) -> tuple[list[Slice], list[str]]:
    """All that have rows, and the columns that the release's baseline, or the log, does not know."""
    spec, baseline, found, unknown = window.spec, window.baseline, list[Slice](), list[str]()
    for column in spec.monitored_slices:
        kept = baseline.get("slices", {}).get(column, {})
        described = baseline["features"].get(column) or kept.get("described")
        if described is None or column not in window.asked:
            unknown.append(column)
            continue
        asked, known = (groups(described, rows[column]) for rows in (window.asked, window.known))
        none, of_test_set = np.empty(0, dtype=np.int64), kept.get("values", {})
        found += [Slice(column, v, rows, known.get(v, none), of_test_set.get(v)) for v, rows in asked.items()]
    return found, unknown


def _baselines(slices: Sequence[Slice]) -> dict[str, Mapping[str, Any]]:
    return {one.name: one.baseline for one in slices if one.baseline is not None}


def _of(one: Slice, figure: Figure) -> SliceFigure:
    return SliceFigure(**figure.model_dump(), slice_key=one.key, slice_value=one.value)


def _figures(window: Window, one: Slice, judged: _Judged, drifts: Sequence[Figure]) -> Iterator[Figure]:
    scope, least = window.scope, window.spec.comparison.slices.min_rows
    few = len(one.asked) < least
    state: FigureState = "too few" if few else "judged"
    note = f"needs {least} rows, has {len(one.asked)}" if few else ""
    yield scope.figure("rows", len(one.asked), n=len(one.asked), state=state, note=note)
    yield from drifts
    if len(one.known):
        yield from of_labels(window, _quality(window, one, judged))


def _quality(window: Window, one: Slice, judged: _Judged) -> Iterator[Figure]:
    scope, spec, primary = window.scope, window.spec, window.spec.metrics.primary
    n = len(one.known)
    if spec.event.label:
        yield scope.figure("labelled", n, n=len(one.asked))
    if why := judged.reasons.get(one.name):
        yield scope.figure("not_measured", n, primary, n=n, state="too few", note=why)
        return
    yield judged.intervals[one.name]
    if family(spec).facts.probabilities:
        rows = window.known.iloc[one.known]
        y, scores = family(spec).truth(spec, rows), logged_scores(spec, rows)
        yield scope.figure("calibration_error", calibration_error(y, scores), n=n)
        labels = family(spec).label_figures(spec, y)
        yield from (scope.figure(*figure, n=n) for figure in labels)


def _judged(window: Window, slices: Sequence[Slice]) -> _Judged:
    """The primary metric of every slice with enough rows, and the difference to all rows, on the same draws."""
    spec, primary, judged = window.spec, window.spec.metrics.primary, _Judged()
    if not len(window.known):
        return judged
    y, scores = family(spec).truth(spec, window.known), logged_scores(spec, window.known)
    of_all = undefined(primary, y, scores)
    for one in slices:
        if why := of_all or _too_few(window, y, scores, one):
            judged.reasons[one.name] = why
    fit = {one.name: one.known for one in slices if one.name not in judged.reasons}
    if not fit:
        return judged
    parts = {WHOLE: np.arange(len(y)), **fit}
    points, draws, by_rows = _resampled(window, y, scores, parts)
    whole = draws[:, 0]
    for place, (name, rows) in enumerate(fit.items(), start=1):
        try:
            drawn = _drawn(window, y, rows, (points[place], draws[:, place], by_rows[:, place]))
            figure = window.scope.interval(primary, drawn.interval(primary, WHOLE))
        except UndefinedMetricError as undefined_there:
            judged.reasons[name] = str(undefined_there)
            continue
        error = np.array([standard_error(whole - draws[:, place], drawn.independent)])
        value = direction(primary) * (points[0] - points[place])
        judged.intervals[name] = figure
        judged.worse[name] = Contrasts([name], np.array([value]), error, drawn.independent, error)
    return judged


def _resampled(
    window: Window, y: np.ndarray, scores: np.ndarray, parts: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The primary metric of each part: points (k,), its draws by blocks (r, k), and by rows."""
    primary, seed, blocks = window.spec.metrics.primary, window.seed, window.known_blocks
    by_row = int(np.clip(CELLS / len(y), FEWEST, RESAMPLES))
    if blocks.unit == "row":
        points, draws = by_parts(y, scores, primary, parts, by_row, seed=seed)
        return points, draws, draws
    points, draws = by_parts(y, scores, primary, parts, RESAMPLES, seed=seed, blocks=blocks)
    return points, draws, by_parts(y, scores, primary, parts, by_row // 2, seed=seed)[1]


def _drawn(window: Window, y: np.ndarray, rows: np.ndarray, metric: tuple[float, np.ndarray, np.ndarray]) -> Resampled:
    spec, key, blocks = window.spec, (window.spec.metrics.primary, WHOLE), window.known_blocks
    point, draws, by_rows = metric
    by_block = blocks.unit != "row"
    counts = family(spec).class_rows(spec, y[rows]) if family(spec).facts.probabilities else {}
    return Resampled(
        len(rows), spec.comparison.confidence, {key: float(point)}, {key: draws}, blocks.unit,
        blocks.of(rows).count if by_block else 0, {key: by_rows} if by_block else {},
        min((n for n in counts.values() if n), default=None),
    )  # fmt: skip


def _too_few(window: Window, y: np.ndarray, scores: np.ndarray, one: Slice) -> str:
    """Why the metric cannot be judged on the rows of the slice, or nothing."""
    spec, primary, rows = window.spec, window.spec.metrics.primary, one.known
    least, kind, blocks = spec.comparison.slices.min_rows, family(spec), window.known_blocks.of(rows)
    if len(rows) < least:
        return f"needs {least} rows{' with labels' if spec.event.label else ''}, has {len(rows)}"
    if not blocks.enough:
        return f"has {len(rows)} rows in {blocks.count} blocks of one {blocks.unit}: too few to know how they scatter"
    counts = kind.class_rows(spec, y[rows]) if primary in kind.every_class else {}
    if few := [f"{n} of class {name}" for name, n in counts.items() if n < CLASS_ROWS]:
        return f"needs {CLASS_ROWS} rows of each class, has {', '.join(few)}"
    return undefined(primary, y[rows], scores[rows]) if spec.event.label else ""


def _beyond(window: Window, slices: Sequence[Slice], judged: _Judged) -> list[Figure]:
    """Of each column, the slices that are worse than the whole by more than the margin, all tests together by Holm."""
    margin, level = window.spec.comparison.slices.margin, 1 - window.spec.comparison.confidence
    p_values = np.array([float(one.p_values(margin)[0]) for one in judged.worse.values()])
    refused = p_values <= holm_levels(p_values, level) if len(p_values) else p_values
    worse = {name for name, beyond in zip(judged.worse, refused, strict=True) if beyond}
    figures = list[Figure]()
    for key in dict.fromkeys(one.key for one in slices):
        mine = [one for one in slices if one.key == key and one.name in judged.worse]
        named = [one.value for one in mine if one.name in worse]
        n, lacking = sum(len(one.known) for one in mine), f"no slice by {key} has enough rows with labels"
        counted = window.scope.figure("slices_beyond", len(named), key, n, note=_worst(named))
        figures += too_few([counted], "" if mine else lacking)
    return of_labels(window, figures)


def _worst(named: Sequence[str]) -> str:
    rest = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return f"worse than the whole: {', '.join(named[:NAMED])}{rest}" if named else ""


def _not_described(window: Window, columns: Sequence[str]) -> list[Figure]:
    why = "neither this release nor the prediction log knows the column: the next release is packaged with it"
    return [window.scope.figure("slices_beyond", 0, column, state="too few", note=why) for column in columns]
