"""Has the PDF of the checklist made by a process of its own."""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from include.errors import ServiceError
from include.settings import ROOT

PROGRAM = [sys.executable, "-m", "include.processes.checklist_paper"]
SECONDS = 120.0


def printed(content: Mapping[str, Any], counted: Mapping[str, int], words: Mapping[str, str], language: str) -> bytes:
    """The PDF; ``words``: text → translation. Raises ServiceError when the process fails, or takes too long."""
    given = json.dumps({"content": content, "counted": counted, "words": words, "language": language}).encode()
    try:
        made = subprocess.run(PROGRAM, cwd=ROOT, input=given, capture_output=True, check=True, timeout=SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        lines = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip().splitlines()
        raise ServiceError(f"the PDF could not be made: {lines[-1] if lines else error}") from error
    return made.stdout
