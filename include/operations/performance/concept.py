"""Concept drift: since when the error of a release is higher, by change detectors on its loss day by day.

Rows of one day are not independent, and a detector that is fed them alarms on every stormy week. So each one reads one
number per block, the standardised mean loss: of the release's own test set, of its windows so far, and of this one.
The detectors are river's: ADWIN (Bifet and Gavalda, SDM 2007), Page-Hinkley (Page, Biometrika 41, 1954), KSWIN (Raab,
Heusinger and Schleif, Neurocomputing 416, 2020). DDM counts on independent rows and is not used: it alarms in most
months whose days differ (``tests/benchmarks/concept_rates.py``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from include.contracts.operations import Figure, FigureState
from include.families.registry import family
from include.families.serving import logged_scores
from include.operations.performance.block_losses import BlockLosses, name_of, past_of, records, unit_of
from include.operations.windows import states
from include.operations.windows.release_history import History
from include.operations.windows.window import Window

NAME = "concept_drift"


class Detector(NamedTuple):
    """A detector of river, what people call it, and how many blocks it needs."""

    title: str
    make: Callable[[], Any]
    least: int


def _adwin() -> Any:
    from river.drift import ADWIN

    return ADWIN(delta=0.01, clock=1)


def _page_hinkley() -> Any:
    from river.drift import PageHinkley

    return PageHinkley(min_instances=10, delta=0.5, threshold=15.0, alpha=1.0, mode="both")


def _kswin() -> Any:
    from river.drift import KSWIN

    return KSWIN(alpha=0.0001, window_size=60, stat_size=20, seed=0)


DETECTORS = {
    "adwin": Detector("ADWIN", _adwin, 30),
    "page_hinkley": Detector("Page-Hinkley", _page_hinkley, 30),
    "kswin": Detector("KSWIN", _kswin, 60),
}
"""By subject. Their parameters keep alarms without a change below the rate that the reference of monitoring states."""


@dataclass(frozen=True)
class Change:
    """The level of the values changed with the one at ``at``; ``rise`` in their units."""

    at: int
    rise: float


def changes(detector: Any, values: np.ndarray) -> list[Change]:
    """What a detector alarms at in ``values`` (k,), each dated.

    The date is where two levels fit the values since the last change best (Hinkley, Biometrika 57, 1970).
    """
    found, begin = list[Change](), 0
    for end, value in enumerate(values, start=1):
        detector.update(float(value))
        if detector.drift_detected and end - begin > 1:
            found.append(_dated(values[begin:end], begin))
            begin = found[-1].at
    return found


def _dated(values: np.ndarray, begin: int) -> Change:
    n, first = len(values), np.arange(1, len(values))
    sums = np.cumsum(values)[:-1]
    rises = (values.sum() - sums) / (n - first) - sums / first
    at = int(np.argmax(first * (n - first) * rises**2))
    return Change(begin + at + 1, float(rises[at]))


def figures(window: Window) -> list[Figure]:
    """``concept_drift`` by detector: 1 while the newest change of the error that it alarmed at is a rise, else 0.

    The note says since which block, n counts the labelled rows of all blocks. None without labels or times.
    """
    spec, known = window.spec, window.known
    if spec.event.label is None or spec.event.time not in known or known.empty:
        return []
    now = BlockLosses.of(spec, known, family(spec).truth(spec, known), logged_scores(spec, known))
    window.keep(records(window.scope, now))
    kept = [*window.baseline.get("losses", []), *past_of(window.scope.release, window.past)]
    length = len(now.starts[0])  # a day and an hour are written differently
    losses = BlockLosses.summed([*(one for one in kept if len(one["block"]) == length), *now.kept()])
    return states.of_labels(window, [_figure(window, name, of, losses) for name, of in DETECTORS.items()])


def _figure(window: Window, name: str, detector: Detector, losses: BlockLosses) -> Figure:
    value, note = 0.0, ""
    state: FigureState = "judged"
    if len(losses) < detector.least:
        state, note = "too few", f"needs {detector.least} {unit_of(window.spec)}s with labels, has {len(losses)}"
    elif not losses.variances.any():
        state, note = "constant", f"the loss is the same in all {len(losses)} {unit_of(window.spec)}s"
    elif found := changes(detector.make(), losses.standardised):
        value, note = float(found[-1].rise > 0), _words(window, losses, found)
    figure = window.scope.figure(NAME, value, name, int(losses.rows.sum()), state=state, note=note)
    return figure.model_copy(update={"effective_n": losses.effective_rows})


def _words(window: Window, losses: BlockLosses, found: Sequence[Change]) -> str:
    """When the level changed last, and the mean loss before and after."""
    at, begin = found[-1].at, found[-2].at if len(found) > 1 else 0
    before, after = losses.mean(slice(begin, at)), losses.mean(slice(at, None))
    verb = "rose" if found[-1].rise > 0 else "fell"
    what = f"the mean {name_of(window.spec)} {verb} from {before:.4g} to {after:.4g}"
    return f"{what} as of {losses.starts[at]}"


def evidence(history: History) -> list[str]:
    """What the detectors say of the newest window, in sentences; one for those that say the same."""
    said: dict[str, list[str]] = {}
    for name, detector in DETECTORS.items():
        figure = history.by_key.get((history.period, NAME, name))
        if figure and figure.value and figure.state != "too few":
            said.setdefault(figure.note, []).append(detector.title)
    return [f"{', '.join(titles)}: {note}" for note, titles in said.items()]
