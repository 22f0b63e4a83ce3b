"""Tells the gateway at once what its own checks would notice too late: a process that is gone leaves a model ready."""

import threading

from include.adapters import haproxy
from include.errors import ServiceError
from include.settings import Settings

UP, AVOIDED = "UP", "MAINT"
_ALONE = threading.Lock()
"""Two servers at the same moment must not take each other's last way."""


class Edge:
    """The gateway's view of one server; ``name`` as the gateway knows it. Nothing happens where no gateway runs.

    Operators drain servers (``moebius gateway drain``), which is another state: it is left alone.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings, self.name = settings, name
        self._in_use: set[str] = set()

    def avoid(self, model: str) -> bool:
        """Send requests elsewhere until ``use``; False when no other server answers for the model."""
        self._in_use.discard(model)
        with _ALONE:
            try:
                states = haproxy.states_of(self._settings, model)
                others = [server for server, state in states.items() if state == UP and server != self.name]
                if others and states.get(self.name) == UP:
                    haproxy.set_state_of(self._settings, model, self.name, "maint")
            except ServiceError:
                return False
        return bool(others)

    def use(self, model: str) -> None:
        """It is healthy: a keeper that ended meanwhile may have left it avoided."""
        if model in self._in_use:
            return
        with _ALONE:
            try:
                if haproxy.states_of(self._settings, model).get(self.name) == AVOIDED:
                    haproxy.set_state_of(self._settings, model, self.name, "ready")
            except ServiceError:
                return
        self._in_use.add(model)
