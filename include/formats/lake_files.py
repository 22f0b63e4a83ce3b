"""Which rows of a table are in which of its files: Delta names the files, their footers say which periods they hold.

A period's rows are in the files of its own part while it is fresh, and in those of its month once files are merged.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from include.contracts.period import Period
from include.contracts.tables import FileRows, TableRef
from include.errors import DamagedFileError, NotFoundError
from include.formats import delta_log, proved_parquet


class LakeFiles:
    """The files of a table at a version, in the order in which they are read: by part, then as they were written."""

    def __init__(self, files: Iterable[str], what: str) -> None:
        self._what = what
        self._parts: defaultdict[str, list[str]] = defaultdict(list)
        for file in files:
            self._parts[proved_parquet.part_of(file)].append(file)

    @cached_property
    def files(self) -> list[str]:
        return self._in(sorted(self._parts))

    def _in(self, parts: Iterable[str]) -> list[str]:
        return [file for part in parts for file in sorted(self._parts.get(part, ()), key=_as_written)]

    def may_hold(self, periods: Collection[Period]) -> list[str]:
        """The files that may have rows of these periods; none is read."""
        parts = sorted({part for period in periods for part in (str(period), str(period.month))})
        wanted = {None, *periods}
        return [file for file in self._in(parts) if proved_parquet.only_period(file) in wanted]

    def of(self, periods: Collection[Period] | None = None) -> list[FileRows]:
        """The rows of these periods (None: of all), of files that are proved.

        Raises NotFoundError for files that were deleted, DamagedFileError for one that is not what was written.
        """
        files, wanted = self.files if periods is None else self.may_hold(periods), set(periods or ())
        self._require(files)
        if periods is None:
            for file in files:
                proved_parquet.prove(file)
            return [FileRows(file) for file in files]
        held = {file: set(proved_parquet.held(file)) for file in files}
        return [_rows(file, wanted & there, there) for file, there in held.items() if wanted & there]

    def _require(self, files: Collection[str]) -> None:
        if gone := sum(not Path(file).exists() for file in files):
            raise NotFoundError(
                f"{self._what}: {gone} of its {len(files)} files were vacuumed because no snapshot pinned it; read a "
                "version that a snapshot names"
            )

    def periods(self) -> list[Period]:
        """The periods that it has rows of, sorted."""
        only = {file: proved_parquet.only_period(file) for file in self.files}
        held = [proved_parquet.held(file) for file, period in only.items() if period is None]
        return sorted({*filter(None, only.values()), *(period for there in held for period in there)})

    def by_month(self) -> dict[Period, list[str]]:
        """The files under each month and its periods, in order."""
        months: defaultdict[Period, list[str]] = defaultdict(list)
        for part in sorted(self._parts):
            months[Period(part).month] += self._in([part])
        return dict(sorted(months.items()))

    def pinned(self, period: Period, ref: TableRef) -> FileRows | None:
        """The rows of the period where one file has them and says the content hash that is pinned; else None."""
        for file in self.may_hold([period]):
            there = proved_parquet.held(file) if Path(file).exists() else {}
            if there.get(period) == (ref.rows, ref.content_hash):
                return _rows(file, {period}, there)
        return None


def _as_written(file: str) -> tuple[int, str]:
    return proved_parquet.written_at(file), file


def pinned(
    refs: Mapping[Period, TableRef], table: Path, newest: LakeFiles, at: Callable[[int], LakeFiles]
) -> dict[Period, list[FileRows]]:
    """The rows of each pinned period; ``at`` opens a version. Errors as ``found``."""
    return {period: found(period, ref, table, newest, at) for period, ref in sorted(refs.items())}


def found(
    period: Period, ref: TableRef, table: Path, newest: LakeFiles, at: Callable[[int], LakeFiles]
) -> list[FileRows]:
    """The rows that are pinned: of the newest version, else of the one that is pinned, else of one in between.

    The last has them where their own files went because a merged one had the same rows, and then the period was
    published anew. Raises NotFoundError, DamagedFileError.
    """
    if not ref.rows:
        return []
    there = in_one_file(period, ref, table, newest, at)
    return [there] if there else at(ref.version).of([period])


def in_one_file(
    period: Period, ref: TableRef, table: Path, newest: LakeFiles, at: Callable[[int], LakeFiles]
) -> FileRows | None:
    """The pinned rows where one file has them all; None without one. Errors as ``found``."""
    if there := newest.pinned(period, ref) or at(ref.version).pinned(period, ref):
        return there
    for version in delta_log.before_removals(table, (period, period.month), ref.version):
        with suppress(NotFoundError, DamagedFileError):
            if there := at(version).pinned(period, ref):
                return there
    return None


def together(rows: Iterable[FileRows]) -> list[FileRows]:
    """Each file once, with all the periods that are asked of it."""
    asked: defaultdict[str, set[Period]] = defaultdict(set)
    whole = set()
    for one in rows:
        asked[one.file] |= set(one.periods or ())
        if one.periods is None:
            whole.add(one.file)
    return [
        FileRows(file) if file in whole else _rows(file, periods, proved_parquet.held(file))
        for file, periods in asked.items()
    ]


def _rows(file: str, wanted: Collection[Period], there: Collection[Period]) -> FileRows:
    return FileRows(file, None if len(wanted) == len(there) else tuple(sorted(wanted)))
