"""The checkpoint of a fit on disk: a repeated fit continues from it, a different fit ignores it."""

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from include.development.trainers.protocol import Matrix, Parameters, Problem, Run

log = logging.getLogger(__name__)
DIGEST_BYTES = 32


class Checkpoint:
    """The last saved state of one fit; without a directory nothing is kept."""

    def __init__(self, directory: Path | None, key: str) -> None:
        self._path = directory / f"{key}.checkpoint" if directory else None

    @property
    def kept(self) -> bool:
        return self._path is not None

    def read(self) -> bytes | None:
        """What was written last, whole; None when there is nothing, or it is damaged: the fit begins again then."""
        if not self._path or not self._path.exists():
            return None
        digest, content = (whole := self._path.read_bytes())[:DIGEST_BYTES], whole[DIGEST_BYTES:]
        if hashlib.sha256(content).digest() == digest:
            return content
        log.error("%s is damaged: the fit begins again", self._path)
        return None

    def write(self, content: bytes) -> None:
        """Replace it at once: a kill leaves the old one or the new one."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        aside = self._path.with_suffix(".tmp")
        aside.write_bytes(hashlib.sha256(content).digest() + content)
        aside.replace(self._path)


def checkpoint(problem: Problem, train: Matrix, validation: Matrix, parameters: Parameters, run: Run) -> Checkpoint:
    """The one of this very fit: its name is a hash of everything that decides the model."""
    if run.checkpoint is None:
        return Checkpoint(None, "")
    digest = hashlib.sha256(
        json.dumps([repr(problem), dict(parameters), run.threads, run.spread], sort_keys=True).encode()
    )
    for array in _arrays(train, validation):
        digest.update(np.ascontiguousarray(array).data)
    digest.update(run.start.save() if run.start else b"")
    return Checkpoint(run.checkpoint, digest.hexdigest()[:32])


def _arrays(*matrices: Matrix) -> Iterator[np.ndarray]:
    return (array for matrix in matrices for array in matrix if array is not None)
