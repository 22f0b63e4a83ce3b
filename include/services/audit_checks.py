"""The daily care for the audit log: verified, signed, freed of what has expired; and the gateway's uses added to it."""

import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from include.contracts.audit import AuditEvent, Outcome
from include.contracts.audit_check import AuditCheck
from include.errors import DamagedStateError
from include.governance import audited
from include.ports.audit import AuditLog
from include.ports.state import StateStore
from include.services.audit import Verified
from include.services.composition import Services
from include.specification.usecase import UseCase

KEY, OFFSETS = "platform/audit_check.json", "platform/gateway_uses"
STANDS = timedelta(hours=12)
"""How long a verification without a fault stands: the log is one, and each use case has a DAG that asks for it."""
AGAIN_SECONDS = 2.0
ROUTES = {"infer": "infer", "metadata": "read_metadata", "metrics": "read_metrics", "ready": "ask_ready"}


def last(state: StateStore) -> AuditCheck | None:
    """The newest verification; None before the first."""
    found = state.get(KEY)
    return AuditCheck.read_back(found.text, KEY) if found else None


def verify(
    services: Services, usecases: Sequence[UseCase], *, anew: bool, usecase: str = "", run: str = ""
) -> AuditCheck:
    """Verify the log and what it binds, unless that was done within ``STANDS``; the result is kept, with who asked.

    Raises DamagedStateError, which names every fault.
    """
    state = services.adapters.state
    with services.adapters.locks.hold("audit_check"):
        known = last(state)
        if known and not anew and not known.faults and datetime.now(UTC) - known.at < STANDS:
            return known
        begun, found = _verified(services, usecases)
        check = AuditCheck(at=begun, usecase=usecase, run=run, **found._asdict())
        state.put(KEY, check.model_dump_json())
    if check.faults:
        lines = "\n- ".join(["alarm: the audit log, or what it binds, was altered", *check.faults])
        raise DamagedStateError(f"{lines}\nKeep everything as it is; the runbook of this DAG says what to do")
    return check


def _verified(services: Services, usecases: Sequence[UseCase]) -> tuple[datetime, Verified]:
    """What was found, and when the look began: what was written later may not be in it.

    A fault counts when a second look finds it too: the first may have met an entry that was half written.
    """
    begun = datetime.now(UTC)
    found = services.audit.verify(usecases)
    if found.faults:
        time.sleep(AGAIN_SECONDS)
        begun = datetime.now(UTC)
        found = services.audit.verify(usecases)
    return begun, found


def forget(services: Services, now: datetime) -> dict[str, int]:
    """Reduce the events whose retention is over to their hashes; how many, by day."""
    log, settings = services.adapters.audit, services.settings
    days: dict[str, timedelta] = {kind: timedelta(days=n) for kind, n in settings.retention_days.items()}
    gone = log.prune(now - min(days.values()), lambda event: event.at + days[event.kind] > now)
    if gone:
        about = {"kind": "change", "action": "forget_events", "by": "audit", "via": "task", "what": "audit log"}
        facts = {"events": gone, "retention_days": settings.retention_days}
        log.append([AuditEvent.model_validate(about | {"at": now, "facts": facts})])
    return gone


def count_uses(services: Services, model: str, log: Path) -> int:
    """An event for each client, route and outcome of the requests for a model since the last call; how many requests.

    ``model``: a use case, or '' for requests that were refused before the gateway knew their model. Read is the access
    log of the gateway, so that nothing is done while a request waits.
    """
    key = f"{OFFSETS}/{model or 'none'}.json"
    state = services.adapters.state
    with services.adapters.locks.hold(f"gateway_uses/{model or 'none'}"):
        begin = int(json.loads(found.text)["offset"]) if (found := state.get(key)) else 0
        size = log.stat().st_size if log.is_file() else 0
        uses, end = _uses(log, begin if begin <= size else 0, model)
        _tell(services.adapters.audit, model, uses)
        state.put(key, json.dumps({"offset": end}))
    return sum(count for count, *_ in uses.values())


Uses = dict[tuple[str, str, Outcome], tuple[int, str, str]]
"""Client, route and outcome → number, first and last time."""


def _uses(log: Path, begin: int, model: str) -> tuple[Uses, int]:
    counts, times, end = Counter[tuple[str, str, Outcome]](), dict[tuple[str, str, Outcome], tuple[str, str]](), begin
    for line in _lines(log, begin):
        end += len(line)
        if (request := _request(line, model)) is not None:
            which = (request["client"], request["route"], _outcome(request))
            first, _ = times.get(which, (request["time"], ""))
            times[which] = (first, request["time"])
            counts[which] += 1
    return {which: (counts[which], *times[which]) for which in counts}, end


def _lines(log: Path, begin: int) -> Iterator[bytes]:
    """The whole lines from there on."""
    if not log.is_file():
        return
    with log.open("rb") as content:
        content.seek(begin)
        yield from (line for line in content if line.endswith(b"\n"))


def _request(line: bytes, model: str) -> dict[str, str] | None:
    """What the gateway says of a request for the model, as text; None of every other line."""
    named = f'"model":"{model or "-"}"'.encode()
    if not line.startswith(b'{"time":') or named not in line:
        return None
    try:
        request = {name: "" if value == "-" else str(value) for name, value in json.loads(line).items()}
    except (ValueError, AttributeError, RecursionError):  # of a process that was killed while it wrote
        return None
    return request if {"time", "client", "route", "status", "refused"} <= set(request) else None


def _outcome(request: dict[str, str]) -> Outcome:
    """A status that is no number is that of a request without an answer."""
    if request["refused"]:
        return "refused"
    status = int(request["status"]) if re.fullmatch("[0-9]{1,3}", request["status"]) else 0
    return "done" if 0 < status < 400 else "failed"


def _tell(log: AuditLog, model: str, uses: Uses) -> None:
    log.append([_event(model, *which, *about) for which, about in sorted(uses.items())])


def _event(model: str, client: str, route: str, outcome: Outcome, requests: int, first: str, latest: str) -> AuditEvent:
    event = AuditEvent(
        at=datetime.now(UTC),
        kind="use",
        action=ROUTES.get(route, "send_request"),
        by=client or "anonymous",
        via="gateway",
        usecase=model,
        what=f"model {model}" if model else "the gateway",
    )
    return audited.ended(event, outcome, requests=requests, first=first, last=latest)
