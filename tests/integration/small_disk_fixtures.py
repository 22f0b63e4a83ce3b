"""A real file system of some megabytes, to be filled to the last byte."""

import os
import shutil
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
    def full(self, but: int = 0) -> Iterator[None]:
        """With so many free bytes, until the end."""
        self.fill(but)
        try:
            yield
        finally:
            self.free()

    @contextmanager
    def full_of_files(self) -> Iterator[None]:
        """With space, but without a free inode, until the end."""
        crowd = self.path / "crowd"
        crowd.mkdir()
        with suppress(OSError):
            for number in range(os.statvfs(self.path).f_files + 1):
                (crowd / str(number)).touch()
        assert os.statvfs(self.path).f_favail == 0
        try:
            yield
        finally:
            shutil.rmtree(crowd)

    def fill(self, but: int = 0) -> None:
        """To the last byte, or but so many."""
        filling = self.path / "filling"
        with suppress(OSError), filling.open("ab", buffering=0) as file:
            while file.write(b"x" * PIECE):
                pass
        assert os.statvfs(self.path).f_bavail == 0
        os.truncate(filling, filling.stat().st_size - but)

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
