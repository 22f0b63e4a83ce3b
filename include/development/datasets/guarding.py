"""The input guard of a dataset: a faulty period neither trains nor tests, and is no monitoring baseline."""

import hashlib
import json
from collections.abc import Mapping, Sequence

import pandas as pd

from include.contracts.calendar import Span
from include.contracts.development import DatasetRef
from include.contracts.guard import Guarded, Oddity, PeriodProfile
from include.contracts.period import Period
from include.contracts.tables import PERIOD, SnapshotRef
from include.development.datasets.labelled_events import Labelled
from include.development.datasets.parts import read_part
from include.errors import DataError
from include.evaluation.guard.judgement import FEWEST, LEAST, NEWEST, oddities
from include.evaluation.guard.profile import profile
from include.ports.lake import Lake
from include.records.registry import PERIOD_PROFILES
from include.specification.data import NONE
from include.specification.usecase import UseCase

SAID = 5
"""Oddities of a period that a message names."""


def guarded(
    spec: UseCase, lake: Lake, events: Labelled, rows: pd.DataFrame, snapshots: Sequence[SnapshotRef]
) -> Guarded:
    """What the guard says of the periods that ``snapshots`` pin, whose shaped ``rows`` have the column ``period``.

    Profiles that are kept already are not made again, and a judgement with the same grounds is not repeated.
    """
    if not spec.guarded or not snapshots:
        return Guarded()
    kept = _kept(spec, lake, [one.period for one in snapshots])
    fresh = _profiles(spec, events, rows, snapshots, kept)
    judged = _in_order(spec, {**kept, **fresh})
    PERIOD_PROFILES.append(spec.name, lake, [one for one in judged if one != kept.get(one.period)])
    return _said(spec, [one for one in judged if one.period in {ref.period for ref in snapshots}])


def require_sound(spec: UseCase, lake: Lake, dataset: DatasetRef) -> None:
    """Raises DataError when the test part, which is about to be a monitoring baseline, has a faulty period.

    Its rows are looked at again, as they lie. By a split other than by time it has a share of the rows only of periods
    that were all judged when the dataset was built.
    """
    if not spec.guarded or spec.split.by != "time":
        return
    kept, rows = _kept(spec, lake, dataset.test.periods), read_part(dataset.test)
    times = pd.to_datetime(rows[spec.event.time], utc=True, cache=False)
    lead, zone, said = _lead_of_rows(spec, dataset, times), spec.calendar.timezone, {}
    for period in dataset.test.periods:
        start, end = (lead.before(moment, zone) for moment in spec.calendar.window(period).utc())
        inside = rows[(times >= start) & (times < end)]
        before = [one for one in kept.values() if one.period < period and _may_be_compared(spec, one)]
        if period not in spec.guard.accept and (found := _odd(spec, before, profile(spec, period, inside))):
            said[period] = texts(found)
    if said:
        raise DataError(refusal(spec, said, "the monitoring baseline of a release would be faulty"))


def _lead_of_rows(spec: UseCase, dataset: DatasetRef, times: pd.Series) -> Span:
    """How long before its period an event is: the lead where its row tells the truth of one before, else none.

    A lead may also be how long before its time an event is asked for; so the one that more of the rows suit.
    """
    test, zone = spec.calendar.window(min(dataset.test.periods), max(dataset.test.periods)), spec.calendar.timezone

    def suits(lead: Span) -> int:
        return int(times.between(lead.before(test.start, zone), lead.before(test.end, zone), inclusive="left").sum())

    return max(NONE, spec.event.lead, key=suits)


def refusal(spec: UseCase, left_out: Mapping[Period, Sequence[str]], why: str) -> str:
    """What is wrong with these periods, and the ways out."""
    periods = "; ".join(f"{period} ({'; '.join(said)})" for period, said in left_out.items())
    first = next(iter(left_out))
    return (
        f"{spec.name}: the input guard finds a fault in {periods}, so {why}. Repair the source and publish again, "
        f"choose other periods, or accept it by guard.accept: {{{first}: <reason>}} in usecase.yaml"
    )


def texts(found: Sequence[Oddity]) -> list[str]:
    """The first oddities in words, the least likely first."""
    rest = len(found) - SAID
    return [one.text for one in found[:SAID]] + ([f"{rest} more figures"] if rest > 0 else [])


def _kept(spec: UseCase, lake: Lake, periods: Sequence[Period]) -> dict[Period, PeriodProfile]:
    """The newest profile of each period, those of earlier ones that these are compared with among them."""
    there = PERIOD_PROFILES.periods(spec.name, lake)
    first, last = min(periods), max(periods)
    wanted = [one for one in there if one < first][-2 * NEWEST[first.every] :] + [
        one for one in there if first <= one <= last
    ]
    read = PERIOD_PROFILES.read(spec.name, lake, periods=wanted) if wanted else []
    return {one.period: one for one in sorted(read, key=lambda one: (one.period, one.at))}


def _profiles(
    spec: UseCase,
    events: Labelled,
    rows: pd.DataFrame,
    snapshots: Sequence[SnapshotRef],
    kept: Mapping[Period, PeriodProfile],
) -> dict[Period, PeriodProfile]:
    """Of the periods whose profile is not kept, or was made of other rows."""
    found, parts = {}, dict(iter(rows.groupby(PERIOD, sort=False)))
    for ref in snapshots:
        part, unlabelled = parts.get(ref.period, rows.iloc[:0]), events.unlabelled.get(ref.period, 0)
        source = _digest([ref.name, len(part), unlabelled, spec.feature_service, spec.feature_names, spec.event.label])
        if len(part) and (ref.period not in kept or kept[ref.period].source != source):
            found[ref.period] = profile(spec, ref.period, part, unlabelled=unlabelled, source=source)
    return found


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _in_order(spec: UseCase, profiles: Mapping[Period, PeriodProfile]) -> list[PeriodProfile]:
    """The profiles with what is odd about each, judged by the sound and the accepted ones before it."""
    before: list[PeriodProfile] = []
    judged = []
    for period in sorted(profiles):
        one = profiles[period]
        grounds = _digest(
            [one.source, spec.guard.false_alarms, [other.source for other in before[-NEWEST[period.every] :]]]
        )
        if one.grounds != grounds:
            one = one.model_copy(update={"grounds": grounds, "oddities": _odd(spec, before, one)})
        judged.append(one)
        if _may_be_compared(spec, one):
            before.append(one)
    return judged


def _may_be_compared(spec: UseCase, one: PeriodProfile) -> bool:
    return one.rows >= FEWEST and (not one.oddities or one.period in spec.guard.accept)


def _odd(spec: UseCase, before: Sequence[PeriodProfile], one: PeriodProfile) -> list[Oddity]:
    enough = len(before) >= LEAST[one.period.every] and one.rows >= FEWEST
    return oddities(spec, before, one, spec.guard.false_alarms) if enough else []


def _said(spec: UseCase, judged: Sequence[PeriodProfile]) -> Guarded:
    odd = {one.period: texts(one.oddities) for one in judged if one.oddities}
    accepted = {period: reason for period, reason in spec.guard.accept.items() if period in odd}
    return Guarded(
        left_out={period: said for period, said in odd.items() if period not in accepted},
        accepted={period: [f"accepted: {reason}", *odd[period]] for period, reason in accepted.items()},
    )
