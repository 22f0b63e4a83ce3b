"""The metrics server."""

from typing import Protocol

from include.contracts.operations import Alert


class MetricsServer(Protocol):
    """Queries and alerts. Raises ServiceError when the server does not answer, or refuses."""

    def query(self, promql: str) -> list[tuple[dict[str, str], float]]: ...

    def alerts(self, usecase: str) -> list[Alert]:
        """The firing alerts of one use case."""

    async def firing(self) -> list[Alert]:
        """The firing alerts of all use cases."""
