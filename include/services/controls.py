"""Pauses and silences of a use case: what people switched off for a time, and when it is in force."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from include.contracts.controls import Controls, Hold
from include.contracts.operations import Alert
from include.ports.state import ABSENT, StateStore
from include.specification.usecase import UseCase


class HasState(Protocol):
    """What is needed of the adapters."""

    @property
    def state(self) -> StateStore: ...


class ControlState:
    """Reads and changes what is switched off; a hold whose time is over is none."""

    def __init__(self, adapters: HasState) -> None:
        self._adapters = adapters

    def pause(self, usecase: str, now: datetime | None = None) -> Hold | None:
        """The pause that is in force."""
        hold = self._read(usecase)[0].pause
        return hold if hold and _holds(hold, now) else None

    def silences(self, usecase: str, now: datetime | None = None) -> dict[str, Hold]:
        """Name of an alert → the silence that is in force."""
        return {name: hold for name, hold in self._read(usecase)[0].silences.items() if _holds(hold, now)}

    def audible(self, usecase: str, alerts: Sequence[Alert]) -> list[Alert]:
        """The alerts without those that are silent now."""
        silent = self.silences(usecase) if alerts else {}
        return [alert for alert in alerts if alert.name not in silent]

    def set_pause(self, spec: UseCase, hold: Hold | None) -> None:
        """Begin a pause, replace it, or (None) end it; raises ConflictError when somebody else changes it meanwhile."""
        known, version = self._read(spec.name)
        self._write(spec.name, known.model_copy(update={"pause": hold}), version)

    def set_silence(self, spec: UseCase, alert: str, hold: Hold | None) -> None:
        """The same for the silence of an alert; what is over is forgotten."""
        known, version = self._read(spec.name)
        others = {name: one for name, one in known.silences.items() if name != alert and _holds(one)}
        silences = others | ({alert: hold} if hold else {})
        self._write(spec.name, known.model_copy(update={"silences": silences}), version)

    def _read(self, usecase: str) -> tuple[Controls, str]:
        place = _key(usecase)
        value = self._adapters.state.get(place)
        if value is None:
            return Controls(), ABSENT
        return Controls.read_back(value.text, f"{self._adapters.state}/{place}"), value.version

    def _write(self, usecase: str, controls: Controls, version: str) -> None:
        self._adapters.state.put(_key(usecase), controls.model_dump_json(indent=1), version)


def _key(usecase: str) -> str:
    return f"controls/{usecase}.json"


def _holds(hold: Hold, now: datetime | None = None) -> bool:
    return hold.since <= (now or datetime.now(UTC)) < hold.until
