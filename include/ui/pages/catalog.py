"""The catalog in the Airflow UI: search, one page per entry, data sheets. Reads what the DAG ``catalog`` wrote."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from include.catalog import data_sheet, files
from include.catalog.entries import KINDS, Catalog
from include.errors import NotFoundError
from include.settings import load_settings
from include.specification.loader import load_usecase, usecases
from include.specification.usecase import UseCase
from include.ui.access import SIGNED_IN, Reader, http_errors
from include.ui.charts import lineage as lineage_picture
from include.ui.documents import document, framed
from include.ui.language import marked
from include.ui.view import ViewDep

SHOWN = 200
WORDS = {
    "source": marked("source"),
    "source column": marked("source column"),
    "table": marked("table"),
    "column": marked("column"),
    "feature": marked("feature"),
    "feature service": marked("feature service"),
    "dataset": marked("dataset"),
    "model": marked("model"),
    "release": marked("release"),
    "predictions": marked("predictions"),
}
"""Kind of an entry → what it is called."""


def router() -> APIRouter:
    """The catalog's routes; every one asks who is looking."""
    pages = APIRouter(prefix="/catalog", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/")
    def overview(view: ViewDep, q: str = "", kind: str = "") -> HTMLResponse:
        found = [_found(spec, q, kind, view.reader) for spec in usecases()]
        return view.page("catalog.html", q=q, kind=kind, kinds=KINDS, found=found, shown=SHOWN, words=WORDS)

    @pages.get("/{usecase}/sheet/{table}")
    def sheet(view: ViewDep, usecase: str, table: str, alone: bool = False) -> HTMLResponse:
        """The data sheet shows values of public columns, so the reader's role must read the table."""
        with http_errors():
            spec = load_usecase(usecase)
            view.reader.require(spec, table)
            page = _sheet(spec, table, view.reader)
        if alone:
            return document(page, data_sheet.STYLE)
        title = view.text(marked("Data sheet: %(table)s")) % {"table": table}
        entry = f"{view.links.moebius}/catalog/{spec.name}/table/{table}"
        return framed(view, spec, title, [(entry, view.text(marked("The table in the catalog")), False)])

    @pages.get("/{usecase}/{identity:path}")
    def entry(view: ViewDep, usecase: str, identity: str) -> HTMLResponse:
        with http_errors():
            spec = load_usecase(usecase)
            content = _entry(spec, identity, view.reader)
        return view.page("catalog_entry.html", spec, words=WORDS, **content)

    return pages


def _directory(spec: UseCase) -> Path:
    return load_settings().catalog / spec.name


def _sheet(spec: UseCase, table: str, reader: Reader) -> str:
    """Without results of gates for a role that does not read them."""
    if reader.reads(spec, "gate_results"):
        return files.sheet(_directory(spec), table)
    text = files.sheet(_directory(spec), table, "md")
    return data_sheet.page(f"{spec.name}.{table}", data_sheet.without_gates(text))


def _found(spec: UseCase, text: str, kind: str, reader: Reader) -> dict[str, Any]:
    """What a search finds in one use case; without words and kind everything but the columns."""
    try:
        catalog = _read(spec, reader)
    except NotFoundError as error:
        return {"spec": spec, "catalog": None, "missing": str(error), "entries": []}
    entries = catalog.search(text, kind)
    if not text and not kind:
        entries = [e for e in entries if e.kind != "column"]
    return {"spec": spec, "catalog": catalog, "entries": entries}


def _read(spec: UseCase, reader: Reader) -> Catalog:
    """The catalog; without results of gates for a role that does not read them."""
    catalog = files.read(_directory(spec))
    if reader.reads(spec, "gate_results"):
        return catalog
    return catalog.model_copy(update={"entries": [e.model_copy(update={"gates": []}) for e in catalog.entries]})


def _entry(spec: UseCase, identity: str, reader: Reader) -> dict[str, Any]:
    catalog = _read(spec, reader)
    entry, near = catalog.entry(identity), catalog.lineage(identity)
    return {
        "catalog": catalog,
        "entry": entry,
        "columns": catalog.columns(identity),
        "picture": lineage_picture.draw(near, identity),
        "size": {"width": lineage_picture.WIDTH, "height": lineage_picture.HEIGHT},
        "upstream": _named(catalog, [s.id for s in catalog.upstream(identity)]),
        "downstream": _named(catalog, [s.id for s in catalog.downstream(identity)]),
        "origins": {c.id: [s.id for s in catalog.upstream(c.id) if s.distance == 1] for c in catalog.columns(identity)},
        "inputs": [e.source for e in catalog.edges if e.target == identity and e.source.startswith("feature/")],
    }


def _named(catalog: Catalog, identities: list[str]) -> dict[str, list[str]]:
    """Kind → ids, in the order of the loop."""
    kinds = {e.id: lineage_picture.kind(e) for e in catalog.entries}
    order = dict.fromkeys([KINDS[0], "source column", *KINDS])
    return {kind: matching for kind in order if (matching := [i for i in identities if kinds[i] == kind])}
