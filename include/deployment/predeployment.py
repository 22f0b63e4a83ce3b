"""The test before traffic: the release alone, under a private name, on the real server.

The results are ``tested.json`` in the release's directory, also if a test failed.
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from include.contracts.deployment import TEST_REPORT, ReleaseRef
from include.contracts.evaluation import GateOutcome
from include.deployment import acceptance, bad_requests, interface, looked_up, pipeline, release
from include.deployment.looked_up import LookedUp
from include.deployment.packaging import EVENTS_DOCUMENT
from include.deployment.requests import answered
from include.errors import DataError, DeploymentError, RequestFailedError, ServiceError
from include.families.class_names import in_order
from include.formats.atomic_file import write_atomically
from include.ports.serving import InferenceProtocol, ModelServer
from include.specification.usecase import UseCase

REPEATS = 4
REPORT = TEST_REPORT


def verify(
    spec: UseCase,
    ref: ReleaseRef,
    server: ModelServer,
    wire: InferenceProtocol,
    write: Callable[[Path, str], None],
    aside: Path,
    look: Callable[[], LookedUp | None] = lambda: None,
) -> dict[str, Any]:
    """Load, replay, compare, measure, try bad requests, the interface and the users' tests, unload; the report.

    ``write(directory, release)`` writes the private model's directory; ``aside`` is on the repository's disk;
    ``look()`` is what both feature stores have for real entities, None where nothing is looked up. The
    report has ``requests``, ``max_difference``, ``p50_ms``, ``p99_ms``, ``memory_mb`` (``loaded``, ``after``: None
    where it cannot be seen) and ``checks``, each with its gate, whether it passed, and what was found.

    Raises DeploymentError when it does not load, or a check failed: other answers than ``rollout.parity_bound`` (or
    ``packaging.quantised_bound``) allows, other answers from the online store than from the offline store, slower than
    ``rollout.abort.max_p99_ms``, more memory than ``packaging.max_memory_mb``, too few real events answered, a bad
    request that is not refused, a broken interface, a failed user acceptance test; ServiceError when the server was
    restarted meanwhile. The private model is gone in any case.
    """
    directory = Path(ref.path)
    release.verify(directory)
    name = pipeline.private_name(spec, ref.name)
    server.remove(name)
    write(aside, ref.name)
    server.install(name, aside)
    (directory / REPORT).unlink(missing_ok=True)
    try:
        server.load(name)
        report = _exercise(spec, name, directory, server, wire, look)
        _require_there(spec, name, server)
    except DeploymentError as error:
        _keep(directory, {"passed": False, "checks": [_outcome("load", False, str(error)).json_dict()]})
        raise
    finally:
        server.remove(name)
    _keep(directory, report)
    if failed := [f"{check['gate']}: {check['detail']}" for check in report["checks"] if not check["passed"]]:
        raise DeploymentError(
            f"release {ref.name} of {spec.name} gets no traffic: {'; '.join(failed)}. "
            f"All {len(report['checks'])} checks are in {directory / REPORT}"
        )
    return report


def _require_there(spec: UseCase, name: str, server: ModelServer) -> None:
    """Raises ServiceError when the private model is gone: the checks were about the server, not about the release."""
    if not server.model_ready(name):
        raise ServiceError(
            f"the model server of {spec.name} was restarted or is away: {name} was not tested to the end"
        )


def _keep(directory: Path, report: dict[str, Any]) -> None:
    stamp = {"tested_at": datetime.now(UTC).isoformat(timespec="seconds")}
    write_atomically(directory / REPORT, json.dumps(stamp | report, indent=1))


def _exercise(
    spec: UseCase,
    name: str,
    directory: Path,
    server: ModelServer,
    wire: InferenceProtocol,
    look: Callable[[], LookedUp | None],
) -> dict[str, Any]:
    samples, facts = release.document(directory, "samples.json"), release.manifest(directory)
    loaded = wire.memory_mb(name)
    figures = _replay(spec, name, facts, samples, server)
    events = release.document(directory, EVENTS_DOCUMENT)
    contract = release.document(directory, interface.DOCUMENT)
    checks = [
        _same_answers(figures["max_difference"], facts["parity_bound"]),
        _fast_enough(figures["p99_ms"], spec.rollout.abort.max_p99_ms),
        *([looked_up.check(name, found, server, facts["parity_bound"])] if (found := look()) else []),
        *interface.check(contract, name, wire, json.dumps(samples[0]["given_features"])),
        _enough_answered(spec, name, events, server),
        *bad_requests.check(spec, name, samples[0], wire, server, facts),
        *acceptance.check(spec, name, server),
    ]
    after = wire.memory_mb(name)
    checks.append(_small_enough(after, spec.packaging.max_memory_mb))
    return {
        "passed": all(check.passed for check in checks),
        "code_since_packaging": "same" if release.code_hash(directory) == facts["code_hash"] else "changed",
        **figures,
        "memory_mb": {"loaded": loaded, "after": after},
        "checks": [check.json_dict() for check in checks],
    }


def _replay(
    spec: UseCase, name: str, facts: dict[str, Any], samples: list[dict], server: ModelServer
) -> dict[str, Any]:
    """Real requests one by one: how far the answers are from the trained model's, and how long they took."""
    answers, seconds = [], []
    for sample in samples * REPEATS:
        begun = time.perf_counter()
        answers += server.infer(name, [sample["request"]], [json.dumps(sample["given_features"])])
        seconds.append(time.perf_counter() - begun)
    scores, expected = answered(answers), np.array([s["scores"] for s in samples] * REPEATS)
    expected = in_order(f"release {facts['usecase']}", expected, facts["classes"], spec.event.classes)
    return {
        "requests": len(answers),
        "max_difference": float(np.abs(scores.reshape(expected.shape) - expected).max()),
        "p50_ms": float(np.median(seconds) * 1000),
        "p99_ms": float(np.quantile(seconds, 0.99) * 1000),
    }


def _enough_answered(spec: UseCase, name: str, events: list[dict[str, Any]], server: ModelServer) -> GateOutcome:
    """Real events as they were, with what they lack: the share that is answered."""
    refusals: Counter[str] = Counter()
    for event in events:
        try:
            server.infer(name, [event["request"]], [json.dumps(event["given_features"])])
        except (RequestFailedError, DataError) as error:
            refusals[str(error).rpartition("row 0: ")[2].partition(": ")[0][:200]] += 1
    refused, needed = sum(refusals.values()), spec.serving.min_answered
    share = 1 - refused / len(events) if events else 1.0
    words = f"{share:.2%} of {len(events)} real events were answered, serving.min_answered is {needed:.2%}"
    reasons = [f"{count} refused: {reason}" for reason, count in refusals.most_common()]
    return _outcome("answered", share >= needed, "; ".join([words, *reasons]))


def _same_answers(worst: float, bound: float) -> GateOutcome:
    words = f"answers differ from the trained model's by {worst:.2g} (bound {bound:g})"
    return _outcome("parity", worst <= bound, words)


def _fast_enough(p99: float, limit: float) -> GateOutcome:
    return _outcome("p99", p99 <= limit, f"p99 {p99:.1f} ms, allowed {limit:g} ms")


def _small_enough(memory: float | None, limit: float) -> GateOutcome:
    if memory is None:
        return _outcome("memory", True, "not seen: the server runs on another machine")
    return _outcome("memory", memory <= limit, f"its process holds {memory:.0f} MB, allowed {limit:g} MB")


def _outcome(gate: str, passed: bool, detail: str) -> GateOutcome:
    return GateOutcome(gate=gate, passed=passed, detail=detail)
