"""Sends copies of answered requests to a shadow release in the background; compares and counts its answers."""

import queue
import threading
import time
import traceback

import answers
import numpy as np
from missing import LackingFeaturesError, not_asked
from server_log import tell

WAITING = 64  # batches; what comes while so many wait is dropped


class Shadow:
    """Compares with a bounded queue and one thread, so that an answer never waits for a copy.

    ``count(release, **figures)`` takes the figures of some rows: ``ok``, ``error`` and ``dropped`` rows, and for the
    ok ones ``seconds``, ``difference`` (sum) and ``changed`` (rows).
    """

    def __init__(self, count) -> None:
        self._count = count
        self._queue: queue.Queue = queue.Queue(WAITING)
        self._random = np.random.default_rng()
        self._thread: threading.Thread | None = None
        self._told: set = set()

    def offer(self, shadowed, fields: dict, facts: dict, prediction) -> None:
        """Take a share of the champion's answered rows; ``prediction`` and ``facts`` are the champion's.

        Answers for which the online store could not be asked are dropped: they compare nothing.
        """
        scores = prediction.scores
        rows = np.flatnonzero(self._random.random(len(scores)) < shadowed.share)
        if not len(rows):
            return
        if not_asked(prediction.lacking):
            self._count(shadowed.release.name, dropped=len(rows))
            return
        copied = {name: values[rows] for name, values in fields.items()}
        try:
            self._queue.put_nowait((shadowed.release, copied, facts, scores[rows]))
        except queue.Full:
            self._count(shadowed.release.name, dropped=len(rows))
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends the thread after what waits was compared."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (copied := self._queue.get()) is not None:
            self._compare(*copied)

    def _compare(self, release, fields: dict, facts: dict, scores) -> None:
        begun = time.perf_counter()
        try:
            release.require(fields)
            prediction = release.predict(fields)
        except Exception as error:  # a shadow is tried out: its failures are figures
            if isinstance(error, LackingFeaturesError) and error.unavailable:
                self._count(release.name, dropped=len(scores))
            else:
                self._failed(release.name, error, len(scores))
            return
        if not_asked(prediction.lacking):
            self._count(release.name, dropped=len(scores))
            return
        seconds = time.perf_counter() - begun
        difference = np.abs(answers.headline(prediction.scores) - answers.headline(scores)).sum()
        ours = answers.named(release.manifest, answers.codes(release.manifest, prediction.scores))
        theirs = answers.named(facts, answers.codes(facts, scores))
        changed = _differ(release.manifest, ours, theirs)
        self._count(release.name, ok=len(scores), seconds=seconds, difference=float(difference), changed=changed)

    def _failed(self, name: str, error: Exception, rows: int) -> None:
        if name not in self._told:
            self._told.add(name)
            where = "".join(traceback.format_tb(error.__traceback__))
            tell(f"shadow {name} fails, told once: {type(error).__name__}\n{where}")
        self._count(name, error=rows)


def _differ(facts: dict, ours, theirs) -> int:
    """Rows predicted otherwise; of values those that differ by more than packaging lets them."""
    if facts["predicts"] == "value":
        return int((np.abs(ours - theirs) > facts["parity_bound"]).sum())
    return int((ours != theirs).sum())
