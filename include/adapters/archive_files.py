"""Archives of retired releases as ZIP files: ``<root>/<usecase>/<release>.zip`` and ``<release>.json``, its list.

Standard tools read them (fulfils ports.archives.ArchiveStore).
"""

import zipfile
from collections.abc import Iterator, Mapping
from hashlib import sha256 as digest_of
from pathlib import Path

from include.contracts.deployment import release_number
from include.contracts.retirement import Archive, ArchivedFile, DeletedFile
from include.errors import DamagedFileError
from include.formats import state_file
from include.formats.file_proof import sha256


class ArchiveFiles:
    """The list is written last: an archive without one is no archive, and is packed again."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def pack(self, about: Archive, directory: Path, documents: Mapping[str, bytes]) -> Archive:
        if state_file.exists(self._list(about)):
            return self._read(self._list(about))
        target = self._file(about)
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.aside")
        with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as packed:
            files = [_put(packed, path, content) for path, content in _contents(directory, documents)]
        whole = about.model_copy(update={"files": files, "sha256": sha256(aside)})
        _prove(aside, whole)
        aside.replace(target)
        state_file.write(self._list(about), whole.model_dump_json(indent=1))
        return whole

    def all(self, usecase: str) -> list[Archive]:
        found = [self._read(file) for file in state_file.below(self._root / usecase, "r*.json")]
        return sorted(found, key=lambda one: release_number(one.release))

    def verify(self, archive: Archive) -> None:
        file = self._file(archive)
        if not file.is_file():
            raise DamagedFileError(f"the archive {file} is gone; it was to stay until {archive.keep_until:%Y-%m-%d}")
        if (found := sha256(file)) != archive.sha256:
            raise DamagedFileError(f"the archive {file} was changed: sha256 {found[:12]}, not {archive.sha256[:12]}")

    def delete(self, archive: Archive) -> list[DeletedFile]:
        file, listed = self._file(archive), self._list(archive)
        held = file.stat().st_size if file.is_file() else 0
        file.unlink(missing_ok=True)
        state_file.delete(listed)
        absent = not (file.exists() or state_file.exists(listed))
        if not absent:
            raise DamagedFileError(f"could not delete the archive {file}: it, or its list {listed}, is still there")
        inside = [(f"{file.name}/{one.path}", one.bytes, one.sha256) for one in archive.files]
        every = [(file.name, held, archive.sha256), *inside]
        return [DeletedFile(path=path, bytes=size, sha256=known, absent=absent) for path, size, known in every]

    def _file(self, about: Archive) -> Path:
        return self._root / about.usecase / f"{about.release}.zip"

    def _list(self, about: Archive) -> Path:
        return self._root / about.usecase / f"{about.release}.json"

    @staticmethod
    def _read(file: Path) -> Archive:
        return Archive.read_back(state_file.read(file), file)


def _contents(directory: Path, documents: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for file in sorted(directory.rglob("*")):
        if file.is_file():
            yield f"release/{file.relative_to(directory).as_posix()}", file.read_bytes()
    yield from sorted(documents.items())


def _put(packed: zipfile.ZipFile, path: str, content: bytes) -> ArchivedFile:
    packed.writestr(zipfile.ZipInfo(path), content, zipfile.ZIP_DEFLATED)  # one time for all: the same bytes again
    return ArchivedFile(path=path, bytes=len(content), sha256=digest_of(content).hexdigest())


def _prove(file: Path, archive: Archive) -> None:
    """Raises DamagedFileError unless every file can be read out of it as it went in."""
    with zipfile.ZipFile(file) as packed:
        for one in archive.files:
            if digest_of(packed.read(one.path)).hexdigest() != one.sha256:
                raise DamagedFileError(f"{file}: {one.path} does not read back as it was; nothing was retired")
