"""The events of published periods with the labels that were known at a given time; other events are counted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pandas as pd

from include.contracts.development import FrozenRef
from include.contracts.period import Period
from include.contracts.spelling import as_text
from include.contracts.tables import PERIOD, SnapshotRef
from include.development.datasets.splits import PERSON, TEST, Frozen, sides
from include.errors import DataError, LeakageError
from include.families.registry import event_codes, label_codes
from include.formats.exact_frames import exact_frame
from include.formats.ties import latest_known, latest_per_key
from include.ports.lake import Lake
from include.records.registry import GIVEN_LABELS
from include.specification.usecase import UseCase

MOST_IMMATURE = 0.5  # of a period's labels; beyond, what is left of it says little about it


@dataclass(frozen=True)
class Labelled:
    """Events in order of time with the column ``PERSON``, and how many were left out or got their label from a person.

    ``counts``: ``unlabelled`` (nobody knows), ``immature`` (known only after the moment), ``given``; ``unlabelled`` and
    ``immature`` have the first two of these by period.
    """

    rows: pd.DataFrame
    counts: dict[str, int]
    immature: dict[str, int]
    unlabelled: dict[str, int] = field(default_factory=dict)


def given_version(spec: UseCase, lake: Lake) -> int | None:
    """The newest version of the labels that people gave; None when there are none."""
    table = GIVEN_LABELS.name
    return lake.version(spec.name, table) if lake.exists(spec.name, table) else None


def labelled(
    spec: UseCase, lake: Lake, snapshots: Sequence[SnapshotRef], as_of: datetime, given: int | None = None
) -> Labelled:
    """Events whose label was known at ``as_of``; all of them when the task has no label.

    Labels that people gave (version ``given`` of their table) fill those that miss. Of an event in the tables of two
    periods the newest row counts whose label was known, else the newest. Raises DataError when the events are not those
    of the snapshots, one is twice in a period, or a label that was known is none of the task.
    """
    events = _once(spec, _read(spec, lake, snapshots, as_of), as_of)
    events = events.sort_values([spec.event.time, spec.event.id], kind="stable", ignore_index=True)
    if spec.event.label is None or spec.event.label_time is None:
        return Labelled(events.assign(**{PERSON: False}), {}, {})
    events, filled = _with_given(spec, events, lake, as_of, given)
    known = events[spec.event.label].notna()
    late = known & ~_mature(events[spec.event.label_time], as_of)
    counts = {"unlabelled": int((~known).sum()), "immature": int(late.sum()), "given": filled}
    immature, unlabelled = _by_period(events[late]), _by_period(events[~known])
    return Labelled(events[known & ~late].reset_index(drop=True), counts, immature, unlabelled)


def _by_period(events: pd.DataFrame) -> dict[str, int]:
    return {str(period): int(count) for period, count in events[PERIOD].value_counts().items()}


def _once(spec: UseCase, events: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """One row per event, by the rule that monitoring follows too."""
    if twice := int(events.duplicated([spec.event.id, PERIOD]).sum()):
        raise DataError(
            f"{spec.name}: {twice} {spec.event.id} occur more than once in a period's events; publish the periods again"
        )
    if spec.event.label is None or spec.event.label_time is None:
        return latest_per_key(events, [spec.event.id], [PERIOD])
    known = events[spec.event.label].notna() & _mature(events[spec.event.label_time], as_of)
    return latest_known(events, spec.event.id, known.to_numpy(), [PERIOD])


def require_mature(spec: UseCase, found: Labelled, period: Period, as_of: datetime) -> None:
    """Raises LeakageError when most labels of the period were not yet known at ``as_of``."""
    late, known = found.immature.get(period, 0), int((found.rows["period"] == period).sum())
    if late > MOST_IMMATURE * (late + known):
        raise LeakageError(
            f"{spec.name}: {late} of {late + known} labels of {period} are known only after {as_of:%Y-%m-%d %H:%M} "
            f"UTC; train later, or test on an earlier {period.every}"
        )


def held_out(spec: UseCase, champions: Sequence[FrozenRef], lake: Lake) -> Frozen:
    """What these datasets kept apart, from the versions that they pin: the same whenever it is asked."""
    frozen = Frozen()
    for one in champions:
        moment = one.as_of or datetime.now(UTC)
        if one.snapshots:
            apart = _kept_apart(spec, labelled(spec, lake, one.snapshots, moment, one.given_labels).rows)
            frozen = Frozen(frozen.tested | apart.tested, frozen.groups | apart.groups, frozen.learned | apart.learned)
    return frozen


def _kept_apart(spec: UseCase, rows: pd.DataFrame) -> Frozen:
    ids = rows[spec.event.id].astype(str)
    if spec.split.by == "time":  # only the periods of the test set are named
        return Frozen(tested=frozenset(ids))
    tests = sides(spec, rows) == TEST
    groups = frozenset(as_text(rows.loc[tests, spec.split.group])) if spec.split.group else frozenset[str]()
    return Frozen(frozenset(ids[tests]), groups, frozenset(ids[~tests]))


def _mature(times: pd.Series, as_of: datetime) -> pd.Series:
    return pd.to_datetime(times, utc=True, cache=False) <= pd.Timestamp(as_of)


def _with_given(
    spec: UseCase, events: pd.DataFrame, lake: Lake, as_of: datetime, version: int | None
) -> tuple[pd.DataFrame, int]:
    """The events with the labels that people gave them by ``as_of``, and how many that were; the last word counts."""
    label, time = str(spec.event.label), str(spec.event.label_time)
    if version is None:
        return events.assign(**{PERSON: False}), 0
    given = exact_frame(lake.read(spec.name, GIVEN_LABELS.name, version=version))
    given = given[given[label].notna() & _mature(given[time], as_of)]
    label_codes(spec, given[label], GIVEN_LABELS.name)
    last = latest_per_key(given, [spec.event.id], [time]).set_index(spec.event.id)
    lacks = events[label].isna() & events[spec.event.id].isin(last.index)
    answers = last.loc[events.loc[lacks, spec.event.id]]
    filled = events.astype({label: object}).assign(**{PERSON: lacks})
    filled.loc[lacks, label] = answers[label].to_numpy(dtype=object)
    filled[time] = pd.to_datetime(filled[time], utc=True, cache=False).mask(lacks)
    filled.loc[lacks, time] = pd.to_datetime(answers[time], utc=True, cache=False).to_numpy()
    return filled, int(lacks.sum())


def _read(spec: UseCase, lake: Lake, snapshots: Sequence[SnapshotRef], as_of: datetime) -> pd.DataFrame:
    refs = {snapshot.period: snapshot.tables["events"] for snapshot in snapshots}
    events = exact_frame(lake.read_pinned(spec.name, "events", refs))
    if spec.event.label and spec.event.label_time:
        known = events[_mature(events[spec.event.label_time], as_of)]
        event_codes(spec, known[known[spec.event.label].notna()])
    return events
