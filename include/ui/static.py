"""Files that pages load; their address has the hash of their content, so a browser keeps them for a year."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

from include.ui.access import SIGNED_IN

DIRECTORY = Path(__file__).parent / "static"
FOR_A_YEAR = {"Cache-Control": "private, max-age=31536000, immutable"}


@cache
def address(name: str) -> str:
    """The file's address below the pages."""
    return f"static/{name}?v={sha256((DIRECTORY / name).read_bytes()).hexdigest()[:12]}"


def router() -> APIRouter:
    """``/static/<name>``."""
    files = APIRouter(prefix="/static", dependencies=SIGNED_IN)

    @files.get("/{name}")
    def file(name: str) -> FileResponse:
        if name not in {path.name for path in DIRECTORY.iterdir()}:
            raise HTTPException(404, f"there is no file {name!r}")
        return FileResponse(DIRECTORY / name, headers=FOR_A_YEAR)

    return files
