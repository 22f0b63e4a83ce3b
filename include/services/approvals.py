"""The record of approvals of this state root: what may be deployed is decided by it alone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from include.contracts.approval import ApprovalEntry, ApprovalEvent, RecordedApproval
from include.contracts.deployment import ReleaseRef
from include.contracts.development import ModelRef, Proof
from include.contracts.evaluation import Verdict
from include.deployment import release as releases
from include.errors import ApprovalError, NotFoundError, StaleVerdictError
from include.governance import approval, approval_record
from include.records.registry import APPROVALS
from include.services.adapters import Adapters
from include.specification.usecase import UseCase


class Ledger:
    """The record while this process alone may add to it."""

    def __init__(self, spec: UseCase, adapters: Adapters, rows: list[RecordedApproval]) -> None:
        self._spec, self._adapters, self._rows = spec, adapters, rows
        self.history = _verified(spec, adapters, rows)

    def add(self, event: ApprovalEvent, model: ModelRef | ApprovalEntry, **fields: Any) -> ApprovalEntry:
        """Sign and append an entry about a version; ``fields`` as ``ApprovalEntry`` says."""
        about = {"usecase": self._spec.name, "environment": self._adapters.settings.environment, "event": event}
        of = {"version": model.version, "artifact_hash": model.artifact_hash}
        row = approval_record.following(self._rows, self._adapters.signatures, **about, **of, **fields)
        APPROVALS.append(self._spec.name, self._adapters.lake, [row])
        self._rows.append(row)
        entry = ApprovalEntry.model_validate_json(row.content)
        self.history.append(entry)
        return entry

    def conclude(
        self, event: ApprovalEvent, judged: ApprovalEntry, *, by: str, reason: str, **more: Any
    ) -> ApprovalEntry:
        """Add what became of a verdict: an answer, or what ended its question; it names verdict and evidence."""
        about = {"run": judged.run, "about": judged.sequence, "verdict": judged.verdict}
        about |= {"decision": judged.decision, "evidence": judged.evidence}
        return self.add(event, judged, by=by, reason=reason, **about, **more)

    def withdraw_stale(self, judged: ApprovalEntry, serving: ReleaseRef | None) -> ApprovalEntry | None:
        """Withdraw a verdict that names another champion than ``serving``, whatever was answered; else None."""
        why = approval.staleness(self.history, judged, serving)
        if not why:
            return None
        return self.conclude("withdrawn", judged, by=approval.NEW_CHAMPION, reason=why)


class Approvals:
    """Reads the record, verified, and appends to it."""

    def __init__(self, adapters: Adapters) -> None:
        self._adapters = adapters

    def history(self, spec: UseCase) -> list[ApprovalEntry]:
        """Every entry, oldest first; raises DeploymentError when one was altered or forged."""
        return _verified(spec, self._adapters, self._read(spec))

    def some(self, spec: UseCase, **wanted: Any) -> list[ApprovalEntry]:
        """Entries that meet a filter (see ``RecordTable.rows``), oldest first: what a page shows of a long record.

        The signature of each is verified; that none is missing between them only ``history`` proves.
        """
        rows, settings = APPROVALS.read(spec.name, self._adapters.lake, **wanted), self._adapters.settings
        verifies = self._adapters.signatures.verifier()
        return [approval_record.signed(row, row.sequence, spec.name, settings.environment, verifies) for row in rows]

    @contextmanager
    def adding(self, spec: UseCase) -> Iterator[Ledger]:
        """The record, for one writer at a time."""
        with self._adapters.locks.hold(f"approvals/{spec.name}"):
            yield Ledger(spec, self._adapters, self._read(spec))

    def registered(self, spec: UseCase, version: int) -> ModelRef | None:
        """The model that was registered as this version; its files in MLflow are checked against it when loaded."""
        entry = approval.registration(self.history(spec), version)
        return model_of(entry) if entry else None

    def model(self, spec: UseCase, version: int) -> ModelRef:
        """The same; raises NotFoundError, naming the versions that there are."""
        if model := self.registered(spec, version):
            return model
        known = sorted({e.version for e in self.history(spec) if e.event == "registered"})
        raise NotFoundError(
            f"{spec.name} has no model version {version} that a training of this state root registered; there are "
            f"{known}. A version that stands in MLflow only is not used: train it again"
        )

    def trained_under(self, spec: UseCase, training_key: str) -> ModelRef | None:
        """The model that was registered under a training key."""
        mine = [e for e in self.history(spec) if e.event == "registered" and e.facts["training_key"] == training_key]
        return model_of(mine[-1]) if mine else None

    def proof(self, spec: UseCase, model: ModelRef) -> ModelRef:
        """The model that was judged for this one: of a refit its proof, else itself.

        Raises ApprovalError when the record has another artifact under the proof's version than the refit names.
        """
        return self._bound(spec, model, approval.PROOF, "the refit of version {} with") or model

    def recalibrated_from(self, spec: UseCase, model: ModelRef) -> ModelRef | None:
        """The model that this one is with another calibrator; None of one that was fitted or averaged.

        Raises ApprovalError when the record has another artifact under that version.
        """
        return self._bound(spec, model, approval.RECALIBRATED, "version {} recalibrated, with")

    def _bound(self, spec: UseCase, model: ModelRef, fact: str, words: str) -> ModelRef | None:
        """The model whose version and artifact the registration of this one names under ``fact``, if it names one."""
        registered = approval.registration(self.history(spec), model.version)
        if registered is None or not (named := registered.facts.get(fact)):
            return None
        other = self.model(spec, named["version"])
        if other.artifact_hash != named["artifact_hash"]:
            raise ApprovalError(
                f"version {model.version} of {spec.name} is {words.format(other.version)} the artifact "
                f"{named['artifact_hash'][:12]}, and the record has {other.artifact_hash[:12]} under that version: "
                "train again"
            )
        return other

    def fitted(self, spec: UseCase, model: ModelRef) -> ModelRef:
        """The model whose learned parameters it has: itself, unless it was only recalibrated."""
        base = self.recalibrated_from(spec, model)
        return self.fitted(spec, base) if base else model

    def register(self, spec: UseCase, model: ModelRef, *, key: str = "", members: list[int] | None = None,
                 proof: Proof | None = None, recalibrated: Proof | None = None, by: str, people: list[str],
                 run: str = "") -> None:  # fmt: skip
        """Record that a training made this model, of a refit from which ``proof``, or that it is another one,
        ``recalibrated``; once, however often repeated."""
        about = {approval.PROOF: proof, approval.RECALIBRATED: recalibrated}
        named = {name: one.json_dict() for name, one in about.items() if one}
        facts = {"model": model.json_dict(), "members": members or [], "training_key": key, **named}
        with self.adding(spec) as ledger:
            known = approval.registration(ledger.history, model.version)
            same = (
                known and model_of(known) == model and all(known.facts.get(name) == facts.get(name) for name in about)
            )
            if not same:
                words = f"trained on {model.dataset.name}" if not members else f"average of {members}"
                words += f", the refit of version {proof.version}" if proof else ""
                words = (
                    f"version {recalibrated.version}, recalibrated on {model.dataset.name}" if recalibrated else words
                )
                ledger.add("registered", model, by=by, people=people, reason=words, run=run, facts=facts)

    def require_release(self, spec: UseCase, release: ReleaseRef, serving: ReleaseRef | None) -> None:
        """Raises ApprovalError unless what the release was packaged from is approved, and as ``require_current``."""
        _require_release(self.history(spec), spec, release)
        self.require_current(spec, release.model_version, serving)

    def require_current(self, spec: UseCase, version: int, serving: ReleaseRef | None) -> None:
        """Raises StaleVerdictError, and withdraws the verdict, when it names another champion than ``serving``."""
        with self.adding(spec) as ledger:
            judged = approval.newest_verdict(ledger.history, version=approval.proof_version(ledger.history, version))
            withdrawn = ledger.withdraw_stale(judged, serving) if judged else None
        if withdrawn:
            raise StaleVerdictError(
                f"{spec.name}: {withdrawn.reason}. The verdict is withdrawn: {spec.name}.retrain_evaluation compares "
                f"version {withdrawn.version} with what serves now"
            )

    def objections(self, spec: UseCase, of: Sequence[ReleaseRef], serving: ReleaseRef | None) -> dict[str, str]:
        """Name → why a release may not get traffic, for those that may not; the record is read once."""
        history = self.history(spec) if of else []
        refused: dict[str, str] = {}
        for release in of:
            try:
                _require_release(history, spec, release)
                proof = approval.proof_version(history, release.model_version)
                judged = approval.newest_verdict(history, version=proof)
                if judged and (why := approval.staleness(history, judged, serving)):
                    refused[release.name] = why
            except ApprovalError as error:
                refused[release.name] = str(error)
        return refused

    def _read(self, spec: UseCase) -> list[RecordedApproval]:
        return APPROVALS.read(spec.name, self._adapters.lake)


def _require_release(history: approval.History, spec: UseCase, release: ReleaseRef) -> None:
    packaged = releases.manifest(Path(release.path))
    if packaged.get("usecase") != spec.name:
        raise ApprovalError(f"release {release.name} was packaged for {packaged.get('usecase')}, not {spec.name}")
    version, model_hash = int(packaged["model_version"]), str(packaged.get("model_hash"))
    registered = approval.require_approved(history, spec.name, version, model_hash)
    if packaged.get(approval.PROOF) != (named := registered.facts.get(approval.PROOF)):
        raise ApprovalError(
            f"release {release.name} was packaged as the refit of {packaged.get(approval.PROOF)}, and version "
            f"{version} of {spec.name} was registered as that of {named}: package the version again"
        )


def model_of(registered: ApprovalEntry) -> ModelRef:
    return ModelRef.model_validate(registered.facts["model"])


def verdict_of(entry: ApprovalEntry) -> Verdict:
    return Verdict.model_validate(entry.facts["verdict"])


def _verified(spec: UseCase, adapters: Adapters, rows: list[RecordedApproval]) -> list[ApprovalEntry]:
    return approval_record.entries(rows, spec.name, adapters.settings.environment, adapters.signatures.verifier())
