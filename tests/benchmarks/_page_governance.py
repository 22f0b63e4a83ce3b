"""What governance keeps of a daily use case: signed record, releases, evidence bundles, catalog, audit log."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any
from unittest.mock import patch

from include.adapters.audit_log import FileAuditLog
from include.catalog import files as catalog_files
from include.contracts.access_review import AccessReview
from include.contracts.approval import ApprovalEntry, RecordedApproval
from include.contracts.audit import AuditEvent, PredictionBatch
from include.contracts.audit_check import AuditCheck
from include.contracts.checklist import Assessment
from include.contracts.compliance import Bundle, Chapter, Evidence, Gap, Item, Section
from include.contracts.development import DatasetRef, ModelRef, PartRef, Proof
from include.contracts.evaluation import RecordedVerdict, Verdict
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef, TableRef
from include.deployment import release
from include.formats import state_file
from include.formats.atomic_file import write_atomically
from include.governance import approval
from include.governance.checklist.facts import Facts
from include.governance.checklist.rules import states
from include.governance.compliance import law
from include.loop import catalog
from include.loop.compliance import TREE
from include.ports.signatures import Signatures
from include.records.registry import APPROVALS, VERDICTS
from include.services import assessments, audit_checks
from include.services.composition import Services
from include.specification.usecase import UseCase
from tests.benchmarks._page_records import ANSWERED, PLANES, RELEASED, Day, candidate
from tests.unit.fakes.verdicts import CELLS, figure, verdict

LEARNED = 180
"""Days that a version learned from."""
DATASET, MODEL = "d" * 64, "a" * 64
BUSY = 50
"""Events of the audit log a day, and as many batches of predictions as hours."""
HOURS = 24
BUNDLED = 30
"""Days between two evidence bundles."""
PUBLISHED = {"events": 900, "weather": 72, "planes": 900, "airport_weather": 72, "aircraft": 900}


def snapshot(usecase: str, period: Period) -> SnapshotRef:
    tables = {
        name: TableRef(table=name, version=1, rows=rows, content_hash="0" * 64) for name, rows in PUBLISHED.items()
    }
    return SnapshotRef(usecase=usecase, period=period, name=f"{period}-{'0' * 12}", tables=tables)


def dataset(usecase: str, until: Period, days: int) -> DatasetRef:
    """Of the days before ``until``."""
    periods = Period.between(until.shift(-days), until.shift(-1))
    part = lambda of: PartRef(path="/nowhere.parquet", rows=900 * len(of), content_hash=DATASET, periods=of)  # noqa: E731
    return DatasetRef(
        usecase=usecase, name=f"{until}-a81f", path="/nowhere", feature_service="s", label="late",
        train=part(periods[:-4]), validation=part(periods[-4:-2]), test=part(periods[-2:]),
        snapshots={period: f"{period}-{'0' * 12}" for period in periods},
        features_from=[snapshot(usecase, period) for period in periods],
    )  # fmt: skip


# -- the signed record
class Record:
    """The record of approvals of a use case as it grows, each entry signed at its time."""

    def __init__(self, spec: UseCase, signatures: Signatures, learned: int) -> None:
        self.spec, self._signatures, self._learned = spec, signatures, learned
        self.rows: list[RecordedApproval] = []

    def add(self, event: Any, version: int, at: datetime, **fields: Any) -> ApprovalEntry:
        before = self.rows[-1] if self.rows else None
        entry = ApprovalEntry.model_validate({
            "usecase": self.spec.name, "environment": "prod", "event": event, "version": version, "at": at,
            "artifact_hash": MODEL, "sequence": len(self.rows) + 1, "by": "asset_triggered", "reason": "better",
            "previous": before.content_hash if before else "", **fields,
        })  # fmt: skip
        value, key = self._signatures.sign(entry.content)
        shown = {name: getattr(entry, name) for name in ("sequence", "at", "event", "version", "by", "reason")}
        self.rows.append(RecordedApproval(**shown, content=entry.content, signature=value, key=key))
        return entry

    def evaluate(self, day: Day, *, answered: bool = True) -> tuple[list[RecordedApproval], Verdict]:
        """A candidate with its verdict and, unless its question stays open, what became of it; the new rows."""
        first, version = len(self.rows), candidate(day.cycle)
        self.register(day, version)
        judged = verdict_of(day)
        about = {
            "decision": judged.decision,
            "verdict": judged.digest,
            "evidence": "e" * 64,
            "run": f"run {day.period}",
        }
        evidence = dict.fromkeys(("verdict", "figures", "card", "dataset", "spec"), "e" * 64)
        facts = {"verdict": judged.json_dict(), "evidence": evidence}
        entry = self.add("verdict", version, day.at, reason=judged.reason, facts=facts, people=["olga"], **about)
        if answered:
            self._answer(day, entry)
        return self.rows[first:], judged

    def register(self, day: Day, version: int, **proof: Any) -> None:
        name = self.spec.name
        made = ModelRef(
            usecase=name, version=version, run_id=f"run{version}", uri=f"models:/{name}/{version}", artifact_hash=MODEL,
            dataset=dataset(name, day.period, self._learned),
        )  # fmt: skip
        facts = {"model": made.json_dict(), "members": [], "training_key": f"key {version}", **proof}
        self.add("registered", version, day.at, reason="trained", people=["olga"], facts=facts)

    def _answer(self, day: Day, judged: ApprovalEntry) -> None:
        about = {"about": judged.sequence, "verdict": judged.verdict, "decision": judged.decision, "run": judged.run}
        about |= {"evidence": judged.evidence}
        at, stage = day.at + timedelta(hours=1), self.spec.approval.stages[0].name
        if day.releases:
            agreed = [{"login": "approver", "stage": stage}]
            facts = {"stage": stage, "approvers": agreed}
            self.add("approved", judged.version, at, by="approver", reason="it gains", facts=facts, **about)
            proof = Proof(version=judged.version, artifact_hash=MODEL)
            self.register(day, judged.version + 1, **{approval.PROOF: proof.json_dict()})
        elif judged.decision == "ask_human":
            facts = {"stage": stage}
            self.add("rejected", judged.version, at, by="approver", reason="JFK lost", facts=facts, **about)


def verdict_of(day: Day) -> Verdict:
    """Of four evaluations one asks for a person and is approved, one is rejected, two keep the champion."""
    decision = "ask_human" if day.cycle % RELEASED < 2 else "keep_champion"
    served = 2 * (max(0, day.cycle - 1) // RELEASED * RELEASED) + 2
    return verdict(
        day.spec, candidate(day.cycle), champion=served, champion_release=day.before if day.releases else day.release,
        champion_proof=served - 1, decision=decision, reason="JFK lost", decided_at=day.at,
        differences={f"{name} {day.spec.metrics.primary}": figure(value) for name, value in _GAINS.items()},
    )  # fmt: skip


_GAINS = {"D-C": 0.05, "B-A": 0.03, "C-A": -0.01, "D-B": 0.01}


def approvals(spec: UseCase, services: Services, days: list[Day], learned: int) -> None:
    """An evaluation in every cycle, of versions that learned from so many days; the newest question is open."""
    record, lake = Record(spec, services.adapters.signatures, learned), services.adapters.lake
    evaluated = [day for day in days if day.evaluates]
    asking = [day for day in evaluated if day.cycle % RELEASED == 1][-1]
    for _, several in groupby(evaluated, key=lambda day: day.month):
        rows, judged = [], []
        for day in several:
            more, verdict_on = record.evaluate(day, answered=day is not asking)
            rows += more
            judged.append(RecordedVerdict(period=day.period, decided_at=day.at, record=verdict_on))
        lake.append(spec.name, APPROVALS.name, APPROVALS._table(rows, "append"))
        lake.append(spec.name, VERDICTS.name, VERDICTS._table(judged, "append"))


# -- releases
def releases(spec: UseCase, services: Services, days: list[Day]) -> None:
    """One for each approved refit: the last of them serves."""
    for day in days:
        if day.releases:
            _package(spec, services, candidate(day.cycle) + 1)


def _package(spec: UseCase, services: Services, version: int) -> None:
    staged = services.settings.home / "staged"
    staged.mkdir()
    metrics = {spec.metrics.primary: figure(CELLS["D"]).json_dict()}
    (staged / "baseline.json").write_text(json.dumps({"metrics": metrics, "attributions": {}, "bins": [0.1] * 5_000}))
    proof = Proof(version=version - 1, artifact_hash=MODEL).json_dict()
    release.seal(staged, {"usecase": spec.name, "model_version": version, "model_hash": MODEL, "proof": proof})
    services.adapters.releases.add(spec.name, staged, version)


# -- evidence bundles
def bundles(spec: UseCase, services: Services, days: list[Day]) -> None:
    """One a month with every chapter and item of the laws, which say the same each time."""
    chapters = [*_chapters(days[-1])]
    for day in days[BUNDLED - 1 :: BUNDLED]:
        place = services.settings.compliance / spec.name / f"{day.release}-{day.at:%Y%m%dT%H%M%S.%fZ}"
        place.mkdir(parents=True)
        made = Bundle(
            usecase=spec.name, title=spec.title, environment="prod", release=day.release, model_version=2,
            made_at=day.at, notice="no legal advice", chapters=chapters,
        )  # fmt: skip
        (place / TREE).write_text(made.sealed().model_dump_json(indent=1))
        (place / "bundle.html").write_text("<p>the bundle</p>")


def _chapters(day: Day) -> Iterator[Chapter]:
    shown = Evidence(what="verdict", kind="record", where="approvals", at=day.at, sha256="0" * 64)
    lacks = Gap(because="nobody wrote it", give="write it into usecase.yaml")
    for key, one in law.laws().items():
        sections = [
            Section(key=name, title=section.title, items=[
                Item(
                    key=item, reference=section.reference, title=asked.title, evidence=[shown] * 5, says=["it is so"],
                    state="partly" if place % 5 == 0 else "evidenced", gaps=[lacks] if place % 5 == 0 else [],
                )
                for place, (item, asked) in enumerate(section.items.items())
            ])
            for name, section in one.sections.items()
        ]  # fmt: skip
        about = {name: getattr(one, name) for name in ("title", "source", "checked_on", "checked_against", "dates")}
        yield Chapter(key=key, open=one.open, sections=sections, **about)


# -- the audit log
class EarlierLog(FileAuditLog):
    """The log as it was written on another day."""

    day = datetime.now(UTC)

    def _now(self) -> datetime:
        return self.day


def audit(services: Services, usecases: list[str], days: list[Day]) -> None:
    """Busy days: people and tasks do things, predictions are shipped every hour, a checkpoint is signed each night."""
    settings, adapters = services.settings, services.adapters
    keys: Any = adapters.audit_keys
    log = EarlierLog(settings.audit, adapters.locks, keys, adapters.signatures, settings.audit_checkpoints)
    for day in days:
        log.day = day.at
        log.append([_event(usecases[number % len(usecases)], day, number) for number in range(BUSY)])
        log._append([{"batch": _batch(usecases[0], day, hour).json_dict()} for hour in range(HOURS)])
        log.checkpoint({f"approvals/{name}": "0" * 64 for name in usecases})
    found = AuditCheck(at=days[-1].at, faults=[], counts={"days": len(days), "entries": BUSY * len(days)})
    adapters.state.put(audit_checks.KEY, found.model_dump_json())


def _event(usecase: str, day: Day, number: int) -> AuditEvent:
    kinds: tuple[Any, ...] = ("use", "change", "decision", "access")
    people = ("ada", "olga", "approver", "auditor", f"{usecase}.monitoring")
    looked = {"tailnum": f"N{(31 * day.number + number) % PLANES:05d}"} if number % 10 == 0 else {}
    return AuditEvent(
        at=day.at - timedelta(minutes=20 * (BUSY - number)), kind=kinds[number % 4], action=f"action_{number % 7}",
        by=people[number % 5], via="page", usecase=usecase, what=f"table events {day.period}", subject=looked,
        reason="because a person asked for it", outcome="refused" if number % 25 == 24 else "done",
        facts={"act": f"{number:032d}", "rows": 900, "form": {"operation": "pin"}},
    )  # fmt: skip


def _batch(usecase: str, day: Day, hour: int) -> PredictionBatch:
    columns = dict.fromkeys([f"column_{number}" for number in range(40)], "text")
    first = day.at - timedelta(hours=HOURS - hour)
    return PredictionBatch(
        usecase=usecase, table="predictions", size=ANSWERED // HOURS, root="0" * 64, columns=columns, first=first,
        last=first + timedelta(hours=1),
    )  # fmt: skip


# -- of the platform
def checklist(services: Services, days: list[Day]) -> None:
    """The states of every day, and an assessment a week."""
    derived = states(Facts(at=days[-1].at, usecases={}, platform={}, documents={}, series={}, unread="", events={}))
    for day in days:
        assessments.record_day(services, derived, day.at.date())
        if day.evaluates:
            given = {1 + day.cycle % len(derived): Assessment(state="in progress", note="we work on it", plan="soon")}
            assessments.save(services, given, "ada", "page", day.at)


def access_review(services: Services, days: list[Day]) -> None:
    """One a month."""
    entries: list[Any] = [
        {"kind": "login", "name": name, "role": role, "may": "look", "used_at": days[-1].at, "findings": ["unused"]}
        for name, role in services.settings.roles.items()
    ]
    for day in days[BUNDLED - 1 :: BUNDLED]:
        found = AccessReview(at=day.at, environment="prod", since=days[0].at, entries=entries)
        services.settings.access_reviews.mkdir(parents=True, exist_ok=True)
        file = services.settings.access_reviews / f"{day.at:%Y-%m-%dT%H%M%S}.json"
        write_atomically(file, found.model_dump_json(indent=1))


def catalogs(specs: list[UseCase], services: Services) -> None:
    """Made of the first use case as its DAG makes it, with a sheet; the others have copies."""
    package, features = (import_module(f"include.usecases.flight_delay{of}") for of in ("", ".features"))
    name, directory = f"include.usecases.{specs[0].name}", services.settings.catalog
    with (
        patch.dict(sys.modules, {name: package, f"{name}.features": features}),
        patch.object(features, "_spec", lambda: specs[0]),
    ):
        made = catalog.gather(specs[0], services)
    for spec in specs:
        own = made.model_copy(update={"usecase": spec.name, "title": spec.title})
        (directory / spec.name).mkdir(parents=True, exist_ok=True)
        state_file.write(Path(directory / spec.name / catalog_files.FILE), own.model_dump_json(indent=1))
        (directory / spec.name / "events.html").write_text("<h1>events</h1>" + "<p>a column</p>" * 200)
        (directory / spec.name / "events.md").write_text("# events\n")
