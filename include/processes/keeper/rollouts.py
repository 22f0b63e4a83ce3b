"""Ends rollouts that nobody watches, whatever became of Airflow and its tasks."""

import logging
from pathlib import Path

from include.deployment import rollout
from include.errors import MoebiusError
from include.processes.keeper.watch import Watch
from include.services import small_state
from include.settings import Settings

log = logging.getLogger("keeper")
EVERY_SECONDS = 5.0


class Rollouts:
    """The rollout states of this state root."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._state = settings, small_state.state(settings)

    def look(self) -> None:
        """End what lapsed; what fails is logged and tried again in the next round."""
        for usecase in self._usecases():
            try:
                self._look_at(usecase)
            except (MoebiusError, ValueError, OSError) as error:  # one state that cannot be read stops no other
                log.error("rollout of %s: %s: %s", usecase, type(error).__name__, error)

    def _usecases(self) -> list[str]:
        files: list[Path] = sorted(self._settings.releases.glob("*/rollout.json"))
        return [file.parent.name for file in files]

    def _look_at(self, usecase: str) -> None:
        state = rollout.read(self._state, usecase)
        if state is None or state.challenger is None or not state.lapsed:
            return
        # imported now, and seldom: the lake's library is larger than the rest of this process
        from include.loop.rollout import end_lapsed
        from include.services.composition import Services
        from include.specification.loader import load_usecase

        if done := end_lapsed(load_usecase(usecase), Services(self._settings)):
            log.error("%s", done)


def watch(settings: Settings) -> Watch:
    """Of the rollouts of all use cases."""
    return Watch("rollouts", Rollouts(settings).look, EVERY_SECONDS)
