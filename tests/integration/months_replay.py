"""The flights of 2013 month by month: every month a candidate, the four comparisons, and what serves afterwards."""

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from include.contracts.development import DatasetRef
from include.contracts.evaluation import Interval, Verdict
from include.contracts.guard import PeriodProfile
from include.contracts.period import Period
from include.development import training
from include.development.datasets.encoded import encoded
from include.development.datasets.encoder import Encoder
from include.development.datasets.splits import Frozen, cut
from include.development.trainers.protocol import Parameters, Run
from include.development.trainers.trained_model import TrainedModel
from include.evaluation.blocks import blocks_of
from include.evaluation.bootstrap import paired
from include.evaluation.calibrator import Calibrator
from include.evaluation.four_comparisons import RELEASING, compare
from include.evaluation.guard.judgement import LEAST, oddities
from include.evaluation.guard.profile import profile
from include.evaluation.inputs import EvaluationSet, Side
from include.evaluation.metrics import score
from include.families.registry import family
from include.specification.usecase import UseCase

Months = tuple[int, ...]
REPLAYED = range(4, 13)


class Made(NamedTuple):
    """What a model learned from, and its proof did: the same of a model that was judged itself."""

    learned: Months
    proof: Months


@dataclass(frozen=True)
class Serving:
    """What serves, the month that its proof was tested on, and the newest one whose candidate lost to it since."""

    made: Made
    tested_on: int
    refused: int | None = None

    @property
    def old(self) -> int:
        """The old test set, which candidates do not learn from."""
        return self.refused or self.tested_on


@dataclass(frozen=True)
class Evaluated:
    """One month: what served in it, what its candidate learned from, and the verdict."""

    month: int
    serving: Serving
    candidate: Months
    verdict: Verdict

    @property
    def is_released(self) -> bool:
        return self.verdict.decision in RELEASING


class Replayed(NamedTuple):
    """What was decided, and what served in every month."""

    evaluated: list[Evaluated]
    served: dict[int, Made]


class Life(NamedTuple):
    """What a release gained in the ``months`` in which it served over the one that it replaced."""

    released: int
    months: Months
    gain: Interval


@dataclass
class Year:
    """The rows of every month, and the models that learned from them; each is fitted once."""

    spec: UseCase
    months: dict[int, pd.DataFrame]
    threads: int = 1
    models: dict[Made, TrainedModel] = field(default_factory=dict)
    answered: dict[tuple[Made, int], np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: UseCase, rows: pd.DataFrame, threads: int = 1) -> "Year":
        by_month = rows.groupby(rows["period"].str[-2:].astype(int))
        return cls(spec, {int(str(month)): frame.reset_index(drop=True) for month, frame in by_month}, threads)

    def model(self, made: Made) -> TrainedModel:
        if made not in self.models:
            self.models[made] = self._proof(made.learned) if made.learned == made.proof else self._refit(made)
        return self.models[made]

    def _proof(self, learned: Months) -> TrainedModel:
        parts = self._parts(learned)
        return self._fit(parts["train"], parts["validation"], {})

    def _refit(self, made: Made) -> TrainedModel:
        """All rows, as many trees as the proof has, and its calibrator."""
        proof, validation = self.model(Made(made.proof, made.proof)), self._parts(made.proof)["validation"]
        return self._fit(self.rows(made.learned), validation, proof.fitted.length(), proof.calibrator)

    def _parts(self, learned: Months) -> dict[str, pd.DataFrame]:
        return cut(self.spec, self.rows(learned), learn=_periods(learned), test=[], frozen=Frozen())

    def _fit(
        self, train: pd.DataFrame, validation: pd.DataFrame, overlay: Parameters, calibrator: Calibrator | None = None
    ) -> TrainedModel:
        encoder = Encoder.fit(train, self.spec.features, after=None, as_float32=self.spec.float32_features)
        parts = encoded(self.spec, {"train": train, "validation": validation}, encoder)
        named = DatasetRef.model_construct(feature_service=self.spec.feature_service)
        parameters = training.parameters_of(self.spec, overlay)
        return training.fit(self.spec, named, parts, parameters, Run(self.threads), calibrator)

    def rows(self, months: Months) -> pd.DataFrame:
        return pd.concat([self.months[month] for month in months], ignore_index=True)

    def test_set(self, month: int) -> EvaluationSet:
        return EvaluationSet(self.months[month], f"hash of {month}", _periods((month,)))

    def side(self, version: int, made: Made, release: str | None = None) -> Side:
        return Side(version, self.model(made).predict, release, training_periods=frozenset(_periods(made.learned)))

    def answers(self, made: Made, month: int) -> np.ndarray:
        if (made, month) not in self.answered:
            self.answered[made, month] = self.model(made).predict(self.months[month])
        return self.answered[made, month]

    def area(self, made: Made, month: int) -> float:
        return score("roc_auc", family(self.spec).truth(self.spec, self.months[month]), self.answers(made, month))

    def gain(self, made: Made, over: Made, months: Months) -> Interval:
        """In AUC, on all rows of these months, days drawn as a whole."""
        rows, compared = self.rows(months), self.spec.comparison
        answers = {
            name: np.concatenate([self.answers(one, month) for month in months])
            for name, one in {"new": made, "old": over}.items()
        }
        truth = family(self.spec).truth(self.spec, rows)
        drawn = paired(
            truth, answers, ["roc_auc"], compared.resamples, compared.confidence, blocks=blocks_of(self.spec, rows)
        )
        return drawn.gain("roc_auc", "new", "old")


def first_release(refits: bool) -> Serving:
    """Proved on March by what was learned from January and February."""
    return Serving(Made((1, 2, 3) if refits else (1, 2), (1, 2)), 3)


def window(month: int, serving: Serving, last: int | None = None, left_out: Collection[int] = ()) -> Months:
    """The ``last`` months before ``month`` (None: all), without the old test set of what serves."""
    first = 1 if last is None else month - last
    return tuple(m for m in range(first, month) if m != serving.old and m not in left_out)


def evaluate(year: Year, month: int, serving: Serving, candidate: Months) -> Verdict:
    """The four comparisons of a candidate that learned from these months."""
    made, proof = serving.made, Made(serving.made.proof, serving.made.proof)
    return compare(
        year.spec,
        candidate=year.side(month, Made(candidate, candidate)),
        champion=year.side(1, made, "serving"),
        champion_proof=year.side(1, proof) if made != proof else None,
        old=year.test_set(serving.old),
        new=year.test_set(month),
        seed=month,
    )


def replay(year: Year, *, refits: bool, last: int | None = None, left_out: Collection[int] = ()) -> Replayed:
    """Every month from April on; what is released in one serves from the next on.

    Months that the input guard has ``left_out`` are neither learned from nor tested on.
    """
    serving, done = first_release(refits), Replayed([], {})
    for month in REPLAYED:
        done.served[month] = serving.made
        if month not in left_out:
            candidate = window(month, serving, last, left_out)
            done.evaluated.append(Evaluated(month, serving, candidate, evaluate(year, month, serving, candidate)))
            serving = _afterwards(done.evaluated[-1], refits, last, left_out)
    return done


def _afterwards(done: Evaluated, refits: bool, last: int | None, left_out: Collection[int]) -> Serving:
    """A refit learns from the whole window, the month that proved it and the old test set included."""
    if not done.is_released:
        return Serving(done.serving.made, done.serving.tested_on, refused=done.month)
    first = 1 if last is None else done.month - last
    whole = tuple(m for m in range(first, done.month + 1) if m not in left_out)
    return Serving(Made(whole if refits else done.candidate, done.candidate), done.month)


def untested(newest: bool, left_out: Collection[int] = ()) -> dict[int, Made]:
    """What serves when every month's candidate is taken: its proof, or its refit with the ``newest`` month."""
    made = {}
    for month in REPLAYED:
        proof = tuple(m for m in range(1, max(month - 1, 3)) if m not in left_out)
        whole = tuple(m for m in range(1, month) if m not in left_out)
        made[month] = Made(whole if newest else proof, proof)
    return made


def lives(year: Year, by_month: dict[int, Made]) -> list[Life]:
    """Of every release that served in some month and replaced another one."""
    order = list(dict.fromkeys(by_month.values()))
    found = []
    for before, made in pairwise(order):
        months = tuple(month for month, serving in by_month.items() if serving == made)
        found.append(Life(months[0] - 1, months, year.gain(made, before, months)))
    return found


def held(year: Year, one: Evaluated) -> float | None:
    """What the candidate gains over what served in the month after it was judged; None after the last."""
    if one.month + 1 not in year.months:
        return None
    candidate = Made(one.candidate, one.candidate)
    return year.area(candidate, one.month + 1) - year.area(one.serving.made, one.month + 1)


def faulty(year: Year) -> dict[int, str]:
    """Months that the input guard leaves out, each judged by the sound ones before it, and its first finding."""
    sound, found = list[PeriodProfile](), dict[int, str]()
    for month, rows in sorted(year.months.items()):
        one = profile(year.spec, _periods((month,))[0], rows)
        enough = len(sound) >= LEAST["month"]
        odd = oddities(year.spec, sound, one, year.spec.guard.false_alarms) if enough else []
        if odd:
            found[month] = odd[0].text
        else:
            sound.append(one)
    return found


def mean_area(year: Year, by_month: dict[int, Made]) -> float:
    """AUC of what served, mean over the months."""
    return float(np.mean([year.area(made, month) for month, made in by_month.items()]))


def _periods(months: Months) -> list[Period]:
    return [Period(f"2013-{month:02d}") for month in months]
