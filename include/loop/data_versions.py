"""The operations on snapshots. Each returns a text; an operation that changes something is recorded in the lake."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from include.contracts.development import DatasetRef
from include.contracts.period import Period, periods_text
from include.contracts.tables import SnapshotRef, VersionOperation
from include.data import difference, retention, versioning
from include.data.manifests import Snapshots
from include.development.datasets.labelled_events import given_version
from include.development.datasets.parts import MANIFEST, manifests, read_manifest
from include.development.datasets.rebuild import rebuild
from include.development.datasets.refitting import build_refit
from include.errors import NotFoundError
from include.loop import data_pipeline
from include.records.registry import VERSION_OPERATIONS
from include.services.composition import Services
from include.specification.usecase import UseCase


@dataclass(frozen=True)
class Operation:
    """What was asked for, by whom, and at which moment: the real one, or a logical one for ``expire``."""

    spec: UseCase
    services: Services
    by: str
    at: datetime
    periods: tuple[Period, ...] = ()  # none named: all
    snapshot: str | None = None
    other: str | None = None
    version: int | None = None
    reason: str = ""

    def run(self, name: str) -> dict[str, Any]:
        """Do it; the answer is JSON, and its ``text`` is for people.

        Raises NotFoundError when a snapshot, period or model version is not there, or one that is needed was not named.
        """
        result = {"operation": name, **OPERATIONS[name](self)}
        print(result["text"])
        return result

    # -- what only looks
    def list(self) -> dict[str, Any]:
        facts = retention.overview(self.spec, self._snapshots, uses(self.spec, self.services), self.periods)
        if self.periods and not facts:
            known = sorted({snapshot.period for snapshot in self._snapshots.all_named()})
            raise NotFoundError(
                f"{self.spec.name} has no snapshot of {periods_text(self.periods)}; "
                f"there are snapshots of {periods_text(known)}"
            )
        return {"snapshots": [fact.json_dict() for fact in facts], "text": "\n".join(map(_line, facts)) or "none"}

    def diff(self) -> dict[str, Any]:
        """From ``snapshot`` to ``other`` (none: the current one of the same period)."""
        before = self._named()
        name = self.other
        after = versioning.named(name, self._snapshots) if name else versioning.snapshot(before.period, self._snapshots)
        limit = self.services.settings.memory_limit
        differences = difference.compare(self.spec, self.services.adapters.lake, before, after, limit)
        text = "\n".join([f"{before.name} → {after.name}", *map(_difference_line, differences)])
        tables = [table.json_dict() for table in differences]
        return {"before": before.name, "after": after.name, "tables": tables, "text": text}

    # -- what changes something
    def restore(self) -> dict[str, Any]:
        """``changed`` says whether another snapshot was current, or the other DAGs were told of another one."""
        snapshots, wanted = self._snapshots, self._named()
        before, announced = snapshots.current(wanted.period), snapshots.announced(wanted.period)
        restored = versioning.restore(wanted.name, self.services.adapters.lake, snapshots, **self._signed())
        # a run that was killed after the pointer moved, and comes again, has still to load and to tell
        if before == restored and (announced is None or announced.is_of(restored)):
            text = f"{restored.name} is the current snapshot of {restored.period} already: nothing changed"
            return {"period": restored.period, "snapshot": restored.name, "changed": False, "text": text}
        text = f"{restored.name} is the current snapshot of {restored.period}"
        return {**self._done("restore", restored, text), "changed": True}

    def pin(self) -> dict[str, Any]:
        snapshot = self._named()
        retention.pin(snapshot.name, self._snapshots, **self._signed())
        return self._done("pin", snapshot, f"{snapshot.name} is pinned: it will not expire")

    def unpin(self) -> dict[str, Any]:
        snapshot = self._named()
        was = retention.unpin(snapshot.name, self._snapshots)
        return self._done("unpin", snapshot, f"{snapshot.name} is no longer pinned (was by {was.by}: {was.why})")

    def expire(self) -> dict[str, Any]:
        used, lake = uses(self.spec, self.services), self.services.adapters.lake
        done = retention.expire(self.spec, lake, self._snapshots, used, as_of=self.at, by=self.by, why=self.reason)
        self._record("expire", Period.recorded(self.at), f"as of {self.at:%Y-%m-%d}", done.json_dict())
        text = f"{len(done.expired)} expired, {done.kept} kept; files deleted: {done.files}"
        return {**done.json_dict(), "text": "\n".join([text, *done.expired])}

    def rebuild(self) -> dict[str, Any]:
        """The training data of model ``version``, at their place."""
        known = self.services.adapters.tracker.versions(self.spec.name)
        if self.version is None:
            raise NotFoundError(f"name the model version to rebuild; there are {known}")
        if self.version not in known:
            raise NotFoundError(f"{self.spec.name} has no model version {self.version}; there are {known}")
        wanted = self.services.adapters.tracker.model(self.spec.name, self.version).dataset
        built = rebuild_dataset(self.spec, self.services, wanted)
        hashes = {part: getattr(built, part).content_hash for part in ("train", "validation", "test")}
        self._record("rebuild", max(built.snapshots), built.name, hashes)
        return {"dataset": built.name, "path": built.path, "text": f"model {self.version}: {built.path} is as it was"}

    # -- parts
    @property
    def _snapshots(self) -> Snapshots:
        return self.services.records.snapshots(self.spec)

    def _named(self) -> SnapshotRef:
        """The snapshot that was named, of a period that was named (if any was)."""
        if not self.snapshot:
            known = [one.name for one in self._snapshots.published()]
            raise NotFoundError(f"give the name of a snapshot; the current ones are {known}, `list` shows all")
        snapshot = versioning.named(self.snapshot, self._snapshots)
        if self.periods and snapshot.period not in self.periods:
            raise NotFoundError(
                f"snapshot {snapshot.name} is of {snapshot.period}, not of {periods_text(self.periods)}; "
                "give only one of them"
            )
        return snapshot

    def _signed(self) -> dict[str, Any]:
        if len(self.reason.strip()) < 3:
            raise NotFoundError("the reason is missing; give it in `reason`, it is recorded")
        return {"by": self.by, "why": self.reason, "at": self.at}

    def _done(self, name: str, snapshot: SnapshotRef, text: str) -> dict[str, Any]:
        self._record(name, snapshot.period, snapshot.name, {})
        return {"period": snapshot.period, "snapshot": snapshot.name, "text": text}

    def _record(self, name: str, period: Period, subject: str, result: Mapping[str, Any]) -> None:
        done = VersionOperation(
            period=period, operation=name, subject=subject, at=datetime.now(UTC), by=self.by, why=self.reason,
            result=dict(result),
        )  # fmt: skip
        VERSION_OPERATIONS.append(self.spec.name, self.services.adapters.lake, [done])


CHANGES = (Operation.restore, Operation.pin, Operation.unpin, Operation.expire, Operation.rebuild)
OPERATIONS: dict[str, Callable[[Operation], dict[str, Any]]] = {
    operation.__name__: operation for operation in (Operation.list, Operation.diff, *CHANGES)
}


def asked(spec: UseCase, services: Services, form: Mapping[str, Any], by: str) -> dict[str, Any]:
    """Run the operation that a form asks for; errors as ``Operation.run``."""
    name, day = form["operation"], form.get("as_of")
    logical = datetime.fromisoformat(day).replace(tzinfo=UTC) if day and name == "expire" else datetime.now(UTC)
    named = {key: form.get(key) for key in ("snapshot", "other", "version")}
    periods = tuple(Period.ranged(form["period"])) if form.get("period") else ()
    return Operation(spec, services, by, logical, periods=periods, **named, reason=form.get("reason") or "").run(name)


def load_features(spec: UseCase, services: Services, period: Period, run: str) -> bool:
    """The current snapshot's features of a period, into the online store; whether the other DAGs are to hear of it."""
    data_pipeline.materialize(spec, services, period, run)
    return data_pipeline.announce(spec, services, period, run)


def uses(spec: UseCase, services: Services) -> dict[str, DatasetRef]:
    """Who was built on snapshots: registered models, releases, and datasets on disk (of trainings under way)."""
    tracker = services.adapters.tracker
    models = {version: tracker.model(spec.name, version).dataset for version in tracker.versions(spec.name)}
    users = {f"model {version}": dataset for version, dataset in models.items()}
    for release in services.adapters.releases.all(spec.name):
        version = release.model_version
        users[f"release {release.name}"] = models.get(version) or tracker.model(spec.name, version).dataset
    for manifest in manifests(services.places.datasets(spec)):
        users[f"dataset {manifest.parent.name}"] = read_manifest(manifest)
    return users


def rebuild_dataset(spec: UseCase, services: Services, dataset: DatasetRef) -> DatasetRef:
    """The dataset, at its place below ``settings.datasets``; errors as ``datasets.rebuild`` says."""
    return rebuild(
        spec,
        as_pinned_now(dataset, services.records.snapshots(spec)),
        lake=services.adapters.lake,
        feature_store=services.adapters.feature_store,
        directory=services.places.datasets(spec),
        rewrites=_rewrites_since(spec, services, dataset),
    )


def refit_dataset(spec: UseCase, services: Services, proof: DatasetRef) -> DatasetRef:
    """The dataset of a refit of a model that was trained on ``proof``; errors as ``datasets.refitting`` says.

    Of rows that were erased, or got another pseudonym, since the proof was built, it has what is there now.
    """
    snapshots, lake = services.records.snapshots(spec), services.adapters.lake
    if rewrites := _rewrites_since(spec, services, proof):
        given = None if proof.given_labels is None else given_version(spec, lake)
        proof = as_pinned_now(proof, snapshots, rewritten=True).model_copy(update={"given_labels": given})
    else:
        proof = as_pinned_now(proof, snapshots)
    return build_refit(
        spec,
        proof,
        lake=lake,
        feature_store=services.adapters.feature_store,
        directory=services.places.datasets(spec),
        rewrites=rewrites,
    )


def as_pinned_now(dataset: DatasetRef, snapshots: Snapshots, *, rewritten: bool = False) -> DatasetRef:
    """The dataset with its snapshots as their manifests pin them now: a damaged period that was published again is
    read from the new files. Snapshots that are gone stay as the dataset pinned them, and so do those that were
    rewritten since unless ``rewritten``.
    """
    named = {snapshot.name: snapshot for snapshot in snapshots.all_named()}

    def now(read: SnapshotRef) -> SnapshotRef:
        known = named.get(read.name, read)
        return known if rewritten or known.rewrites == read.rewrites else read

    frozen = [one.model_copy(update={"snapshots": list(map(now, one.snapshots))}) for one in dataset.frozen]
    return dataset.model_copy(update={"features_from": list(map(now, dataset.features_from)), "frozen": frozen})


def _rewrites_since(spec: UseCase, services: Services, dataset: DatasetRef) -> list[str]:
    """What was done to its snapshots, and to its files, since it was built: as their manifests say it."""
    now = {snapshot.name: snapshot.rewrites for snapshot in services.records.snapshots(spec).all_named()}
    done = [mark for read in dataset.reads for mark in now.get(read.name, []) if mark not in read.rewrites]
    file = services.places.datasets(spec) / dataset.name / MANIFEST
    if file in manifests(services.places.datasets(spec)):
        done += read_manifest(file).rewrites
    return list(dict.fromkeys(done))


def operations(spec: UseCase, services: Services) -> list[VersionOperation]:
    """Every recorded operation, oldest first."""
    return VERSION_OPERATIONS.read(spec.name, services.adapters.lake)


def _line(facts: retention.SnapshotFacts) -> str:
    pin = f"pinned by {facts.pin.by}: {facts.pin.why}" if facts.pin else ""
    used = f"used by {', '.join(facts.used_by)}" if facts.used_by else ""
    end = f"may expire from {facts.expires_at.isoformat()}" if facts.expires_at else ""
    marks = "; ".join(mark for mark in ("current" if facts.current else "", pin, used, end) if mark)
    published = facts.published_at.isoformat() if facts.published_at else "before there was a log"
    return f"{facts.name}  published {published}  rows {facts.rows}  {marks}"


def _difference_line(table: difference.TableDifference) -> str:
    if table.same:
        return f"{table.table}: the same {table.after} rows"
    by = f"by {', '.join(table.key)}" if table.key else "whole rows, there is no unique key"
    counts = f"{table.added} added, {table.removed} removed, {table.changed} changed"
    schema = f"; columns added {table.columns_added}, removed {table.columns_removed}, retyped {table.columns_retyped}"
    shifted = {name: value for name, value in table.psi.items() if value > table.noise.get(name, 0)}
    return f"{table.table} ({by}): {counts} {table.changed_columns}{schema}; PSI beyond chance {shifted}"
