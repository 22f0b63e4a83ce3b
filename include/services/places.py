"""Where a use case keeps its files below the state root."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from include.settings import Settings
from include.specification.usecase import UseCase


@dataclass(frozen=True)
class Places:
    """Paths, made from the settings."""

    settings: Settings

    def landing(self, spec: UseCase) -> Path:
        return self.settings.landing / spec.name

    def staging(self, spec: UseCase, run: str) -> Path:
        return self.settings.staging / spec.name / run

    @contextmanager
    def aside(self) -> Iterator[Path]:
        """A directory on the state root's disk, so that what is complete can be renamed into place; it goes then."""
        self.settings.staging.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".aside-", dir=self.settings.staging) as directory:
            yield Path(directory)

    def quarantine(self, spec: UseCase) -> Path:
        return self.settings.home / "quarantine" / spec.name

    def privacy_state(self, spec: UseCase) -> Path:
        """Where the model server reads which key is in use."""
        return self.settings.home / "privacy" / spec.name

    def datasets(self, spec: UseCase) -> Path:
        return self.settings.datasets / spec.name

    def spool(self, spec: UseCase) -> Path:
        return self.settings.prediction_spool / spec.name
