"""Catalog and data sheets on published flights, with the real lake, gates, Feast and MLflow."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.catalog import files
from include.catalog.entries import Catalog
from include.catalog.profile import ColumnProfile, profile
from include.commands.catalog import answer
from include.contracts.development import DatasetRef, PartRef
from include.contracts.period import Period
from include.contracts.quality import QuarantinedRow
from include.contracts.tables import TableState
from include.data.validation import SuiteValidator
from include.errors import NotFoundError, SpecError
from include.loop import catalog
from include.process_environment import inherited_environment
from include.records.registry import QUARANTINE
from include.services.composition import Services
from include.settings import ROOT, Settings
from include.specification.data import ColumnPrivacy, Privacy
from include.specification.loader import load_usecase
from tests.integration.data_fixtures import DataRooms, validator
from tests.integration.ports import free_port

__all__ = ["validator"]
pytestmark = pytest.mark.integration
SPEC = load_usecase("flight_delay")
ANSWERS = {
    "period": ["2013-01", "2013-01"], "request_id": ["a", "b"], "release": ["r0001", "r0001"],
    "flight_id": ["1", "2"], "temp": [30.0, None],
}  # fmt: skip


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory, validator: SuiteValidator) -> DataRooms:
    """January, published through both gates, and two logged answers."""
    rooms = DataRooms(tmp_path_factory.mktemp("catalogued"), validator)
    rooms.store.apply()
    rooms.publish("2013-01")
    rooms.lake.append(SPEC.name, "predictions", pa.table(ANSWERS))
    return rooms


@pytest.fixture(scope="module")
def services(rooms: DataRooms, mlflow: Settings) -> Services:
    """The same rooms with the real MLflow, which has a model that was trained on January, and its release."""
    services = Services(mlflow.model_copy(update={"home": rooms.home}))
    snapshot = services.records.snapshot_refs(SPEC)[0].name
    part = PartRef(path="/nowhere", rows=9, content_hash="0" * 64, periods=["2013-01"])
    dataset = DatasetRef(
        usecase=SPEC.name, name="2013-01-catalogued", path="/nowhere", feature_service="flight_delay_v1", label="late",
        train=part, validation=part, test=part, snapshots={"2013-01": snapshot},
    )  # fmt: skip
    encoding = json.dumps({"features": [{"name": "temp"}, {"name": "carrier"}]})
    model = services.adapters.tracker.log_training(
        SPEC.name, dataset, b"catalogued", {}, {}, {"encoding.json": encoding}
    )
    staged = rooms.home / "staged"
    staged.mkdir()
    (staged / "release.json").write_text("{}")
    services.adapters.releases.add(SPEC.name, staged, model.version)
    return services


@pytest.fixture(scope="module")
def written(services: Services) -> Catalog:
    return catalog.write(SPEC, services)


def test_everything_that_is_published_is_described(written: Catalog, services: Services) -> None:
    tables = {e.name for e in written.entries if e.id.startswith("table/") and e.kind != "column"}
    assert (
        tables
        == set(services.adapters.lake.tables(SPEC.name))
        >= {"events", "weather", "planes", *SPEC.views, "gate_results"}
    )
    assert {e.name for e in written.entries if e.kind == "feature"} == set(SPEC.feature_names)
    assert written.gaps() == []
    catalog.require_meanings(SPEC, services)


def test_a_model_leads_back_to_its_source_and_on_to_its_answers(written: Catalog, services: Services) -> None:
    release = services.adapters.releases.get(SPEC.name, "r0001")
    version = f"model/{release.model_version}"
    assert {"dataset/2013-01-catalogued", "table/events", "source/flights"} <= {s.id for s in written.upstream(version)}
    assert [s.id for s in written.downstream(version)] == ["release/r0001", "table/predictions"]
    assert written.entry("release/r0001").facts["answers logged"] == "2"
    assert version in {s.id for s in written.downstream("source/weather/temp")}
    assert version not in {s.id for s in written.downstream("source/weather/visib")}, "the model has no such feature"
    assert written.entry("dataset/2013-01-catalogued").versions[0].name == services.records.snapshot_refs(SPEC)[0].name


def test_a_server_that_is_down_is_named_and_hides_nothing_else(rooms: DataRooms) -> None:
    made = catalog.gather(SPEC, Services(Settings(home=rooms.home, mlflow_port=free_port())))
    assert any("models and datasets are missing: MLflow at http://127.0.0.1" in note for note in made.notes)
    assert made.entry("table/predictions").kind == "predictions"
    assert not [e for e in made.entries if e.kind == "model"]


def test_columns_have_the_types_and_rows_of_the_lake(written: Catalog, rooms: DataRooms) -> None:
    events = rooms.lake.read(SPEC.name, "events")
    assert written.entry("table/events").facts["rows"] == f"{events.num_rows:,}"
    assert {c.name: c.type for c in written.columns("table/events")} == {f.name: str(f.type) for f in events.schema}
    assert [g.period for g in written.entry("table/events").gates] == ["2013-01"]
    assert [v.name for v in written.entry("table/events").versions] == [
        "2013-01-" + v.name[8:] for v in written.entry("table/weather").versions
    ]


def test_a_profile_is_what_the_rows_say(rooms: DataRooms) -> None:
    rows = rooms.lake.read(SPEC.name, "airport_weather").to_pandas()
    found = {c.name: c for c in profile(rooms.lake.describe(SPEC.name, "airport_weather"), {"temp"})}
    for name in ("pressure", "precip_6h"):
        assert found[name].missing == pytest.approx(rows[name].isna().mean())
        assert (float(found[name].low), float(found[name].high)) == (rows[name].min(), rows[name].max())
    shares = rows["origin"].value_counts(normalize=True)
    assert dict(found["origin"].top) == pytest.approx(shares.to_dict())
    assert (found["temp"].low, found["temp"].high, found["temp"].top) == ("", "", [])


def test_a_sheet_shows_no_value_of_a_personal_column(rooms: DataRooms, services: Services) -> None:
    personal = ColumnPrivacy.model_validate({"class": "personal", "treatment": "pseudonymise"})
    spec = SPEC.model_copy(
        update={"privacy": Privacy(default="public", columns=dict.fromkeys(("tailnum", "dest"), personal))}
    )
    catalog.write(spec, services)
    sheet = files.sheet(catalog.directory(SPEC, services), "events", "md")
    column = next(line for line in sheet.splitlines() if line.startswith("| `dest` |"))
    assert "personal: not shown" in column
    values = set(rooms.lake.read(SPEC.name, "events").to_pandas()["dest"])
    assert not {v for v in values if f"`{v}`" in sheet}
    catalog.write(SPEC, services)
    assert "`ATL`" in files.sheet(catalog.directory(SPEC, services), "events", "md")


def test_a_record_table_shows_no_value_and_has_no_gap(rooms: DataRooms, services: Services) -> None:
    """The quarantine holds whole rows as text."""
    texts = {name: f"secret {name}" for name in QuarantinedRow.model_fields if not name.endswith("_at")}
    held = {**texts, "period": "2013-01", "status": "held", "recorded_at": datetime.now(UTC)}
    QUARANTINE.append(SPEC.name, services.adapters.lake, [QuarantinedRow.model_validate(held)])
    made = catalog.write(SPEC, services)
    assert "secret" not in files.sheet(catalog.directory(SPEC, services), QUARANTINE.name, "md")
    assert made.entry("table/quarantine/content").privacy == made.entry("table/quarantine").privacy != "public"
    assert made.gaps() == []


def test_a_sheet_reads_as_a_page_of_its_own(written: Catalog, services: Services) -> None:
    page = files.sheet(catalog.directory(SPEC, services), "events")
    assert page.startswith("<!doctype html>")
    assert all(
        f"<h2>{title}</h2>" in page for title in ("Columns", "Rows by period", "Known limits", "Lineage", "Retention")
    )
    assert "<td>27,004</td>" in page
    assert not any(link in page for link in ("http://", "https://", "<script"))


def test_what_is_not_there_is_answered_with_what_is(written: Catalog, services: Services) -> None:
    with pytest.raises(NotFoundError, match=r"no data sheet of 'evnts'; there are .*'events'"):
        files.sheet(catalog.directory(SPEC, services), "evnts")
    empty = Services(services.settings.model_copy(update={"home": services.settings.home / "elsewhere"}))
    with pytest.raises(NotFoundError, match=r"no catalog yet: run flight_delay\.catalog"):
        catalog.read(SPEC, empty)


def test_a_table_that_nobody_described_is_named_and_its_sheet_goes_with_it(services: Services) -> None:
    services.adapters.lake.append(SPEC.name, "mystery", pa.table({"period": ["2013-01"], "what": [1]}))
    catalog.write(SPEC, services)
    with pytest.raises(
        SpecError, match=r"2 gaps[\s\S]*\n- table/mystery has no meaning\n- table/mystery/what has no meaning"
    ):
        catalog.require_meanings(SPEC, services)
    described = services.adapters.lake.describe(SPEC.name, "mystery")
    for file in described.files:
        Path(file.removeprefix("file://")).unlink()
    for file in sorted((services.settings.lake / SPEC.name / "mystery").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    catalog.write(SPEC, services)
    assert not (catalog.directory(SPEC, services) / "mystery.html").exists()
    catalog.require_meanings(SPEC, services)


def test_the_command_searches_and_shows(written: Catalog, services: Services) -> None:
    assert "feature/wind_speed" in answer(SPEC, services, "search", "wind mph")
    assert answer(SPEC, services, "search", "no such thing") == "nothing in the catalog has 'no such thing'"
    assert "source/flights/tailnum" in answer(SPEC, services, "lineage", "table/events/tailnum")
    assert "  gate features 2013-01: passed" in answer(SPEC, services, "show", "table/events")
    assert answer(SPEC, services, "sheet", "planes").startswith("# planes")


def test_the_command_fails_in_words(services: Services, written: Catalog) -> None:
    environment = inherited_environment() | {"MOEBIUS_HOME": str(services.settings.home), "PYTHONPATH": str(ROOT)}
    words = ["catalog", "show", "table/evnts", "--usecase", "flight_delay"]
    command = [sys.executable, "-c", "from include.commands.main import run; run()", *words]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "NotFoundError: the catalog of flight_delay has no 'table/evnts'; similar: table/events"
    )


def test_a_table_that_another_dag_writes_meanwhile_is_in_the_next_catalog(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, profiled = services.adapters.lake, catalog.profile
    scored = pa.table({"release": ["r0001"], "snapshot": ["s"]})

    def scores_meanwhile(state: TableState, *options: Any) -> list[ColumnProfile]:
        lake.publish(SPEC.name, "batch_predictions", scored, Period("2013-01"))
        (services.settings.lake / SPEC.name / "figures" / "_delta_log").mkdir(parents=True, exist_ok=True)
        return profiled(state, *options)

    monkeypatch.setattr(catalog, "profile", scores_meanwhile)
    sheets = catalog.directory(SPEC, services)
    now = catalog.write(SPEC, services)
    assert "table/batch_predictions" not in {entry.id for entry in now.entries}
    assert not (sheets / "batch_predictions.html").exists()
    assert (sheets / "predictions.html").exists()
    following = catalog.write(SPEC, services)
    assert {"table/batch_predictions", "table/predictions"} <= {entry.id for entry in following.entries}
    assert (sheets / "batch_predictions.html").exists()
    catalog.require_meanings(SPEC, services)


def test_a_table_whose_files_are_replaced_while_they_are_read_is_described_as_it_is_then(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, profiled, replaced = services.adapters.lake, catalog.profile, []

    def replaces_meanwhile(state: TableState, *options: Any) -> list[ColumnProfile]:
        if state.table == "predictions" and not replaced:
            replaced.append(lake.publish(SPEC.name, "predictions", pa.table(ANSWERS).slice(0, 1), Period("2013-01")))
            lake.vacuum(SPEC.name, "predictions")
        return profiled(state, *options)

    monkeypatch.setattr(catalog, "profile", replaces_meanwhile)
    written = catalog.write(SPEC, services)
    assert replaced
    assert written.entry("table/predictions").facts["rows"] == "1"
