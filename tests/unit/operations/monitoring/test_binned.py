"""What pages draw of a window: counts by bin that sum to the rows, without values of people."""

from dataclasses import replace

import numpy as np
import pandas as pd

from include.contracts.operations import BinnedCounts, CalibrationBin
from include.contracts.period import Period
from include.evaluation import histograms
from include.operations.monitoring import binned, monitoring
from include.operations.monitoring.window_inputs import WindowInputs
from include.operations.windows.window import Reference
from include.specification.usecase import UseCase
from tests.unit.operations.monitored_world import SPEC, baseline, month

ROWS = 2000


def kept(spec: UseCase = SPEC, **changed: object) -> tuple[dict[str, BinnedCounts], list[CalibrationBin]]:
    """Feature → its counts, and the calibration, of a month that moved by one standard deviation."""
    log, truth = month(1, n=ROWS, shift=1.0)
    before, _ = month(2, n=500)
    found: list[tuple[list[BinnedCounts], list[CalibrationBin]]] = []
    given = WindowInputs(
        log, truth, Period("2013-06"), compared_with=(Reference(before, "the log", before), None),
        keep_bins=lambda distributions, calibration: found.append((distributions, calibration)),
    )  # fmt: skip
    monitoring.measure(spec, "r0001", baseline(), replace(given, **changed))  # type: ignore[arg-type]
    [(distributions, calibration)] = found
    return {one.subject: one for one in distributions}, calibration


def test_every_side_has_all_its_rows_in_the_bins_of_the_release() -> None:
    counts, _ = kept()
    assert set(counts) == {*SPEC.feature_names, ""}
    for one in counts.values():
        assert (sum(one.test_set), sum(one.now), sum(one.window_before or [])) == (5000, ROWS, 500)
        assert len(one.bins) == len(one.now) == len(one.test_set) == len(one.window_before or [])
        assert one.last_season is None, "of last season nothing is known"


def test_a_shift_is_seen_in_the_counts() -> None:
    x = kept()[0]["x"]
    assert x.bins[0].startswith("below")
    now, was = (np.array(side) / sum(side) for side in (x.now, x.test_set))
    assert np.cumsum(was - now)[:-1].max() > 0.25, "the mass is farther to the right"


def test_bins_of_what_is_unusual_are_there_when_it_is() -> None:
    log, truth = month(1, n=ROWS)
    odd = log.assign(x=log["x"].mask(log.index < 50).where(log.index < 1900, 99.0), origin="EWR")
    counts, _ = kept(predictions=odd, events=truth, compared_with=(None, None))
    assert binned.ABOVE in counts["x"].bins
    assert counts["x"].now[counts["x"].bins.index("missing")] == 50
    assert dict(zip(counts["origin"].bins, counts["origin"].now, strict=True)) == {"JFK": 0, "LGA": 0, "unseen": ROWS}
    assert "missing" not in counts["origin"].bins


def test_rare_categories_are_counted_together() -> None:
    names = pd.Series([f"c{n:02d}" for n in range(40) for _ in range(n + 2)])
    described = histograms.categorical(names)
    sides = [histograms.counts_of(described), None]
    bins, [counts, none] = binned._shortened(binned._names(described), sides)
    assert bins == [*(f"c{n}" for n in range(39, 19, -1)), "other"]
    assert counts is not None
    assert (counts.sum(), none) == (len(names), None)


def test_values_that_name_people_have_places_instead_of_names() -> None:
    columns = {"columns": {"origin": {"class": "personal", "treatment": "mask"}}}
    privacy = SPEC.privacy.model_dump(by_alias=True) | columns
    spec = SPEC.model_copy(update={"privacy": type(SPEC.privacy).model_validate(privacy)})
    counts, _ = kept(spec)
    assert counts["origin"].bins == ["#1", "#2"]
    assert counts["x"].bins[0].startswith("below")


def test_the_calibration_says_how_many_of_each_tenth_came_true() -> None:
    _, bins = kept()
    assert len(bins) == 10
    assert sum(one.n for one in bins) == ROWS
    assert [one.predicted for one in bins] == sorted(one.predicted for one in bins)
    assert all(one.low is not None and one.low <= one.value <= (one.high or 0) for one in bins)
    inside = [one for one in bins if (one.low or 0) <= one.predicted <= (one.high or 0)]
    assert len(inside) >= 7, "the answers of this month are calibrated"


def test_few_labels_are_said() -> None:
    log, truth = month(1, n=60)
    _, bins = kept(predictions=log, events=truth)
    assert {one.state for one in bins} == {"too few"}
    assert all(one.note.startswith("needs ") for one in bins)
    assert not kept(predictions=log, events=truth[:10])[1], "of hardly any label there is no picture"
