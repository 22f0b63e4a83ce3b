"""Archives of retired releases."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from include.contracts.retirement import Archive, DeletedFile


class ArchiveStore(Protocol):
    """One file for each retired release, and beside it what is in it."""

    def pack(self, about: Archive, directory: Path, documents: Mapping[str, bytes]) -> Archive:
        """Keep every file of the directory, and the documents by their path; an archive that is there stays as it is.

        Raises DamagedFileError when what was written cannot be read back as it was.
        """

    def all(self, usecase: str) -> list[Archive]:
        """Oldest release first."""

    def verify(self, archive: Archive) -> None:
        """Raises DamagedFileError when the file lacks or was changed."""

    def delete(self, archive: Archive) -> list[DeletedFile]:
        """Delete it, and look whether it is gone; raises DamagedFileError when it is still there."""
