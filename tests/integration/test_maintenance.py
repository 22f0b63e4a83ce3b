"""The nightly maintenance on a real lake: fewer files, the same rows, nothing that somebody needs is deleted."""

from pathlib import Path

import pyarrow as pa
import pytest

from include.adapters.lake import DeltaLake
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.data import versioning
from include.loop import maintenance
from include.records.registry import GIVEN_LABELS
from include.services.composition import Services
from tests.unit.development.frames import flight_spec
from tests.unit.fakes.adapters import services_in

pytestmark = pytest.mark.integration
SPEC = flight_spec()
DAYS = Period.between(Period("2013-01-01"), Period("2013-02-03"))


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = services_in(tmp_path)
    made.adapters.lake = DeltaLake(made.settings.lake)
    return made


def test_files_become_few_and_every_snapshot_keeps_its_rows(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, snapshots = services.adapters.lake, services.records.snapshots(SPEC)
    for n, day in enumerate(DAYS):
        refs = {"events": lake.publish(SPEC.name, "events", pa.table({"n": [n]}), day)}
        manifest = SnapshotRef(usecase=SPEC.name, period=day, name=str(day), tables=refs)
        snapshots.keep(manifest)
        snapshots.replace(f"{day}.json", manifest)
        lake.append(SPEC.name, "figures", pa.table({"period": [day], "n": [n]}))
        lake.append(SPEC.name, GIVEN_LABELS.name, pa.table({"period": [day], "n": [n]}))
    assert maintenance.delete_files(SPEC, services) == {}
    assert maintenance.merge_files(SPEC, services) == {"events": 30, "figures": 30}
    assert maintenance.delete_files(SPEC, services) == {}, "somebody may be reading what was merged"
    monkeypatch.setattr(maintenance, "SPARED", maintenance.SPARED * 0)
    assert maintenance.delete_files(SPEC, services) == {"events": 31, "figures": 31}
    for n, day in enumerate(DAYS):
        snapshot = versioning.snapshot(day, snapshots)
        assert versioning.read(snapshot, "events", lake)["n"].to_pylist() == [n]
    for version in (1, len(DAYS)):
        assert lake.read(SPEC.name, GIVEN_LABELS.name, version=version).num_rows == version
