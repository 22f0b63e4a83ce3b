"""Draws pictures in a process of its own: it is started by the first one, and again when it has died."""

import json
import logging
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from select import select
from threading import Lock
from typing import IO, Any

from include.errors import ServiceError
from include.settings import ROOT

PROGRAM = [sys.executable, "-m", "include.processes.pictures"]
SECONDS = 30.0
"""The longest that a picture takes before its process is started anew; usually it takes some milliseconds."""
KEPT = 512
"""Pictures that are remembered."""
log = logging.getLogger(__name__)


class Drawing:
    """A process that draws; safe for threads, one picture at a time."""

    def __init__(self, program: list[str] = PROGRAM) -> None:
        self._program, self._lock = program, Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def svg(self, specification: str) -> str:
        """SVG of a Vega-Lite specification, given as JSON of one line.

        Raises ServiceError when it cannot be drawn, or when the process does not answer; the next call starts another.
        """
        with self._lock:
            try:
                answer = self._asked(specification)
            except (OSError, ValueError) as error:
                self._end()
                raise ServiceError(f"the process that draws pictures did not answer: {error}") from error
        if "svg" not in answer:
            raise ServiceError(f"a picture cannot be drawn: {answer.get('error')}")
        return str(answer["svg"])

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _asked(self, specification: str) -> dict[str, Any]:
        into, out = self._running()
        into.write(specification.encode() + b"\n")
        into.flush()
        if not select([out], [], [], SECONDS)[0]:
            raise TimeoutError(f"nothing came within {SECONDS:.0f} s")
        answer: dict[str, Any] = json.loads(out.readline())
        return answer

    def _running(self) -> tuple[IO[bytes], IO[bytes]]:
        """Where the running process reads and writes."""
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                self._program, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
        if self._process.stdin is None or self._process.stdout is None:
            raise OSError("it was started without pipes")
        return self._process.stdin, self._process.stdout

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):  # what it has not read is of no use any more
                if pipe:
                    pipe.close()
        self._process.wait()
        self._process = None


drawing = Drawing()


def svg(specification: Mapping[str, Any]) -> str:
    """SVG of a Vega-Lite specification, drawn once for each; raises ServiceError."""
    return _drawn(json.dumps(specification, separators=(",", ":")))


@lru_cache(KEPT)
def _drawn(specification: str) -> str:
    return drawing.svg(specification)
