"""Decisions on the rows that a gate holds."""

import logging
from collections.abc import Sequence

from include.contracts.period import Period, periods_text
from include.data import quarantine
from include.services.composition import Services
from include.specification.usecase import UseCase

log = logging.getLogger(__name__)


def decide(
    spec: UseCase,
    services: Services,
    periods: Sequence[Period],
    gate: str,
    table: str,
    action: quarantine.Action,
    by: str,
    reason: str,
) -> dict[str, int]:
    """Record the decision, with who took it and why; rows per table. Raises NotFoundError when nothing is held."""
    decided = quarantine.decide(spec, periods, gate, table, action, by, reason, services.adapters.lake)
    log.info("%s %s, %s gate: %s %s by %s: %s", spec.name, periods_text(periods), gate, action, decided, by, reason)
    return decided
