"""What the speed layer pushed in a month, against the batch that corrects it."""

from include.contracts.period import Period
from include.contracts.streaming import Reconciliation
from include.services.composition import Services
from include.specification.usecase import UseCase
from include.streaming import reconciliation


def reconcile(spec: UseCase, services: Services, period: Period) -> list[Reconciliation]:
    """Compare every stream's view, record the result, and let go of rows that are long reconciled."""
    streams = {view: services.adapters.event_stream(spec, view) for view in spec.streams}
    snapshots = services.records.snapshots(spec)
    found = [
        reconciliation.reconcile(spec, v, period, snapshots, s, services.adapters.lake) for v, s in streams.items()
    ]
    reconciliation.record(spec, period, found, services.adapters.lake)
    for stream in streams.values():
        stream.forget(before=period.shift(-reconciliation.KEEP_MONTHS))
    return found
