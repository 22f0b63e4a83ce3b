"""Where the written catalog is and how it is read; imports nothing heavy, so pages and tasks can afford it."""

from functools import lru_cache
from pathlib import Path

from include.catalog.entries import Catalog
from include.errors import DamagedStateError, NotFoundError
from include.formats import state_file

FILE = "catalog.json"


def read(directory: Path) -> Catalog:
    """The catalog of the use case whose ``directory`` it is; raises NotFoundError before, DamagedStateError."""
    if not state_file.exists(directory / FILE):
        name = directory.name
        raise NotFoundError(f"{name} has no catalog yet: run {name}.catalog, or publish a period")
    stamp = state_file.stamp((directory / FILE).stat()) if (directory / FILE).is_file() else ""
    try:
        return _written(directory / FILE, stamp)
    except DamagedStateError as error:
        raise DamagedStateError(f"{error}; or run {directory.name}.catalog, which writes it again") from None


@lru_cache(maxsize=64)
def _written(file: Path, stamp: str) -> Catalog:
    """``stamp``: a file that was written anew is read anew."""
    return Catalog.read_back(state_file.read(file), file)


def sheet(directory: Path, table: str, kind: str = "html") -> str:
    """The data sheet of a table, ``html`` or ``md``; raises NotFoundError, naming those that there are."""
    known = {file.stem: file for file in directory.glob(f"*.{kind}")}
    if table not in known:
        raise NotFoundError(f"{directory.name} has no data sheet of {table!r}; there are {sorted(known)}")
    return known[table].read_text()
