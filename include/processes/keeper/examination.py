"""Whether a model is healthy: every one of its processes answered a real request just now."""

import time
from collections.abc import Callable, Collection
from typing import Literal, NamedTuple

from include.errors import NoAnswerError, RequestFailedError
from include.ports.serving import ModelControl, ModelState

ASK_SECONDS = 1.0
"""What one probe may take: an answer takes milliseconds."""
Living = Callable[[str], Collection[str]]
"""Names of the processes of a model that live, as the system knows them."""

Verdict = Literal["healthy", "faulty", "dead", "silent", "away"]


class Finding(NamedTuple):
    """What an examination found, and the words of whoever answered last.

    ``faulty``: the processes live, and one answers with an error of our own code; ``dead``: the server fails requests
    before our code has them; ``silent``: not every process answered; ``away``: the model is not loaded.
    """

    verdict: Verdict
    words: str = ""


def examine(control: ModelControl, model: str, living: Living, seconds: float) -> Finding:
    """Ask until each process has answered, or so many seconds have passed.

    Raises ServiceError when the server itself does not answer.
    """
    state = control.states().get(model)
    if state is None or not state.ready:
        return Finding("away", _why(state))
    try:
        processes = control.processes(model)
        # the server takes its time to find out that nobody answers it any more
        if ended := sorted(set(processes) - set(living(model))):
            return Finding("dead", f"{', '.join(ended)} ended")
        return _asked(control, model, processes, seconds)
    except RequestFailedError as error:
        return Finding("dead", str(error))


def _asked(control: ModelControl, model: str, processes: Collection[str], seconds: float) -> Finding:
    missing, words = set(processes), "the server gave every request to the other processes"
    deadline = time.monotonic() + seconds
    while missing and time.monotonic() < deadline:
        try:
            process, fault = control.probe(model, min(ASK_SECONDS, seconds))
        except NoAnswerError as error:
            words = str(error)
            continue
        if fault:
            return Finding("faulty", f"{process}: {fault}")
        missing.discard(process)
    return Finding("silent", f"no answer of {', '.join(sorted(missing))}: {words}") if missing else Finding("healthy")


def _why(state: ModelState | None) -> str:
    if state is None:
        return "the server never loaded it"
    return f"the server says {state.word or 'nothing'} of it" + (f": {state.reason}" if state.reason else "")
