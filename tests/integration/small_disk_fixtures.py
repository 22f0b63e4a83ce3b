"""A real file system of some megabytes, to be filled to the last byte."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

PIECE = 4096


@dataclass(frozen=True)
class SmallDisk:
    """A mounted tmpfs."""

    path: Path

    @contextmanager
    def full(self) -> Iterator[None]:
        """Without a free byte, until the end."""
        self.fill()
        try:
            yield
        finally:
            self.free()

    def fill(self) -> None:
        """To the last byte."""
        with suppress(OSError), (self.path / "filling").open("ab", buffering=0) as filling:
            while filling.write(b"x" * PIECE):
                pass
        assert os.statvfs(self.path).f_bavail == 0

    def free(self) -> None:
        (self.path / "filling").unlink(missing_ok=True)


@contextmanager
def mounted(path: Path, size: str, inodes: int = 0) -> Iterator[SmallDisk]:
    """A tmpfs of this size at ``path``; skips the test where nothing may be mounted."""
    path.mkdir(parents=True, exist_ok=True)
    options = f"size={size}" + (f",nr_inodes={inodes}" if inodes else "")
    argv = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", path]
    mount = subprocess.run(argv, check=False, capture_output=True, text=True)
    if mount.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mount.stderr.strip()}; run the test as root")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """16 MiB."""
    with mounted(tmp_path / "disk", "16m") as disk:
        yield disk
