"""The inputs of the four comparisons, two models and two test sets, and the checks that refuse them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from include.contracts.period import Period, from_to
from include.errors import LeakageError
from include.evaluation.metrics import EXPLAINING, checked, kind_of
from include.evaluation.undefined import metrics_of
from include.families.registry import family
from include.specification.usecase import UseCase

CLASS_ROWS = 10  # fewer rows of one class and the resamples often miss it


@dataclass(frozen=True)
class Side:
    """One model: how to ask it, and all that it was trained or validated on.

    ``predict`` takes the raw feature columns (n rows) and returns scores (n,) or (n, K). ``members`` are the versions
    that an ensemble is the average of; ``signature`` is what two models must have equal to be averaged;
    ``recalibrated_from`` is the version whose learned parameters it has, when only its calibrator was fitted anew.
    """

    version: int
    predict: Callable[[pd.DataFrame], np.ndarray]
    release: str | None = None
    training_hashes: frozenset[str] = frozenset()
    training_periods: frozenset[Period] = frozenset()
    training_ids: frozenset[str] = frozenset()
    members: tuple[int, ...] = ()
    signature: str = ""
    recalibrated_from: int | None = None


@dataclass(frozen=True)
class EvaluationSet:
    """Raw feature columns, label and event id; ``content_hash`` and ``periods`` as in its PartRef.

    ``rewrites``: erasures and key rotations since the model was registered with it; its rows are no longer the same.
    ``fault``: why it cannot judge this candidate, if it cannot.
    """

    frame: pd.DataFrame
    content_hash: str
    periods: list[Period] = field(default_factory=list)
    rewrites: tuple[str, ...] = ()
    fault: str = ""

    @property
    def window(self) -> str:
        """Its first and last period, in words."""
        return from_to(self.periods[0], self.periods[-1]) if self.periods else "no period"


def problems(spec: UseCase, champion: Side | None, old: EvaluationSet | None, new: EvaluationSet | None) -> list[str]:
    """Why the test sets cannot be used, in words; empty when they can."""
    needed = {"new": new, **({"old": old} if champion else {})}
    faults = [test_set.fault for test_set in needed.values() if test_set and test_set.fault]
    faults += [p for name, test_set in needed.items() for p in _unusable(spec, name, test_set)]
    if champion and old and new and old.content_hash == new.content_hash:
        faults.append("old and new test set are the same rows: no newer labelled period exists yet")
    elif champion and old and new and spec.split.by == "time" and not _is_later(new, old):
        faults.append(
            f"the new test set ({new.window}) is not later than the one that the champion was released with "
            f"({old.window}): choose a later test_from"
        )
    return faults


def _is_later(new: EvaluationSet, old: EvaluationSet) -> bool:
    return not (new.periods and old.periods) or new.periods[0] > old.periods[-1]


def _unusable(spec: UseCase, name: str, test_set: EvaluationSet | None) -> list[str]:
    if test_set is None:
        return [f"there is no {name} test set"]
    label, least = spec.event.label, spec.comparison.min_rows
    needed = [*spec.feature_names, *([label] if label else [])]
    if missing := [c for c in needed if c not in test_set.frame]:
        return [f"the {name} test set lacks the columns {missing}"]
    rows = len(test_set.frame)
    if rows < least:
        return [f"the {name} test set ({test_set.window}) has {rows} rows; {least} are needed"]
    return _unusable_labels(spec, name, test_set.frame[label]) if label else []


def _unusable_labels(spec: UseCase, name: str, labels: pd.Series) -> list[str]:
    if unknown := int((~np.isfinite(labels.astype("float64"))).sum()):
        return [f"{unknown} of {len(labels)} rows of the {name} test set have no label yet"]
    counts = family(spec).class_rows(spec, labels)
    if few := [f"{n} rows of class {name}" for name, n in counts.items() if n < CLASS_ROWS]:
        return [f"the {name} test set has only {' and '.join(few)}; {CLASS_ROWS} of each are needed"]
    return _alike(spec, name, labels)


def _alike(spec: UseCase, name: str, labels: pd.Series) -> list[str]:
    """Numbers that hardly differ leave many resamples without a value of the metrics that explain the differences."""
    counts = labels.value_counts()
    others = len(labels) - int(counts.iloc[0])
    if others >= CLASS_ROWS or not (explaining := [metric for metric in metrics_of(spec) if metric in EXPLAINING]):
        return []
    all_but = f"all but {others}" if others else "all"
    return [
        f"{all_but} of the {len(labels)} labels of the {name} test set are {counts.index[0]:g}; {CLASS_ROWS} others "
        f"are needed for {' and '.join(explaining)}"
    ]


def refuse_leak(spec: UseCase, side: Side, name: str, test_set: EvaluationSet) -> None:
    """Raises LeakageError when the model has seen the test set: its content, its periods or one of its events."""
    who = f"model {side.version} of {spec.name} was trained on"
    way_out = f"train without it, or take another {name} test set"
    if test_set.content_hash in side.training_hashes:
        raise LeakageError(f"{who} the {name} test set itself (hash {test_set.content_hash[:12]}); {way_out}")
    if shared := side.training_periods & set(test_set.periods):
        raise LeakageError(f"{who} {sorted(shared)}, which the {name} test set covers; {way_out}")
    if events := side.training_ids.intersection(test_set.frame.get(spec.event.id, [])):
        raise LeakageError(f"{who} {len(events)} events of the {name} test set, for example {min(events)}; {way_out}")


def ask(spec: UseCase, side: Side, test_set: EvaluationSet) -> np.ndarray:
    """The model's scores; raises EvaluationError when they are unusable."""
    scores = np.asarray(side.predict(test_set.frame[spec.feature_names]), dtype=np.float64)
    who = f"model {side.version} of {spec.name}"
    return checked(family(spec).truth(spec, test_set.frame), scores, who, kind_of(spec.metrics.primary))[1]
