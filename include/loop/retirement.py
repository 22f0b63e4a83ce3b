"""The end of a release: proposed with its reasons, approved by somebody else, archived, and deleted in the end."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.contracts.deployment import ReleaseRef
from include.contracts.development import ModelRef
from include.contracts.period import Period
from include.contracts.retirement import Archive, RecordedRetirement, RetiredRelease, RetirementEvent
from include.deployment import events, release
from include.errors import ConflictError, DamagedReleaseError, DeploymentError, NotFoundError
from include.governance import answers, retirement
from include.loop import rollback
from include.records.registry import APPROVALS, RETIREMENTS
from include.services.composition import Services
from include.specification.usecase import UseCase

TARGET = "is what `previous` puts back"


def ask(
    spec: UseCase,
    services: Services,
    wanted: str | None,
    replacement: str | None,
    end_of_service: bool,
    reason: str,
    asked_by: str,
    run: str,
) -> dict[str, Any]:
    """The proposal: ``releases`` and, for who approves, ``summary``; recorded with its reasons, from where it is taken.

    Without ``wanted`` those that meet a criterion of the spec and that nothing needs; {} when there is none.

    Raises
    ------
    NotFoundError
        there is no such release.
    DeploymentError
        it serves, and neither a replacement nor the end of the service was asked for; or others need it.
    """
    kept = protected(spec, services)
    found = _found(spec, services) if not wanted else {wanted: {"asked for": reason}}
    if wanted:
        services.adapters.releases.get(spec.name, wanted)
        warnings = _require_may_end(spec, services, wanted, kept, replacement, end_of_service)
        held = {}
    else:
        warnings = []
        held = {name: f"{kept[name]} ({', '.join(found[name])})" for name in found if name in kept}
    proposed = {name: why for name, why in found.items() if wanted or name not in kept}
    if not proposed:
        print(f"{spec.name}: no release meets a criterion" + "".join(f"; {n} stays: {w}" for n, w in held.items()))
        return {}
    asked = {"replacement": replacement or "", "end_of_service": end_of_service, "held": held, "reason": reason}
    for name, why in proposed.items():
        words = "; ".join(f"{key}: {text}" for key, text in why.items())
        _record(spec, services, "proposed", _ref(spec, services, name), asked_by, words, run, {"why": why, **asked})
    return {"summary": retirement.summary(spec, asked_by, reason, proposed, held, warnings), "releases": [*proposed]}


def _found(spec: UseCase, services: Services) -> dict[str, dict[str, str]]:
    """Release → the criteria that it meets, with what was found."""
    now, rollouts = datetime.now(UTC), services.records.rollout_events(spec)
    figures = services.records.history(spec, "performance_loss")
    known = [
        retirement.facts(one.name, one.model_version, _packaged(one), rollouts, figures)
        for one in services.adapters.releases.all(spec.name)
    ]
    return {one.name: why for one in known if (why := retirement.reasons(spec, one, now))}


def _packaged(one: ReleaseRef) -> datetime | None:
    try:
        return datetime.fromisoformat(release.manifest(Path(one.path))["packaged_at"])
    except (DamagedReleaseError, KeyError):  # whoever uses the release says so
        return None


def protected(spec: UseCase, services: Services) -> dict[str, str]:
    """Release → why it is needed: what serves, what may serve next, what a rollback takes, and their models' origin."""
    state = services.serving.rollout_state(spec)
    if state is None:
        return {}
    releases = services.adapters.releases
    earlier = rollback.previous(spec, services, state.champion)
    roles = {state.challenger: "is being rolled out", earlier.name if earlier else None: TARGET}
    roles |= {state.champion: "serves"}
    kept = {str(name): role for name, role in roles.items() if name}
    history = services.approvals.history(spec)
    for name in [*kept]:
        for version in retirement.origins(history, releases.get(spec.name, name).model_version):
            of = [one.name for one in releases.all(spec.name) if one.model_version == version]
            kept |= {one: f"its model is the origin of {name}, which {kept[name]}" for one in of if one not in kept}
    return kept


def _require_may_end(
    spec: UseCase, services: Services, name: str, kept: Mapping[str, str], replacement: str | None, ends: bool
) -> list[str]:
    """What the approver must know; raises DeploymentError when it cannot end so."""
    state = services.serving.rollout_state(spec)
    if state and name == state.champion:
        return [_instead(spec, services, name, replacement, ends)]
    if replacement or ends:
        raise DeploymentError(f"{name} of {spec.name} does not serve: it needs no replacement, and no service ends")
    why = kept.get(name, "")
    if state and (name == state.challenger or "origin" in why):
        raise DeploymentError(f"{name} of {spec.name} {why}: it cannot be retired before that has changed")
    return [f"{name} {why}: afterwards there may be nothing to put back."] if why else []


def _instead(spec: UseCase, services: Services, name: str, replacement: str | None, ends: bool) -> str:
    if bool(replacement) == ends:
        raise DeploymentError(
            f"{name} serves {spec.name}: name the release that takes its place in `replacement`, or end the service by "
            "`end_of_service` (one of both)"
        )
    if ends:
        return f"{name} serves, and the service of {spec.name} ends: clients get no answer any more."
    if replacement == name:
        raise DeploymentError(f"{name} of {spec.name} cannot take its own place: name another release in `replacement`")
    target = rollback.rollback_target(spec, services, replacement)
    return f"{name} serves: {target} gets all of its traffic first."


def retire(spec: UseCase, services: Services, answer: dict | None, run: str) -> list[str]:
    """End what this run proposed: its traffic, then its files, which the archive keeps. May be repeated after a kill.

    Raises
    ------
    NotFoundError
        the run proposed nothing.
    AccessError
        nobody approved it, or who did had asked for it.
    DeploymentError
        a release is needed by now, as one that was put back meanwhile.
    """
    proposed = RETIREMENTS.read(spec.name, services.adapters.lake, event="proposed", run=run)
    if not proposed:
        raise NotFoundError(f"{spec.name}: the run {run} proposed no release; start `retirement` again")
    asked_by, asked = proposed[0].by, proposed[0].facts
    approved_by = answers.approver("this retirement", answer, {asked_by: "asked for it"})
    about = {"approved_by": approved_by, "requested_by": asked_by, "reason": asked["reason"]}
    done = {one.name for one in services.adapters.releases.retired(spec.name)}
    left = [row.release for row in proposed if row.release not in done]
    _drain(spec, services, left, asked, approved_by, run)
    kept = protected(spec, services)
    needed = {name: kept[name] for name in left if name in kept and not _allowed(kept[name], asked)}
    if needed:
        raise DeploymentError(f"{spec.name}: not retired, because meanwhile {_listed(needed)}; ask again without them")
    for row in proposed:
        if row.release in left:
            _archive(spec, services, row.release, row.facts["why"], about)
        _end(spec, services, row, about, run)
    return [row.release for row in proposed]


def _allowed(role: str, asked: Mapping[str, Any]) -> bool:
    """What a person named may be what a rollback takes; what the criteria found may not."""
    return role == TARGET and bool(asked["reason"])


def _listed(named: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {why}" for name, why in named.items())


def _drain(spec: UseCase, services: Services, names: Sequence[str], asked: dict[str, Any], by: str, run: str) -> None:
    """Traffic to zero: every server that runs says so before anything is taken away."""
    state = services.serving.rollout_state(spec)
    if state is None or state.champion not in names:
        return
    if asked["replacement"]:
        rollback.restore_release(spec, services, asked["replacement"], f"{state.champion} is retired", by)
        return
    if not asked["end_of_service"]:
        raise DeploymentError(f"{state.champion} of {spec.name} serves by now; ask again, with a replacement")
    if state.challenger:
        raise ConflictError(f"{spec.name}: {state.challenger} is being rolled out; abort it before the service ends")
    champion = _ref(spec, services, state.champion)
    services.serving.end(spec)
    events.record(spec, services.adapters.lake, events.event(state, "ended", by, asked["reason"]))
    _record(spec, services, "service_ended", champion, by, asked["reason"], run, {})


def _archive(spec: UseCase, services: Services, name: str, why: dict[str, str], about: dict[str, str]) -> None:
    """Keep everything of the release in one file, prove that it can be read, then take the release away."""
    now, one = datetime.now(UTC), _ref(spec, services, name)
    model = services.serving.registered(spec, one)
    keep_until = spec.retirement.archive.after(now, spec.calendar.timezone)
    services.adapters.archives.pack(
        Archive(usecase=spec.name, release=name, model_version=model.version, model_hash=model.artifact_hash,
                retired_at=now, keep_until=keep_until, files=[]),
        Path(one.path), _documents(spec, services, one, model, {"why": why, **about}),
    )  # fmt: skip
    words = about["reason"] or "; ".join(why.values())
    retired = RetiredRelease(name=name, model_version=model.version, at=now, by=about["approved_by"], reason=words)
    services.adapters.releases.retire(spec.name, retired)


def _end(spec: UseCase, services: Services, row: RecordedRetirement, about: dict[str, str], run: str) -> None:
    """Finish what a kill may have cut short: the files go, the record and MLflow say so."""
    (retired,) = (one for one in services.adapters.releases.retired(spec.name) if one.name == row.release)
    (archive,) = (one for one in services.adapters.archives.all(spec.name) if one.release == row.release)
    services.adapters.releases.retire(spec.name, retired)
    facts = {"why": row.facts["why"], **about, "archive": archive.json_dict()}
    version = retired.model_version
    one = ReleaseRef(usecase=spec.name, name=row.release, model_version=version, path="", content_hash="")
    _record(spec, services, "retired", one, about["approved_by"], retired.reason, run, facts)
    _show(spec, services, version, {"retired": retired.at.isoformat(timespec="seconds"), "retired_by": retired.by})


def rejected(spec: UseCase, services: Services, answer: Mapping[str, Any]) -> str:
    """The releases stay."""
    return f"{spec.name}: nothing is retired, {answers.responder(answer)} rejected it"


def _documents(
    spec: UseCase, services: Services, one: ReleaseRef, model: ModelRef, why: dict[str, Any]
) -> dict[str, bytes]:
    """The model and the evidence: approvals as they were signed, every change of its traffic, its figures."""
    of = {model.version, services.approvals.proof(spec, model).version}
    signed = [row.json_dict() for row in APPROVALS.read(spec.name, services.adapters.lake) if row.version in of]
    traffic = [e.json_dict() for e in services.records.rollout_events(spec) if one.name in (e.release, e.champion)]
    figures = [f.json_dict() for f in services.records.figures(spec, release=one.name)]
    evidence = {"approvals": signed, "rollout_events": traffic, "figures": figures, "retirement": why}
    texts = {f"evidence/{name}.json": json.dumps(facts, indent=1).encode() for name, facts in evidence.items()}
    return {"model/model.zip": services.adapters.tracker.load(model), **texts}


def delete_archives(spec: UseCase, services: Services, run: str, now: datetime | None = None) -> dict[str, int]:
    """Delete the archives whose time is over, and their models; release → files, each proved to be gone and recorded.

    Raises DamagedFileError when something is still there afterwards, or an archive that is to be kept was changed.
    """
    moment, deleted = now or datetime.now(UTC), {}
    for archive in services.adapters.archives.all(spec.name):
        if archive.keep_until <= moment:
            deleted[archive.release] = _delete(spec, services, archive, run)
        else:
            services.adapters.archives.verify(archive)
    return deleted


def _delete(spec: UseCase, services: Services, archive: Archive, run: str) -> int:
    model = services.approvals.registered(spec, archive.model_version)
    gone = services.adapters.tracker.forget(model) if model else True
    files = services.adapters.archives.delete(archive)
    proof = {
        "files": [one.json_dict() for one in files], "archive": archive.json_dict(),
        "model": {"version": archive.model_version, "sha256": archive.model_hash, "absent": gone},
    }  # fmt: skip
    about = ReleaseRef(
        usecase=spec.name, name=archive.release, model_version=archive.model_version, path="", content_hash=""
    )
    words = f"kept until {archive.keep_until:%Y-%m-%d}"
    _record(spec, services, "deleted", about, "retention", words, run, proof)
    return len(files)


def _ref(spec: UseCase, services: Services, name: str) -> ReleaseRef:
    return services.adapters.releases.get(spec.name, name)


def _show(spec: UseCase, services: Services, version: int, tags: dict[str, str]) -> None:
    """What MLflow shows; a version that somebody deleted there was retired all the same."""
    try:
        services.adapters.tracker.tag(spec.name, version, tags)
    except NotFoundError as error:
        print(f"version {version} of {spec.name} is retired, but MLflow cannot show it: {error}", flush=True)


def _record(
    spec: UseCase,
    services: Services,
    event: RetirementEvent,
    one: ReleaseRef,
    by: str,
    reason: str,
    run: str,
    facts: dict[str, Any],
) -> None:
    """Keep the step; the same step of the same run is kept once."""
    known = RETIREMENTS.read(spec.name, services.adapters.lake, release=one.name, event=event)
    if any(row.run == run for row in known):
        return
    at = datetime.now(UTC)
    row = RecordedRetirement(
        period=Period.recorded(at), at=at, event=event, release=one.name, model_version=one.model_version, by=by,
        reason=reason, run=run, facts=facts,
    )  # fmt: skip
    RETIREMENTS.append(spec.name, services.adapters.lake, [row])
