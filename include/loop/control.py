"""Switches the automation of a use case, or one of its alerts, off for a time, and on again."""

from datetime import UTC, datetime
from typing import Literal

from include.contracts.calendar import Span
from include.contracts.controls import Hold
from include.errors import NotFoundError
from include.operations.alerts.platform_alerts import of_platform
from include.operations.alerts.usecase_alerts import of_usecase
from include.services.composition import Services
from include.specification.usecase import UseCase

Operation = Literal["show", "pause", "resume", "silence", "unsilence"]
LONGEST = Span("90 days")


def operate(
    spec: UseCase, services: Services, operation: Operation, alert: str | None, length: str | None, reason: str, by: str
) -> str:
    """Do it; what is switched off afterwards, in words.

    Raises
    ------
    NotFoundError
        there is no such alert, nothing that could be ended, or no length of time was given.
    PeriodError
        the length is none.
    """
    controls = services.controls
    if operation == "pause":
        controls.set_pause(spec, _hold(spec, length, reason, by))
    elif operation == "resume":
        if controls.pause(spec.name) is None:
            raise NotFoundError(f"{spec.name} is not paused: there is nothing to resume")
        controls.set_pause(spec, None)
    elif operation == "silence":
        controls.set_silence(spec, _known(spec, alert), _hold(spec, length, reason, by))
    elif operation == "unsilence":
        if alert not in (silent := controls.silences(spec.name)):
            raise NotFoundError(f"{spec.name}: the alert {alert} is not silent; silent are {sorted(silent)}")
        controls.set_silence(spec, str(alert), None)
    return shown(spec, services)


def shown(spec: UseCase, services: Services) -> str:
    """What is switched off now, in words."""
    pause, silences = services.controls.pause(spec.name), services.controls.silences(spec.name)
    lines = [f"paused by {pause.words}"] if pause else []
    lines += [f"{name} silenced by {hold.words}" for name, hold in sorted(silences.items())]
    return f"{spec.name}: " + ("; ".join(lines) or "nothing is paused or silent")


def _hold(spec: UseCase, length: str | None, reason: str, by: str) -> Hold:
    if not length:
        raise NotFoundError("say how long in `length`, like 2 days: a pause or a silence ends by itself")
    span, now = Span(length), datetime.now(UTC)
    if not 0 < span.hours <= LONGEST.hours:
        raise NotFoundError(f"{span} is no time, or longer than {LONGEST}: give less, and do it again when it is over")
    return Hold(by=by, reason=reason.strip(), since=now, until=span.after(now, spec.calendar.timezone))


def _known(spec: UseCase, alert: str | None) -> str:
    names = sorted({rule.name for rule in (*of_usecase(spec), *of_platform()) if rule.decides})
    if alert not in names:
        raise NotFoundError(f"{spec.name}: the retrain trigger decides on no alert {alert!r}; it does on {names}")
    return str(alert)
