"""``moebius catalog``; see docs/guides/catalog.md."""

from typing import TYPE_CHECKING, Annotated

import typer

from include.formats.plain_text import visible

if TYPE_CHECKING:
    from include.catalog.entries import Catalog, Entry, Step
    from include.services.composition import Services
    from include.specification.usecase import UseCase

app = typer.Typer(no_args_is_help=True, help="Search and read the catalog of tables, columns, features and models.")
UseCaseName = Annotated[str, typer.Option("--usecase", help="the use case")]
EntryId = Annotated[str, typer.Argument(metavar="ID", help="an entry, like table/events or table/events/tailnum")]


@app.command()
def search(words: Annotated[list[str], typer.Argument(help="words to find")], usecase: UseCaseName) -> None:
    """List the entries whose name, meaning, owner or privacy class has these words."""
    _print(usecase, "search", " ".join(words))


@app.command()
def show(entry: EntryId, usecase: UseCaseName) -> None:
    """Show one entry with its columns, versions and gate results."""
    _print(usecase, "show", entry)


@app.command()
def lineage(entry: EntryId, usecase: UseCaseName) -> None:
    """Show what an entry was made from and what is made from it."""
    _print(usecase, "lineage", entry)


@app.command()
def sheet(table: Annotated[str, typer.Argument(help="a table, like events")], usecase: UseCaseName) -> None:
    """Print the data sheet of a table as Markdown."""
    _print(usecase, "sheet", table)


@app.command()
def write(usecase: UseCaseName) -> None:
    """Make the catalog and the data sheets now, from the records."""
    _print(usecase, "write", "")


def _print(usecase: str, verb: str, what: str) -> None:
    from include.governance.audited import looked_at
    from include.services.command_events import by_command
    from include.services.composition import services
    from include.specification.loader import load_usecase

    here = services()
    event = by_command("access", f"catalog_{verb}", usecase=usecase, what=what)
    with looked_at(here.adapters.audit, event):
        text = answer(load_usecase(usecase), here, verb, what)
    print(visible(text))


def answer(spec: "UseCase", from_: "Services", verb: str, what: str) -> str:
    """What a verb prints; raises NotFoundError when there is no catalog, or no such entry."""
    from include.catalog import files
    from include.loop import catalog as catalogue

    if verb == "write":
        made = catalogue.write(spec, from_)
        return f"{catalogue.directory(spec, from_)}: {made.counts}"
    if verb == "sheet":
        return files.sheet(catalogue.directory(spec, from_), what, "md")
    known = catalogue.read(spec, from_)
    if verb == "search":
        return "\n".join(map(_line, known.search(what))) or f"nothing in the catalog has {what!r}"
    return _entry(known, known.entry(what)) if verb == "show" else _lineage(known, known.entry(what))


def _line(entry: "Entry") -> str:
    return f"{entry.id:44} {entry.kind:16} {entry.owner:12} {entry.privacy:9} {entry.meaning}"


def _entry(catalog: "Catalog", entry: "Entry") -> str:
    lines = [_line(entry), *(f"  {name}: {value}" for name, value in entry.facts.items())]
    lines += [f"  {_line(column)}" for column in catalog.columns(entry.id)]
    lines += [f"  version {v.name} {v.at.isoformat() if v.at else ''} {v.detail}" for v in entry.versions]
    lines += [
        f"  gate {g.gate} {g.period}: {'passed' if g.passed else 'refused'} {'; '.join(g.failures)}"
        for g in entry.gates
    ]
    return "\n".join(lines)


def _lineage(catalog: "Catalog", entry: "Entry") -> str:
    made, feeds = catalog.upstream(entry.id), catalog.downstream(entry.id)
    return "\n".join([entry.id, "made from:", *map(_step, made), "feeds:", *map(_step, feeds)])


def _step(step: "Step") -> str:
    return f"{'  ' * step.distance}{step.id}"
