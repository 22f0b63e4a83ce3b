"""Gathers what is recorded into the catalog, and writes it with a data sheet per table."""

import json
from datetime import UTC, datetime
from pathlib import Path

from include.catalog import data_sheet, making
from include.catalog import files as catalog_files
from include.catalog.entries import Catalog
from include.catalog.facts import Facts, ModelRecord
from include.catalog.profile import RewrittenError, profile
from include.contracts.tables import TableState
from include.deployment import release
from include.errors import ConflictError, MoebiusError, NotFoundError, SpecError
from include.formats import state_file
from include.formats.atomic_file import write_atomically
from include.records.privacy import column_level
from include.records.registry import BATCH_PREDICTIONS, PREDICTIONS, RECORD_TABLES
from include.records.table import RecordTable
from include.services.composition import Services
from include.specification.usecase import UseCase

ATTEMPTS = 5


def gather(spec: UseCase, services: Services) -> Catalog:
    """The catalog of this moment, from the records themselves.

    An MLflow that does not answer leaves the models out and is named in ``notes``.
    """
    return _gathered(spec, services, states(spec, services))


def _gathered(spec: UseCase, services: Services, tables: list[TableState]) -> Catalog:
    models, notes = _models(spec, services)
    state = services.serving.rollout_state(spec)
    releases = services.adapters.releases.all(spec.name)
    checked = services.records.gate_periods(spec)[-making.NEWEST :]
    facts = Facts(
        tables=tables,
        snapshots=services.records.snapshot_refs(spec),
        views=services.adapters.feature_store.definitions(),
        gates=services.records.gate_results(spec, periods=checked) if checked else [],
        models=models,
        releases=releases,
        proofs={one.name: proof for one in releases if (proof := release.shown_proof(Path(one.path)))},
        serving=state.champion if state else None,
        predictions=_answers(spec, services, PREDICTIONS),
        scored=_answers(spec, services, BATCH_PREDICTIONS),
        notes=notes,
    )
    return making.make(spec, facts, datetime.now(UTC).replace(microsecond=0))


def write(spec: UseCase, services: Services) -> Catalog:
    """Write ``catalog.json`` and each table's data sheet below ``<home>/catalog/<usecase>``; what is gone goes.

    Other DAGs write meanwhile: a table that comes now is in the next catalog; one whose files are replaced while they
    are read is read again. Raises ConflictError when that never ends.
    """
    for _ in range(ATTEMPTS):
        try:
            return _write(spec, services)
        except RewrittenError as error:
            print(f"{error}; once more from the start")
    raise ConflictError(
        f"tables of {spec.name} were replaced during {ATTEMPTS} attempts to describe them; run it again"
    )


def _write(spec: UseCase, services: Services) -> Catalog:
    tables = states(spec, services)  # once: catalog and sheets are of the same tables
    if missing := [
        table.name for table in (PREDICTIONS, BATCH_PREDICTIONS) if table.name not in {t.table for t in tables}
    ]:
        print(f"not there yet, because nothing was answered or scored: {', '.join(missing)}")
    catalog, home = _gathered(spec, services, tables), directory(spec, services)
    for state in tables:
        _write_sheet(spec, services, catalog, state)
    for sheet in [*home.glob("*.md"), *home.glob("*.html")]:
        if sheet.stem not in {state.table for state in tables}:
            sheet.unlink()
    state_file.write(home / catalog_files.FILE, catalog.model_dump_json(indent=1))
    return catalog


def read(spec: UseCase, services: Services) -> Catalog:
    """The catalog as it was written last; raises NotFoundError when it never was."""
    return catalog_files.read(directory(spec, services))


def require_meanings(spec: UseCase, services: Services) -> None:
    """Raises SpecError listing every table, column and feature without meaning, owner or privacy class."""
    if gaps := read(spec, services).gaps():
        raise SpecError(
            f"the catalog of {spec.name} has {len(gaps)} gaps; describe them in usecase.yaml, feature_repo/ or "
            "the records of include/contracts/:\n- " + "\n- ".join(gaps)
        )


def directory(spec: UseCase, services: Services) -> Path:
    return services.settings.catalog / spec.name


def states(spec: UseCase, services: Services) -> list[TableState]:
    """The tables of this moment, each at its newest version."""
    lake = services.adapters.lake
    return [lake.describe(spec.name, table) for table in lake.tables(spec.name)]


def _write_sheet(spec: UseCase, services: Services, catalog: Catalog, state: TableState) -> None:
    # the sheet is one file for every role: it shows values that all of them may read
    records = state.table in RECORD_TABLES
    hidden = {c for c in state.columns if records or column_level(spec, state.table, c) != "public"}
    try:
        services.adapters.lake.files(spec.name, state.table, version=state.version)  # proved, before they are read
    except NotFoundError as error:
        raise RewrittenError(f"{state.table} was replaced while it was described") from error
    text = data_sheet.markdown(spec, catalog, state, profile(state, hidden, services.settings.memory_limit))
    home = directory(spec, services)
    write_atomically(home / f"{state.table}.md", text)
    write_atomically(home / f"{state.table}.html", data_sheet.page(f"{spec.name}.{state.table}", text))


def _models(spec: UseCase, services: Services) -> tuple[list[ModelRecord], list[str]]:
    try:
        return [_model(spec, services, version) for version in services.adapters.tracker.versions(spec.name)], []
    except MoebiusError as error:
        return [], [f"models and datasets are missing: {error}"]


def _model(spec: UseCase, services: Services, version: int) -> ModelRecord:
    model = services.adapters.tracker.model(spec.name, version)
    encoding = json.loads(services.adapters.tracker.document(model, "encoding.json"))
    features = [feature["name"] for feature in encoding["features"]]
    return ModelRecord(model=model, features=features, tags=services.adapters.tracker.tags(spec.name, version))


def _answers(spec: UseCase, services: Services, table: RecordTable) -> dict[str, int]:
    """Answers in the table per release."""
    releases = table.rows(spec.name, services.adapters.lake, columns=["release"])["release"].value_counts()
    return {one["values"]: one["counts"] for one in releases.to_pylist()}
