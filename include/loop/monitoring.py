"""Joins predictions with labels and writes figures per window and release."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from include.contracts.deployment import LostAnswers, ReleaseRef, RolloutEvent
from include.contracts.evaluation import PartGain
from include.contracts.operations import BinnedCounts, BlockLoss, CalibrationBin, Figure, SliceFigure
from include.contracts.period import Period, filed
from include.contracts.tables import PERIOD
from include.data import versioning
from include.deployment import release, scoring
from include.families.class_names import maps
from include.families.serving import logged_in_order
from include.operations.monitoring import monitoring
from include.operations.monitoring.large_windows import InFiles
from include.operations.monitoring.window_inputs import WindowInputs
from include.operations.overview import served
from include.operations.performance import trust
from include.operations.windows import windows
from include.operations.windows.sample import drawn
from include.operations.windows.scope import Scope
from include.operations.windows.window import Answering
from include.records.registry import (
    BLOCK_LOSSES,
    CALIBRATION_BINS,
    DISTRIBUTIONS,
    FIGURES,
    LOST_ANSWERS,
    PREDICTIONS,
    SLICE_FIGURES,
)
from include.services import reference_windows, verdicts
from include.services.answers_in_files import MANY, AnswersInFiles
from include.services.composition import Services
from include.services.records import LOOKED_BACK
from include.services.reference_windows import of_release
from include.services.truth import Truth, between
from include.specification.usecase import UseCase


def ship_predictions(spec: UseCase, services: Services, *periods: Period) -> int:
    """Move what the model server logged into the lake's ``predictions``; rows shipped.

    A record that cannot be read is kept aside and counted; the others are shipped. What the log says that it lacks
    becomes a record of ``lost_answers``. Answers that are older than the retention are not shipped, and deleted where
    they were. Raises NotFoundError, and does nothing, when one of the periods to monitor next is not published.
    """
    versioning.require_published(periods, services.records.snapshots(spec))
    log, shipped, since = services.adapters.prediction_log(spec), 0, services.answers.kept_since(spec)
    for batch in log.unshipped():
        rows = _kept(spec, batch.rows, since)
        rows = rows.assign(period=filed(rows[spec.event.time]))
        every = PREDICTIONS.stored(pa.Table.from_pandas(rows, preserve_index=False)) if len(rows) else None
        if batch.again:  # committed, but killed before it was acknowledged
            rows = _not_in_lake(spec, services, rows)
        if every is not None:
            with services.audit.logging(spec, PREDICTIONS.name, every, again=batch.again):
                new = PREDICTIONS.stored(pa.Table.from_pandas(rows, preserve_index=False)) if batch.again else every
                PREDICTIONS.append(spec.name, services.adapters.lake, new)
        _keep_lost(spec, services, batch.lost)
        log.acknowledge(batch)
        for record in batch.unreadable:
            print(f"{spec.name}: not shipped, kept in unreadable/{spec.name}: {record.source}: {record.reason}")
        shipped += len(rows)
    services.answers.forget(spec)
    return shipped


def _kept(spec: UseCase, rows: pd.DataFrame, since: datetime | None) -> pd.DataFrame:
    """Without the rows whose retention is over."""
    if since is None:
        return rows
    kept = rows[rows[spec.event.time] >= since]
    if late := len(rows) - len(kept):
        print(f"{spec.name}: {late} answers about events before {since} are not shipped: they are not kept any more")
    return kept


def _keep_lost(spec: UseCase, services: Services, lost: Sequence[LostAnswers]) -> None:
    """Once, though a batch may come again."""
    lake = services.adapters.lake
    there = LOST_ANSWERS.read(spec.name, lake, source=sorted({gap.source for gap in lost})) if lost else []
    known = {gap.source for gap in there}
    new = [gap for gap in lost if gap.source not in known]
    LOST_ANSWERS.append(spec.name, lake, new)
    for gap in new:
        print(f"{spec.name}: {gap.rows} answers of {gap.release} for {gap.period} could not be logged: {gap.reason}")


def _not_in_lake(spec: UseCase, services: Services, rows: pd.DataFrame) -> pd.DataFrame:
    periods, lake = sorted(set(rows["period"])), services.adapters.lake
    there = PREDICTIONS.rows(spec.name, lake, periods=periods, columns=["request_id"])
    return rows[~rows["request_id"].isin(there["request_id"].to_pylist())]


def monitor(spec: UseCase, services: Services, *periods: Period) -> dict[str, float]:
    """Measure every release that answered in the windows that end with these periods; the headline figures of the last
    one, by ``<release>.<name>``.

    Earlier windows are measured again, when what is published brought labels of their answers, or labels of theirs are
    due only now, and later ones that hold one of the periods too. A window that is measured again replaces its figures.

    Raises NotFoundError when a period is not published.
    """
    truth, figures = services.predictions.truth(spec), list[Figure]()
    versioning.require_published(periods, services.records.snapshots(spec))
    ends = _to_measure(spec, services, truth, periods)
    for end in ends:
        measured = _measure_window(spec, services, truth, end)
        figures = measured if end == periods[-1] else figures
    _count_again(spec, services, ends)
    return {f"{f.release}.{f.name}": f.value for f in figures if not f.subject}


def _to_measure(spec: UseCase, services: Services, truth: Truth, periods: Sequence[Period]) -> list[Period]:
    """The last periods of the windows that these periods change, oldest first."""
    first = spec.calendar.of(min(truth.may_tell(period) for period in periods))
    touched = {*periods, *_told(spec, services, truth, periods)} | _moved(spec, services, truth, periods)
    recent = between(truth.published, min(first, *touched), max(periods))
    immature = FIGURES.read(spec.name, services.adapters.lake, periods=recent, name="not_due") if recent else []
    waiting = {figure.period for figure in immature if figure.value > 0}
    among = [period for period in truth.published if period >= min(touched)]
    return sorted({*windows.holding(spec, touched, among), *waiting})


def _told(spec: UseCase, services: Services, truth: Truth, periods: Sequence[Period]) -> set[Period]:
    """The periods that answers belong to whose events stand in the tables of these periods."""
    begin, end = min(map(truth.may_tell, periods)), max(map(spec.calendar.end, periods))
    asked = services.predictions.about(spec, begin, end, [spec.event.id, spec.event.time])
    asked = asked[asked[spec.event.id].isin(truth.rows(periods)[spec.event.id])].reset_index(drop=True)
    return {*truth.homes(asked).dropna()}


def _moved(spec: UseCase, services: Services, truth: Truth, periods: Sequence[Period]) -> set[Period]:
    """The periods that lent their place to one of these, which was not published when they were measured."""
    measured = {f.period for f in FIGURES.read(spec.name, services.adapters.lake, periods=[*periods], name="rows")}
    after = [next(iter(truth.published[bisect_right(truth.published, period) :]), None) for period in periods]
    return {later for period, later in zip(periods, after, strict=True) if later and period not in measured}


def _measure_window(spec: UseCase, services: Services, truth: Truth, end: Period) -> list[Figure]:
    periods, as_of = windows.pooled(spec, end), datetime.now(UTC)
    files, lost = services.predictions.in_files(spec, periods, truth), _lost(spec, services, truth, periods)
    predictions = files.rows if files else services.predictions.belonging(spec, periods, truth)
    if predictions.empty and not lost:
        return []
    events = truth.of(predictions, as_of).drop(columns=PERIOD)
    offline = _offline(spec, services, _few(spec, events)) if spec.views and len(events) else None
    looked_back = windows.ends(spec, end, max(trust.LOOKED_BACK, spec.monitoring.windows.of) + 1)
    rollouts, kept = services.records.rollout_events(spec), _Kept()
    window = WindowInputs(
        predictions, events, end, offline=offline, as_of=as_of, published=truth.until,
        keep_slices=kept.by_slice.extend, keep_bins=kept.bins, keep=kept.losses.extend,
        history=services.records.figures(spec, name=trust.asked_of_history(spec), subject="", periods=looked_back),
        past=_past_losses(spec, services, end),
        compared_with=reference_windows.references(spec, services, truth, end),
        labelled=reference_windows.labelled(spec, truth, end),
    )  # fmt: skip
    names = sorted({*predictions["release"]}) if len(predictions) else []
    retired = {one.name for one in services.adapters.releases.retired(spec.name)}  # their figures stand as they are
    measured = [name for name in names if name not in retired]
    figures = [f for name in measured for f in _measure(spec, services, name, window, files or predictions, rollouts)]
    figures += [Scope(spec, name, end).figure("unlogged", rows) for name, rows in sorted(lost.items())]
    kept.write(spec, services, end)
    FIGURES.replace(spec.name, services.adapters.lake, end, figures)
    return figures


@dataclass
class _Kept:
    """What is measured of a window besides its figures."""

    by_slice: list[SliceFigure] = field(default_factory=list)
    distributions: list[BinnedCounts] = field(default_factory=list)
    calibration: list[CalibrationBin] = field(default_factory=list)
    losses: list[BlockLoss] = field(default_factory=list)

    def bins(self, distributions: list[BinnedCounts], calibration: list[CalibrationBin]) -> None:
        self.distributions += distributions
        self.calibration += calibration

    def write(self, spec: UseCase, services: Services, end: Period) -> None:
        """Replaces what was kept of the window."""
        lake = services.adapters.lake
        SLICE_FIGURES.replace(spec.name, lake, end, self.by_slice)
        DISTRIBUTIONS.replace(spec.name, lake, end, self.distributions)
        if spec.event.label:
            CALIBRATION_BINS.replace(spec.name, lake, end, self.calibration)
            BLOCK_LOSSES.replace(spec.name, lake, end, self.losses)


def _past_losses(spec: UseCase, services: Services, end: Period) -> list[BlockLoss]:
    """Those that windows before this one kept, without overlap."""
    ends = windows.ends(spec, end, LOOKED_BACK)[:-1]
    return BLOCK_LOSSES.read(spec.name, services.adapters.lake, periods=ends)


def _count_again(spec: UseCase, services: Services, measured: Sequence[Period]) -> None:
    """Windows after these say how many of the last ones were breached, of which one may have changed."""
    later = [p for p in FIGURES.periods(spec.name, services.adapters.lake) if p > measured[0]]
    for end in windows.following(spec, measured, later):
        figures, ends = FIGURES.read(spec.name, services.adapters.lake, periods=[end]), windows.ends_of(spec, end)
        history = services.records.figures(spec, name="breached", periods=ends)
        counted = monitoring.counted_again(spec, end, figures, history)
        if counted != figures:
            FIGURES.replace(spec.name, services.adapters.lake, end, counted)


def _lost(spec: UseCase, services: Services, truth: Truth, periods: Sequence[Period]) -> dict[str, int]:
    """Release → its answers about events of the periods that are not in the log."""
    begin, end = truth.latest_time(periods[0].shift(-1)), truth.latest_time(periods[-1])
    lost: Counter[str] = Counter()
    months = Period.between(Period.recorded(begin), Period.recorded(end))
    for gap in LOST_ANSWERS.read(spec.name, services.adapters.lake, periods=months):
        # a gap that names no hours counts in the first period of its month
        first = any(period.shift(-1).month < period.month == gap.period for period in periods)
        lost[gap.release] += sum(n for hour, n in gap.hours.items() if begin.timestamp() <= hour < end.timestamp())
        lost[gap.release] += gap.rows if first and not gap.hours else 0
    return {release: rows for release, rows in lost.items() if rows}


def _offline(spec: UseCase, services: Services, events: pd.DataFrame) -> pd.DataFrame:
    """What the offline store knows for the events, asked by id, time and entity keys alone."""
    keys = list(dict.fromkeys([spec.event.id, spec.event.time, *(e.key for e in spec.entities.values())]))
    return services.adapters.feature_store.historical(spec.feature_service, events[keys].reset_index(drop=True))


def _replaced(
    spec: UseCase, services: Services, rollouts: list[RolloutEvent], name: str, rows: pd.DataFrame
) -> list[ReleaseRef]:
    """The release that ``name`` replaced, whatever the order of their names; [] when it cannot answer the rows."""
    before = served.replaced(rollouts, name)
    return [r for r in services.adapters.releases.all(spec.name) if r.name == before and _can_answer(spec, r, rows)]


def _can_answer(spec: UseCase, earlier: ReleaseRef, rows: pd.DataFrame) -> bool:
    """Whether the rows have every feature of the release, and the spec its classes; both may have changed since."""
    directory = Path(earlier.path)
    entries, names = release.manifest(directory)["encoding"]["features"], release.class_names(directory)
    return maps(names, spec.event.classes) and all(entry["name"] in rows for entry in entries)


def _stated(spec: UseCase, services: Services, name: str, rescored: Collection[str]) -> dict[str, list[PartGain]]:
    """Replaced release → the gain over it in each part of the test set, as the newest verdict on ``name`` says."""
    if not rescored:
        return {}
    version = services.adapters.releases.get(spec.name, name).model_version
    judged = [verdicts.newest_over(spec, services, version, over) for over in rescored]
    return {str(one.champion_release): one.gain_by_part for one in judged if one}


def _measure(
    spec: UseCase,
    services: Services,
    name: str,
    window: WindowInputs,
    answers: pd.DataFrame | AnswersInFiles,
    rollouts: list[RolloutEvent],
) -> list[Figure]:
    """The figures of the release in the window, whose ``answers`` are those of all releases."""
    directory = Path(services.adapters.releases.get(spec.name, name).path)
    names, (before, season) = release.class_names(directory), window.compared_with
    answered, files = _of_release(answers, name)
    ordered = logged_in_order(spec, answered, name, names)
    rows = files.joined(ordered, pd.Series(range(len(ordered)))) if files else ordered
    rescored = {
        r.name: _placed(scoring.scores(Path(r.path), rows, spec.event.classes), files)
        for r in _replaced(spec, services, rollouts, name, rows)
    }
    baseline = release.document(directory, "baseline.json")
    given = replace(
        window, predictions=ordered, rescored=rescored, stated=_stated(spec, services, name, rescored),
        model=_answering(directory, baseline), files=files,
        compared_with=(of_release(spec, before, name, names), of_release(spec, season, name, names)),
    )  # fmt: skip
    return monitoring.measure(spec, name, baseline, given)


def _answering(directory: Path, baseline: Mapping[str, Any]) -> Answering | None:
    """The model of a release that kept what its answers are attributed to."""
    if not baseline.get("attributions"):
        return None
    release.verify(directory)
    model = scoring.OnnxModel.of_release(directory)
    return Answering(model.encode, model.scores)


def _of_release(answers: pd.DataFrame | AnswersInFiles, name: str) -> tuple[pd.DataFrame, InFiles | None]:
    """The answers of a release; of many the features are in files."""
    if isinstance(answers, AnswersInFiles):
        return answers.of_release(name)
    return answers[answers["release"] == name].reset_index(drop=True), None


def _placed(scores: np.ndarray, files: InFiles | None) -> np.ndarray:
    """The scores of the sample at the positions of its answers; NaN for the others."""
    if files is None:
        return scores
    placed = np.full((files.rows, *scores.shape[1:]), np.nan)
    placed[files.sampled.index.sort_values()] = scores
    return placed


def _few(spec: UseCase, events: pd.DataFrame) -> pd.DataFrame:
    """The events, of many those that the samples of their answers are about."""
    return events[drawn(events[spec.event.id], MANY)]
