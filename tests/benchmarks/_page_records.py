"""The rows of one day of a daily use case in every table of records that a page reads, as the loop writes them."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from include.contracts.costs import StoredBytes, TaskCost
from include.contracts.deployment import Judgement, LostAnswers, RolloutEvent
from include.contracts.guard import Oddity, PeriodProfile
from include.contracts.notices import RecordedNotice
from include.contracts.operations import (
    Alert,
    BinnedCounts,
    BlockLoss,
    CalibrationBin,
    Figure,
    RecordedDecision,
    RetrainPlan,
    SliceFigure,
)
from include.contracts.period import Period
from include.contracts.quality import CheckRecord, QuarantinedRow
from include.contracts.scrub import Scrubbed
from include.contracts.streaming import Reconciliation, RecordedReconciliation
from include.contracts.tables import CollectedDay, VersionOperation
from include.records import registry
from include.services.storage_sizes import SHARED
from include.specification.usecase import UseCase

CYCLE = 7
"""Days from one retrain evaluation to the next; one in ``RELEASED`` of them leads to a release."""
RELEASED = 4
SLICES, CHECKS, BINS, BLOCKS = 12, 8, 12, 24
ANSWERED, PLANES = 1_000, 4_000
ATTEMPTS = 60
"""Attempts of tasks a day: the data pipeline, predictions, monitoring, the trigger, the nightly care."""
FAMILIES = ("data_pipeline", "monitoring", "retrain_trigger", "maintenance", "catalog", "audit", "predictions_of")
PLACES = ("lake", "snapshots", "datasets", "releases", "prediction log", "catalog", "staging", SHARED)
DRIFTED = "MoebiusFeatureDrift"
DRAWN = random.Random(0)


class Day(NamedTuple):
    """One day of a history: ``number`` counts from 0, ``release`` serves on it."""

    spec: UseCase
    period: Period
    number: int

    @property
    def at(self) -> datetime:
        """The morning after, when its pipelines ran."""
        return datetime.combine(date.fromisoformat(self.period), time(6, tzinfo=UTC)) + timedelta(days=1)

    @property
    def month(self) -> Period:
        return Period.recorded(self.at)

    @property
    def cycle(self) -> int:
        return self.number // CYCLE

    @property
    def evaluates(self) -> bool:
        return self.number % CYCLE == 0

    @property
    def releases(self) -> bool:
        return self.evaluates and self.cycle % RELEASED == 0

    @property
    def release(self) -> str:
        return f"r{1 + self.cycle // RELEASED:04d}"

    @property
    def before(self) -> str:
        """The release that served before it."""
        return f"r{max(1, self.cycle // RELEASED):04d}"


def candidate(cycle: int) -> int:
    """The version that was trained for an evaluation; its refit is the next one."""
    return 2 * cycle + 1


def replaced(day: Day) -> Iterator[tuple[Any, list[Any]]]:
    """Table → rows of the period, of tables that are replaced by period."""
    yield registry.FIGURES, figures(day)
    yield registry.SLICE_FIGURES, slices(day)
    yield registry.DISTRIBUTIONS, distributions(day)
    yield registry.CALIBRATION_BINS, calibration(day)
    yield registry.BLOCK_LOSSES, losses(day)
    yield registry.COLLECTIONS, collections(day)


def appended(day: Day) -> Iterator[tuple[Any, list[Any]]]:
    """Table → new rows, of tables that only grow."""
    yield registry.GATE_RESULTS, checks(day)
    yield registry.PERIOD_PROFILES, [profile(day)]
    yield registry.TASK_COSTS, costs(day)
    yield registry.STORAGE, storage(day)
    yield registry.RECONCILIATION, [reconciliation(day)]
    yield registry.SCRUBS, scrubs(day)
    if day.number % 3 == 0 or day.evaluates:
        yield registry.DECISIONS, [decision(day)]
    if day.number % 5 == 0:
        yield registry.QUARANTINE, held(day)
    if day.evaluates:
        yield registry.NOTICES, notices(day)
        yield registry.VERSION_OPERATIONS, [operation(day)]
    if day.releases:
        yield registry.ROLLOUT_EVENTS, events(day)
        yield registry.LOST_ANSWERS, [lost(day)]


# -- what was measured
def figures(day: Day) -> list[Figure]:
    """Of the release that serves, and of the one before it in the week after a rollout."""
    both = [day.release, day.before] if day.cycle % RELEASED == 0 and day.cycle else [day.release]
    return [one for share, name in enumerate(both, 1) for one in _figures(day, name, 900 // share)]


def _figures(day: Day, release: str, n: int) -> list[Figure]:
    spec, primary = day.spec, day.spec.metrics.primary
    about = {"usecase": spec.name, "release": release, "period": day.period, "n": n, "effective_n": n // 3}
    value = 0.68 + DRAWN.gauss(0, 0.02)
    whole = {
        primary: value, f"counterfactual_{primary}": value - 0.01, f"estimated_{primary}": value + 0.01,
        "performance_loss": 0.02, "estimated_loss": 0.01, "breached": float(day.number % 30 == 7),
        "gain_over_replaced": 0.01, "drifted_features": 3.0, "not_measured": 0.0, "rows": float(n),
        "labelled": 0.95 * n, "unmatched": 0.01 * n, "not_due": 0.0, "missing_share": 0.01, "error_rate": 0.0,
        "latency_p50_ms": 2.0, "latency_p99_ms": 4.0 + DRAWN.random(), "calibration_error": 0.02,
        "calibration_slope": 1.0,
        "calibration_intercept": 0.0, "concept_drift": 0.0, "unavailable": 0.0, "unlogged": 0.0,
        "prediction_psi": 0.05, "attribution_drift": 0.03,
    }  # fmt: skip
    made = [Figure(**about, name=name, value=of, low=of - 0.02, high=of + 0.02) for name, of in whole.items()]
    for feature in spec.feature_names:
        for name, floor in (("psi", 0.05), ("psi_window_before", 0.05), ("feature_skew", 0.002)):
            made.append(Figure(**about, name=name, subject=feature, value=abs(DRAWN.gauss(0, 0.2)), floor=floor))
        moved = DRAWN.gauss(0, 0.02)
        made.append(
            Figure(**about, name="attribution_drift", subject=feature, value=moved, low=moved - 0.02, high=moved + 0.02)
        )
    ages = {f"{hours}h": 1 - 0.9 ** (hours / 2) for hours in (1, 3, 6, 12, 24, 48, 72)}
    made += [
        Figure(**about, name="label_maturity", subject=age, value=of, low=of - 0.01, high=of)
        for age, of in ages.items()
    ]
    return [*made, Figure(**about, name="slices_beyond", subject="origin", value=1.0, note="surely worse: C3")]


def slices(day: Day) -> list[SliceFigure]:
    about = {
        "usecase": day.spec.name, "release": day.release, "period": day.period, "n": 70, "slice_key": "origin",
        "low": 0.6, "high": 0.8,
    }  # fmt: skip
    names = ("rows", day.spec.metrics.primary, "drifted_features")
    values = [f"C{number}" for number in range(SLICES)]
    return [SliceFigure(**about, slice_value=value, name=name, value=0.7) for value in values for name in names]


def distributions(day: Day) -> list[BinnedCounts]:
    """Of each feature and of the answers, with all three references."""
    bins = [f"[{number}, {number + 1})" for number in range(BINS)]
    counted = lambda: [DRAWN.randrange(10, 150) for _ in bins]  # noqa: E731
    return [
        BinnedCounts(
            usecase=day.spec.name, release=day.release, period=day.period, subject=subject, bins=bins, now=counted(),
            test_set=counted(), window_before=counted(), last_season=counted(),
        )
        for subject in ("", *day.spec.feature_names)
    ]  # fmt: skip


def calibration(day: Day) -> list[CalibrationBin]:
    about = {"usecase": day.spec.name, "release": day.release, "period": day.period, "n": 90, "name": "calibration"}
    return [
        CalibrationBin(**about, subject=str(bin_), value=at, low=at - 0.05, high=at + 0.05, predicted=at + 0.01)
        for bin_ in range(10)
        for at in [0.05 + bin_ / 11]
    ]


def losses(day: Day) -> list[BlockLoss]:
    about = {"usecase": day.spec.name, "release": day.release, "period": day.period, "rows": 40}
    return [
        BlockLoss(**about, block=f"{day.period}T{hour:02d}:00", total=40 * DRAWN.uniform(0.1, 0.2), squares=2.0)
        for hour in range(BLOCKS)
    ]


# -- data
def collections(day: Day) -> list[CollectedDay]:
    about = {"period": day.period, "day": str(day.period), "rows": 900, "hash": "0" * 64}
    return [CollectedDay(**about, source=source) for source in day.spec.sources]


def checks(day: Day) -> list[CheckRecord]:
    dimensions = ("completeness", "consistency", "accuracy", "freshness", "volume", "schema")
    return [
        CheckRecord(
            period=day.period, gate=gate, run=f"run {day.period}", evaluation=f"{gate} {day.period}",  # type: ignore[arg-type]
            position=CHECKS * place + number, check=f"check {number}", table=table, column="dest",
            expectation="expect_column_values_to_not_be_null", severity="warn" if number else "block", rows=900,
            passed=number < CHECKS - 1, unexpected=3, dimension=dimensions[number % len(dimensions)],
            detail="3 of 900 rows", evaluated_at=day.at,
        )
        for gate in ("raw", "features")
        for place, table in enumerate(("events", "weather", "planes"))
        for number in range(CHECKS)
    ]  # fmt: skip


def held(day: Day) -> list[QuarantinedRow]:
    about = {
        "period": day.period, "gate": "raw", "table": "events", "reasons": "dest is missing", "recorded_at": day.at,
        "content": '{"dest": null, "origin": "JFK", "distance": 762}',
    }  # fmt: skip
    decided = {"decided_by": "olga", "note": "the airport is known", "decided_at": day.at}
    rows = [QuarantinedRow(**about, row=f"{day.period} {number}", status="held") for number in range(3)]
    return [*rows, QuarantinedRow(**about, row=f"{day.period} 0", status="released", **decided)]


def profile(day: Day) -> PeriodProfile:
    names = day.spec.feature_names
    pairs = len(names) * (len(names) + 1) // 2
    odd = Oddity(column="temp", check="mean", value=9.0, least=1.0, most=5.0, chance=0.01)
    return PeriodProfile(
        period=day.period, source="0" * 64, at=day.at, rows=900, days=1, columns=names, mean=[0.0] * len(names),
        shapes={name: {"mean": 0.5, "missing": 0.01, "zeros": 0.1} for name in names}, counts={"origin": {"JFK": 300}},
        orders={f"{name} > distance": 0.5 for name in names}, covariance=[DRAWN.random() for _ in range(pairs)],
        oddities=[odd] if day.number % 10 == 0 else [],
    )  # fmt: skip


def reconciliation(day: Day) -> RecordedReconciliation:
    about = {"view": "airport_weather", "period": day.period}
    counted = Reconciliation(**about, equal=72, differing=day.number % 2, only_speed=0, only_batch=1)
    return RecordedReconciliation(**about, at=day.at, record=counted)


# -- decisions
def decision(day: Day) -> RecordedDecision:
    what: Any = "retrain" if day.evaluates else "keep"
    about = {"usecase": day.spec.name, "severity": "retrain", "release": day.release, "period": day.period}
    alert = Alert.model_validate({**about, "name": DRIFTED, "value": 5.0, "summary": "5 features drifted"})
    plan = RetrainPlan(
        usecase=day.spec.name, name=f"{day.period}-a-b", decision=what, cause="covariate shift in dewp",
        evidence=["psi of dewp is 0.31"] * 5, action="train on the newest 90 days" if day.evaluates else "none",
        train_from=None, train_to=None, test_from=None, test_to=None, alerts=[alert], decided_at=day.at,
    )  # fmt: skip
    return RecordedDecision(period=day.period, decision=what, decided_at=day.at, record=plan, run=f"run {day.period}")


def events(day: Day) -> list[RolloutEvent]:
    """A canary in four steps, and the judgements between them."""
    arms = {day.before: 1000.0, day.release: 200.0}
    judged = Judgement(
        enough=True, passed=True, reason="both arms answer alike", requests=arms, error_rate=dict.fromkeys(arms, 0.0),
        p99_ms=dict.fromkeys(arms, 4.0), mean_answer=dict.fromkeys(arms, 0.2),
    ).json_dict()  # fmt: skip
    steps: list[tuple[Any, float]] = [
        ("shifted", 0.2), ("judged", 0.2), ("shifted", 0.5), ("judged", 0.5), ("promoted", 1.0)
    ]  # fmt: skip
    return [
        RolloutEvent(
            usecase=day.spec.name, at=day.at + timedelta(minutes=5 * place), rollout=f"run {day.period}",
            generation=10 * day.number + place, event=event, release=day.release, share=share, by="ada",
            reason="canary", champion=day.release if event == "promoted" else day.before,
            figures=judged if event == "judged" else {},
        )
        for place, (event, share) in enumerate(steps)
    ]  # fmt: skip


def lost(day: Day) -> LostAnswers:
    return LostAnswers(
        period=day.month, release=day.release, rows=3, since=day.at, until=day.at + timedelta(minutes=1),
        reason="the disk was full", source=f"spool {day.number}", hours={int(day.at.timestamp()) // 3600 * 3600: 3},
    )  # fmt: skip


def notices(day: Day) -> list[RecordedNotice]:
    about = {"at": day.at, "run": f"run {day.period}", "way": "mail", "outcome": "sent", "fault": ""}
    return [RecordedNotice.model_validate({**about, "kind": "asked", "receiver": who}) for who in ("ada", "approver")]


def operation(day: Day) -> VersionOperation:
    about = {"period": day.month, "operation": "pin", "subject": str(day.period), "at": day.at, "by": "olga"}
    return VersionOperation.model_validate({**about, "why": "an evaluation reads it", "result": {"pinned": True}})


# -- costs and care
def costs(day: Day) -> list[TaskCost]:
    """One in fifty failed; the training of an evaluation names its version."""
    named = {"version": candidate(day.cycle), "release": ""} if day.evaluates else {}
    rows = [_cost(day, FAMILIES[number % len(FAMILIES)], number) for number in range(ATTEMPTS)]
    return [*rows, *([_cost(day, "training", ATTEMPTS, **named)] if named else [])]


def _cost(day: Day, family: str, number: int, **named: Any) -> TaskCost:
    seconds = DRAWN.uniform(1, 20)
    return TaskCost(
        period=day.month, family=family, task=f"task_{number % 11}", run=f"{family} {day.period} {number // 11}",
        ended_at=day.at + timedelta(seconds=30 * number), outcome="failed" if number % 50 == 49 else "done",
        seconds=seconds, cpu_seconds=seconds * 0.7, peak_bytes=300_000_000, **named,
    )  # fmt: skip


def storage(day: Day) -> list[StoredBytes]:
    about = {"period": day.month, "at": day.at}
    return [
        StoredBytes(**about, place=place, size_bytes=10**6 * (number + day.number), files=day.number)
        for number, place in enumerate(PLACES, 1)
    ]


def scrubs(day: Day) -> list[Scrubbed]:
    about = {"usecase": day.spec.name, "period": day.month, "at": day.at}
    kinds: tuple[Any, ...] = ("lake", "models", "exports")
    return [Scrubbed.model_validate({**about, "kind": kind, "files": 100 + day.number}) for kind in kinds]


# -- answers and their events
def event_ids(day: Day) -> list[str]:
    return [f"{day.period} {number}" for number in range(ANSWERED)]


def answers(day: Day) -> pa.Table:
    """What the release answered on the day, with the request and the features that it saw."""
    drawn, spec = np.random.default_rng(day.number), day.spec
    begun = datetime.combine(date.fromisoformat(day.period), time(tzinfo=UTC))
    times = [begun + timedelta(seconds=86 * number) for number in range(ANSWERED)]
    probability = drawn.uniform(0, 1, ANSWERED)
    own = {
        "release": [day.release] * ANSWERED, "prediction": (probability > 0.5).astype(float),
        "probability": probability, "scores": [[p] for p in probability],
        "request_id": [f"{day.period}-{n}" for n in range(ANSWERED)],
        "logged_at": pa.array(times, pa.timestamp("us", tz="UTC")), "latency_ms": drawn.uniform(1, 5, ANSWERED),
        "missing": [0] * ANSWERED, "unavailable": [0] * ANSWERED,
    }  # fmt: skip
    planes = drawn.integers(0, PLANES, ANSWERED)
    texts = {
        spec.event.id: event_ids(day), "carrier": ["DL"] * ANSWERED, "origin": ["JFK"] * ANSWERED,
        "dest": ["ATL"] * ANSWERED, "tailnum": [f"N{plane:05d}" for plane in planes],
    }  # fmt: skip
    numbers = {name: drawn.normal(size=ANSWERED) for name in spec.feature_names if name not in texts}
    asked = {**texts, spec.event.time: own["logged_at"], **numbers}
    return pa.table({**own, **asked, "period": [str(Period.recorded(begun))] * ANSWERED})


def flown(day: Day) -> pa.Table:
    """The events of the day with their labels."""
    asked = answers(day)
    time_name, label = day.spec.event.time, str(day.spec.event.label)
    known = [at + timedelta(hours=6) for at in asked[time_name].to_pylist()]
    keys = [day.spec.event.id, time_name, "carrier", "origin", "dest", "tailnum", "distance"]
    labels = pa.array([number % 4 == 0 for number in range(ANSWERED)]).cast(pa.int64())
    rows = asked.select(keys).append_column(label, labels)
    return rows.append_column(str(day.spec.event.label_time), pa.array(known, pa.timestamp("us", tz="UTC")))
