"""Compares the rows that the speed layer pushed for a period with the rows of the batch."""

from include.contracts.period import Period
from include.contracts.streaming import Reconciliation
from include.data import versioning
from include.formats.exact_frames import exact_frame
from include.ports.streaming import EventStream
from include.records.registry import RECONCILIATION
from include.services.composition import Services
from include.specification.usecase import UseCase
from include.streaming import reconciliation


def reconcile_all(spec: UseCase, services: Services, *periods: Period) -> list[list[Reconciliation]]:
    """``reconcile`` of each period; raises NotFoundError before the first of them when one is not published."""
    versioning.require_published(periods, services.records.snapshots(spec))
    return [reconcile(spec, services, period) for period in periods]


def reconcile(spec: UseCase, services: Services, period: Period) -> list[Reconciliation]:
    """Compare every stream's view, record the results, and let go of rows that are long reconciled.

    A view whose pushed rows of the period are gone is left out, and said so: its earlier result stays the newest.
    Raises NotFoundError when the period is not published.
    """
    streams = {view: services.adapters.event_stream(spec, view) for view in spec.streams}
    compared = [_compared(spec, services, view, period, stream) for view, stream in streams.items()]
    reconciliations = [result for result in compared if result]
    reconciliation.record(spec, period, reconciliations, services.adapters.lake)
    for stream in streams.values():
        stream.forget(before=reconciliation.oldest_kept(period, spec.calendar))
    return reconciliations


def _compared(
    spec: UseCase, services: Services, view: str, period: Period, stream: EventStream
) -> Reconciliation | None:
    """None when the stream no longer has what was pushed."""
    snapshots, lake = services.records.snapshots(spec), services.adapters.lake
    batch = exact_frame(versioning.read(versioning.snapshot(period, snapshots), view, lake))
    newest = max(RECONCILIATION.periods(spec.name, lake), default=None)
    if reconciliation.expired(period, newest, spec.calendar):
        _say_unsupported(view, period, f"they were forgotten when {newest} was reconciled")
        return None
    result = reconciliation.reconcile(spec, view, period, batch, stream)
    earlier = services.records.reconciliations(spec, periods=[period], view=view)
    if earlier and reconciliation.lost(result, earlier[-1]):
        _say_unsupported(view, period, f"the stream lost the {reconciliation.pushed(earlier[-1])} that it had")
        return None
    return result


def _say_unsupported(view: str, period: Period, why: str) -> None:
    print(f"{view} {period} cannot be reconciled: no rows that were pushed are left, {why}; the earlier result stays")
