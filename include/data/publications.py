"""What was published of each period: the snapshot in force, since when, how often it changed, who announced it."""

from collections.abc import Iterable, Iterator

from include.contracts.period import Period
from include.contracts.record import Moment, Record
from include.data.manifests import Snapshots


class Publication(Record):
    """The snapshot in force of a period; ``rows`` by table, ``times`` how many snapshots it has had.

    ``run`` is the run that announced it, after it had loaded the online store; '' before that.
    """

    period: Period
    name: str
    rows: dict[str, int]
    at: Moment | None = None
    why: str = ""
    by: str = ""
    times: int = 0
    run: str = ""


def publications(snapshots: Snapshots, periods: Iterable[Period]) -> list[Publication]:
    """Of those of the periods that are published, in their order."""
    return list(_each(snapshots, periods))


def _each(snapshots: Snapshots, periods: Iterable[Period]) -> Iterator[Publication]:
    for period in periods:
        if (snapshot := snapshots.current(period)) is None:
            continue
        turns, told = snapshots.turns(period), snapshots.announced(period)
        last = turns[-1] if turns else None
        yield Publication(
            period=period, name=snapshot.name, rows={name: ref.rows for name, ref in snapshot.tables.items()},
            at=last and last.at, why=last.why if last else "", by=last.by if last else "", times=len(turns),
            run=told.run if told and told.name == snapshot.name else "",  # an erasure since then loaded it itself
        )  # fmt: skip
