"""Several files in one, the same bytes on every machine: a zip without clock or compression."""

import io
import zipfile
from collections.abc import Mapping

from include.errors import TrainingError

EPOCH = (1980, 1, 1, 0, 0, 0)


def pack(files: Mapping[str, bytes]) -> bytes:
    """The files in the order given."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content)
    return buffer.getvalue()


def unpack(content: bytes, what: str) -> dict[str, bytes]:
    """Inverse of ``pack``; raises TrainingError, which says that the bytes are no ``what``."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, ValueError) as error:
        raise TrainingError(f"{len(content)} bytes are not {what}: {error}; train or load it again") from error
