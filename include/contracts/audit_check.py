"""What the last verification of the audit log found."""

from include.contracts.record import Moment, Record


class AuditCheck(Record):
    """``faults`` name what was altered; ``counts`` say how much was verified; ``run`` of ``usecase.audit`` did it.

    ``at`` is when it began: what was written later was not verified.
    """

    at: Moment
    faults: list[str]
    notes: list[str] = []
    counts: dict[str, int] = {}
    usecase: str = ""
    run: str = ""
