"""The figures of an evaluation: answers of all contenders on both test sets, resampled together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from include.contracts.evaluation import Cell, Decision, GateOutcome, Interval, NetValue, PartGain, Sample
from include.evaluation import net_value, recalibration, spread
from include.evaluation.blocks import Blocks, blocks_of
from include.evaluation.bootstrap import Resampled, paired
from include.evaluation.difference import Difference
from include.evaluation.fairness import fairness_gates, group_figures
from include.evaluation.inputs import EvaluationSet
from include.evaluation.metrics import calibration_error, direction, score
from include.evaluation.net_value import Balance
from include.evaluation.slices import draw_slices, slice_figures
from include.evaluation.undefined import metrics_of
from include.evaluation.verdict import Evidence, decide
from include.families.registry import family
from include.specification.usecase import UseCase

Scores = Mapping[str, Mapping[str, np.ndarray]]
"""Test set (``new``, ``old``) → contender → scores of its rows."""

PLACES: list[tuple[Literal["A", "B", "C", "D"], Literal["champion", "candidate"], Literal["old", "new"]]] = [
    ("A", "champion", "old"), ("B", "candidate", "old"), ("C", "champion", "new"), ("D", "candidate", "new"),
]  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """Contenders are ``champion``, ``candidate``, perhaps ``ensemble``, and on the new test set ``shuffled``.

    ``looks``: so many of them may be released; each is judged so that all together pass by luck as seldom as one would.
    ``metric`` is what a gain is measured by.
    """

    spec: UseCase
    new: EvaluationSet
    truth: np.ndarray
    scores: Scores
    drawn: Mapping[str, Resampled]
    slices: Mapping[str, Resampled]
    unjudged: list[str]
    blocks: Mapping[str, Blocks]
    """Test set → what was drawn as a whole."""
    metric: str
    looks: int = 1

    @classmethod
    def draw(
        cls,
        spec: UseCase,
        sets: Mapping[str, EvaluationSet],
        scores: Scores,
        *,
        looks: int,
        seed: int,
        metric: str | None = None,
    ) -> "Comparison":
        """Resample each test set, the new one also slice by slice; raises EvaluationError as ``paired`` does.

        ``metric``: what a gain is measured by (None: the primary one).
        """
        metric = metric or spec.metrics.primary
        names, resamples = _with(metric, spec), spec.comparison.resamples
        # two contenders are two chances to pass by luck: Bonferroni's correction keeps the level of both together
        confidence = 1 - (1 - spec.comparison.confidence) / looks
        labels = {name: family(spec).truth(spec, test_set.frame) for name, test_set in sets.items()}
        blocks = {name: blocks_of(spec, test_set.frame) for name, test_set in sets.items()}
        drawn = {
            name: paired(
                labels[name], scores[name], names, resamples, confidence, seed=seed + number, blocks=blocks[name]
            )
            for number, name in enumerate(sets)
        }
        new, y = sets["new"], labels["new"]
        sliced = {who: answers for who, answers in scores["new"].items() if who != "shuffled"}
        slices = draw_slices(spec, new.frame, y, sliced, confidence, seed, blocks["new"])
        return cls(spec, new, y, scores, drawn, *slices, blocks, metric, looks)

    @property
    def has_champion(self) -> bool:
        return "champion" in self.scores["new"]

    def judge(self, who: str) -> tuple[Decision, str, list[GateOutcome]]:
        """The decision on ``who`` as the candidate, the rule that decided, and every gate."""
        return decide(self.spec, self.evidence(who))

    def evidence(self, who: str) -> Evidence:
        """What the gates are decided on."""
        return Evidence(
            acceptance=self.acceptance(who),
            balance=self._balance(who) if self.has_champion else None,
            slices=slice_figures(self.spec, self.slices, who),
            unjudged_slices=self.unjudged,
            calibration=self._calibration(who),
            blocks=self.blocks["new"],
            fairness=self._fairness(who),
            shuffled_gain=self.chance.figure if who == "candidate" and self.is_chance else None,
            of_champion=self.acceptance("champion") if self.has_champion else {},
        )

    def acceptance(self, who: str) -> dict[str, Interval]:
        """What the acceptance criteria are about."""
        return {c.metric: self.drawn["new"].interval(c.metric, who) for c in self.spec.acceptance}

    def difference(self, who: str, over: str, where: str = "new", metric: str = "") -> Difference:
        """On a metric, without one that which gains are measured by."""
        drawn, name = self.drawn[where], metric or self.metric
        return Difference(drawn.gain(name, who, over), drawn.gains(name, who, over), self.blocks[where])

    @cached_property
    def chance(self) -> Difference:
        """What the candidate's answers gain in random order over themselves."""
        return self.difference("shuffled", over="candidate")

    @cached_property
    def is_chance(self) -> bool:
        """Whether the random order is better, by the metric itself and not by what was resampled."""
        new = self.scores["new"]
        shuffled, own = (score(self.metric, self.truth, new[who]) for who in ("shuffled", "candidate"))
        better = direction(self.metric) * (shuffled - own) > 0
        return better and net_value.gain_gate(self.spec, self.chance).passed

    def _balance(self, who: str) -> Balance:
        primary, gains = self.spec.metrics.primary, self._gains(who)
        forgetting = self.difference(who, "champion", "old", primary) if "old" in self.drawn else None
        losses = {name: max(0.0, -gain) for name, gain in gains.items()}
        balance = Balance(self.difference(who, over="champion"), forgetting, losses, self.looks)
        return balance if self.metric == primary else replace(balance, metric=self.metric, gains=gains)

    def _gains(self, who: str) -> dict[str, float]:
        """Of each metric with a weight, and of the calibration; that of a calibrated model is what stays of it."""
        new, weights = self.drawn["new"], self.spec.comparison.weights
        gains: dict[str, float] = {
            name: new.gain(name, who, "champion").value for name in weights if name != "calibration"
        }
        if "calibration" in weights and (calibration := self._calibration(who)):
            candidate, champion = calibration
            gains["calibration"] = (champion or 0.0) - candidate
        return gains

    def net_value(self, who: str) -> NetValue | None:
        """None where no gain can be judged."""
        if not (self.has_champion and self.blocks["new"].enough):
            return None
        balance = self._balance(who)
        return (recalibration if balance.metric else net_value).net_value(self.spec, balance)

    def probability(self, who: str) -> float | None:
        """That ``who`` is better than the champion; None where that cannot be judged."""
        if not (self.has_champion and self.blocks["new"].enough):
            return None
        return self.difference(who, over="champion").probability()

    def samples(self, who: str) -> dict[Literal["old", "new"], Sample]:
        """What each test set is worth for what is judged on it: the gain, or the metric of a first release."""
        worth: dict[Literal["old", "new"], Sample] = {}
        for where in (name for name in ("old", "new") if name in self.drawn):
            drawn, blocks = self.drawn[where], self.blocks[where]
            figure = drawn.gain(self.metric, who, "champion") if self.has_champion else drawn.interval(self.metric, who)
            n = figure.effective_n or figure.n
            worth[where] = Sample(rows=figure.n, unit=blocks.unit, blocks=blocks.count, effective_n=n)
        return worth

    def gain_by_part(self, who: str) -> list[PartGain]:
        new = self.scores["new"]
        if not self.has_champion:
            return []
        return spread.gain_by_part(self.spec, self.new, self.truth, new["champion"], new[who], self.metric)

    def _fairness(self, who: str) -> list[GateOutcome]:
        figures = group_figures(self.spec, self.new.frame, self.truth, self.scores["new"][who])
        return fairness_gates(self.spec, figures)

    def _calibration(self, who: str) -> tuple[float, float | None] | None:
        if not family(self.spec).facts.probabilities:
            return None
        new = self.scores["new"]
        champion = calibration_error(self.truth, new["champion"]) if self.has_champion else None
        return calibration_error(self.truth, new[who]), champion

    def cells(self, who: str) -> list[Cell]:
        """A to D of every metric, ``who`` as the candidate."""
        places = [(*place, who if place[1] == "candidate" else "champion") for place in PLACES]
        return [
            Cell(name=name, model=role, test_set=where, metric=metric, figure=self.drawn[where].interval(metric, one))
            for metric in _with(self.metric, self.spec)
            for name, role, where, one in places
            if where in self.drawn and (metric, one) in self.drawn[where].points
        ]

    def differences(self, who: str) -> dict[str, Interval]:
        """``"D-C roc_auc"`` and so on; positive is better, whatever the metric's direction."""
        if "old" not in self.drawn:
            return {}
        old, new, differences = self.drawn["old"], self.drawn["new"], {}
        for metric in _with(self.metric, self.spec):
            differences[f"D-C {metric}"] = new.gain(metric, who, "champion")
            differences[f"B-A {metric}"] = old.gain(metric, who, "champion")
            differences[f"C-A {metric}"] = new.gain(metric, "champion", "champion", other=old)
            differences[f"D-B {metric}"] = new.gain(metric, who, who, other=old)
        return differences


def _with(metric: str, spec: UseCase) -> list[str]:
    """The metrics of the spec and the one that gains are measured by, each once."""
    return list(dict.fromkeys([*metrics_of(spec), metric]))
