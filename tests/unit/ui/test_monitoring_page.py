"""The page of monitoring: what is beyond its limit, what is watched, what nobody can judge; pictures as data."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from markupsafe import Markup

from include.contracts.operations import BinnedCounts, BlockLoss, CalibrationBin, Figure, SliceFigure
from include.contracts.period import Period
from include.errors import NotFoundError
from include.records.registry import BLOCK_LOSSES, CALIBRATION_BINS, DISTRIBUTIONS, FIGURES, SLICE_FIGURES
from include.services.composition import Services
from include.specification.loader import load_usecase
from include.ui import monitored, monitored_rows, monitored_words
from include.ui.access import Reader
from include.ui.charts import monitoring as charts
from include.ui.pages.monitoring import Asked, shown, words
from tests.unit.fakes.adapters import services_in
from tests.unit.ui.rendering import render

SPEC = load_usecase("flight_delay")
WINDOW = Period("2013-06")
OF: dict[str, Any] = {"usecase": SPEC.name, "release": "r0001", "period": WINDOW}
INJECTED = "<script>alert(1)</script>"


def figure(name: str, value: float, subject: str = "", **more: Any) -> Figure:
    return Figure(**{**OF, "n": 1000, **more}, name=name, subject=subject, value=value)


FIGURES_OF_WINDOW = [
    figure("psi", 4.2, "temp", floor=0.6, effective_n=77),
    figure("psi", 0.01, "carrier", floor=0.1),
    figure("psi", 3.0, "dewp", floor=0.6, state="too few", note="needs 10 days, has 4"),
    figure("psi_window_before", 2.0, "temp", floor=0.6, note="2013-05 (1 month) by the prediction log"),
    figure("missing_share", 0.1),
    figure("roc_auc", 0.7, low=0.68, high=0.72),
    figure("performance_loss", 0.001, low=-0.01, high=0.01),
    figure("calibration_slope", 0.8, low=0.7, high=0.9),
    figure("calibration_intercept", 0.1, low=-0.1, high=0.2),
    figure("estimated_roc_auc", 0.69, low=0.6, high=0.78, state="provisional", note="needs 6 labelled windows"),
    figure("estimate_trusted", 0, note="needs 6 labelled windows"),
    figure("concept_drift", 1, "adwin", note="the mean Brier score rose from 0.12 to 0.2 as of 2013-06-11"),
    figure("concept_drift", 0, "kswin", state="too few", note="needs 60 days with labels, has 30"),
    figure("attribution_drift", 0.1, floor=0.2), figure("attribution_drift", 0.05, "temp", low=0.01, high=0.09),
    figure("feature_skew", 0.0, "temp", floor=0.03),
    figure("slices_beyond", 1, "origin", note="worse than the whole: JFK"),
    figure("label_maturity", 0.99, "24h", low=0.98, high=1.0),
    figure("maturity", 0.99), figure("labelled", 990), figure("unmatched", 10), figure("not_due", 0),
    figure("latency_p50_ms", 1.0), figure("latency_p99_ms", 3.0),
]  # fmt: skip


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """A window with all kinds of figures."""
    services = services_in(tmp_path)
    lake = services.adapters.lake
    FIGURES.replace(SPEC.name, lake, WINDOW, FIGURES_OF_WINDOW)
    counts = [
        BinnedCounts(**OF, subject=name, bins=["below 3", "from 3", "missing"], now=[10, 30, 0], test_set=[20, 20, 0],
                     window_before=[5, 5, 0])
        for name in ("temp", "")
    ]  # fmt: skip
    DISTRIBUTIONS.replace(SPEC.name, lake, WINDOW, counts)
    bins = [
        CalibrationBin(**figure("reliability", 0.12, "0", low=0.1, high=0.14).model_dump(), predicted=0.11),
        CalibrationBin(**figure("reliability", 0.3, "1", low=0.28, high=0.32).model_dump(), predicted=0.5),
    ]
    CALIBRATION_BINS.replace(SPEC.name, lake, WINDOW, bins)
    slices = [
        SliceFigure(**figure(name, value, low=0.5, high=0.6).model_dump(), slice_key="origin", slice_value=of)
        for of, value in (("JFK", 0.6), (INJECTED, 0.7))
        for name, value in (("rows", 100.0), ("roc_auc", value))
    ]
    SLICE_FIGURES.replace(SPEC.name, lake, WINDOW, slices)
    losses = [BlockLoss(**OF, block=f"2013-06-{day:02d}", rows=10, total=1.5, squares=0.4) for day in (2, 1)]
    BLOCK_LOSSES.replace(SPEC.name, lake, WINDOW, losses)
    return services


def page(services: Services, role: str = "auditor", language: str = "en", **asked: str) -> str:
    reader = Reader(services, "ada", role)
    content = shown(SPEC, reader, Asked(**asked))
    drawn = monitored.pictures(view(), SPEC, content) if content["window"] else {}
    named = words(lambda text: text)
    return render("monitoring.html", SPEC, language, reader=reader, drawn=drawn, **content, **named)


def view() -> Any:
    """Draws every picture as its label, at both widths."""

    def picture(chart: Any, label: str) -> Markup:
        assert all(chart(width)["layer"] for width in (1000, 340))
        return Markup("<b>{}</b>").format(label)

    return SimpleNamespace(text=lambda text: text, picture=picture)


def test_a_stranger_sees_what_is_beyond_watched_and_not_judged(services: Services) -> None:
    html = page(services)
    assert "1 figure is beyond its limit" in html
    assert "1 beyond, 4 watched, 2 not judged" in html
    assert 'mark bad"' in html
    assert "needs 10 days, has 4" in html
    assert '<td class="n">77</td>' in html, "the effective n is in the table"
    every = "".join(page(services, part=part) for part in monitored.PARTS)
    for label in (
        "Drift of each feature", "Distribution of the feature", "Distribution of the predictions", "Reliability",
        "Primary metric of each slice", "Mean loss", "Share of labels", "Latency window", "Change of each",
    ):  # fmt: skip
        assert label in every
    assert '<th scope="row">24h</th><td class="n">0.990</td>' in every, "the points of a picture are in a table too"


def test_the_page_says_which_rows_which_time_and_why_this_part(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    html = page(services)
    assert "Data until" in html
    assert "(time of the events)" in html
    assert "Figures last written" in html
    assert "Features: shown first, because a group of figures in it stands worst." in html
    asked = page(services, part="answers")
    assert "shown first" not in asked
    assert f"Rows behind {SPEC.metrics.primary}" in asked
    assert "All rows" in asked
    assert "are drawn; the numbers have all" not in html
    monkeypatch.setattr("include.ui.pages.monitoring.SHOWN", 2)
    assert "The 2 worst of 3 are drawn; the numbers have all." in page(services)


def test_values_of_users_are_text(services: Services) -> None:
    html = page(services, part="answers")
    assert INJECTED not in html
    assert "origin = &lt;script&gt;" in html


def test_the_worst_feature_is_shown_unless_one_is_asked_for(services: Services) -> None:
    assert "Distribution of temp" in page(services)
    html = page(services, feature="carrier")
    assert "Distribution of carrier" in html
    assert "No counts by bin are stored of this window" in html
    assert "Distribution of temp" in page(services, feature="no such feature")


def test_what_is_not_judged_is_never_good(services: Services) -> None:
    rows = {one.figure.subject: one.standing for one in shown(SPEC, Reader(services, "ada", "auditor"))["judged"]}
    assert rows["dewp"] == rows["kswin"] == "not judged"
    assert monitored_words.LEVELS["not judged"] == "none"
    assert "The estimate is not trusted" in page(services, part="answers")


def test_a_window_that_was_not_measured_is_named(services: Services) -> None:
    with pytest.raises(NotFoundError, match="no monitored window '2012-01'"):
        page(services, window="2012-01")


def test_without_figures_and_without_rights_the_page_says_so(services: Services, tmp_path: Path) -> None:
    empty = page(services_in(tmp_path / "empty"))
    assert "No window was measured yet" in empty
    assert "flight_delay.monitoring" in empty
    closed = page(services, role="viewer")
    assert "not shown: the role viewer does not read the table figures" in closed
    assert "temp" not in closed


def test_a_silent_prometheus_leaves_the_error_rate_unknown(services: Services) -> None:
    def away(query: str) -> Any:
        from include.errors import ServiceError

        raise ServiceError("Prometheus is away")

    services.adapters.metrics_server.query = away  # type: ignore[method-assign]
    html = page(services, part="model")
    assert "The error rate is not known" in html
    assert "Prometheus is away" in html


def test_shares_of_the_window_and_its_references_are_drawn_in_the_same_bins() -> None:
    counts = BinnedCounts(
        **OF, subject="temp", bins=["below 3", "3 to below 4.25", "unseen"], now=[1, 3, 0], test_set=[5, 5, 0]
    )
    bars, points, references = monitored_rows.shares_of(lambda text: text, counts)
    assert [(bar["bin"], bar["share"]) for bar in bars] == [("< 3", 0.25), ("3 – 4.25", 0.75), ("never seen", 0.0)]
    assert [(point["bin"], point["share"]) for point in points] == [
        ("< 3", 0.5),
        ("3 – 4.25", 0.5),
        ("never seen", 0.0),
    ]
    assert references == ["test set of the release"]
    chart = charts.distribution(bars, points, references, 340)
    assert chart["layer"][1]["encoding"]["shape"]["scale"]["domain"] == references
    assert "n 3" in bars[1]["said"]


def test_marks_have_the_colour_and_shape_of_how_they_stand() -> None:
    rows = [{"name": name, "value": 1.0, "floor": 0.5, "standing": name, "said": name} for name in charts.LOOKS]
    chart = charts.dots(rows, 1000, limit=0.25)
    drawn = {row["name"]: (row["look_stroke"], row["look_shape"], row["look_fill"]) for row in chart["data"]["values"]}
    assert drawn["not judged"] == ("var(--neutral)", "circle", "transparent")
    assert drawn["beyond"][1] != drawn["watched"][1] != drawn["within"][1]
    assert chart["layer"][0]["encoding"]["x"]["datum"] == 0.25
