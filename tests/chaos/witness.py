"""Who noticed a fault, and when: events of the platform, and alerts of Prometheus."""

import time
from collections.abc import Collection
from dataclasses import dataclass, field

from include.adapters.metrics_server import Prometheus
from include.errors import ServiceError
from tests.chaos.world import World

ABOUT = {
    "MoebiusModelServerDown": "triton",
    "MoebiusExporterDown": "exporter",
    "MoebiusConsumerDown": "consumer",
    "MoebiusGatewayDown": "gateway",
    "MoebiusKeeperSilent": "keeper",
}
"""Alerts that name no service in a label, and the one that each is about."""


@dataclass(frozen=True)
class Sighting:
    """``at``: of ``time.monotonic``."""

    by: str
    service: str
    at: float


@dataclass
class Witness:
    """Looks at everything that tells people, from the moment that it is made."""

    world: World
    sightings: list[Sighting] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._known, self._before = self.world.events(), self._firing()

    def look(self) -> None:
        """Remember what is new."""
        for event in self.world.events():
            if event not in self._known:
                self._saw(f"event {event.what}", event.service)
        for name, service in self._firing() - self._before:
            self._saw(name, service)

    def _saw(self, by: str, service: str) -> None:
        if not any((one.by, one.service) == (by, service) for one in self.sightings):
            self.sightings.append(Sighting(by, service, time.monotonic()))

    def _firing(self) -> set[tuple[str, str]]:
        """Alerts and the service that each names, where it names one."""
        try:
            samples = Prometheus(self.world.settings.prometheus_url, 2.0).query('ALERTS{alertstate="firing"}')
        except ServiceError:  # Prometheus is the victim, or starts
            return set()
        return {
            (labels["alertname"], labels.get("service") or ABOUT.get(labels["alertname"], "")) for labels, _ in samples
        }

    def of(self, services: Collection[str]) -> list[Sighting]:
        """What was said of these services; of anything, when none is named. Oldest first."""
        return sorted((one for one in self.sightings if one.service in services or not services), key=lambda s: s.at)
