"""Sums of what the attempts of tasks took, made in columns: a year of attempts is a few hundred sums."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from include.contracts.costs import TaskCost
from include.contracts.period import Every, Period
from include.operations.overview.spending import GIGABYTE, Spent, of_task

KEY = ("run", "task", "map_index", "attempt")
"""What tells an attempt, as ``TaskCost.key``."""
DAYS = 62
"""Work of more days than these is shown by month."""
NEWEST = timedelta(days=7)
"""What was taken to the lake may lie in the spool for so long, if whoever took it was killed."""
BY = ("at", "family", "task", "release", "version")
SUMS = [
    ("seconds", "sum"), ("cpu_seconds", "sum"), ("gpu_seconds", "sum"), ("gb_seconds", "sum"), ("peak_bytes", "max"),
    ("run", "count"), ("failed", "sum"), ("failed_cpu_seconds", "sum"), ("ended_at", "min"), ("ended_at", "max"),
]  # fmt: skip
"""The fields of ``Spent`` in their order, then the ends of the first and the last attempt."""
DEFAULTS = {name: field.default for name, field in TaskCost.model_fields.items() if not field.is_required()}
Named = tuple[str, int | None]
"""Release and model version that a task names, '' and None without one."""


class TaskSum(NamedTuple):
    """Attempts of a task in a day or month, of runs that name the same release or version."""

    at: str
    family: str
    task: str
    release: str
    version: int | None
    since: datetime
    until: datetime
    spent: Spent


class TaskSums(NamedTuple):
    """``every`` is what they are summed by, ``named`` what each run names, ``newest`` the keys of newest attempts."""

    sums: tuple[TaskSum, ...] = ()
    every: Every = "day"
    named: Mapping[tuple[str, str], Named] = {}
    newest: frozenset[tuple[Any, ...]] = frozenset()

    def plus(self, costs: Iterable[TaskCost]) -> list[TaskSum]:
        """These, and those of the attempts that are not among them."""
        fresh = {cost.key: cost for cost in costs if cost.key not in self.newest}.values()
        named = {**self.named, **_named((c.family, c.run, c.release, c.version) for c in fresh)}
        return [*self.sums, *(_of(cost, self.every, named.get((cost.family, cost.run), ("", None))) for cost in fresh)]


def summed(rows: pa.Table) -> TaskSums:
    """Of attempts by their end: one that was kept twice counts once."""
    if not rows.num_rows:
        return TaskSums()
    rows = _once(_filled(rows))
    first, last = (limit.as_py() for limit in pc.min_max(rows["ended_at"]).values())
    every: Every = "month" if (last.date() - first.date()).days >= DAYS else "day"
    tells = pc.or_(pc.is_valid(rows["version"]), pc.not_equal(rows["release"], ""))
    told = rows.filter(tells).select(["family", "run", "release", "version"])
    named = _named(zip(*(column.to_pylist() for column in told.columns), strict=True))
    newest = rows.filter(pc.greater_equal(rows["ended_at"], pa.scalar(last - NEWEST, rows["ended_at"].type)))
    keys = frozenset(zip(*(newest[name].to_pylist() for name in KEY), strict=True))
    return TaskSums(tuple(_grouped(rows, every, named)), every, named, keys)


def release_of(one: TaskSum, of_version: Mapping[int, str]) -> str:
    """The release that the runs name, themselves or by their model version; '' without either."""
    if one.release or one.version is None:
        return one.release
    return of_version.get(one.version, f"v{one.version}")


def of_versions(
    sums: Sequence[TaskSum], of_version: Mapping[int, str], proof_of: Mapping[int, int]
) -> dict[str, dict[str, Spent]]:
    """Model version that was trained, with its refit and its release → DAG family → what it took, the newest first.

    ``proof_of``: version → the one that it is the refit of.
    """
    of_version = {**{o.version: o.release for o in sums if o.version is not None and o.release}, **of_version}
    version_of = {release: version for version, release in of_version.items()}
    found: defaultdict[int, dict[str, Spent]] = defaultdict(dict)
    for one in sums:
        version = version_of.get(one.release) if one.release else one.version
        if version is not None:
            families = found[proof_of.get(version, version)]
            families[one.family] = families.get(one.family, Spent()).plus(one.spent)
    refit_of = {proof: version for version, proof in proof_of.items()}
    names = {root: _names(of_version, root, refit_of.get(root)) for root in found}
    return {names[root]: found[root] for root in sorted(found, reverse=True)}


def _names(of_version: Mapping[int, str], *versions: int | None) -> str:
    known = [version for version in versions if version is not None]
    return ", ".join(word for version in known for word in (f"v{version}", of_version.get(version)) if word)


def by_time(sums: Sequence[TaskSum], families: Sequence[str], others: str) -> list[tuple[str, str, Spent]]:
    """(day or month, family, spent), by time; families that are not named are ``others``, together."""
    found: dict[tuple[str, str], Spent] = {}
    for one in sums:
        key = (one.at, one.family if one.family in families else others)
        found[key] = found.get(key, Spent()).plus(one.spent)
    order = [*families, others]
    return [(*key, found[key]) for key in sorted(found, key=lambda key: (key[0], order.index(key[1])))]


def _of(cost: TaskCost, every: Every, named: Named) -> TaskSum:
    at, ended = str(Period.named(cost.ended_at.date(), every)), cost.ended_at
    return TaskSum(at, cost.family, cost.task, *named, ended, ended, of_task(cost))


def _named(rows: Iterable[tuple[str, str, str, int | None]]) -> dict[tuple[str, str], Named]:
    """(family, run) → what its last task names that names something."""
    known = (row for row in rows if row[2] or row[3] is not None)
    return {(family, run): (release, version) for family, run, release, version in known}


def _filled(rows: pa.Table) -> pa.Table:
    """A field that is younger than the table, or than the row, has its default."""
    for name, default in DEFAULTS.items():
        kind = pa.string() if isinstance(default, str) else pa.float64() if isinstance(default, float) else pa.int64()
        column = rows[name] if name in rows.column_names else pa.nulls(rows.num_rows, kind)
        column = column if default is None else pc.fill_null(column, pa.scalar(default, kind))
        place = rows.schema.get_field_index(name)
        rows = rows.append_column(name, column) if place < 0 else rows.set_column(place, name, column)
    return rows


def _once(rows: pa.Table) -> pa.Table:
    rest = [name for name in rows.column_names if name not in KEY]
    last = rows.group_by(list(KEY), use_threads=False).aggregate([(name, "last") for name in rest])
    rows = last.rename_columns([name.removesuffix("_last") for name in last.column_names])
    return rows.sort_by("ended_at")


def _periods(times: pa.ChunkedArray, every: Every) -> pa.ChunkedArray:
    """The day or month (UTC) of each."""
    dates = times.cast(pa.date32())
    known = pc.unique(dates)
    return pa.array([str(Period.named(day, every)) for day in known.to_pylist()]).take(pc.index_in(dates, known))


def _grouped(rows: pa.Table, every: Every, named: Mapping[tuple[str, str], Named]) -> list[TaskSum]:
    failed = pc.equal(rows["outcome"], "failed")
    runs = pc.binary_join_element_wise(rows["family"], rows["run"], "\n")
    place = pc.index_in(runs, value_set=pa.array(["\n".join(run) for run in named], pa.string()))
    columns = {
        "at": _periods(rows["ended_at"], every),
        "release": pa.array([release for release, _ in named.values()], pa.string()).take(place),
        "version": pa.array([version for _, version in named.values()], pa.int64()).take(place),
        "gb_seconds": pc.divide(pc.multiply(rows["seconds"], pc.cast(rows["peak_bytes"], pa.float64())), GIGABYTE),
        "failed": pc.cast(failed, pa.int64()),
        "failed_cpu_seconds": pc.if_else(failed, rows["cpu_seconds"], 0.0),
    }
    kept = {name: rows[name] for name in rows.column_names if name not in columns}
    found = pa.table({**kept, **columns}).group_by(list(BY)).aggregate(SUMS)
    names = [*BY, *(f"{name}_{how}" for name, how in SUMS)]
    sums = zip(*(found[name].to_pylist() for name in names), strict=True)
    return [
        TaskSum(at, family, task, release or "", version, since, until, Spent(*spent))
        for at, family, task, release, version, *spent, since, until in sums
    ]
