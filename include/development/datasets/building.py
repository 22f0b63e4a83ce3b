"""Builds the dataset of a training: point-in-time features, the spec's split, checks for leaks."""

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from include.contracts.development import DatasetRef, FrozenRef, PartRef
from include.contracts.period import Period, range_text
from include.contracts.spelling import as_text, spelled
from include.contracts.tables import PERIOD, SnapshotRef
from include.development.datasets.guarding import guarded, refusal
from include.development.datasets.labelled_events import given_version, held_out, labelled, require_mature
from include.development.datasets.leakage import STAMP_SUFFIX, check_parts
from include.development.datasets.parts import (
    MANIFEST,
    as_number,
    content_hash,
    read_manifest,
    read_part,
    write_part,
)
from include.development.datasets.splits import PERSON, cut
from include.errors import DataError, LeakageError, NotFoundError, SpecError
from include.families.registry import family
from include.formats import checksums, state_file
from include.ports.features import FeatureStore
from include.ports.lake import Lake
from include.specification import modules
from include.specification.usecase import UseCase

NAMED = 12
"""Periods that a message names one by one."""


def build(
    spec: UseCase,
    *,
    train_from: Period | None,
    train_to: Period | None,
    test_from: Period | None = None,
    test_to: Period,
    excluded: Sequence[DatasetRef],
    lake: Lake,
    feature_store: FeatureStore,
    snapshots: Sequence[SnapshotRef],
    directory: Path,
    as_of: datetime | None = None,
    validates_from: Period | None = None,
) -> DatasetRef:
    """Build a dataset as ``directory/<name>/``; the same inputs give the same name and files.

    Parameters
    ----------
    train_from, train_to
        first and last period to learn from; None: what ``retrain.window`` says, up to the test set.
    test_from, test_to
        by time the first and last period to test on; without the first, those of ``split.test`` that end with the last
        and are later than the frozen test sets. Else rows of all periods up to the last test.
    excluded
        datasets of earlier champions: their frozen test sets never train or validate.
    snapshots
        the published periods; events and features are read at exactly these versions.
    as_of
        the moment of the training (default now, UTC): a row whose label was not known then is left out.
    validates_from
        by time the first period that validates; None: as ``split.validation`` says.

    Raises
    ------
    NotFoundError
        a period of the window has no snapshot, or a frozen test set is gone.
    DataError
        too few rows, in all or of a class, events that differ from their snapshot, a changed frozen test set, or a
        test period in which the input guard finds a fault.
    LeakageError
        an event in two parts, a feature from after its event or that tells the label by itself, or a newest period
        most of whose labels were not known at ``as_of``.
    """
    tested = max((one.test.periods[-1] for one in excluded), default=None)
    test = _test_window(spec, test_from, test_to, tested)
    learn = _learned(spec, train_from, train_to, test, snapshots)
    test = test if spec.split.by == "time" else Period.between(learn[0], test_to)
    chosen = _chosen(spec, sorted({*learn, *test}), snapshots)
    reach = sorted((s for s in snapshots if s.period <= test[-1]), key=lambda s: s.period)
    moment, given = as_of or datetime.now(UTC), given_version(spec, lake)
    champions = [_frozen(spec, one) for one in excluded]
    frozen = held_out(spec, champions, lake)
    kept_out = [read_part(one.test) for one in excluded]
    frozen = replace(frozen, tested=frozen.tested.union(*(part[spec.event.id] for part in kept_out)))
    events = labelled(spec, lake, chosen, moment, given)
    require_mature(spec, events, test[-1], moment)
    rows = with_features(spec, events.rows, feature_store, reach)
    guard = guarded(spec, lake, events, _described(spec, rows), chosen)
    if guard.left_out:
        _require_sound_test(spec, guard.left_out, test)
        chosen = [ref for ref in chosen if ref.period not in guard.left_out]
        events = labelled(spec, lake, chosen, moment, given)  # as a rebuild reads them
        rows = with_features(spec, events.rows, feature_store, reach)
    parts = cut(spec, rows, learn=learn, test=test, frozen=frozen, validates_from=validates_from)
    checked = check_parts(spec, parts, events.counts).model_copy(update={"guard": guard})
    facts = {
        "feature_service": spec.feature_service,
        "label": spec.event.label or "",
        "excluded_hashes": sorted({one.test.content_hash for one in excluded}),
        "snapshots": {s.period: s.name for s in chosen},
    } | ({"class_names": spec.event.classes} if spec.event.classes else {})
    facts |= {"validates_from": validates_from} if validates_from else {}
    reads = {"features_from": reach, "frozen": champions, "as_of": moment, "given_labels": given}
    return publish(spec, parts, facts, {**reads, "facts": checked}, directory)


def _described(spec: UseCase, rows: pd.DataFrame) -> pd.DataFrame:
    """The shaped rows with their period, and the time of the label where there is one."""
    known = [name for name in (PERIOD, spec.event.label_time) if name in rows]
    return shaped(spec, rows).assign(**{str(name): rows[name].to_numpy() for name in known})


def _require_sound_test(spec: UseCase, left_out: Mapping[Period, list[str]], test: Sequence[Period]) -> None:
    """Raises DataError when a faulty period would test; by another split than time it is left out like any other."""
    faulty = {period: said for period, said in left_out.items() if period in test}
    if faulty and spec.split.by == "time":
        raise DataError(refusal(spec, faulty, "no model can be judged on it"))


def _frozen(spec: UseCase, dataset: DatasetRef) -> FrozenRef:
    """By time the periods of the test set; else all, since the side of a row hangs on the others of its period."""
    pinned = {*dataset.test.periods} if spec.split.by == "time" else {*dataset.snapshots}
    return FrozenRef(
        dataset=dataset.name,
        content_hash=dataset.test.content_hash,
        snapshots=[s for s in dataset.features_from if s.period in pinned],
        as_of=dataset.as_of,
        given_labels=dataset.given_labels,
    )


def load_dataset(name: str, directory: Path) -> DatasetRef:
    """The dataset that was built earlier under ``name``; raises NotFoundError without it."""
    manifest = directory / name / MANIFEST
    if not state_file.exists(manifest):
        raise NotFoundError(f"no dataset {name!r}: {manifest} does not exist; build it first")
    return read_manifest(manifest)


def as_it_lies(dataset: DatasetRef) -> DatasetRef:
    """The dataset as registered, or as an erasure or key rotation has left it since and says so in its manifest."""
    now = load_dataset(dataset.name, Path(dataset.path).parent)
    return now if set(now.rewrites) - set(dataset.rewrites) else dataset


def _test_window(spec: UseCase, test_from: Period | None, test_to: Period, tested: Period | None) -> list[Period]:
    """The periods that only test; ``tested``: the last of a frozen test set."""
    if spec.split.by != "time":
        if test_from is not None:
            raise DataError(
                f"{spec.name} is split by {spec.split.by}, so a share of all periods tests: leave test_from out"
            )
        return [test_to]
    if test_from is None:
        return spec.periods_to_test(test_to, tested)
    if test_from > test_to:
        raise DataError(f"{spec.name}: test_from {test_from} is after test_to {test_to}; swap or widen them")
    return Period.between(test_from, test_to)


def _learned(
    spec: UseCase,
    train_from: Period | None,
    train_to: Period | None,
    test: Sequence[Period],
    snapshots: Sequence[SnapshotRef],
) -> list[Period]:
    """The periods to learn from, by time all before those that test."""
    by_time, last = spec.split.by == "time", test[-1]
    end = train_to or (test[0].shift(-1) if by_time else last)
    if by_time and end >= test[0]:
        raise LeakageError(f"{spec.name}: train_to {end} is not before the test set {test[0]}; choose an earlier one")
    if end > last:
        raise DataError(f"{spec.name}: train_to {end} is after test_to {last}; choose an earlier one")
    start = train_from or max(_first_before(spec, test, end, snapshots), spec.learned_from(end))
    if start > end:
        raise DataError(f"{spec.name}: train_from {start} is after train_to {end}; swap or widen them")
    return Period.between(start, end)


def _first_before(spec: UseCase, test: Sequence[Period], end: Period, snapshots: Sequence[SnapshotRef]) -> Period:
    """The first published period; raises DataError when none is old enough to learn from."""
    if known := [s.period for s in snapshots if s.period <= end]:
        return min(known)
    raise DataError(
        f"{spec.name}: nothing is published up to {end}, before the test set {range_text(test)}; run the data pipeline "
        "for earlier periods, or test on a shorter time (split.test, test_from)"
    )


def _chosen(spec: UseCase, periods: Sequence[Period], snapshots: Sequence[SnapshotRef]) -> list[SnapshotRef]:
    by_period = {s.period: s for s in snapshots}
    if missing := [p for p in periods if p not in by_period]:
        named = missing if len(missing) <= NAMED else [*missing[:NAMED], f"{len(missing) - NAMED} more"]
        raise NotFoundError(
            f"{spec.name}: no snapshot of {', '.join(named)}; run the data pipeline for them or shorten the window"
        )
    return [by_period[p] for p in periods]


def with_features(
    spec: UseCase, events: pd.DataFrame, feature_store: FeatureStore, snapshots: Sequence[SnapshotRef]
) -> pd.DataFrame:
    """Events plus all features of the spec as ``snapshots`` pin them, in the same order, categories in their one
    spelling.

    The label stays out of the feature store's sight.
    """
    hidden = [column for column in (spec.event.label, spec.event.label_time, PERSON) if column in events]
    found = feature_store.historical(spec.feature_service, events.drop(columns=hidden), snapshots)
    found = found.set_index(spec.event.id)
    if len(found) != len(events) or not found.index.is_unique or not events[spec.event.id].isin(found.index).all():
        raise DataError(f"{spec.name}: {len(events)} events went into the feature store, {len(found)} came back")
    wanted = [f.name for f in spec.features if f.origin not in ("request", "on_request")]
    if missing := [name for name in wanted if name not in found.columns]:
        raise DataError(
            f"{spec.name}: feature service {spec.feature_service} does not give {missing}; "
            f"it gives {list(found.columns)}"
        )
    stamps = [c for c in found.columns if c.endswith(STAMP_SUFFIX) and c not in events.columns]
    features = found.loc[events[spec.event.id], wanted + stamps].reset_index(drop=True)
    _require_categories_travel(spec, events)
    rows = pd.concat([events, features, request_features(spec, events)], axis=1)
    return rows.assign(
        **{f.name: as_text(rows[f.name]) for f in spec.features if f.kind != "numeric" and f.name in rows}
    )


def _require_categories_travel(spec: UseCase, events: pd.DataFrame) -> None:
    """Raises DataError for a category that a request carries as a number, and of which float32 makes another one."""
    coded = [f.name for f in spec.features if f.origin == "request" and f.kind != "numeric"]
    for name in (name for name in coded if spec.fields.get(name) == "float"):
        numbers = events[name].dropna()
        changed = [value for value in numbers.unique() if _is_whole(value) and int(np.float32(value)) != int(value)]
        if changed:
            rows = numbers.isin(changed)
            raise DataError(
                f"{spec.name}: {int(rows.sum())} values of {name!r} would be another category in a request, which "
                f"carries a number as float32 (the first in row {rows.idxmax()}): whole numbers beyond 2^24. Declare "
                f"request.{name} as string"
            )


def _is_whole(value: Any) -> bool:
    return bool(np.isfinite(float(value)) and value == int(value) and abs(value) < np.finfo(np.float32).max)


def request_features(spec: UseCase, events: pd.DataFrame) -> pd.DataFrame:
    """What the use case's ``request.on_request`` computes from the request fields; same rows, same order."""
    wanted = [f.name for f in spec.features if f.origin == "on_request"]
    if not wanted:
        return pd.DataFrame(index=events.index)
    given = modules.function(spec.name, "request", "on_request")(_request_fields(spec, events))
    if missing := [name for name in wanted if name not in given]:
        raise SpecError(
            f"include/usecases/{spec.name}/request.py: on_request does not give {missing}; it gives {sorted(given)}"
        )
    numeric = {f.name for f in spec.features if f.kind == "numeric"}
    columns = {
        name: pd.Series(given[name] if name in numeric else spelled(given[name]), events.index) for name in wanted
    }
    return pd.DataFrame(columns, index=events.index)


def _request_fields(spec: UseCase, events: pd.DataFrame) -> dict[str, np.ndarray]:
    """The fields as the model server gets them: timestamps are seconds since 1970-01-01 UTC."""
    as_sent = {"timestamp": _seconds, "float": _float32, "double": _float64, "string": _text_or_none}
    return {name: as_sent[kind](events[name]) for name, kind in spec.fields.items()}


def _float32(values: pd.Series) -> np.ndarray:
    """Numbers as precise as they travel, float64 (n,); NaN where they lack."""
    return _float64(values).astype(np.float32).astype(np.float64)


def _float64(values: pd.Series) -> np.ndarray:
    return values.to_numpy(np.float64, na_value=np.nan)


def _text_or_none(values: pd.Series) -> np.ndarray:
    texts = as_text(values)
    return texts.where(texts != "", None).to_numpy()


def _seconds(times: pd.Series) -> np.ndarray:
    return ((pd.to_datetime(times, utc=True) - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)).to_numpy()


def publish(
    spec: UseCase,
    parts: Mapping[str, pd.DataFrame],
    facts: Mapping[str, Any],
    reads: Mapping[str, Any],
    directory: Path,
) -> DatasetRef:
    """Write the parts aside and rename them into place; what is there already under the name is kept."""
    frames = {part: shaped(spec, frame) for part, frame in parts.items()}
    hashes = {part: content_hash(frame) for part, frame in frames.items()}
    name = _name(parts["test"], hashes, facts)
    home = directory / name
    if state_file.exists(home / MANIFEST):
        return load_dataset(name, directory)
    periods = {part: sorted(frame["period"].unique()) for part, frame in parts.items()}
    refs = {
        part: PartRef(
            path=str(home / f"{part}.parquet"), rows=len(frame), content_hash=hashes[part], periods=periods[part]
        )
        for part, frame in frames.items()
    }
    identity = {"usecase": spec.name, "name": name, "path": str(home)}
    dataset = DatasetRef.model_validate({**identity, **facts, **reads, **refs})
    write(dataset, frames, home)
    return dataset


def _name(test: pd.DataFrame, hashes: Mapping[str, str], facts: Mapping[str, object]) -> str:
    identity = json.dumps({"parts": hashes, **facts}, sort_keys=True)
    return f"{test['period'].max()}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def shaped(spec: UseCase, frame: pd.DataFrame) -> pd.DataFrame:
    """The columns of a part in their final order and type: text, float64 and the label's codes or numbers."""
    keys = [entity.key for entity in spec.entities.values()]
    sliced = [*spec.comparison.slices.columns, *spec.monitored_slices]
    asked = [*sliced, *spec.fairness.groups, spec.split.group, *keys]
    others = [c for c in dict.fromkeys(asked) if c and c not in spec.feature_names]
    columns: dict[str, pd.Series] = {
        spec.event.id: frame[spec.event.id].astype(str),
        spec.event.time: pd.to_datetime(frame[spec.event.time], utc=True).astype("datetime64[us, UTC]"),
    }
    for feature in spec.features:
        columns[feature.name] = (
            as_number(frame, feature.name) if feature.kind == "numeric" else as_text(frame[feature.name])
        )
    columns |= {name: as_text(frame[name]) for name in others}
    if spec.event.label:
        columns[spec.event.label] = family(spec).label_codes(spec, frame[spec.event.label])
    return pd.DataFrame(columns).reset_index(drop=True)


def write(dataset: DatasetRef, parts: Mapping[str, pd.DataFrame], home: Path) -> None:
    """The shaped parts and the manifest, complete or not there."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{home.name}.", dir=home.parent) as parent:
        aside = Path(parent) / home.name
        aside.mkdir()
        for part, frame in parts.items():
            write_part(frame, aside / f"{part}.parquet")
        checksums.write_sums(aside, aside.glob("*.parquet"))
        state_file.write(aside / MANIFEST, dataset.model_dump_json(indent=1))
        try:
            aside.rename(home)
        except OSError:
            # Another run built the same content first: the name says so, and a rename is all or nothing.
            if not state_file.exists(home / MANIFEST):
                raise
