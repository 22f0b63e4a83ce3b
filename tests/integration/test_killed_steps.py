"""A step on the lake that is killed before any of its effects harms nothing, and its repetition completes it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.adapters import lake
from include.adapters.lake import DeltaLake
from include.contracts.development import DatasetRef, PartRef
from include.contracts.period import Period
from include.contracts.pseudonyms import KeyRing, reference
from include.contracts.tables import PERIOD, SnapshotRef
from include.data import retention, versioning
from include.data import staging as stage
from include.development.datasets.encoded import PARTS
from include.development.datasets.parts import MANIFEST, content_hash, write_part
from include.errors import MoebiusError
from include.formats import checksums, state_file
from include.governance.traces import Matcher, search
from include.loop import data_pipeline, maintenance, scrub, subject_deletion
from include.platform.doctor import Doctor
from include.records.registry import PRIVACY_RECORDS, RECORD_TABLES
from include.services import small_state
from include.services.composition import Services
from tests.integration.flights_by_day import by_day
from tests.integration.kills import instants
from tests.integration.privacy_fixtures import KEYS, private_spec
from tests.unit.fakes.adapters import services_in

pytestmark = pytest.mark.integration
SPEC = by_day(privacy=private_spec().privacy)
TOKEN, OTHERS = (KeyRing.parse(KEYS).token(tail) for tail in ("N14228", "N24211"))
DAYS = Period.between(Period("2013-01-30"), Period("2013-02-01"))
NOW = datetime(2014, 1, 1, tzinfo=UTC)
Step = Callable[[Services], object]


def services_at(home: Path) -> Services:
    made = services_in(home, pseudonym_keys=KEYS)
    made.adapters.lake = DeltaLake(made.settings.lake)
    made.adapters.state, made.adapters.locks = small_state.state(made.settings), small_state.locks(made.settings)
    return made


def publish(services: Services, day: Period, *values: int, **more: Any) -> SnapshotRef:
    staging = services.places.staging(SPEC, f"run__{day}")
    tails = [TOKEN, *[OTHERS] * (len(values) - 1)]
    rows = pa.table({"n": pa.array(values, pa.int64()), "tailnum": tails, **more})
    stage.replace(staging, stage.TABLES, {"events": rows, "weather": rows.drop_columns(["tailnum"])})
    stage.mark_passed(staging)
    return data_pipeline.publish(SPEC, services, day, f"run__{day}")


@pytest.fixture
def fresh(tmp_path: Path) -> Services:
    """Each day is in a file of its own; the first of them was published twice."""
    made = services_at(tmp_path / "home")
    for n, day in enumerate((DAYS[0], *DAYS)):
        publish(made, day, n, n + 10)
        answers = pa.table({"period": [day], "n": [n], "tailnum": [TOKEN]})
        made.adapters.lake.append(SPEC.name, "predictions", answers)
    return made


@pytest.fixture
def services(fresh: Services) -> Services:
    """January's days are in one file."""
    maintenance.merge_files(SPEC, fresh)
    return fresh


def contents(services: Services) -> dict[str, Any]:
    """What readers find: the current snapshot of each period, and the rows of every snapshot."""
    snapshots = services.records.snapshots(SPEC)
    current = snapshots.published()
    found: dict[str, Any] = {f"current {one.period}": one.name for one in current}
    for at_once in (current, [one for one in snapshots.all_named() if one not in current]):
        for table in sorted({table for one in at_once for table in one.tables}):
            rows = versioning.read_all(at_once, table, services.adapters.lake)
            names = {one.period: one.name for one in at_once}
            found |= {f"{name} {table}": _of(rows, period) for period, name in names.items()}
    return found


def _of(rows: pa.Table, period: Period) -> list[dict[str, Any]]:
    """In an order of their own, as content hashes are; columns that are younger than the rows tell nothing of them."""
    every = rows.filter(pc.equal(rows[PERIOD], period)).to_pylist()
    return sorted(({name: value for name, value in row.items() if value is not None} for row in every), key=str)


def faults(services: Services) -> list[str]:
    """What the doctor and the scrub find."""
    found = [f"{one.path}: {one.fault}" for one in Doctor(services.settings).findings()]
    for check in (*scrub.lake(SPEC, services), *scrub.datasets(SPEC, services)):
        try:
            check()
        except MoebiusError as error:
            found.append(str(error))
    return found


def files(services: Services) -> list[Path]:
    """Where the files of the lake lie, once those that nothing needs are deleted."""
    lake_of, snapshots = services.adapters.lake, services.records.snapshots(SPEC)
    retention.delete_files(SPEC, lake_of, snapshots, {})
    for table in {*lake_of.tables(SPEC.name)} & {*RECORD_TABLES}:
        lake_of.vacuum(SPEC.name, table)
    places = (file.parent.relative_to(services.settings.lake) for file in services.settings.lake.rglob("*.parquet"))
    return sorted(place for place in places if place.parts[1] != PRIVACY_RECORDS.name)


def survives(services: Services, step: Step, tmp_path: Path, nth: int = 1) -> int:
    """Kill the step before each effect (each ``nth`` where that takes long), and repeat it; how many effects it has."""
    before = contents(services)
    killed = instants(services.settings.home, lambda: step(services), tmp_path / "killed")
    after, left = contents(services), None
    for effect, home in killed[::nth]:
        then = services_at(home)
        there = contents(then)
        assert all(rows in (before.get(name), after.get(name)) for name, rows in there.items()), effect
        assert there.keys() >= before.keys() & after.keys(), effect
        # a dataset is several files: half rewritten, it is refused by its name
        assert [fault for fault in faults(then) if "/datasets/" not in fault] == [], effect
        step(then)
        assert (contents(then), faults(then)) == (after, []), effect
        left = left or files(services)
        assert files(then) == left, effect
    return len(killed)


@pytest.fixture(autouse=True)
def _nothing_is_spared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "SPARED", timedelta())
    monkeypatch.setattr(lake, "WRITTEN", timedelta())


SOME = [13, pytest.param(1, marks=pytest.mark.full)]
"""Some of the kills in `make test`, every one in `make full`."""
ANEW, FIRST = DAYS[1], DAYS[-1].shift(1)


@pytest.mark.parametrize("nth", SOME)
def test_publishing(services: Services, tmp_path: Path, nth: int) -> None:
    """A day of a merged file anew, with a column that the table did not have; then a new day."""

    def step(then: Services) -> None:
        for day in (ANEW, FIRST):
            publish(then, day, 70, 71, 72, late=["a", "b", "c"])

    assert survives(services, step, tmp_path, nth) > 80


def test_publishing_a_range_in_one_commit(services: Services, tmp_path: Path) -> None:
    rows = {day: pa.table({"n": [7], "late": ["a"]}) for day in (ANEW, FIRST)}
    assert survives(services, lambda then: then.adapters.lake.publish_all(SPEC.name, "events", rows), tmp_path) > 10


@pytest.mark.full
def test_merging_and_deleting_files(services: Services, tmp_path: Path) -> None:
    """Of days that were published, also anew, and of records."""
    publish(services, ANEW, 5)
    publish(services, FIRST, 6)

    def step(then: Services) -> None:
        maintenance.merge_files(SPEC, then)
        maintenance.delete_files(SPEC, then)

    assert survives(services, step, tmp_path) > 10


def test_expiring(services: Services, tmp_path: Path) -> None:
    def step(then: Services) -> None:
        snapshots, later = then.records.snapshots(SPEC), NOW + timedelta(days=10_000)
        retention.expire(SPEC, then.adapters.lake, snapshots, {}, as_of=later, by="ada", why="")

    assert survives(services, step, tmp_path) > 5
    assert len(services.records.snapshots(SPEC).all_named()) == len(DAYS)


@pytest.mark.parametrize("nth", [41, *SOME[1:]])
@pytest.mark.parametrize("world", ["fresh", pytest.param("services", marks=pytest.mark.full)])
def test_erasing(world: str, nth: int, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Before files are merged, and afterwards."""
    services = request.getfixturevalue(world)
    _dataset(services)

    def step(then: Services) -> None:
        subject_deletion.delete(SPEC, then, reference(TOKEN), "asked by letter", "ada")
        assert search(then.settings.home, Matcher([TOKEN]), ["tailnum"]) == []

    assert survives(services, step, tmp_path, nth) > 100


def _dataset(services: Services) -> None:
    directory = services.places.datasets(SPEC) / "2013-01-x"
    directory.mkdir(parents=True)
    refs = {}
    for part in PARTS:
        frame = pd.DataFrame({"tailnum": [TOKEN, OTHERS], "n": [1, 2]})
        file = directory / f"{part}.parquet"
        write_part(frame, file)
        refs[part] = PartRef(path=str(file), rows=2, content_hash=content_hash(frame), periods=[DAYS[0]])
    checksums.write_sums(directory, directory.glob("*.parquet"))
    facts = {"usecase": SPEC.name, "name": "2013-01-x", "path": str(directory), "label": "late", "snapshots": {}}
    dataset = DatasetRef.model_validate({**facts, **refs, "feature_service": SPEC.feature_service})
    state_file.write(directory / MANIFEST, dataset.model_dump_json())
