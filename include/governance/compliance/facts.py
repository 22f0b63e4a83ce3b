"""What the answers are written from: everything that is recorded about a release, gathered once."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from include.contracts.approval import ApprovalEntry
from include.contracts.audit import AuditEvent
from include.contracts.compliance import Evidence, EvidenceKind, Gap
from include.contracts.deployment import ReleaseRef, RolloutEvent
from include.contracts.development import ModelRef
from include.contracts.evaluation import Verdict
from include.contracts.governance import PrivacyChange, PrivacyFinding, RecordedExport
from include.contracts.operations import Figure, RetrainPlan
from include.specification.compliance import FOLDER, SUFFIX, Compliance
from include.specification.usecase import UseCase

EVIDENCE = "evidence"
"""The directory of a bundle that has copies of texts."""


@dataclass(frozen=True)
class Kept:
    """A text that is kept somewhere: where, of when, and its SHA-256; ``copy``: where the bundle has a copy of it."""

    where: str
    at: datetime | None
    sha256: str
    text: str = ""
    copy: str = ""

    def evidence(self, what: str, kind: EvidenceKind) -> Evidence:
        copy = f"{EVIDENCE}/{self.copy}" if self.copy else ""
        return Evidence(what=what, kind=kind, where=self.where, at=self.at, sha256=self.sha256, copied=copy)


@dataclass(frozen=True)
class Gates:
    """What the quality gates said of the periods of the training data."""

    checks: int
    failed: int
    blocked: int
    periods: int


@dataclass(frozen=True)
class Facts:
    """``tables``: the lake tables and their columns; ``documents``: of the model; ``unread``: why those that lack do.

    ``kept``: what of each record table the bundle reads, by its name. ``readers``: role → highest class that it reads.
    """

    spec: UseCase
    spec_sha: str
    release: ReleaseRef
    manifest: Mapping[str, Any]
    manifest_sha: str
    files: Mapping[str, str]
    packaged_at: datetime
    releases: Sequence[ReleaseRef]
    serving: str | None
    model: ModelRef | None
    history: Sequence[ApprovalEntry]
    entries: Sequence[ApprovalEntry]
    verdict: Verdict | None
    documents: Mapping[str, Kept] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    authored: Mapping[str, Kept] = field(default_factory=dict)
    sheets: Mapping[str, Kept] = field(default_factory=dict)
    kept: Mapping[str, Kept] = field(default_factory=dict)
    events: Sequence[RolloutEvent] = ()
    figures: Sequence[Figure] = ()
    decisions: Sequence[RetrainPlan] = ()
    gates: Gates | None = None
    changes: Sequence[PrivacyChange] = ()
    searches: Sequence[PrivacyFinding] = ()
    exports: Sequence[RecordedExport] = ()
    answers: int = 0
    audit: Sequence[AuditEvent] = ()
    tables: Mapping[str, Sequence[str]] = field(default_factory=dict)
    readers: Mapping[str, str] = field(default_factory=dict)

    @property
    def said(self) -> Compliance:
        """What the authors say in the spec."""
        return self.spec.compliance or Compliance()

    @property
    def personal(self) -> list[str]:
        return sorted(name for name, rule in self.spec.privacy.columns.items() if rule.level == "personal")

    # -- evidence
    def of_spec(self, what: str, keys: str) -> Evidence:
        where = f"include/usecases/{self.spec.name}/usecase.yaml: {keys}"
        return Evidence(what=what, kind="specification", where=where, at=None, sha256=self.spec_sha)

    def of_release(self, what: str, file: str = "") -> Evidence | Gap:
        """A file of the release, or its manifest."""
        where = f"release {self.release.name}"
        if not file:
            copied = Kept(f"{where}/release.json", self.packaged_at, self.manifest_sha, copy="release.json")
            return copied.evidence(what, "release")
        if (digest := self.files.get(file)) is None:
            return Gap(
                because=f"{what}: {where} has no {file}; it was packaged by an earlier version",
                give=f"train and deploy a version anew ({self.spec.name}.training)",
            )
        return Evidence(what=what, kind="release", where=f"{where}/{file}", at=self.packaged_at, sha256=digest)

    def of_model(self, what: str, *paths: str) -> Evidence | Gap:
        """The first of these documents of the model that there is."""
        for path in paths:
            if kept := self.documents.get(path):
                return kept.evidence(what, "document")
        why = self.unread.get(paths[0], "it was not asked for")
        return Gap(
            because=f"{what}: {why}",
            give=f"look at MLflow (`moebius status`), make the bundle again, or train ({self.spec.name}.training)",
        )

    def of_records(self, what: str, table: str, lack: str, give: str) -> Evidence | Gap:
        """Rows of a record table; ``lack`` and ``give`` when there is none."""
        if kept := self.kept.get(table):
            return kept.evidence(what, "record")
        return Gap(because=f"{what}: {lack}", give=give)

    def of_entry(self, entry: ApprovalEntry) -> Evidence:
        """A signed entry of the record of approvals, whose signature was verified when it was read."""
        words = f"{entry.event.replace('_', ' ')} of version {entry.version} by {entry.by or 'unknown'}"
        where = f"record of approvals of {self.spec.name}, entry {entry.sequence}, signature verified"
        digest = hashlib.sha256(entry.content.encode()).hexdigest()
        return Evidence(what=words, kind="record", where=where, at=entry.at, sha256=digest)

    def of_audit(self, what: str, events: Sequence[AuditEvent]) -> Evidence | None:
        """Events of the audit log; None without one."""
        if not events:
            return None
        digest = hashlib.sha256("".join(event.digest for event in events).encode()).hexdigest()
        where = f"audit log, {len(events)} events since {events[0].at.isoformat()}"
        return Evidence(what=what, kind="audit", where=where, at=events[-1].at, sha256=digest)

    def authors(self, what: str, key: str) -> tuple[list[str], Evidence | Gap]:
        """What the authors wrote under a key of ``compliance``, and the evidence for it, or the gap."""
        if kept := self.authored.get(key):
            return [kept.text], kept.evidence(what, "author" if kept.at else "specification")
        return [], self.unsaid(what, key)

    def unsaid(self, what: str, key: str, *, has_file: bool = True) -> Gap:
        """The authors did not write this key."""
        folder = f"include/usecases/{self.spec.name}/"
        beside = f", or {folder}{FOLDER}/{key}{SUFFIX}" if has_file else ""
        return Gap(
            because=f"{what}: the authors of {self.spec.name} do not say it",
            give=f"write compliance.{key} in {folder}usecase.yaml{beside}",
        )
