"""Gathers what the checklist is derived from: newest commits, files, metrics, events of the audit log."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from include.contracts.audit import AuditEvent
from include.contracts.deployment import TEST_REPORT
from include.contracts.tables import TableHead
from include.errors import ServiceError
from include.formats import sealed_text
from include.governance.checklist.facts import Facts, OfUseCase, Seen, newest
from include.governance.compliance import law
from include.ports.lake import Lake
from include.records.registry import (
    APPROVALS,
    DECISIONS,
    FIGURES,
    GATE_RESULTS,
    NOTICES,
    RECORD_TABLES,
    ROLLOUT_EVENTS,
    VERSION_OPERATIONS,
)
from include.services import audit_checks
from include.services.composition import Services
from include.specification.compliance import Compliance
from include.specification.usecase import UseCase
from include.state_root import ROOT

EVENTS = "platform/checklist/events.json"
BEGIN = timedelta(days=30)
"""How far the first look at the audit log reaches back."""
ROWS = 500
"""Newest rows of a record table that are looked at."""
METRICS = 'count by (__name__, job) ({__name__=~"moebius_.+|nv_.+|haproxy_.+|ALERTS"})'
MEASURED = "primary metric"
LARGEST = 4_000_000
"""Bytes of a file that is hashed."""
DOCUMENTS = ("docs/guides/privacy.md",)


def gather(services: Services, usecases: Iterable[UseCase]) -> Facts:
    """The facts as of now. An outside system that does not answer is named in ``unread``; nothing else stops."""
    series, unread = _series(services)
    return Facts(
        at=datetime.now(UTC),
        usecases={spec.name: of_usecase(services, spec) for spec in usecases},
        platform=dict(_platform(services)),
        documents={path: _file(ROOT / path, path) for path in DOCUMENTS if (ROOT / path).is_file()},
        series=series,
        unread=unread,
        events=events_seen(services),
    )


# -- one use case
def of_usecase(services: Services, spec: UseCase) -> OfUseCase:
    """Newest commits of its tables, what their newest rows have, and its files."""
    lake = services.adapters.lake
    heads = {table: head for table in lake.tables(spec.name) if (head := lake.head(spec.name, table))}
    marks = {
        table: {value: at or head.at for value, at in _once(_Read(lake, spec, look), head).items()}
        for table, look in LOOKS.items()
        if (head := heads.get(table))
    }
    return OfUseCase(spec, heads, marks, dict(_files(services, spec, heads)))


Look = Callable[[UseCase, Lake], Any]


class _Read:
    """What a table of a use case has; equal to others of the same lake, use case and look, so that it is read once."""

    def __init__(self, lake: Lake, spec: UseCase, look: Look) -> None:
        self.key = (id(lake), spec.name, look)
        self.of, self.look = (spec, lake), look

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Read) and self.key == other.key


@lru_cache(maxsize=1024)
def _once(read: _Read, head: TableHead) -> Any:
    """Read once for each version of the table, which ``head`` tells."""
    return read.look(*read.of)


def _columns(table: Any, spec: UseCase, lake: Lake, *columns: str) -> list[dict[str, Any]]:
    """These columns of the newest rows."""
    rows: pa.Table = table.rows(spec.name, lake, newest=ROWS, columns=list(columns))
    return rows.to_pylist()


def _approvals(spec: UseCase, lake: Lake) -> dict[str, datetime]:
    rows = _columns(APPROVALS, spec, lake, "event", "at", "by")
    people = [("approved by a person", r["at"]) for r in rows if r["event"] == "approved" and not _by_policy(r["by"])]
    return newest([*((row["event"], row["at"]) for row in rows), *people])


def _by_policy(by: str) -> bool:
    return ": " in by  # key and value of the spec; no login has these


def _rollouts(spec: UseCase, lake: Lake) -> dict[str, datetime]:
    rows = _columns(ROLLOUT_EVENTS, spec, lake, "event", "at", "share")
    split = [("split", row["at"]) for row in rows if row["event"] == "shifted" and 0 < row["share"] < 1]
    return newest([*((row["event"], row["at"]) for row in rows), *split])


def _gates(spec: UseCase, lake: Lake) -> dict[str, datetime]:
    """Dimensions that the newest checked period was checked for."""
    periods = GATE_RESULTS.periods(spec.name, lake)[-1:]
    rows = GATE_RESULTS.rows(spec.name, lake, periods=periods, columns=["dimension", "evaluated_at"]).to_pylist()
    return newest((row["dimension"], row["evaluated_at"]) for row in rows)


def _figures(spec: UseCase, lake: Lake) -> dict[str, Any]:
    """Names of the figures of the two newest windows; the time is that of their commit."""
    periods = FIGURES.periods(spec.name, lake)[-2:]
    names = set(FIGURES.rows(spec.name, lake, periods=periods, columns=["name"])["name"].to_pylist())
    return dict.fromkeys(names | ({MEASURED} if spec.metrics.primary in names else set()))


def _decisions(spec: UseCase, lake: Lake) -> dict[str, datetime]:
    return newest((r["decision"], r["decided_at"]) for r in _columns(DECISIONS, spec, lake, "decision", "decided_at"))


def _operations(spec: UseCase, lake: Lake) -> dict[str, datetime]:
    return newest((r["operation"], r["at"]) for r in _columns(VERSION_OPERATIONS, spec, lake, "operation", "at"))


def _notices(spec: UseCase, lake: Lake) -> dict[str, datetime]:
    rows = [r for r in _columns(NOTICES, spec, lake, "kind", "way", "outcome", "at") if r["outcome"] == "sent"]
    return newest([*((r["kind"], r["at"]) for r in rows), *((f"sent by {r['way']}", r["at"]) for r in rows)])


LOOKS: dict[str, Look] = {
    APPROVALS.name: _approvals,
    ROLLOUT_EVENTS.name: _rollouts,
    GATE_RESULTS.name: _gates,
    FIGURES.name: _figures,
    DECISIONS.name: _decisions,
    VERSION_OPERATIONS.name: _operations,
    NOTICES.name: _notices,
}
"""Record table → what is taken from its rows."""


def _files(services: Services, spec: UseCase, heads: Mapping[str, TableHead]) -> Iterator[tuple[str, Seen]]:
    """What it is → the newest file of its kind."""
    settings, name = services.settings, spec.name
    yield from _of_release(services, spec)
    yield from _of_catalog(settings.catalog / name, name)
    yield from _of_bundle(settings.compliance / name, name)
    if snapshots := sorted((settings.snapshots / name).glob("[!.]*.json")):
        latest = max(snapshots, key=lambda file: file.stat().st_mtime)
        yield "snapshot", _file(latest, f"snapshots/{name}/{latest.name}")
    published = {table: head for table, head in heads.items() if table not in RECORD_TABLES}
    if views := {table: head for table, head in published.items() if table in spec.feature_views}:
        yield "offline_view", _of_head(name, views)
    if changed := {table: head for table, head in published.items() if head.version > 1}:
        yield "history", _of_head(name, changed)
    judged = heads.get(APPROVALS.name)
    if judged and (card := _once(_Read(services.adapters.lake, spec, _card), judged)):
        yield "card", card


def _of_head(usecase: str, heads: Mapping[str, TableHead]) -> Seen:
    table, head = max(heads.items(), key=lambda pair: pair[1].at)
    return Seen(f"{usecase}.{table} version {head.version}", head.at, head.sha256)


def _of_release(services: Services, spec: UseCase) -> Iterator[tuple[str, Seen]]:
    """The newest release: its manifest, what it keeps, and the tests that it passed before it got traffic."""
    if not (releases := services.adapters.releases.all(spec.name)):
        return
    release = releases[-1]
    place, where = Path(release.path), f"{spec.name} {release.name}"
    manifest = place / "release.json"
    yield "release", _file(manifest, f"{where}: {manifest.name}", f"rollouts/{spec.name}")
    yield "feature_service", _file(manifest, f"{where}: {spec.feature_service}", f"rollouts/{spec.name}")
    baseline = place / "baseline.json"
    if baseline.is_file() and '"attributions"' in baseline.read_text():
        yield "attributions", _file(baseline, f"{where}: attributions")
    if (report := place / TEST_REPORT).is_file():
        yield from _tests(report, where)


def _tests(report: Path, where: str) -> Iterator[tuple[str, Seen]]:
    """Kinds of the tests that were passed, when all of a kind were."""
    content = json.loads(sealed_text.read(report).text)
    outcomes: dict[str, bool] = {}
    for check in content.get("checks", []):
        kind = check["gate"].partition(":")[0]
        outcomes[kind] = outcomes.get(kind, True) and bool(check["passed"])
    seen = _file(report, f"{where}: {report.name}")
    if content.get("passed"):
        yield "tested", seen
    yield from ((f"tested: {kind}", seen) for kind, passed in outcomes.items() if passed)


def _of_catalog(directory: Path, name: str) -> Iterator[tuple[str, Seen]]:
    if (file := directory / "catalog.json").is_file():
        yield "catalog", _file(file, f"catalog/{name}/{file.name}", "catalog/")
    if sheets := sorted(directory.glob("*.md")):
        latest = max(sheets, key=lambda sheet: sheet.stat().st_mtime)
        yield "sheet", _file(latest, f"catalog/{name}/{latest.name}", f"catalog/{name}/sheet/{latest.stem}")


def _of_bundle(directory: Path, name: str) -> Iterator[tuple[str, Seen]]:
    """The newest evidence bundle, and the laws that it has a chapter on."""
    if not (bundles := sorted(directory.glob("*/bundle.json"), key=lambda file: file.stat().st_mtime)):
        return
    seen = _file(bundles[-1], f"compliance/{name}/{bundles[-1].parent.name}", "compliance/")
    yield "bundle", seen
    for chapter in json.loads(bundles[-1].read_text()).get("chapters", []):
        yield f"bundle: {chapter['key']}", seen


def _card(spec: UseCase, lake: Lake) -> Seen | None:
    """The card of the version that was judged last, by the hash that its verdict is on."""
    name = spec.name
    rows = APPROVALS.rows(name, lake, newest=1, event="verdict", columns=["version", "at", "content"]).to_pylist()
    evidence = json.loads(rows[0]["content"]).get("facts", {}).get("evidence", {}) if rows else {}
    if not evidence.get("card"):
        return None
    version = rows[0]["version"]
    return Seen(f"{name} version {version}: model_card.md", rows[0]["at"], evidence["card"], f"models/{name}/{version}")


# -- the platform
def _platform(services: Services) -> Iterator[tuple[str, Seen]]:
    """What is there once for all use cases."""
    settings, home = services.settings, services.settings.home
    for what, path in (
        ("rights", home / "platform" / "rights.json"),
        ("certificate", settings.gateway / "certificate.pem"),
        ("gateway_clients", settings.gateway_clients),
        ("alert_rules", home / "prometheus" / "moebius.rules.yml"),
    ):
        if path.is_file():
            yield what, _file(path, str(path.relative_to(home)))
    yield from _changing(services)
    yield from _audited(services)
    if reviews := sorted(settings.access_reviews.glob("*.json")):
        yield "access_review", _file(reviews[-1], f"access/{reviews[-1].name}", "access/")
    if settings.gateway_servers:
        yield "more_servers", Seen("MOEBIUS_GATEWAY_SERVERS", datetime.now(UTC))
    yield from _law(services)


def _changing(services: Services) -> Iterator[tuple[str, Seen]]:
    """Files that change all the time, without a hash."""
    settings = services.settings
    if (online := settings.feature_store / "online.db").is_file():
        yield "online_store", Seen("feature_store/online.db", _changed(online))
    if days := sorted(settings.lineage.glob("*.jsonl")):
        yield "lineage", Seen(f"lineage/{days[-1].name}", _changed(days[-1]))
    if (database := settings.home / "mlflow" / "mlflow.db").is_file():
        yield "mlflow", Seen("mlflow/mlflow.db", _changed(database))


def _audited(services: Services) -> Iterator[tuple[str, Seen]]:
    """The newest verification of the audit log, while it found nothing altered, and what it verified."""
    check = audit_checks.last(services.adapters.state)
    if check is None or check.faults:
        return
    yield "audit_check", Seen(audit_checks.KEY, check.at, check.digest, "audit/")
    for kind in ("predictions", "approvals"):
        if count := check.counts.get(kind):
            yield f"audited_{kind}", Seen(f"{audit_checks.KEY}: {count:,} {kind}", check.at, check.digest, "audit/")


def _law(services: Services) -> Iterator[tuple[str, Seen]]:
    """The legal texts, while no check of one is overdue."""
    known, today = law.laws(), datetime.now(UTC).date()
    if not law.overdue(known, today, Compliance().review_every):
        checked = min(one.checked_on for one in known.values())
        at = datetime(checked.year, checked.month, checked.day, tzinfo=UTC)
        text = law.FILE.read_bytes()
        yield "law_checked", Seen(str(law.FILE.relative_to(ROOT)), at, sha256(text).hexdigest(), "compliance/")


def _file(path: Path, where: str, page: str = "") -> Seen:
    digest = sha256(path.read_bytes()).hexdigest() if path.stat().st_size <= LARGEST else ""
    return Seen(where, _changed(path), digest, page)


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _series(services: Services) -> tuple[dict[str, str], str]:
    """Metric → job, and why none is known."""
    try:
        found = services.adapters.metrics_server.query(METRICS)
    except ServiceError as error:
        return {}, str(error)
    return {labels["__name__"]: labels.get("job", "") for labels, _ in found if "__name__" in labels}, ""


# -- the audit log
def events_seen(services: Services) -> dict[str, datetime]:
    """Kinds, actions and outcomes of events → when the daily look at the log met them last."""
    found = services.adapters.state.get(EVENTS)
    seen = json.loads(found.text)["seen"] if found else {}
    return {what: datetime.fromisoformat(at) for what, at in seen.items()}


def look_at_events(services: Services, now: datetime) -> dict[str, datetime]:
    """Read the events since the last look, and keep what they were. Raises what reading the log raises."""
    state = services.adapters.state
    found = state.get(EVENTS)
    since = datetime.fromisoformat(json.loads(found.text)["until"]) if found else now - BEGIN
    times = [(what, event.at) for event in services.adapters.audit.read(since=since) for what in _words(event)]
    seen = newest([*events_seen(services).items(), *times])
    text = {what: at.isoformat() for what, at in sorted(seen.items())}
    state.put(EVENTS, json.dumps({"until": now.isoformat(), "seen": text}))
    return seen


def _words(event: AuditEvent) -> Iterator[str]:
    yield f"outcome: {event.outcome}"
    if event.outcome != "done":
        return
    yield f"kind: {event.kind}"
    yield f"action: {event.action}"
    form = event.facts.get("form")
    if isinstance(form, dict) and isinstance(form.get("operation"), str):
        yield f"operation: {form['operation']}"
