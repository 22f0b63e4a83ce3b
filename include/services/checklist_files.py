"""Files that are evidence for the checklist: of a use case, and of the platform; each with its time and hash."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from include.contracts.deployment import TEST_REPORT
from include.contracts.tables import TableHead
from include.formats import sealed_text
from include.governance.checklist.facts import Seen
from include.governance.compliance import law
from include.operations.overview import spending
from include.records.registry import RECORD_TABLES
from include.services import audit_checks
from include.services.composition import Services
from include.specification.compliance import Compliance
from include.specification.usecase import UseCase
from include.state_root import ROOT

LARGEST = 4_000_000
"""Bytes of a file that is hashed."""


def of_usecase(services: Services, spec: UseCase, heads: Mapping[str, TableHead]) -> Iterator[tuple[str, Seen]]:
    """What it is → the newest file of its kind."""
    settings, name = services.settings, spec.name
    yield from _of_release(services, spec)
    yield from _of_catalog(settings.catalog / name, name)
    yield from _of_bundle(settings.compliance / name, name)
    if latest := max((settings.snapshots / name).glob("[!.]*.json"), default=None):
        yield "snapshot", seen(latest, f"snapshots/{name}/{latest.name}")
    if fresh := services.adapters.cost_spool(name).written():
        yield "fresh_costs", Seen(f"costs/{name}/{fresh.name}", _changed(fresh), page=f"cost/{name}")
    published = {table: head for table, head in heads.items() if table not in RECORD_TABLES}
    if views := {table: head for table, head in published.items() if table in spec.feature_views}:
        yield "offline_view", _of_head(name, views)
    if changed := {table: head for table, head in published.items() if head.version > 1}:
        yield "history", _of_head(name, changed)


def _of_head(usecase: str, heads: Mapping[str, TableHead]) -> Seen:
    table, head = max(heads.items(), key=lambda pair: pair[1].at)
    return Seen(f"{usecase}.{table} version {head.version}", head.at, head.sha256)


def _of_release(services: Services, spec: UseCase) -> Iterator[tuple[str, Seen]]:
    """The newest release: its manifest, what it keeps, and the tests that it passed before it got traffic."""
    if (release := services.adapters.releases.newest(spec.name)) is None:
        return
    place, where = Path(release.path), f"{spec.name} {release.name}"
    manifest = place / "release.json"
    yield "release", seen(manifest, f"{where}: {manifest.name}", f"rollouts/{spec.name}")
    yield "feature_service", seen(manifest, f"{where}: {spec.feature_service}", f"rollouts/{spec.name}")
    baseline = place / "baseline.json"
    if baseline.is_file() and '"attributions"' in baseline.read_text():
        yield "attributions", seen(baseline, f"{where}: attributions")
    if (report := place / TEST_REPORT).is_file():
        yield from _tests(report, where)


def _tests(report: Path, where: str) -> Iterator[tuple[str, Seen]]:
    """Kinds of the tests that were passed, when all of a kind were."""
    content = json.loads(sealed_text.read(report).text)
    outcomes: dict[str, bool] = {}
    for check in content.get("checks", []):
        kind = check["gate"].partition(":")[0]
        outcomes[kind] = outcomes.get(kind, True) and bool(check["passed"])
    file = seen(report, f"{where}: {report.name}")
    if content.get("passed"):
        yield "tested", file
    yield from ((f"tested: {kind}", file) for kind, passed in outcomes.items() if passed)


def _of_catalog(directory: Path, name: str) -> Iterator[tuple[str, Seen]]:
    if (file := directory / "catalog.json").is_file():
        yield "catalog", seen(file, f"catalog/{name}/{file.name}", "catalog/")
    if sheets := sorted(directory.glob("*.md")):
        latest = max(sheets, key=lambda sheet: sheet.stat().st_mtime)
        yield "sheet", seen(latest, f"catalog/{name}/{latest.name}", f"catalog/{name}/sheet/{latest.stem}")


def _of_bundle(directory: Path, name: str) -> Iterator[tuple[str, Seen]]:
    """The newest evidence bundle, and the laws that it has a chapter on."""
    if not (bundles := sorted(directory.glob("*/bundle.json"), key=lambda file: file.stat().st_mtime)):
        return
    bundle = seen(bundles[-1], f"compliance/{name}/{bundles[-1].parent.name}", "compliance/")
    yield "bundle", bundle
    for chapter in json.loads(bundles[-1].read_text()).get("chapters", []):
        yield f"bundle: {chapter['key']}", bundle


def of_platform(services: Services) -> Iterator[tuple[str, Seen]]:
    """What is there once for all use cases."""
    settings, home = services.settings, services.settings.home
    for what, path in (
        ("rights", home / "platform" / "rights.json"),
        ("certificate", settings.gateway / "certificate.pem"),
        ("gateway_clients", settings.gateway_clients),
        ("alert_rules", home / "prometheus" / "moebius.rules.yml"),
    ):
        if path.is_file():
            yield what, seen(path, str(path.relative_to(home)))
    yield from _changing(services)
    yield from _audited(services)
    if reviews := sorted(settings.access_reviews.glob("*.json")):
        yield "access_review", seen(reviews[-1], f"access/{reviews[-1].name}", "access/")
    if settings.gateway_servers:
        yield "more_servers", Seen("MOEBIUS_GATEWAY_SERVERS", datetime.now(UTC))
    if spending.priced(settings.prices):
        yield "prices", Seen("MOEBIUS_PRICES", datetime.now(UTC), page="cost/")
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


def seen(path: Path, where: str, page: str = "") -> Seen:
    digest = sha256(path.read_bytes()).hexdigest() if path.stat().st_size <= LARGEST else ""
    return Seen(where, _changed(path), digest, page)


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
