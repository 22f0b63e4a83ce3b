"""Requests at a fixed rate, whatever becomes of those before, and each answer compared with the expected value."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd

from include.deployment.scoring import OnnxModel
from include.errors import ServiceError
from tests.chaos.doors import Door, Request
from tests.integration.gateway_fixtures import as_json
from tests.integration.pipeline_fixtures import PLANE, WEATHER, Serving, request_rows, requests_frame

ROWS = 200


class Outcome(StrEnum):
    RIGHT = "right"
    WITHOUT_FEATURES = "without features"  # the model's own answer to a row whose features could not be looked up
    WRONG = "wrong"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; times are of ``time.monotonic``."""

    door: str
    at: float
    until: float
    outcome: Outcome
    words: str = ""
    request_id: str = ""


class Expected:
    """What a release says of each row, to the last digit: with its features, and without those of each view."""

    def __init__(self, release: Path, frame: pd.DataFrame) -> None:
        model = OnnxModel.of_release(release)
        lacking = [[], WEATHER, PLANE, [*WEATHER, *PLANE]]
        frames = [frame.assign(**dict.fromkeys(names, np.nan)) for names in lacking]
        self.full, *self.partial = [model.scores(model.encode(one)).astype(np.float32) for one in frames]

    def judge(self, row: int, probability: float) -> Outcome:
        said = np.float32(probability)
        if said == self.full[row]:
            return Outcome.RIGHT
        return Outcome.WITHOUT_FEATURES if any(said == one[row] for one in self.partial) else Outcome.WRONG


class Driver:
    """Asks ``rate`` times a second by each way from a thread of its own, until the block ends.

    A way is one or several doors, which take turns; they are opened in the thread.
    """

    def __init__(
        self, serving: Serving, release: Path, ways: Sequence[Callable[[], Sequence[Door]]], rate: float
    ) -> None:
        frame = requests_frame(ROWS, seed=8)
        rows = request_rows(frame)
        self._requests = [Request(serving.server.inputs([r]), as_json(serving.server, [r])) for r in rows]
        self._expected, self._ways, self._rate = Expected(release, frame), ways, rate
        self.asked: list[Asked] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._drive()), name="chaos driver")

    def __enter__(self) -> "Driver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _drive(self) -> None:
        ways = [list(way()) for way in self._ways]
        await asyncio.gather(*(self._ask_on(doors) for doors in ways))
        await asyncio.gather(*(door.close() for doors in ways for door in doors))

    async def _ask_on(self, doors: Sequence[Door]) -> None:
        under_way, due, turn = set[asyncio.Task[None]](), time.monotonic(), cycle(range(ROWS))
        for door in cycle(doors):
            if self._stop.is_set():
                break
            task = asyncio.create_task(self._ask(door, next(turn)))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            due += 1 / self._rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await asyncio.gather(*under_way)

    async def _ask(self, door: Door, row: int) -> None:
        at = time.monotonic()
        try:
            answer = await door.ask(self._requests[row])
        except ServiceError as error:
            self.asked.append(Asked(door.name, at, time.monotonic(), Outcome.FAILED, str(error)))
            return
        outcome = self._expected.judge(row, answer.probability)
        words = f"row {row} got {answer.probability!r}" if outcome is Outcome.WRONG else ""
        self.asked.append(Asked(door.name, at, time.monotonic(), outcome, words, answer.request_id))

    def since(self, moment: float) -> list[Asked]:
        """What was asked after the moment and is over."""
        return [one for one in self.asked if one.at >= moment]

    def answers_again(self, moment: float, count: int) -> bool:
        """Whether the last ``count`` requests on each way that are over were asked after it, and answered right."""
        return all(self._answers(name, moment, count) for name in {one.door for one in self.asked})

    def _answers(self, door: str, moment: float, count: int) -> bool:
        last = [one for one in self.asked[-20 * count :] if one.door == door][-count:]
        return len(last) == count and all(one.at >= moment and one.outcome is Outcome.RIGHT for one in last)


def span(asked: Sequence[Asked]) -> float:
    """Seconds from the first to the last of these requests that failed, by when they were asked."""
    times = [one.at for one in asked if one.outcome is Outcome.FAILED]
    return max(times) - min(times) if times else 0.0
