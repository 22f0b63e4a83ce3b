"""The pictures of a monitored window: those of the part of the page that is shown, as far as there is something."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from markupsafe import Markup

from include.contracts.operations import BinnedCounts
from include.operations.drift.limits import SKEWED_SHARE
from include.specification.usecase import UseCase
from include.ui import monitored_rows as rows
from include.ui.charts import monitoring as charts
from include.ui.monitored_words import Text
from include.ui.view import Chart, View

WINDOWS = 24
"""Windows that follow one another in a picture, the newest."""
Shown = Mapping[str, Any]
"""What the page found of the window."""


class Picture(NamedTuple):
    """Its name on the page, what it draws, how, and what it is called."""

    name: str
    rows: Sequence[Any]
    chart: Chart
    label: str


def pictures(view: View, spec: UseCase, shown: Shown) -> dict[str, Markup]:
    """Every picture of the part that there is something to draw of."""
    of_part = PARTS[shown["shown_part"]](view.text, spec, shown)
    return {one.name: view.picture(one.chart, one.label) for one in of_part if one.rows}


def _inputs(text: Text, spec: UseCase, shown: Shown) -> Iterator[Picture]:
    drift, skew = (rows.figure_rows(text, shown["judged"], name) for name in ("psi", "feature_skew"))
    yield Picture(
        "drift", drift, partial(charts.dots, drift, limit=spec.monitoring.drift_threshold),
        text("Drift of each feature against the test set, with the limit and what chance reaches"),
    )  # fmt: skip
    if shown["distribution"]:
        label = text("Distribution of the feature now and in its references")
        yield _distribution(text, "distribution", shown["distribution"], label)
    yield Picture(
        "skew", skew, partial(charts.dots, skew, limit=SKEWED_SHARE, shares=True),
        text("Share of answers with another value than the offline store has, by feature"),
    )  # fmt: skip


def _answers(text: Text, spec: UseCase, shown: Shown) -> Iterator[Picture]:
    if shown["answers"]:
        label = text("Distribution of the predictions now and in their references")
        yield _distribution(text, "answers", shown["answers"], label)
    primary = spec.metrics.primary
    series = {primary: text("measured on labels"), f"estimated_{primary}": text("estimated before labels")}
    label = text("Primary metric window after window, estimated and measured")
    yield _of_history(text, "estimate", shown, series, label)
    bins = rows.calibration_rows(text, shown["calibration"])
    yield Picture(
        "calibration", bins, partial(charts.reliability, bins),
        text("Reliability: probability that was predicted, and share that came true"),
    )  # fmt: skip
    slices, whole = rows.slice_rows(spec, shown["slices"], shown["figures"]), shown["figures"].get((primary, ""))
    yield Picture(
        "slices", slices, partial(charts.dots, slices, beside=whole.value if whole else None, root=False),
        text("Primary metric of each slice against that of all rows"),
    )  # fmt: skip


def _model(text: Text, spec: UseCase, shown: Shown) -> Iterator[Picture]:
    losses, since = rows.loss_rows(text, shown["losses"]), rows.changed(shown["figures"])
    yield Picture(
        "losses", losses, partial(charts.losses, losses, since=since),
        text("Mean loss of the answers, block after block"),
    )  # fmt: skip
    attributed = rows.attribution_rows(text, shown["figures"])
    yield Picture(
        "attribution", attributed, partial(charts.dots, attributed, beside=0.0, shares=True, root=False),
        text("Change of each feature's share of the attributions since the test set, with intervals"),
    )  # fmt: skip
    ages = rows.maturity_rows(text, shown["figures"])
    yield Picture(
        "maturity", ages, partial(charts.maturity, ages, due=spec.event.label_delay.hours),
        text("Share of labels that is known so many hours after the event"),
    )  # fmt: skip
    series = {"latency_p50_ms": "p50", "latency_p99_ms": "p99"}
    label = text("Latency window after window, in milliseconds")
    yield _of_history(text, "latency", shown, series, label, zero=True)


PARTS: dict[str, Callable[[Text, UseCase, Shown], Iterator[Picture]]] = {
    "inputs": _inputs, "answers": _answers, "model": _model,
}  # fmt: skip


def _distribution(text: Text, name: str, counts: BinnedCounts, label: str) -> Picture:
    bars, points, references = rows.shares_of(text, counts)
    return Picture(name, bars, partial(charts.distribution, bars, points, references), label)


def _of_history(
    text: Text, name: str, shown: Shown, series: Mapping[str, str], label: str, zero: bool = False
) -> Picture:
    """Figures of window after window; ``series``: name of a figure → what it is called."""
    mine = [figure for figure in shown["history"] if figure.name in series]
    newest = sorted({figure.period for figure in mine})[-WINDOWS:]
    drawn = [rows.window_row(text, figure, series[figure.name]) for figure in mine if figure.period in newest]
    return Picture(name, drawn, partial(charts.windows, drawn, [*series.values()], zero=zero), label)
