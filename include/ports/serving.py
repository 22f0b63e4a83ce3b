"""The model server as the keeper sees it."""

from typing import Protocol


class ModelControl(Protocol):
    """Raises ServiceError when the server does not answer, or refuses."""

    def beats(self) -> dict[tuple[str, str], float]:
        """The last sign of life (epoch seconds) of each process, by its model and name."""

    def loaded(self) -> set[str]:
        """Models that are ready."""

    def load(self, model: str) -> None:
        """Load a model again."""
