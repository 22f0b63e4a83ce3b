"""Each kind of state file damaged in each way: what who reads it gets, and what clients notice meanwhile."""

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.contracts.period import Period
from include.data import staging, versioning
from include.deployment import release
from include.errors import MoebiusError
from include.gateway import clients
from include.loop import data_pipeline
from include.platform.embedded import Platform
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import usecase_names
from tests.chaos.drill import Cost
from tests.chaos.driver import Driver
from tests.chaos.world import World
from tests.integration.pipeline_fixtures import SPEC, wait_until

MONTH = Period("2013-01")
REQUESTS = 60
AS_BEFORE, OTHER, NAMED, UNNAMED = (
    "as before",
    "another value, silently",
    "an error names it",
    "an error without its name",
)


@dataclass(frozen=True)
class Kind:
    """One kind of state: ``files`` below the state root, and what reads them, from scratch.

    ``called``: how an error may name it, besides its path.
    """

    name: str
    files: str
    read: Callable[[World], Any]
    ways: tuple[str, ...] = ("half", "empty", "one bit")
    called: str = ""


@dataclass(frozen=True)
class Damaged:
    """``result``: what the reader got. ``cost``: of clients, from the damage on."""

    name: str
    way: str
    file: str
    result: str
    words: str
    cost: dict[str, Cost]


def _fresh() -> Services:
    return Services(Settings())


def _snapshot(table: str) -> str:
    services = _fresh()
    found = versioning.snapshot(MONTH, services.records.snapshots(SPEC))
    rows = versioning.read(found, table, services.adapters.lake)
    return hashlib.sha256(rows.to_pandas().sort_values(list(rows.column_names)).to_csv().encode()).hexdigest()


def _release(world: World) -> str:
    found = _fresh().adapters.releases.get(SPEC.name, world.release.name)
    release.verify(Path(found.path))
    return found.model_dump_json()


def _unshipped(_: World) -> int:
    """Rows of the prediction log that are shipped next, less than there are when some are skipped."""
    return sum(len(batch.rows) for batch in _fresh().adapters.prediction_log(SPEC).unshipped())


def _keys(_: World) -> str:
    """As ``make up`` looks before it starts anything, and as the pipeline does before it makes a token."""
    settings = Settings()
    Platform(settings)._prove_state(lambda line: None)
    _fresh().privacy.active_keys(SPEC)
    return str(settings.secrets())


def _online(_: World) -> str:
    return str(_fresh().adapters.feature_store.online(SPEC.feature_service, [{"origin": "JFK", "tailnum": ""}]))


def _process(world: World) -> str:
    found = world.supervisor.process("exporter")
    return str(found.pid if found else None)


KINDS = (
    Kind("rollout state", f"releases/{SPEC.name}/rollout.json", lambda _: _fresh().serving.rollout_state(SPEC)),
    Kind("release: manifest", f"releases/{SPEC.name}/r0001/release.json", _release),
    Kind("release: model", f"releases/{SPEC.name}/r0001/model.onnx", _release),
    Kind("release: version of the model", f"releases/{SPEC.name}/r0001/model_version", _release),
    Kind("snapshot: manifest", f"snapshots/{SPEC.name}/{MONTH}.json", lambda _: _snapshot("events")),
    Kind("snapshot: turns", f"snapshots/{SPEC.name}/log/{MONTH}.jsonl",
         lambda _: _fresh().records.snapshots(SPEC).turns(MONTH)),
    Kind("lake: commit", f"lake/{SPEC.name}/events/_delta_log/*1.json", lambda _: _snapshot("events"),
         called=f"{SPEC.name}.events"),
    Kind("lake: rows", f"lake/{SPEC.name}/events/part=*/*.parquet", lambda _: _snapshot("events"),
         called=f"{SPEC.name}.events"),
    Kind("prediction log: what is shipped", f"spool/{SPEC.name}/.acknowledged.json", _unshipped),
    Kind("pseudonym key", "keys/pseudonym.keys", _keys),
    Kind("key that signs approvals", "keys/approval.key", _keys),
    Kind("mark: version of the state root", "version", _keys),
    Kind("mark: environment of the state root", "environment", _keys),
    Kind("pid file", "platform/run/exporter.json", _process),
    Kind("events of processes", "platform/events.jsonl",
         lambda world: len(world.events()) > 0, ("half", "one bit")),
    Kind("clients of the gateway", "gateway/clients.yaml",
         lambda _: clients.load(Settings().gateway_clients, usecase_names()), ("half", "empty")),
    Kind("definitions of features", "feature_store/registry.db", _online),
    Kind("online features", "feature_store/online.db", _online, ("half", "empty")),
)  # fmt: skip


def prepare(world: World) -> None:
    """A month is published, and a part of the prediction log is shipped."""
    at = (SPEC, world.services, MONTH, MONTH)
    data_pipeline.collect(*at)
    data_pipeline.build_features(*at)
    staging.mark_passed(world.services.places.staging(SPEC, MONTH))  # the gates have tests of their own
    data_pipeline.publish(*at)
    log = world.services.adapters.prediction_log(SPEC)
    for batch in log.unshipped():
        log.acknowledge(batch)


def damages(world: World, driver: Driver, kinds: tuple[Kind, ...] = KINDS) -> Iterator[Damaged]:
    """Every kind in every way, one after the other; what was there before is put back."""
    for kind in kinds:
        for way in kind.ways:
            yield _one(world, driver, kind, way)


def _one(world: World, driver: Driver, kind: Kind, way: str) -> Damaged:
    (file, *_) = sorted(world.home.glob(kind.files))
    with _put_back(file):
        expected, begun = kind.read(world), time.monotonic()
        _damage(file, way)
        result, words = _judged(kind, world, file, expected)
        wait_until(lambda: len(driver.since(begun)) >= REQUESTS, 60, "requests meanwhile")
    asked = driver.since(begun)
    cost = {door: Cost.of([one for one in asked if one.door == door]) for door in sorted({a.door for a in asked})}
    return Damaged(kind.name, way, kind.files, result, words, cost)


def _judged(kind: Kind, world: World, file: Path, expected: Any) -> tuple[str, str]:
    try:
        found = kind.read(world)
    except MoebiusError as error:
        named = file.name in str(error) or (kind.called and kind.called in str(error))
        return NAMED if named else UNNAMED, str(error)[:300]
    except Exception as error:
        return f"raw error: {type(error).__name__}", str(error)[:300]
    same = found >= expected if kind.read is _unshipped else found == expected
    return (AS_BEFORE, "") if same else (OTHER, "")


@contextmanager
def _put_back(file: Path) -> Iterator[None]:
    """The file and its last good copy, whatever the reader did."""
    there = {one: one.read_bytes() for one in file.parent.glob(f"*{file.name}*") if one.is_file()}
    try:
        yield
    finally:
        for one in file.parent.glob(f"*{file.name}*"):
            if one not in there and one.is_file():
                with suppress(FileNotFoundError):
                    one.unlink()
        for one, content in there.items():
            _replace(one, content)


def _replace(file: Path, content: bytes) -> None:
    """In one step, with the mode that it has: others read it meanwhile."""
    aside = file.with_name(f".{file.name}.chaos")
    aside.write_bytes(content)
    aside.chmod(file.stat().st_mode if file.exists() else 0o600)
    aside.replace(file)


def _damage(file: Path, way: str) -> None:
    """As a disk does it: in place, behind the back of whoever has the file open."""
    content = bytearray(file.read_bytes())
    if way == "half":
        content = content[: len(content) // 2]
    elif way == "empty":
        content = bytearray()
    else:
        content[len(content) // 2] ^= 1
    file.write_bytes(content)


def rows(found: Damaged) -> dict[str, Any]:
    return dataclasses.asdict(found)
