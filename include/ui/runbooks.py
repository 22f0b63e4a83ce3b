"""The runbook of an alert: its section of the reference, as HTML in which nothing runs and no link leads astray."""

import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from include.settings import ROOT
from include.ui import prose

REFERENCE = ROOT / "docs" / "reference" / "alerts.md"
HEADING = re.compile(r"^## (Moebius\w+)$", re.MULTILINE)


class Runbook(NamedTuple):
    """``meaning`` is its first sentence, as plain text; ``html`` all of it."""

    alert: str
    meaning: str
    html: Markup


def runbooks() -> dict[str, Runbook]:
    """Name of an alert → its runbook, as the reference on disk now has it; {} where it is not installed."""
    return _read(REFERENCE, REFERENCE.stat().st_mtime_ns) if REFERENCE.is_file() else {}


@cache
def _read(file: Path, changed: int) -> dict[str, Runbook]:
    """``changed``: a file that is another one is read anew."""
    parts = HEADING.split(file.read_text())[1:]
    return {name: _runbook(name, text) for name, text in zip(parts[::2], parts[1::2], strict=True)}


def _runbook(alert: str, text: str) -> Runbook:
    tokens = prose.tokens_of(text, _place)
    return Runbook(alert, _first_sentence(tokens), prose.html_of(tokens))


def _place(address: str) -> str:
    """Links to another runbook lead to its page, links to a host out of the pages; others name their document."""
    if address.lower().startswith("#moebius"):
        names = {name.lower(): name for name in HEADING.findall(REFERENCE.read_text())}
        return names.get(address[1:].lower(), "")
    return prose.of_host(address)


def _first_sentence(tokens: list[Any]) -> str:
    inline = next((token for token in tokens if token.type == "inline"), None)
    text = "".join(part.content if part.content else " " for part in inline.children or []) if inline else ""
    return re.split(r"(?<=[.:]) (?=[A-Z`])", " ".join(text.split()), maxsplit=1)[0]
