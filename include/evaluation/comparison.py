"""The figures of an evaluation: answers of all contenders on both test sets, resampled together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from include.contracts.evaluation import Cell, Decision, GateOutcome, Interval
from include.evaluation.blocks import Blocks, blocks_of
from include.evaluation.bootstrap import Resampled, paired
from include.evaluation.fairness import fairness_gates, group_figures
from include.evaluation.inputs import EvaluationSet
from include.evaluation.metrics import calibration_error
from include.evaluation.slices import draw_slices, slice_figures
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
    """Contenders are ``champion``, ``candidate``, perhaps ``ensemble``, and on the new test set ``shuffled``."""

    spec: UseCase
    new: EvaluationSet
    truth: np.ndarray
    scores: Scores
    drawn: Mapping[str, Resampled]
    slices: Mapping[str, Resampled]
    unjudged: list[str]
    blocks: Mapping[str, Blocks]
    """Test set → what was drawn as a whole."""

    @classmethod
    def draw(
        cls, spec: UseCase, sets: Mapping[str, EvaluationSet], scores: Scores, *, confidence: float, seed: int
    ) -> "Comparison":
        """Resample each test set, the new one also slice by slice; raises EvaluationError as ``paired`` does."""
        names, resamples = metrics_of(spec), spec.comparison.resamples
        labels = {name: family(spec).truth(spec, test_set.frame) for name, test_set in sets.items()}
        blocks = {name: blocks_of(spec, test_set.frame) for name, test_set in sets.items()}
        drawn = {
            name: paired(
                labels[name], scores[name], names, resamples, confidence, seed=seed + number, blocks=blocks[name]
            )
            for number, name in enumerate(sets)
        }
        new, y = sets["new"], labels["new"]
        slices = draw_slices(spec, new.frame, y, scores["new"], confidence, seed, blocks["new"])
        return cls(spec, new, y, scores, drawn, *slices, blocks)

    @property
    def has_champion(self) -> bool:
        return "champion" in self.scores["new"]

    def judge(self, who: str) -> tuple[Decision, str, list[GateOutcome]]:
        """The decision on ``who`` as the candidate, the rule that decided, and every gate."""
        return decide(self.spec, self.evidence(who))

    def evidence(self, who: str) -> Evidence:
        """What the gates are decided on; nobody but a real contender was asked on the old test set."""
        primary, new, old = self.spec.metrics.primary, self.drawn["new"], self.drawn.get("old")
        return Evidence(
            acceptance={c.metric: new.interval(c.metric, who) for c in self.spec.acceptance},
            gain=new.gain(primary, who, "champion") if self.has_champion else None,
            forgetting=old.gain(primary, who, "champion") if old and (primary, who) in old.points else None,
            slices=slice_figures(self.spec, self.slices, who),
            unjudged_slices=self.unjudged,
            calibration=self._calibration(who),
            fairness=self._fairness(who),
        )

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
            for metric in metrics_of(self.spec)
            for name, role, where, one in places
            if where in self.drawn and (metric, one) in self.drawn[where].points
        ]

    def differences(self, who: str) -> dict[str, Interval]:
        """``"D-C roc_auc"`` and so on; positive is better, whatever the metric's direction."""
        if "old" not in self.drawn:
            return {}
        old, new, differences = self.drawn["old"], self.drawn["new"], {}
        for metric in metrics_of(self.spec):
            differences[f"D-C {metric}"] = new.gain(metric, who, "champion")
            differences[f"B-A {metric}"] = old.gain(metric, who, "champion")
            differences[f"C-A {metric}"] = new.gain(metric, "champion", "champion", other=old)
            differences[f"D-B {metric}"] = new.gain(metric, who, who, other=old)
        return differences


def metrics_of(spec: UseCase) -> list[str]:
    """Primary first, then secondary and those of the acceptance criteria, each once."""
    return list(dict.fromkeys([*spec.metrics.names, *(c.metric for c in spec.acceptance)]))
