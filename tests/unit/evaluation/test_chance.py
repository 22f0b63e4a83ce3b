"""What chance makes of a PSI: its distribution, and the common level of many of them."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, false_discovery_control
from scipy.stats import f as fisher

from include.evaluation import histograms
from include.evaluation.block_counts import Drawn, by_block, packed
from include.evaluation.blocks import Blocks
from include.evaluation.chance import Chance
from include.evaluation.discoveries import discovery_level, most_often
from include.evaluation.divergence import divergence

DAYS = 12


@pytest.mark.parametrize("chance", [Chance(0.1, 5), Chance(0.1, 5, 100, 2), Chance(3.0, 1, 8, 1)])
def test_a_quantile_is_exceeded_as_often_as_asked(chance: Chance) -> None:
    for level in (0.2, 0.05, 0.001):
        assert chance.p_value(chance.quantile(level)) == pytest.approx(level, rel=1e-6)
    values = np.linspace(0, 5 * chance.mean, 20)
    assert (np.diff([chance.p_value(value) for value in values]) <= 0).all()


def test_known_distributions_are_limits_of_it() -> None:
    for level in (0.1, 0.001):
        assert Chance.chi_squared(4, 0.5).quantile(level) == pytest.approx(0.5 * chi2.isf(level, 4))
    assert Chance(1.0, 3, 40).quantile(0.05) == pytest.approx(fisher.isf(0.05, 3, 40), rel=0.01)
    drawn = np.random.default_rng(0).gamma(2.0, size=100_000)
    assert Chance.of(drawn).quantile(0.01) == pytest.approx(np.quantile(drawn, 0.99), rel=0.02)
    assert Chance.of(np.full(10, 0.2)).quantile(0.01) == 0.2


def test_discoveries_are_those_of_benjamini_and_hochberg() -> None:
    random = np.random.default_rng(0)
    for count in (1, 5, 40):
        for small in (0, count // 2, count):
            p_values = np.append(random.random(count - small), random.random(small) / 200)
            level = discovery_level(p_values.tolist(), 0.05)
            assert ((p_values < level) == (false_discovery_control(p_values) <= 0.05)).all()
    assert discovery_level([], 0.05) == 0.05


def test_so_many_discoveries_by_chance_are_at_most_as_often_as_stated() -> None:
    random, asked, found = np.random.default_rng(0), 8, list[int]()
    for _ in range(4000):
        shared = random.random()
        p_values = np.where(random.random(asked) < 0.7, shared, random.random(asked))
        found.append(int((p_values < discovery_level(p_values.tolist(), 0.2)).sum()))
    for least in (1, 2, 4):
        assert 0 < np.mean(np.array(found) >= least) <= most_often(least, asked, 0.2)
    assert most_often(9, 8, 0.2) == 0


def columns(seed: int, n: int = 600) -> dict[str, pd.Series]:
    random = np.random.default_rng(seed)
    names = pd.Series(random.zipf(1.3, n).astype(str))
    return {
        "numeric": pd.Series(np.where(random.random(n) < 0.3, 0.0, random.normal(size=n))).mask(random.random(n) < 0.1),
        "categorical": names.mask(random.random(n) < 0.1),
        "text": names + " " + names.sample(frac=1, random_state=seed).to_numpy(),
    }


@pytest.mark.parametrize("kind", ["numeric", "categorical", "text"])
def test_counts_by_block_are_those_of_all_rows(kind: str) -> None:
    values, now = columns(0)[kind], columns(1)[kind]
    described = getattr(histograms, kind)(values)
    blocks = Blocks("day", np.arange(600) % DAYS, DAYS)
    described["by_block"] = packed(by_block(described, values, blocks, itself=True))
    before, after = Drawn(blocks, DAYS, {"unit": "day", "count": DAYS, "days": DAYS}).samples(described, now)
    pair = histograms.paired(described, now)
    for sample, whole in ((before, pair.before), (after, pair.now)):
        assert sample.counts.shape == (DAYS, histograms.width_of(described))
        assert sorted(sample.counts.sum(axis=0)[sample.counts.sum(axis=0) > 0]) == sorted(whole[whole > 0])


def test_many_blocks_are_merged_with_their_neighbours() -> None:
    values = pd.Series(np.arange(9000) % 7)
    counts = by_block(histograms.numeric(values), values, Blocks("customer", np.arange(9000) // 10, 900))
    assert counts.shape[0] == 60
    assert (counts.sum(axis=1) == 150).all()


def test_days_that_differ_make_the_floor_higher_and_rows_worth_less() -> None:
    random, day = np.random.default_rng(0), np.repeat(np.arange(DAYS), 100)
    blocks = Blocks("day", day, DAYS)
    before, now = (pd.Series(random.normal(size=1200) + random.normal(size=DAYS)[day]) for _ in range(2))
    described = histograms.numeric(before)
    described["by_block"] = packed(by_block(described, before, blocks, itself=True))
    by_days = divergence(described, now, Drawn(blocks, DAYS, {"unit": "day", "count": DAYS, "days": DAYS}))
    by_rows = divergence(described, now)
    assert by_days.psi == by_rows.psi
    assert by_days.floor > 5 * by_rows.floor
    assert by_days.effect > 4
    assert by_rows.p_value < 1e-6
    assert by_days.p_value > 0.01
