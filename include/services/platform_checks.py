"""Looks at the platform beside its services and records: state, keys, the machine. Each says what it found now."""

import json
import os
import shutil
import sqlite3
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args
from urllib.parse import quote, urlsplit

import httpx

from include.contracts.deployment import BOM, TEST_REPORT, ReleaseRef
from include.contracts.governance import Role
from include.formats import certificates
from include.governance.routes import ROUTES
from include.governance.standard.states import Answer, State
from include.services import audit_checks, checking
from include.services.composition import Services
from include.services.probes import named
from include.specification.loader import specifications, usecases

Check = Callable[[Services], Answer]
SECONDS = 2.0
"""The longest that one look waits for an answer."""
LEAST_FREE, MOST_LOAD = 0.1, 2.0
"""Share of a disk that must be free, and processes that wait per core, beyond which the machine is short of it."""
IN_KUBERNETES = Path("/var/run/secrets/kubernetes.io/serviceaccount")
CARD = "model_card.html"


def _found(what: str, state: State = "healthy", usecase: str = "") -> Answer:
    return Answer(state, "found", datetime.now(UTC), {"what": what, "usecase": usecase})


def _missing(what: str, state: State = "none") -> Answer:
    return Answer(state, "missing", datetime.now(UTC), {"what": what})


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _written(file: Path) -> str:
    return _moment(datetime.fromtimestamp(file.stat().st_mtime, UTC))


# -- use cases and what they released
def known_usecases(services: Services) -> Answer:
    good, faulty = specifications().good, checking.known(services.settings)
    if faulty:
        return _found(f"usecase.yaml: {len(good)} ok, faulty: {named(faulty)}", "degraded")
    return _found(f"usecase.yaml: {named(good)}") if good else _missing("usecase.yaml")


def serving(services: Services) -> Answer:
    states = {spec.name: services.serving.rollout_state(spec) for spec in usecases()}
    serve = [f"{name} {state.champion}" for name, state in states.items() if state]
    first = next((name for name, state in states.items() if state), "")
    return _found(named(serve), usecase=first) if serve else _missing("rollout.json")


def _releases(services: Services) -> Iterator[tuple[str, ReleaseRef]]:
    """The newest release of each use case."""
    for spec in usecases():
        if newest := services.adapters.releases.newest(spec.name):
            yield spec.name, newest


def _release_file(name: str) -> Check:
    def look(services: Services) -> Answer:
        have = [(u, r) for u, r in _releases(services) if (Path(r.path) / name).is_file()]
        return _found(f"{name}: {named(f'{u} {r.name}' for u, r in have)}") if have else _missing(name)

    return look


def tested(services: Services) -> Answer:
    """The report of the tests before traffic, with the checks that passed."""
    for usecase, release in _releases(services):
        file = Path(release.path) / TEST_REPORT
        if file.is_file():
            checks = json.loads(file.read_text())["checks"]
            passed = sum(bool(check["passed"]) for check in checks)
            state: State = "healthy" if passed == len(checks) else "degraded"
            return _found(f"{usecase} {release.name}: {passed}/{len(checks)}", state, usecase)
    return _missing(TEST_REPORT)


# -- data
def offline_store(services: Services) -> Answer:
    newest = {s.name: snap for s in usecases() if (snap := services.records.snapshots(s).newest())}
    text = named(f"{name} {snap.period}" for name, snap in newest.items())
    return _found(text, usecase=next(iter(newest))) if newest else _missing("snapshots/")


def online_store(services: Services) -> Answer:
    """SQLite is opened and read; of Redis the service tells whether it answers."""
    settings = services.settings
    if settings.online_store == "redis":
        return _found(urlsplit(settings.redis_address).netloc.rpartition("@")[2])
    file = settings.feature_store / "online.db"
    if not file.is_file():
        return _missing(file.name)
    with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=SECONDS)) as store:
        (tables,) = store.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()
    return _found(f"{file.name}: {tables} tables, {_written(file)}")


def lake(services: Services) -> Answer:
    tables = {spec.name: len(services.adapters.lake.tables(spec.name)) for spec in usecases()}
    have = [f"{name}: {count} tables" for name, count in tables.items() if count]
    return _found(named(have)) if have else _missing("lake/")


def _files(root: Callable[[Services], Path], pattern: str) -> Check:
    """The newest of these files."""

    def look(services: Services) -> Answer:
        files: Iterable[Path] = root(services).glob(pattern)
        newest = max(files, key=lambda file: file.stat().st_mtime, default=None)
        below = newest.relative_to(root(services).parent) if newest else Path()
        return _found(f"{below}, {_written(newest)}") if newest else _missing(f"{root(services).name}/{pattern}")

    return look


def _suite(dimension: str) -> Check:
    """Expectations of this dimension in the suites of the gates."""

    def look(services: Services) -> Answer:
        texts = [file.read_text() for file in sorted(services.settings.suites.glob("*.json"))]
        count = sum(text.count(f'"dimension": "{dimension}"') for text in texts)
        return _found(f"{dimension}: {count}") if count else _missing(dimension)

    return look


# -- models
def cards(services: Services) -> Answer:
    for spec in usecases():
        if (run := services.adapters.experiment_reader.newest(spec.name)) and CARD in run.documents:
            return _found(f"{spec.name} {run.version}: {CARD}, {_moment(run.at)}", usecase=spec.name)
    return _missing(CARD)


def cost(services: Services) -> Answer:
    """What the newest training cost, as its run recorded it."""
    for spec in usecases():
        run = services.adapters.experiment_reader.newest(spec.name)
        if run and (seconds := run.figures.get("training_cpu_seconds")) is not None:
            return _found(f"{spec.name} {run.version}: {seconds:,.0f} CPU s, {_moment(run.at)}", usecase=spec.name)
    return _missing("training_cpu_seconds")


# -- operation
def alert_rules(services: Services) -> Answer:
    count = services.adapters.metrics_server.rules()
    return _found(f"Prometheus: {count} rules") if count else _missing("moebius.rules.yml", "down")


def notices(services: Services) -> Answer:
    ways = [*services.settings.notify_webhooks, *services.settings.notify_addresses]
    return _found(named(ways)) if ways else _missing("MOEBIUS_NOTIFY_WEBHOOKS, MOEBIUS_NOTIFY_ADDRESSES")


def model_servers(services: Services) -> Answer:
    settings = services.settings
    every = [settings, *(settings.replica(server) for server in settings.gateway_servers)]
    ready = [one.triton_http for one in every if _answers(f"http://{one.triton_http}/v2/health/ready")]
    text = f"{len(ready)}/{len(every)}: {named(ready)}"
    return _found(text, "healthy" if len(ready) == len(every) else "degraded") if ready else _missing("Triton", "down")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=SECONDS, trust_env=False, verify=certificates.needed(url)).is_success
    except httpx.HTTPError:
        return False


def containers(services: Services) -> Answer:
    """Whether an engine answers."""
    url = urlsplit(services.settings.docker_url)
    if url.scheme != "unix" or not Path(url.path).exists():
        return _missing(services.settings.docker_url)
    with httpx.Client(transport=httpx.HTTPTransport(uds=url.path), timeout=SECONDS, verify=False) as engine:  # noqa: S501 - a socket of this machine
        version = engine.get("http://docker/version").json().get("Version", "")
    return _found(f"Docker {version}")


def kubernetes(services: Services) -> Answer:
    return _found("Kubernetes") if IN_KUBERNETES.is_dir() else _missing("Kubernetes")


# -- governance
def roles(services: Services) -> Answer:
    """The access rules hold: they name only tables that there are."""
    levels = services.access.roles
    return _found(f"{len(get_args(Role))} roles, {len(ROUTES)} routes, {len(levels)} privacy levels of roles")


def keys(services: Services) -> Answer:
    settings = services.settings
    have = [file.name for file in (settings.key_file, settings.approval_key_file) if file.is_file()]
    have += ["MOEBIUS_PSEUDONYM_KEYS"] if settings.pseudonym_keys.get_secret_value() else []
    return _found(", ".join(have)) if have else _missing("keys/")


def tls(services: Services) -> Answer:
    """The gateway shows a certificate now."""
    settings = services.settings
    if not settings.gateway_clients.is_file():
        return _missing("gateway/clients.yaml")
    address = (settings.gateway_host, settings.gateway_port)
    try:
        ssl.get_server_certificate(address, timeout=SECONDS)
    except OSError as error:
        return _missing(f"{address[0]}:{address[1]}: {error}", "down")
    return _found(f"TLS {address[0]}:{address[1]}")


def audit_log(services: Services) -> Answer:
    newest = audit_checks.last(services.adapters.state)
    if newest is None:
        return _missing("audit_check.json")
    text = f"{_moment(newest.at)}: {len(newest.faults)} faults"
    return _found(text, "down" if newest.faults else "healthy")


# -- the machine
def computing(services: Services) -> Answer:
    cores, load = os.cpu_count() or 1, os.getloadavg()[1]
    gpus = len(list(Path("/dev").glob("nvidia[0-9]*")))
    state: State = "degraded" if load > MOST_LOAD * cores else "healthy"
    return _found(f"{cores} CPU, {gpus} GPU, load {load:.1f}", state)


def storage(services: Services) -> Answer:
    disk = shutil.disk_usage(services.settings.home)
    state: State = "healthy" if disk.free > LEAST_FREE * disk.total else "degraded"
    return _found(f"{disk.free / 2**30:,.0f} of {disk.total / 2**30:,.0f} GiB free", state)


CHECKS: Mapping[str, Check] = {
    "usecases": known_usecases,
    "serving": serving,
    "releases": _release_file("model.onnx"),
    "bom": _release_file(BOM),
    "release_tests": tested,
    "offline_store": offline_store,
    "online_store": online_store,
    "lake": lake,
    "catalog": _files(lambda services: services.settings.catalog, "*/catalog.json"),
    "data_sheets": _files(lambda services: services.settings.catalog, "*/*.md"),
    "evidence": _files(lambda services: services.settings.compliance, "*/*"),
    "edge": _files(lambda services: services.settings.edge_bundles, "*/*.zip"),
    "suite_completeness": _suite("completeness"),
    "suite_consistency": _suite("consistency"),
    "suite_accuracy": _suite("accuracy"),
    "cards": cards,
    "cost": cost,
    "alert_rules": alert_rules,
    "notices": notices,
    "model_servers": model_servers,
    "containers": containers,
    "kubernetes": kubernetes,
    "roles": roles,
    "keys": keys,
    "tls": tls,
    "audit_log": audit_log,
    "computing": computing,
    "storage": storage,
}
