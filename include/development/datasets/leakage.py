"""Checks that a dataset may be used: disjoint parts, nothing known too late, no feature that is the label, enough rows.

Its counts go into the dataset's manifest.
"""

from collections.abc import Mapping
from itertools import combinations, pairwise

import pandas as pd

from include.contracts.development import DatasetFacts
from include.development.datasets.label_alarm import alarms
from include.errors import DataError, LeakageError, SpecError
from include.families.registry import family
from include.specification.usecase import UseCase

FEWEST_ROWS = {"train": 100, "validation": 50}
FEWEST_OF_CLASS = {"train": 10, "validation": 2, "test": 2}
STAMP_SUFFIX = "__event_timestamp"  # <view>__event_timestamp: when the value of a feature view was known


def check_parts(
    spec: UseCase, parts: Mapping[str, pd.DataFrame], left_out: Mapping[str, int] | None = None
) -> DatasetFacts:
    """What the parts ``train``, ``validation`` and ``test`` hold; ``left_out`` are the counts of ``labelled``.

    Raises
    ------
    SpecError
        the label is among the features.
    LeakageError
        an event or group in two parts, too much repeated content, a feature from after its event, or one that tells
        the label by itself.
    DataError
        too few rows of a part or of a class.
    """
    _check_names(spec)
    _check_disjoint(spec, parts)
    _check_groups(spec, parts)
    if spec.split.by == "time":
        _check_order(spec, parts)
    return _check_each(spec, parts, left_out or {}).model_copy(update={"repeated": _repeated(spec, parts)})


def check_refit(
    spec: UseCase, parts: Mapping[str, pd.DataFrame], left_out: Mapping[str, int] | None = None
) -> DatasetFacts:
    """The same of a refit, whose training part holds the others: what joins or compares parts cannot be asked of it."""
    _check_names(spec)
    _check_once(spec, parts)
    return _check_each(spec, parts, left_out or {})


def _check_each(spec: UseCase, parts: Mapping[str, pd.DataFrame], left_out: Mapping[str, int]) -> DatasetFacts:
    """What every part must be by itself."""
    counts = dict(left_out)
    given = counts.pop("given", 0)
    for name, frame in parts.items():
        _check_enough(spec, name, frame, counts)
        _check_feature_times(spec, name, frame)
    classes = {name: _classes(spec, frame) for name, frame in parts.items() if family(spec).facts.probabilities}
    for name, found in classes.items():
        _check_classes(spec, name, found)
    _check_label_alarm(spec, parts["train"])
    return DatasetFacts(left_out=counts, given=given, classes=classes)


def _check_names(spec: UseCase) -> None:
    if leaking := [n for n in spec.feature_names if n in (spec.event.label, spec.event.label_time)]:
        raise SpecError(f"{spec.name}: the features {leaking} are the label or its time; remove them from 'features'")


def _check_once(spec: UseCase, parts: Mapping[str, pd.DataFrame]) -> None:
    identifier = spec.event.id
    for name, frame in parts.items():
        if twice := int(frame[identifier].duplicated().sum()):
            raise DataError(
                f"{spec.name}: {twice} {identifier} occur more than once in the {name} part; correct the events"
            )


def _check_disjoint(spec: UseCase, parts: Mapping[str, pd.DataFrame]) -> None:
    identifier = spec.event.id
    _check_once(spec, parts)
    for one, other in combinations(parts, 2):
        if shared := set(parts[one][identifier]) & set(parts[other][identifier]):
            raise LeakageError(f"{spec.name}: {len(shared)} events are in both {one} and {other}")


def _check_groups(spec: UseCase, parts: Mapping[str, pd.DataFrame]) -> None:
    if spec.split.group is None:
        return
    for one, other in combinations(parts, 2):
        if shared := set(parts[one][spec.split.group]) & set(parts[other][spec.split.group]):
            raise LeakageError(
                f"{spec.name}: {len(shared)} values of {spec.split.group} are in both {one} and {other}; "
                "the split is by group"
            )


def _check_order(spec: UseCase, parts: Mapping[str, pd.DataFrame]) -> None:
    time = spec.event.time
    for earlier, later in pairwise(["train", "validation", "test"]):
        last, first = parts[earlier][time].max(), parts[later][time].min()
        if last >= first:
            raise LeakageError(
                f"{spec.name}: {earlier} reaches to {last}, {later} starts at {first}; the split is by time"
            )


def _check_enough(spec: UseCase, name: str, frame: pd.DataFrame, left_out: Mapping[str, int]) -> None:
    fewest = FEWEST_ROWS.get(name, spec.comparison.min_rows)
    if len(frame) < fewest:
        gone = ", ".join(f"{count} {why}" for why, count in left_out.items() if count)
        raise DataError(
            f"{spec.name}: the {name} part has {len(frame)} rows, {fewest} are needed; widen its periods"
            + (f" (left out of the whole: {gone})" if gone else "")
        )


def _classes(spec: UseCase, frame: pd.DataFrame) -> dict[str, int]:
    """Rows by class code, also of the classes that none has."""
    kind = family(spec)
    rows = kind.class_rows(spec, kind.label_codes(spec, frame[spec.event.label]))
    return {str(code): count for code, count in enumerate(rows.values())}


def _check_classes(spec: UseCase, name: str, counts: Mapping[str, int]) -> None:
    fewest = FEWEST_OF_CLASS.get(name, 1)
    few = [f"{n} of class {family(spec).answer_name(spec, int(code))}" for code, n in counts.items() if n < fewest]
    if few:
        raise DataError(
            f"{spec.name}: the {name} part has too few rows of a class of {spec.event.label}: {', '.join(few)}; "
            f"{fewest} are needed: widen its periods, have more of them labelled, or merge classes"
        )


def _check_feature_times(spec: UseCase, name: str, frame: pd.DataFrame) -> None:
    for column in (c for c in frame.columns if c.endswith(STAMP_SUFFIX)):
        late = pd.to_datetime(frame[column], utc=True) > frame[spec.event.time]
        if late.any():
            raise LeakageError(
                f"{spec.name}: {int(late.sum())} rows of {name} have {column.removesuffix(STAMP_SUFFIX)} features from "
                "after the event; correct the point-in-time join"
            )


def _check_label_alarm(spec: UseCase, train: pd.DataFrame) -> None:
    if alarming := alarms(spec, train):
        suspects = "; ".join(f"{a.feature} ({a.measure} {a.value:.4f})" for a in alarming)
        raise LeakageError(
            f"{spec.name}: one feature alone predicts the label {spec.event.label}: {suspects}. It was probably "
            "computed from the label, or is known only later: remove it. If it is correct, set 'tells_label: true'"
        )


def _repeated(spec: UseCase, parts: Mapping[str, pd.DataFrame]) -> dict[str, int]:
    """Rows of validation and test that the training part holds word for word; too many of them are a leak."""
    columns = [*spec.feature_names, *([spec.event.label] if spec.event.label else [])]
    content = {name: _contents(frame[columns]) for name, frame in parts.items()}
    repeated = {name: int(content[name].isin(content["train"]).sum()) for name in parts if name != "train"}
    for name, count in repeated.items():
        if count > spec.split.max_repeated * len(parts[name]):
            raise LeakageError(
                f"{spec.name}: {count} of {len(parts[name])} rows of {name} are identical to rows of the training part "
                "under another event id; drop the copies, split by the group that they belong to, or say with "
                f"split.max_repeated (now {spec.split.max_repeated}) that such rows are no copies"
            )
    return repeated


def _contents(frame: pd.DataFrame) -> pd.Series:
    """A 64-bit hash per row; ``categorize`` would take texts for one that differ after a NUL only."""
    texts = frame.select_dtypes(exclude="number").columns
    return pd.util.hash_pandas_object(frame.astype(dict.fromkeys(texts, object)), index=False, categorize=False)
