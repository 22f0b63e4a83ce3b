"""Who must approve that a candidate replaces the champion, and what the record of approvals says about it."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal

from include.contracts.approval import UNNAMED, ApprovalEntry
from include.contracts.deployment import ReleaseRef
from include.contracts.evaluation import Verdict
from include.errors import ApprovalError, NotFoundError
from include.specification.usecase import UseCase

Approver = Literal["nobody", "policy", "person"]
History = Sequence[ApprovalEntry]
"""The entries of a use case, oldest first."""
REFUSED = ("keep_champion", "data_problem")
ANSWERS = ("approved", "rejected", "withdrawn", "expired")
"""What ends a question."""
NEW_CHAMPION = "a new champion"
"""Who withdraws a verdict that compared a version with another champion than the one that serves now."""
PROOF = "proof"
"""The fact of a refit's registration that says of which judged version and artifact it is the refit."""
RECALIBRATED = "recalibrated"
"""The fact of a registration that says which version and artifact it is, with another calibrator."""
CHANGED_EVIDENCE = "changed evidence"
"""Who withdraws a verdict whose evidence is another one than was judged."""


def approver(spec: UseCase, verdict: Verdict) -> Approver:
    """``nobody`` when the verdict refuses: there is nothing to approve. Who asks for a person gets one."""
    if verdict.decision in REFUSED:
        return "nobody"
    return "policy" if rule(spec, verdict)[1] == "policy" and verdict.decision != "ask_human" else "person"


def rule(spec: UseCase, verdict: Verdict) -> tuple[str, str]:
    """The key of the spec that says who approves this verdict, and its value."""
    key = "first_release" if verdict.champion is None else "retrain"
    return f"approval.{key}", getattr(spec.approval, key)


def spec_hash(spec: UseCase, without: Collection[str] = ()) -> str:
    """SHA-256 of what the spec says, but for some of its keys; a default that is written out changes nothing."""
    declared = spec.model_dump_json(exclude=set(without), exclude_defaults=True)
    return hashlib.sha256(declared.encode()).hexdigest()


# -- what the record says
def registration(history: History, version: int) -> ApprovalEntry | None:
    """The newest registration of a version."""
    return _last(entry for entry in history if (entry.event, entry.version) == ("registered", version))


def trained(history: History) -> list[int]:
    """Versions that were trained as candidates, neither averaged nor refits, in the order of their registration."""
    known = (e for e in history if e.event == "registered" and not e.facts["members"] and not e.facts.get(PROOF))
    return list(dict.fromkeys(entry.version for entry in known))


def proof_version(history: History, version: int) -> int:
    """The version whose verdict counts for this one: of a refit that of its proof, else its own."""
    registered = registration(history, version)
    return int(named["version"]) if registered and (named := registered.facts.get(PROOF)) else version


def newest_verdict(history: History, **fields: Any) -> ApprovalEntry | None:
    """The newest verdict of these fields (``version``, ``run``), of all without any."""
    wanted = {"event": "verdict", **fields}
    return _last(e for e in history if all(getattr(e, name) == value for name, value in wanted.items()))


def refused_against(history: History, release: str) -> list[ApprovalEntry]:
    """The verdicts that compared candidates with the release and led to no other one, newest first.

    Those of unusable test sets are not among them: they judged nothing.
    """
    against = [e for e in history if e.event == "verdict" and e.facts["verdict"]["champion_release"] == release]
    return [e for e in reversed(against) if e.decision == "keep_champion" or _rejected(history, e)]


def _rejected(history: History, verdict: ApprovalEntry) -> bool:
    entry = answer(history, verdict)
    return entry is not None and entry.event == "rejected"


def answer(history: History, verdict: ApprovalEntry) -> ApprovalEntry | None:
    """What ended the question about a verdict last: an approval, a rejection, a withdrawal, its expiry; None while it
    is open."""
    return _last(e for e in history if e.event in ANSWERS and e.about == verdict.sequence)


def barred(history: History, verdict: ApprovalEntry) -> list[str]:
    """Logins that started the training or an evaluation of what was judged, and so do not approve it.

    Also of an earlier evaluation: one that a new champion overtook is repeated without a person. Of an average those
    of its newest member count, too, which is what was trained.
    """
    trained_as = _newest_member(history, verdict.version)
    verdicts = (e for e in history if e.event == "verdict" and _newest_member(history, e.version) == trained_as)
    registered = (registration(history, version) for version in {verdict.version, trained_as})
    return sorted({login for entry in (*verdicts, *registered) if entry for login in entry.people})


def _newest_member(history: History, version: int) -> int:
    registered = registration(history, version)
    members = registered.facts["members"] if registered else []
    return _newest_member(history, members[-1]) if members else version


def open_questions(history: History) -> list[ApprovalEntry]:
    """Verdicts that somebody may still have to answer, oldest first."""
    return [e for e in history if e.event == "verdict" and e.decision not in REFUSED and answer(history, e) is None]


def objection(history: History, version: int) -> str:
    """Why a version may not be deployed; '' when it may: its newest verdict, of a refit its proof's, is approved."""
    registered = registration(history, version)
    if registered is None:
        return "no training of this state root registered it"
    if named := registered.facts.get(PROOF):
        why = _objection_to_proof(history, named)
        return why and f"it is the refit of version {named['version']}, and {why}"
    verdict = newest_verdict(history, version=version)
    if verdict is None or verdict.sequence < registered.sequence:
        return "it has no verdict"
    if verdict.decision in REFUSED:
        return f"the verdict on it is {verdict.decision}"
    entry = answer(history, verdict)
    return _objection_to_answer(verdict, entry) if entry else "it has no approval of its verdict"


def _objection_to_answer(verdict: ApprovalEntry, entry: ApprovalEntry) -> str:
    if entry.event != "approved":
        return f"it was {entry.event} by {entry.by} ({entry.reason})"
    if entry.evidence != verdict.evidence:
        return f"it was approved on the evidence {entry.evidence[:12]}, and {verdict.evidence[:12]} was judged"
    return ""


def _objection_to_proof(history: History, named: Mapping[str, Any]) -> str:
    """The same of the proof that a refit names, which must be what was judged: this artifact, and no refit itself."""
    proof = registration(history, named["version"])
    if proof and proof.facts.get(PROOF):
        return "that is a refit itself, which nobody judged"
    if proof and proof.artifact_hash != named["artifact_hash"]:
        return f"was made of the artifact {named['artifact_hash'][:12]}, where {proof.artifact_hash[:12]} was judged"
    return objection(history, named["version"])


def staleness(history: History, judged: ApprovalEntry, serving: ReleaseRef | None) -> str:
    """Why a verdict is on stale ground: it names another champion than ``serving``; '' when it does not.

    A version that serves by now, itself or as its refit, is not compared with itself.
    """
    if serving is not None and proof_version(history, serving.model_version) == judged.version:
        return ""
    verdict = judged.facts["verdict"]
    name, version = verdict["champion_release"], verdict["champion"]
    same = name == serving.name if serving and name else version == (serving.model_version if serving else None)
    if same:
        return ""
    against = f"against {name or f'version {version}'}" if version is not None else "while nothing served"
    now = f"{serving.name} (version {serving.model_version}) serves" if serving else "nothing serves"
    return f"version {judged.version} was judged {against}, and now {now}"


def overtaken(history: History, **fields: Any) -> ApprovalEntry | None:
    """The withdrawal of the newest verdict of these fields (``version``, ``run``) by a new champion, if it was.

    None when the version was judged since, or a newer candidate waits for an answer: its question would end.
    """
    judged = newest_verdict(history, **fields)
    if judged is None or newest_verdict(history, version=judged.version) != judged:
        return None
    entry = answer(history, judged)
    waits = any(one.sequence > judged.sequence for one in open_questions(history))
    return entry if entry and entry.by == NEW_CHAMPION and not waits else None


def approved_version(history: History) -> int | None:
    """The version that was approved last and may be deployed."""
    approvals = [entry.version for entry in reversed(history) if entry.event == "approved"]
    return next((version for version in approvals if not objection(history, version)), None)


def require_approved(history: History, usecase: str, version: int, model_hash: str | None = None) -> ApprovalEntry:
    """The registration of a version whose newest verdict is approved; ``model_hash``: of what is deployed, if known.

    Raises ApprovalError when it may not be deployed, or the hash is another one.
    """
    registered, why = registration(history, version), objection(history, version)
    if registered is None or why:
        raise ApprovalError(
            f"version {version} of {usecase} may not be deployed: {why}; run {usecase}.retrain_evaluation with the "
            "version and have it approved. Only the record of approvals counts, not a tag or an alias in MLflow"
        )
    if model_hash not in (None, registered.artifact_hash):
        raise ApprovalError(
            f"version {version} of {usecase} was approved with the artifact {registered.artifact_hash[:12]}, and this "
            f"is {str(model_hash)[:12]}: it is not deployed; find out who changed it, and train again"
        )
    return registered


def to_deploy(history: History, usecase: str, version: int | str | None) -> ApprovalEntry:
    """The registration of the version asked for, else of the one that was approved last.

    Raises NotFoundError when none was named and none is approved, ApprovalError when it may not be deployed.
    """
    wanted = int(version) if version else approved_version(history)
    if wanted is None:
        raise NotFoundError(f"{usecase} has no approved model version: name one, or approve a candidate first")
    return require_approved(history, usecase, wanted)


def require_named(people: Sequence[str], what: str) -> None:
    """Raises ApprovalError when nobody knows who started a run: whoever did could then approve it."""
    if UNNAMED in people:
        raise ApprovalError(
            f"an asset event that was posted over REST started this {what}, and Airflow does not say who posted it: "
            "start it by its form, so that the record says who did"
        )


def _last(entries: Iterator[ApprovalEntry]) -> ApprovalEntry | None:
    return max(entries, key=lambda entry: entry.sequence, default=None)
