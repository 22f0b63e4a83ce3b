"""Compares the rows that the speed layer pushed in a month with the rows of the batch."""

from include.contracts.period import Period
from include.contracts.streaming import Reconciliation
from include.data import versioning
from include.ports.streaming import EventStream
from include.services.composition import Services
from include.specification.usecase import UseCase
from include.streaming import reconciliation


def reconcile(spec: UseCase, services: Services, period: Period) -> list[Reconciliation]:
    """Compare every stream's view, record the result, and let go of rows that are long reconciled.

    Raises NotFoundError when the month is not published.
    """
    streams = {view: services.adapters.event_stream(spec, view) for view in spec.streams}
    reconciliations = [_compared(spec, services, view, period, stream) for view, stream in streams.items()]
    reconciliation.record(spec, period, reconciliations, services.adapters.lake)
    for stream in streams.values():
        stream.forget(before=period.shift(-reconciliation.KEEP_MONTHS))
    return reconciliations


def _compared(spec: UseCase, services: Services, view: str, period: Period, stream: EventStream) -> Reconciliation:
    snapshots, lake = services.records.snapshots(spec), services.adapters.lake
    batch = versioning.read(versioning.snapshot(period, snapshots), view, lake).to_pandas()
    previous = snapshots.current(period.shift(-1))
    before = versioning.read(previous, view, lake).to_pandas() if previous else None
    return reconciliation.reconcile(spec, view, period, batch, before, stream)
