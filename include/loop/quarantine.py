"""Decisions on the rows that a gate holds."""

import logging

from include.contracts.period import Period
from include.data import quarantine
from include.services.composition import Services
from include.specification.usecase import UseCase

log = logging.getLogger(__name__)


def decide(
    spec: UseCase,
    services: Services,
    period: Period,
    gate: str,
    table: str,
    action: quarantine.Action,
    by: str,
    reason: str,
) -> dict[str, int]:
    """Record the decision, with who took it and why; rows per table. Raises NotFoundError when nothing is held."""
    decided = quarantine.decide(spec, period, gate, table, action, by, reason, services.adapters.lake)
    log.info("%s %s, %s gate: %s %s by %s: %s", spec.name, period, gate, action, decided, by, reason)
    return decided
