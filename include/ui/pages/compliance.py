"""Compliance: evidence bundles of releases with what they lack, and the legal texts with the day of their check."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, HTMLResponse

from include.contracts.compliance import Bundle
from include.errors import DamagedStateError
from include.governance.compliance import law
from include.loop.compliance import TREE
from include.specification.compliance import Compliance
from include.specification.loader import load_usecase, usecases
from include.specification.usecase import UseCase
from include.ui import verification
from include.ui.access import SIGNED_IN, Reader, http_errors
from include.ui.language import marked
from include.ui.view import ViewDep

STATES = {
    "evidenced": marked("evidenced"),
    "partly": marked("partly"),
    "missing": marked("missing"),
    "not applicable": marked("not applicable"),
}
LEVELS = {"evidenced": "good", "partly": "watch", "missing": "act", "not applicable": "none"}
FILES = {"bundle.html": "text/html", "bundle.pdf": "application/pdf", "bundle.json": "application/json"}
NAME = re.compile(r"r\d{4,}-\d{8}T\d{6}\.\d{6}Z")
"""A directory of a bundle: release and time."""
KEPT = 10
"""Newest bundles of a use case that are listed."""
READS = ("approvals", "verdicts", "figures", "rollout_events")
"""Tables that a bundle tells of: whoever does not read them gets none."""


class Made(NamedTuple):
    """A bundle that lies there, by its directory."""

    name: str
    release: str
    at: datetime


def router() -> APIRouter:
    """``/compliance/`` and the files of a bundle."""
    pages = APIRouter(prefix="/compliance", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/")
    def page(view: ViewDep) -> HTMLResponse:
        return view.page("compliance.html", **shown(view.reader), states=STATES, levels=LEVELS, files=FILES)

    @pages.get("/{usecase}/{bundle}/{file}")
    def download(view: ViewDep, usecase: str, bundle: str, file: str) -> FileResponse:
        with http_errors():
            spec = load_usecase(usecase)
            view.reader.require(spec, *READS)
        path = view.reader.services.settings.compliance / spec.name / bundle / file
        if not NAME.fullmatch(bundle) or file not in FILES or not path.is_file():
            raise HTTPException(404, f"{usecase} has no file {file!r} of a bundle {bundle!r}")
        return FileResponse(path, media_type=FILES[file], filename=f"{usecase}-{bundle}-{file}")

    return pages


def shown(reader: Reader) -> dict[str, Any]:
    """Every law, and every use case with the newest bundle of what serves."""
    today = datetime.now(UTC).date()
    every = [(spec.compliance or Compliance()).review_every for spec in usecases() if spec.compliance]
    least = min(every, key=lambda span: span.hours) if every else Compliance().review_every
    known = law.laws()
    return {
        "laws": known,
        "due": {key for key, one in known.items() if one.due(today, least)},
        "age": {key: (today - one.checked_on).days for key, one in known.items()},
        "review_every": least,
        "verification": verification.of_bundles(reader, usecases()),
        "usecases": [of_usecase(spec, reader) for spec in usecases()],
    }


def of_usecase(spec: UseCase, reader: Reader) -> dict[str, Any]:
    """What serves, the bundles that there are, and what the newest one says."""
    reads = reader.reads(spec, *READS)
    state = reader.services.serving.rollout_state(spec)
    there = made(reader.services.settings.compliance / spec.name) if reads else []
    bundle, fault = _bundle(reader.services.settings.compliance / spec.name, there[0].name) if there else (None, "")
    serves = state.champion if state else ""
    about = {"spec": spec, "reads": reads, "serves": serves, "made": there[:KEPT], "bundle": bundle, "fault": fault}
    return {**about, "gaps": [item for item in bundle.items if item.gaps] if bundle else []}


def made(directory: Path) -> list[Made]:
    """The bundles below a directory, the newest first."""
    names = [path.name for path in directory.glob("r*") if NAME.fullmatch(path.name)]
    found = [Made(name, name.partition("-")[0], _time(name.partition("-")[2])) for name in names]
    return sorted(found, key=lambda one: one.at, reverse=True)


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)


def _bundle(directory: Path, name: str) -> tuple[Bundle | None, str]:
    """The bundle, or why it cannot be read."""
    file = directory / name / TREE
    try:
        return Bundle.read_back(file.read_text(), file), ""
    except (OSError, DamagedStateError) as error:
        return None, str(error)
