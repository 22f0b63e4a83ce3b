"""User acceptance tests: requests of the spec with their expected answers, sent to a release before traffic."""

import json
import time
from collections.abc import Mapping
from typing import Any

from include.contracts.evaluation import GateOutcome
from include.errors import DataError, ServiceError
from include.ports.serving import ModelServer
from include.specification.packaging import AcceptanceTest, Expectation
from include.specification.usecase import UseCase


def check(spec: UseCase, name: str, server: ModelServer) -> list[GateOutcome]:
    """One outcome per test of ``user_acceptance``, asked of the private model ``name``."""
    return [_one(spec, name, server, test) for test in spec.user_acceptance]


def _one(spec: UseCase, name: str, server: ModelServer, test: AcceptanceTest) -> GateOutcome:
    row = {spec.event.id: "user-acceptance", spec.event.time: time.time(), **test.request}
    looked_up = {f.name: test.features.get(f.name) for f in spec.features if f.origin in spec.views}
    try:
        (answer,) = server.infer(name, [row], [json.dumps(looked_up)])
    except (ServiceError, DataError) as error:
        return GateOutcome(gate=f"user_acceptance:{test.name}", passed=False, detail=f"not answered: {error}")
    faults = unmet(test.expects, answer)
    return GateOutcome(gate=f"user_acceptance:{test.name}", passed=not faults, detail="; ".join(faults) or _met(answer))


def unmet(expects: Expectation, answer: Mapping[str, Any]) -> list[str]:
    """What an answer does not keep, in words with its figures; [] when it keeps all."""
    number, faults = headline(answer), []
    if expects.prediction is not None and str(answer["prediction"]) != str(expects.prediction):
        faults.append(f"the prediction is {answer['prediction']!r}, the spec expects {expects.prediction!r}")
    if expects.at_least is not None and not number >= expects.at_least:
        faults.append(f"the answer is {number:.4g}, the spec expects at least {expects.at_least:g}")
    if expects.at_most is not None and not number <= expects.at_most:
        faults.append(f"the answer is {number:.4g}, the spec expects at most {expects.at_most:g}")
    return faults


def headline(answer: Mapping[str, Any]) -> float:
    """The number that limits are about: probability, largest nearness, or value."""
    if "probability" in answer:
        return float(answer["probability"])
    return max(answer["scores"]) if "scores" in answer else float(answer["prediction"])


def _met(answer: Mapping[str, Any]) -> str:
    return f"prediction {answer['prediction']!r}, answer {headline(answer):.4g}"
