"""The exporter process: figures, champions, gates, drills, due times and open questions, for Prometheus to scrape."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from include.adapters.metrics_exporter import (
    SELDOM_SECONDS,
    AuditCollector,
    ChampionCollector,
    Collector,
    DiskCollector,
    DrillCollector,
    FigureCollector,
    GateCollector,
    HostCollector,
    NoticeCollector,
    PeriodCollector,
    ProcessCollector,
    QuestionCollector,
    ScrubCollector,
    StandingCollector,
    StateCollector,
    UnreadableCollector,
    start,
)
from include.contracts.audit_check import AuditCheck
from include.contracts.deployment import RolloutState
from include.contracts.operations import FailedNotices, LatePeriods, OpenQuestion
from include.contracts.streaming import UnreadableCount
from include.governance.approval import open_questions
from include.operations.overview import lateness
from include.platform.state_watch import StateWatch
from include.platform.topology import keeper_file
from include.platform.vitals import vitals
from include.records.registry import FIGURES, NOTICES
from include.services import audit_checks, waiting
from include.services.adapters import READERS
from include.services.composition import Services
from include.services.disks import disks
from include.services.records import Records
from include.settings import Settings, load_settings
from include.specification.loader import usecases
from include.specification.usecase import UseCase

T = TypeVar("T")


def every(settings: Settings, newest: Callable[[Services, UseCase], list[T]]) -> Callable[[], list[T]]:
    """Reads the newest records of every use case whose spec can be used now."""
    return lambda: [record for spec in usecases() for record in newest(Services(settings), spec)]


def recorded(newest: Callable[[Records, UseCase], list[T]]) -> Callable[[Services, UseCase], list[T]]:
    """Reads records."""
    return lambda services, spec: newest(services.records, spec)


def unchanged(newest: Callable[[Services, UseCase], list[T]]) -> Callable[[Services, UseCase], list[T]]:
    """Reads figures anew only when their table, or the spec, is another one than at the last look."""
    kept: dict[str, tuple[object, list[T]]] = {}

    def read(services: Services, spec: UseCase) -> list[T]:
        lake, name = services.adapters.lake, FIGURES.name
        state = (lake.version(spec.name, name) if lake.exists(spec.name, name) else None, spec)
        if spec.name not in kept or kept[spec.name][0] != state:
            kept[spec.name] = (state, newest(services, spec))
        return kept[spec.name][1]

    return read


def champions(services: Services, spec: UseCase) -> list[RolloutState]:
    """What serves; nothing before the first release."""
    state = services.serving.rollout_state(spec)
    return [state] if state else []


def late(services: Services, spec: UseCase) -> list[LatePeriods]:
    """What is late now."""
    published, checked = services.records.published(spec), services.records.gate_periods(spec)
    return [lateness.late(spec, published, checked, datetime.now(UTC))]


def questions(services: Services, spec: UseCase) -> list[OpenQuestion]:
    """What waits for an approval: releases, from the signed record, and what else the forms of DAGs ask for.

    Raises DeploymentError when the record was altered.
    """
    releases = [
        OpenQuestion(usecase=spec.name, question=f"approval of version {verdict.version}", since=verdict.at)
        for verdict in open_questions(services.approvals.history(spec))
    ]
    return [*releases, *waiting.still_open(services.adapters.state, spec.name)]


def failed_notices(services: Services, spec: UseCase) -> list[FailedNotices]:
    """What was not sent; 0 is told too, so that Prometheus sees the first one as growth."""
    failed = NOTICES.read(spec.name, services.adapters.lake, outcome="failed")
    return [FailedNotices(usecase=spec.name, count=len(failed))]


def unreadable(services: Services, spec: UseCase) -> list[UnreadableCount]:
    """What each reader skipped; 0 is told too, so that Prometheus sees the first one as growth."""
    aside = services.adapters.unreadable_records
    return [UnreadableCount(usecase=spec.name, reader=name, count=aside(spec.name, name).count()) for name in READERS]


def audit_checked(settings: Settings, begun: datetime) -> list[AuditCheck]:
    """The newest verification of the audit log; before the first, what nobody ever verified since this one began."""
    return [audit_checks.last(Services(settings).adapters.state) or AuditCheck(at=begun, faults=[])]


def collectors(settings: Settings) -> list[Collector]:
    """Everything that this process exposes."""
    return [
        FigureCollector(every(settings, unchanged(recorded(Records.shown_figures)))),
        ChampionCollector(every(settings, champions)),
        GateCollector(every(settings, recorded(Records.last_gate_results)), SELDOM_SECONDS),
        StandingCollector(every(settings, recorded(Records.standing_warnings)), SELDOM_SECONDS),
        DrillCollector(every(settings, recorded(Records.last_drill)), SELDOM_SECONDS),
        PeriodCollector(every(settings, late), SELDOM_SECONDS),
        QuestionCollector(every(settings, questions), SELDOM_SECONDS),
        NoticeCollector(every(settings, failed_notices), SELDOM_SECONDS),
        AuditCollector(partial(audit_checked, settings, datetime.now(UTC)), SELDOM_SECONDS),
        ScrubCollector(every(settings, recorded(Records.last_scrub)), SELDOM_SECONDS),
        UnreadableCollector(every(settings, unreadable), SELDOM_SECONDS),
        DiskCollector(lambda: disks(settings)),
        StateCollector(StateWatch(settings).look, SELDOM_SECONDS),
        ProcessCollector(lambda: vitals(settings)),
        HostCollector(keeper_file(settings)),
    ]


if __name__ == "__main__":
    settings = load_settings()
    start(collectors(settings), settings.host, settings.exporter_port).thread.join()
