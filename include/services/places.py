"""Where a use case keeps its files below the state root."""

from dataclasses import dataclass
from pathlib import Path

from include.settings import Settings
from include.specification.usecase import UseCase


@dataclass(frozen=True)
class Places:
    """Paths, made from the settings; nothing is read or written."""

    settings: Settings

    def landing(self, spec: UseCase) -> Path:
        return self.settings.landing / spec.name

    def staging(self, spec: UseCase, run: str) -> Path:
        return self.settings.staging / spec.name / run

    def quarantine(self, spec: UseCase) -> Path:
        return self.settings.home / "quarantine" / spec.name

    def privacy_state(self, spec: UseCase) -> Path:
        """Where the model server reads which key is in use."""
        return self.settings.home / "privacy" / spec.name

    def datasets(self, spec: UseCase) -> Path:
        return self.settings.datasets / spec.name

    def spool(self, spec: UseCase) -> Path:
        return self.settings.prediction_spool / spec.name
