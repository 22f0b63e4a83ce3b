"""Dev takes in what was handed over to it: once, whole, and only what its own key opens."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.contracts.governance import ExportManifest
from include.errors import AccessError, ExportFileError, NotFoundError, SettingsError
from include.loop import take_in
from include.ports.exports import ExportTable
from include.services.composition import Services
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import APRIL, NOON, SPEC

ROWS = pa.table({"flight": ["a", "b"]})


def dev(home: Path, key: str = "private of dev", environment: str = "dev") -> Services:
    return services_in(home, {"private_key": key}, environment=environment)


def handed_over(services: Services, name: str, kind: str = "hand_over") -> None:
    manifest = ExportManifest(
        usecase=SPEC.name, name=name, kind=kind, recipient="dev", fingerprint="m", periods=[APRIL], reason="why",
        requested_by="uwe", approved_by="olga", created_at=NOON,
    )  # fmt: skip
    table = ExportTable("flights", APRIL, ROWS.schema, ROWS.to_batches())
    services.adapters.exports.write(manifest, "public of dev", [table])


def test_every_new_hand_over_is_laid_into_the_landing_directory_once(tmp_path: Path) -> None:
    services = dev(tmp_path)
    handed_over(services, "first")
    handed_over(services, "to-a-person", "export")
    assert take_in.take_in(SPEC, services, None) == {"first": 2}
    assert pq.read_table(services.places.landing(SPEC) / APRIL / "flights.parquet") == ROWS
    assert take_in.take_in(SPEC, services, None) == {}
    handed_over(services, "second")
    assert take_in.take_in(SPEC, services, None) == {"second": 2}
    assert take_in.take_in(SPEC, services, "first") == {"first": 2}, "asked for by name it comes again"


def test_another_key_opens_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    services = dev(tmp_path, "private of somebody")
    handed_over(services, "first")
    with pytest.raises(ExportFileError):
        take_in.take_in(SPEC, services, None)
    assert not list(services.places.landing(SPEC).rglob("*.parquet"))


def test_prod_takes_nothing_in_and_dev_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="this is prod"):
        take_in.take_in(SPEC, dev(tmp_path, environment="prod"), None)
    with pytest.raises(SettingsError, match="no private key"):
        take_in.take_in(SPEC, dev(tmp_path, ""), None)


def test_an_empty_exchange_says_where_hand_overs_come_from(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"hand_over` in prod"):
        take_in.take_in(SPEC, dev(tmp_path), None)
