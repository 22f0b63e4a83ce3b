"""Tells the gateway at once what its own checks would notice too late: a process that is gone leaves a model ready."""

import threading

from include.adapters import haproxy
from include.errors import ServiceError
from include.settings import Settings

_ALONE = threading.Lock()
"""Two servers at the same moment must not take each other's last way."""


class Edge:
    """The gateway's view of one server; ``name`` as the gateway knows it. Nothing happens where no gateway runs."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings, self.name = settings, name

    def avoid(self, model: str) -> bool:
        """Send requests elsewhere until the gateway's checks pass again; False when there is no other server."""
        with _ALONE:
            try:
                others = haproxy.usable(self._settings, model) - {self.name}
                if others:
                    haproxy.mark_down(self._settings, model, self.name)
            except ServiceError:
                return False
        return bool(others)
