"""Rows are put into the bins by which drift is measured; categories are bounded however many there are."""

import json

import numpy as np
import pandas as pd
import pytest

from include.evaluation import bins, histograms
from include.evaluation.divergence import divergence
from include.evaluation.histograms import COMMON

LETTERS = pd.Series(["a"] * 5 + ["b"] * 4 + ["once", None, "other", "other"])


def named(described: dict, values: pd.Series) -> list[str]:
    names = bins.names(described)
    return [names[code] for code in histograms.bins_of(described, values)[0]]


def test_categories_are_common_other_unseen_or_missing() -> None:
    described = histograms.categorical(LETTERS)
    values = pd.Series(["a", "b", "once", "new", None, "other"])
    assert named(described, values) == ["a", "b", "other", "unseen", "missing", '"other"']


def test_numbers_are_in_the_bins_of_the_description_or_beyond_its_range() -> None:
    described = histograms.numeric(pd.Series([0.0, 1.0, 2.0, 9.0]), edges=[1.0, 2.0])
    values = pd.Series([0.5, 1.0, 5.0, -3.0, 99.0, np.inf, np.nan])
    expected = ["below 1", "1 to below 2", "from 2", "unseen", "unseen", "unseen", "missing"]
    assert named(described, values) == expected
    assert named(described, pd.Series(["?", None, "1.5"], dtype=object)) == ["no number", "missing", "1 to below 2"]


def test_ten_thousand_categories_are_fifty_others_unseen_and_missing() -> None:
    random = np.random.default_rng(1)
    share = 1 / np.arange(1, 10_001)
    drawn = random.choice(10_000, (2, 50_000), p=share / share.sum())
    before, now = (pd.Series([f"c{code}" for code in side]) for side in drawn)
    described = histograms.categorical(before)
    assert len(bins.names(described)) == COMMON + 3
    counted = pd.Series(named(described, now)).value_counts()
    assert len(counted) == COMMON + 2
    fresh = ~now.isin(before)
    assert counted["unseen"] == fresh.sum()
    assert counted[[f"c{code}" for code in range(20)]].min() > 200, "the most common ones are by themselves"


def test_a_description_names_ten_thousand_categories_at_most_and_stays_right() -> None:
    """What it does not name is never seen on both sides, as often as is expected: no drift where nothing changed."""
    random = np.random.default_rng(2)
    drawn = random.zipf(1.15, (3, 60_000))
    before, now, moved = (pd.Series([f"c{code}" for code in side]) for side in drawn)
    described = histograms.categorical(before)
    assert before.nunique() > histograms.KEPT >= len(described["counts"])
    assert sum(described["counts"].values()) + described["rest"] == len(before)
    assert len(json.dumps(described)) < 300_000
    pair = histograms.paired(described, now)
    counted = [
        np.bincount(histograms.bins_of(described, side, itself)[0], minlength=histograms.width_of(described))
        for side, itself in ((before, True), (now, False))
    ]
    assert [side.tolist() for side in counted] == [pair.before.tolist(), pair.now.tolist()]
    assert pair.now[-2] == pytest.approx(pair.before[-2], rel=0.03), "as many are not named as expected"
    apart = divergence(described, now)
    assert apart.psi < apart.floor
    moved[:6_000] = [f"new{code}" for code in range(6_000)]
    apart = divergence(described, moved)
    assert apart.psi > apart.floor
