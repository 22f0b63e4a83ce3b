"""Sends the requests of a stream to the stable name, with the routing, features and log of any other client.

It asks the server first, and then finishes the batch in one step. A consumer that dies in between asks again: the log
then has two answers to one request, but no result is lost or doubled.
"""

import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, conlist, create_model

from include.contracts.streaming import StreamEntry
from include.errors import DataError, MoebiusError, RequestFailedError, RequestRefusedError, ServiceError
from include.formats.iso_time import IsoTime
from include.ports.serving import ModelServer
from include.ports.streaming import RequestStream
from include.specification.usecase import UseCase
from include.streaming.events import MAX_DELIVERIES, fields_of, unreadable, worn_out

log = logging.getLogger(__name__)

MAX_TRIES = 5
"""A request that the server failed so often, with nothing else to compare with, is put aside."""

FAULTS = (ServiceError, DataError)
"""What may be the request's own fault: a server that is away is another matter, and answers others neither."""

CERTAIN = (RequestRefusedError, DataError)
"""What is the request's own fault."""

LARGEST = float(np.finfo(np.float32).max)
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
"""What the server takes of a ``float``: float32."""

Double = Annotated[float, Field(allow_inf_nan=False)]

SecondsOrText = Annotated[
    Annotated[float, Tag("float")] | Annotated[IsoTime, Tag("datetime")],
    Discriminator(lambda value: "datetime" if isinstance(value, str | datetime) else "float"),
]
"""A time: seconds since 1970-01-01 UTC, or ISO 8601 text."""


Requests = Mapping[str, dict[str, Any]]
"""By entry."""


@dataclass(frozen=True)
class Outcome:
    """What became of a batch: requests finished, answered and put aside."""

    events: int = 0
    scored: int = 0
    dead: int = 0


@dataclass
class StreamScorer:
    """Works on the requests of one use case; ``stream`` and ``server`` are its outside systems."""

    spec: UseCase
    stream: RequestStream
    server: ModelServer
    batch: int = 64
    _contract: type[BaseModel] = field(init=False)
    _answered: dict[str, Any] | None = None
    _tries: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._contract = contract(self.spec)

    def handle(self, entries: Sequence[StreamEntry]) -> Outcome:
        """Ask for all of them and finish them; the unusable ones go to the dead-letter stream.

        Raises ServiceError when the stream or the model server is away, or fails whatever it is asked: the same
        entries may be handled again.
        """
        if not entries:
            return Outcome()
        requests, dead = self._read(entries)
        answers: dict[str, dict[str, Any]] = {}
        for part in _parts(requests, self.batch):
            found, refused = self._ask(part)
            answers |= found
            dead |= refused
        results, unwritten = self._results(requests, answers)
        dead |= unwritten
        self.stream.answer(entries, dead, results)
        for entry in entries:
            self._tries.pop(entry.id, None)
        for reason in sorted(set(dead.values())):
            log.warning("%s: %d requests put aside: %s", self.spec.name, list(dead.values()).count(reason), reason)
        return Outcome(len(entries), len(results), len(dead))

    def _read(self, entries: Sequence[StreamEntry]) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        requests, dead = {}, {}
        for entry in entries:
            if entry.deliveries > MAX_DELIVERIES:
                dead[entry.id] = worn_out(entry)
                continue
            try:
                requests[entry.id] = fields_of(entry, self._contract)
            except Exception as error:  # reading talks to nobody: whatever it is, it is in the entry
                dead[entry.id] = unreadable(error, "the request")
        return requests, dead

    def _ask(self, part: Requests) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        """Answers and refusals by entry; when the server fails the batch, each alone: one of them is at fault."""
        try:
            return self._answers_to(part), {}
        except FAULTS as error:
            if _gave_no_answer(error) and not self._serves():
                raise
            if len(part) == 1:
                return {}, self._refused(part, {next(iter(part)): error})
        return self._each(part)

    def _each(self, part: Requests) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        answers: dict[str, dict[str, Any]] = {}
        failed: dict[str, Exception] = {}
        for entry, request in part.items():
            try:
                answers |= self._answers_to({entry: request})
            except FAULTS as error:
                failed[entry] = error
        return answers, self._refused(part, failed) if failed else {}

    def _answers_to(self, part: Requests) -> dict[str, dict[str, Any]]:
        """Raises one of FAULTS."""
        try:
            answers = dict(zip(part, self.server.infer(self.spec.name, list(part.values())), strict=True))
        except (MoebiusError, OSError):
            raise
        except Exception as error:  # of the client, about what it sends or got; its words may hold a value
            raise RequestFailedError(f"the request or its answer cannot be handled: {type(error).__name__}") from error
        self._answered = next(iter(part.values()))
        return answers

    def _refused(self, part: Requests, failed: Mapping[str, Exception]) -> dict[str, str]:
        """Why each is put aside; raises their error while it may be the server that is at fault."""
        doubtful = [entry for entry, error in failed.items() if not isinstance(error, CERTAIN)]
        for entry in doubtful:
            self._tries[entry] = self._tries.get(entry, 0) + 1
        serves = len(failed) < len(part) or len(doubtful) < len(part) or self._serves()
        for entry in doubtful:
            silent = _gave_no_answer(failed[entry])
            if (silent and not serves) or (self._tries[entry] < MAX_TRIES and (silent or not serves)):
                raise failed[entry]
        return {entry: f"the model server refuses it: {error}" for entry, error in failed.items()}

    def _serves(self) -> bool:
        """Whether a request that was answered before is answered now."""
        if self._answered is None:
            return False
        try:
            return bool(self.server.infer(self.spec.name, [self._answered]))
        except FAULTS:
            return False

    def _results(
        self, requests: Requests, answers: Mapping[str, Mapping[str, Any]]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """JSON by entry, and why an answer is none."""
        results, dead = dict[str, str](), dict[str, str]()
        for entry, answer in answers.items():
            try:
                result = {"id": requests[entry][self.spec.event.id], **answer, "at": datetime.now(UTC).isoformat()}
                results[entry] = json.dumps(result, allow_nan=False)
            except (TypeError, ValueError) as error:
                dead[entry] = f"its answer cannot be written as JSON: {type(error).__name__}"
        return results, dead


def contract(spec: UseCase) -> type[BaseModel]:
    """The model of one request: the fields of the spec, strictly typed; other fields are left behind.

    A timestamp is ISO 8601 with an offset, or seconds since 1970-01-01 UTC; a tensor a list of its numbers. Any field
    may be null or left out here: the server knows which may be missing.
    """
    kinds: dict[str, Any] = {"string": str | None, "timestamp": SecondsOrText | None}
    numbers: dict[str, Any] = {"float": Number, "double": Double}
    kinds |= {kind: Annotated[number | None, BeforeValidator(_null_for_nan)] for kind, number in numbers.items()}
    fields: dict[str, Any] = {}
    for position, (name, kind) in enumerate(spec.request.items()):  # pydantic keeps names for itself
        value, count = kinds[kind], len(spec.inputs[name])
        if spec.inputs[name] != [name]:
            value = conlist(value, min_length=count, max_length=count) | None
        fields[f"f{position}"] = (value, Field(None, alias=name))
    config = ConfigDict(strict=True, extra="ignore")
    return create_model("Request", __config__=config, **fields)


def _gave_no_answer(error: Exception) -> bool:
    return isinstance(error, ServiceError) and not isinstance(error, RequestFailedError)


def _null_for_nan(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _parts(requests: Mapping[str, dict[str, Any]], size: int) -> Iterator[dict[str, dict[str, Any]]]:
    items = list(requests.items())
    for begin in range(0, len(items), size):
        yield dict(items[begin : begin + size])
