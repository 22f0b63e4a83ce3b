"""The rollback drill: how long a roll back takes, measured on a private copy of the serving model.

Clients are not affected: the drill has its own rollout state and its own model on the same server. It proves what a
real rollback needs: the earlier release is complete, loads and answers as its model did, and the router switches to it
and back.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from include.contracts.deployment import ReleaseRef
from include.contracts.record import Record
from include.deployment import release, rollout
from include.errors import DeploymentError, ServiceError
from include.ports.serving import ModelServer
from include.ports.state import StateStore
from include.specification.usecase import UseCase

SAMPLES = 20


class Drill(Record):
    """Seconds until the earlier release answered, and until the present one did again; requests sent and refused.

    ``refusal`` is the last reason.
    """

    champion: str
    back_to: str
    recovery_seconds: float
    forward_seconds: float
    requests: int
    refused: int
    refusal: str = ""


def private(spec: UseCase) -> UseCase:
    """The use case under the drill's name; what it is asked with is stored, and so pseudonymised already."""
    return spec.model_copy(
        update={"name": f"{spec.name}--drill", "privacy": spec.privacy.model_copy(update={"columns": {}})}
    )


def releases_aside(directory: Path, *known: ReleaseRef) -> None:
    """A directory of releases that has a rollout state of its own: links to the real releases."""
    directory.mkdir(parents=True)
    for one in known:
        (directory / one.name).symlink_to(Path(one.path).resolve(), target_is_directory=True)


def run(
    spec: UseCase,
    store: StateStore,
    champion: ReleaseRef,
    earlier: ReleaseRef,
    server: ModelServer,
    served_generation: Callable[[], int | None],
    seconds: float,
) -> Drill:
    """Roll back and forward again under requests; the private model is loaded and follows the state in ``store``.

    Raises ServiceError when the server does not follow within ``seconds``, DeploymentError when another release answers
    after the switch.
    """
    requests = [s["request"] for s in release.document(Path(earlier.path), "samples.json")[:SAMPLES]]
    counted: dict[str, Any] = {"requests": 0, "refused": 0}

    def switch(state: Any, expected: str) -> float:
        begun = time.perf_counter()
        rollout.write(store, state)
        rollout.confirm(served_generation, state.generation, seconds)
        took = time.perf_counter() - begun
        for name in _answering(spec, server, requests, counted):
            if name != expected:
                raise DeploymentError(f"{spec.name}: {name} answers after the switch to {expected}; see `make status`")
        return took

    begin = rollout.first(spec, champion.name)
    switch(begin, champion.name)
    back = rollout.roll_back(begin, earlier.name, "drill")
    recovery = switch(back, earlier.name)
    forward = switch(rollout.promote(back, champion.name, "drill over"), champion.name)
    return Drill(
        champion=champion.name, back_to=earlier.name, recovery_seconds=recovery, forward_seconds=forward, **counted
    )


def _answering(
    spec: UseCase, server: ModelServer, requests: list[dict[str, Any]], counted: dict[str, Any]
) -> Iterator[str]:
    """Who answers each request; one that is refused (its features are too old by now, say) is counted."""
    for request in requests:
        counted["requests"] += 1
        try:
            yield server.infer(spec.name, [request])[0]["release"]
        except ServiceError as error:
            counted["refused"] += 1
            counted["refusal"] = str(error)
