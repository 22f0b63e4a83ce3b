"""How a release is packaged and served, and the acceptance tests of its users."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from include.specification.part import Fault, Name, Part, Share


class Packaging(Part):
    """What packaging writes and tries.

    ``target``: ``embedded`` is the server with the Python backend, ``container`` adds a model directory for the
    native ONNX Runtime backend. ``quantise: auto`` keeps 8-bit weights where they are measured faster and the scores
    stay within ``quantised_bound``, in the unit of ``rollout.parity_bound``, which it is when it is left out.
    ``max_memory_mb`` is what the process that serves the release alone may hold.
    """

    target: Literal["embedded", "container"] = "embedded"
    optimise: bool = True
    quantise: Literal["never", "auto"] = "never"
    quantised_bound: float | None = Field(default=None, gt=0)
    max_memory_mb: float = Field(default=1024, gt=0)


class Serving(Part):
    """What answers under the stable name.

    ``instances``: processes that share the requests, each with every serving release in its memory. One keeps a core
    busy; more use more cores, and one that dies leaves the others answering. ``missing``: request fields that may be
    missing, or may not; any other may be where it is missing in the training data, or only leads to features.
    ``min_answered``: share of real events that must be answered, before a release gets traffic and when a period is
    scored in bulk.
    """

    instances: int = Field(default=1, ge=1, le=64)
    missing: dict[Name, Literal["allowed", "refused"]] = {}
    min_answered: Share = 0.99


class Expectation(Part):
    """What an answer must be: its ``prediction``, or limits of its headline number.

    That number is the probability (of the positive class, or of the class that is predicted), the value, or the
    largest nearness.
    """

    prediction: str | int | float | None = None
    at_least: float | None = None
    at_most: float | None = None

    def faults(self) -> Iterator[Fault]:
        if self.prediction is None and self.at_least is None and self.at_most is None:
            yield Fault("", "give an expectation: prediction, at_least or at_most")


class AcceptanceTest(Part):
    """One request of the users' list and what its answer must be.

    ``features`` are looked-up features that come with it; what is left out is missing. Event id and time may be left
    out of ``request``.
    """

    name: str = Field(min_length=1)
    request: dict[Name, Any]
    features: dict[Name, float | str | None] = {}
    expects: Expectation
