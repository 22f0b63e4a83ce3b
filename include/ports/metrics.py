"""The metrics server."""

from datetime import datetime
from typing import Protocol

from include.contracts.operations import Alert, FiredAlert, FiringAlert


class MetricsServer(Protocol):
    """Queries and alerts. Raises ServiceError when the server does not answer, or refuses."""

    def query(self, promql: str, seconds: float | None = None) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each sample; waits so many seconds, without them as long as the adapter does."""

    def rules(self) -> int:
        """How many alert rules it evaluates."""

    def series(
        self, promql: str, start: datetime, end: datetime, step: float, patience: float
    ) -> list[tuple[dict[str, str], list[tuple[datetime, float]]]]:
        """Labels and samples, ``step`` seconds apart, of each series; ``patience``: seconds to wait for them."""

    def alerts(self, usecase: str) -> list[Alert]:
        """The firing alerts on one use case that the retrain trigger decides on, those of the platform among them."""

    def all_firing(self, seconds: float) -> list[FiringAlert]:
        """Every alert of every use case and of the platform that fires now, by use case and name; waits so long."""

    def fired(self, usecase: str, since: datetime, until: datetime) -> list[FiredAlert]:
        """Every alert on the use case ('': on the platform) that fired in this time, oldest first."""

    async def firing(self) -> list[Alert]:
        """The firing alerts that the retrain trigger decides on; those of the platform have the use case ''."""
