"""``python -m include.commands.catalog``: the catalog on the command line.

search <words>      entries by name, meaning, owner, privacy class
show <id>           one entry with its columns, versions, gates
lineage <id>        what it was made from and what it feeds
sheet <table>       the data sheet, Markdown
write               make catalog and data sheets now, from the records
"""

import argparse
import sys

from include.catalog import files
from include.catalog.entries import Catalog, Entry, Step
from include.errors import MoebiusError
from include.loop import catalog as catalogue
from include.services.composition import Services, services
from include.specification.loader import load_usecase, usecase_names
from include.specification.usecase import UseCase


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m include.commands.catalog", description="Search and read the catalog.")
    parser.add_argument("verb", choices=["search", "show", "lineage", "sheet", "write"])
    parser.add_argument("what", nargs="*", help="words to search, an id like table/events/tailnum, or a table")
    parser.add_argument("--usecase", choices=usecase_names(), required=True)
    asked = parser.parse_args(arguments)
    try:
        print(answer(load_usecase(asked.usecase), services(), asked.verb, " ".join(asked.what)))
    except MoebiusError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def answer(spec: UseCase, from_: Services, verb: str, what: str) -> str:
    """What a verb prints; raises NotFoundError when there is no catalog, or no such entry."""
    if verb == "write":
        made = catalogue.write(spec, from_)
        return f"{catalogue.directory(spec, from_)}: {made.counts}"
    if verb == "sheet":
        return files.sheet(catalogue.directory(spec, from_), what, "md")
    known = catalogue.read(spec, from_)
    if verb == "search":
        return "\n".join(map(_line, known.search(what))) or f"nothing in the catalog has {what!r}"
    return _entry(known, known.entry(what)) if verb == "show" else _lineage(known, known.entry(what))


def _line(entry: Entry) -> str:
    return f"{entry.id:44} {entry.kind:16} {entry.owner:12} {entry.privacy:9} {entry.meaning}"


def _entry(catalog: Catalog, entry: Entry) -> str:
    lines = [_line(entry), *(f"  {name}: {value}" for name, value in entry.facts.items())]
    lines += [f"  {_line(column)}" for column in catalog.columns(entry.id)]
    lines += [f"  version {v.name} {v.at} {v.detail}" for v in entry.versions]
    lines += [
        f"  gate {g.gate} {g.period}: {'passed' if g.passed else 'refused'} {'; '.join(g.failures)}"
        for g in entry.gates
    ]
    return "\n".join(lines)


def _lineage(catalog: Catalog, entry: Entry) -> str:
    made, feeds = catalog.upstream(entry.id), catalog.downstream(entry.id)
    return "\n".join([entry.id, "made from:", *map(_step, made), "feeds:", *map(_step, feeds)])


def _step(step: Step) -> str:
    return f"{'  ' * step.distance}{step.id}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
