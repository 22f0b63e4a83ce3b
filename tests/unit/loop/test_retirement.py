"""A release ends with its reasons, by two people, into an archive; what serves and what it needs stays."""

import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.errors import AccessError, DamagedFileError, DeploymentError, NotFoundError
from include.governance import retirement as criteria
from include.loop import deployment, retirement, rollback, rollout
from include.records.registry import RETIREMENTS
from include.services.composition import Services
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.fakes.approvals import approve

SPEC = small_spec(retirement={"unused": None, "superseded": None, "decayed": None, "age": "24 months"})
LONG_AGO = {"packaged_at": "2020-01-01T00:00:00+00:00"}
YES = {"chosen_options": ["Approve"], "responded_by_user": {"name": "paula"}}


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """Three old releases, the last of which serves."""
    made = services_in(tmp_path)
    for version in (1, 2, 3):
        rollout.promote_release(SPEC, made, packaged(made, SPEC, version, **LONG_AGO))
        made.adapters.tracker.contents[version] = f"model {version}".encode()  # type: ignore[attr-defined]
    return made


def ask(services: Services, wanted: str | None = None, run: str = "run", **options: Any) -> dict[str, Any]:
    given = {"replacement": None, "end_of_service": False, "reason": "not needed", "asked_by": "olga", **options}
    return retirement.ask(SPEC, services, wanted, run=run, **given)


def names(services: Services) -> list[str]:
    return [one.name for one in services.adapters.releases.all(SPEC.name)]


def retired(services: Services, wanted: str, **options: Any) -> Services:
    ask(services, wanted, **options)
    assert retirement.retire(SPEC, services, YES, "run") == [wanted]
    return services


def test_what_serves_and_what_a_rollback_takes_is_not_proposed_and_is_named(services: Services) -> None:
    proposal = ask(services, reason="")
    assert proposal["releases"] == ["r0001"]
    assert "| r0001 | age: packaged on 2020-01-01, more than 24 months ago |" in proposal["summary"]
    assert "| r0002 | is what `previous` puts back (age) |\n| r0003 | serves (age) |" in proposal["summary"]


def test_a_retired_release_is_in_the_archive_and_nowhere_else(services: Services) -> None:
    retired(services, "r0001")
    (archive,) = services.adapters.archives.all(SPEC.name)
    services.adapters.archives.verify(archive)
    with zipfile.ZipFile(services.settings.archive / SPEC.name / "r0001.zip") as packed:
        assert packed.read("model/model.zip") == b"model 1"
        approvals = json.loads(packed.read("evidence/approvals.json"))
        assert {row["event"] for row in approvals} == {"registered", "verdict", "approved"}
        assert json.loads(packed.read("evidence/retirement.json"))["approved_by"] == "paula"
        assert "release/release.json" in packed.namelist()
    assert [file.name for file in (services.settings.releases / SPEC.name / "r0001").glob("[!.]*")] == ["retired.json"]
    assert services.adapters.tracker.tags(SPEC.name, 1)["retired_by"] == "paula"
    assert [(row.event, row.by) for row in RETIREMENTS.read(SPEC.name, services.adapters.lake)] == [
        ("proposed", "olga"),
        ("retired", "paula"),
    ]


def test_a_retired_release_neither_serves_nor_comes_back(services: Services) -> None:
    retired(services, "r0001")
    with pytest.raises(NotFoundError, match=r"r0001 of \w+ was retired on .* by paula: it neither serves"):
        rollback.restore(SPEC, services, "r0001", "try it", "olga")
    with pytest.raises(DeploymentError, match=r"version 1 of .* was retired as r0001"):
        deployment.begin(SPEC, services, 1)
    approve(services, SPEC, 1)  # the verdict is on what serves now
    with pytest.raises(DeploymentError, match=r"version 1 of .* was retired as r0001"):
        deployment.package_release(SPEC, services, 1)
    assert rollback.question(SPEC, services)[0] == ["r0002"]
    assert packaged(services, SPEC, 4) == "r0004", "a name is given once"


def test_a_name_is_never_given_again(services: Services) -> None:
    services.adapters.tracker.contents[4] = b"model 4"  # type: ignore[attr-defined]
    retired(services, packaged(services, SPEC, 4))
    assert packaged(services, SPEC, 5) == "r0005"


@pytest.mark.parametrize(
    ("answer", "why"),
    [(None, "no person approved"), ({**YES, "responded_by_user": {"name": "olga"}}, "'olga' asked for it")],
)
def test_whoever_asked_does_not_approve(services: Services, answer: Any, why: str) -> None:
    ask(services, "r0001")
    with pytest.raises(AccessError, match=why):
        retirement.retire(SPEC, services, answer, "run")
    assert names(services) == ["r0001", "r0002", "r0003"]


def test_what_serves_ends_with_a_replacement_or_with_the_service(services: Services) -> None:
    for wrong in ({}, {"replacement": "r0002", "end_of_service": True}):
        with pytest.raises(DeploymentError, match="name the release that takes its place"):
            ask(services, "r0003", **wrong)
    with pytest.raises(DeploymentError, match="take its own place"):
        ask(services, "r0003", replacement="r0003")
    retired(services, "r0003", replacement="r0002")
    assert services.serving.require_rollout_state(SPEC).champion == "r0002"
    assert names(services) == ["r0001", "r0002"]


def test_the_service_ends_on_demand(services: Services) -> None:
    services.adapters.server.models.add(SPEC.name)  # type: ignore[attr-defined]
    assert "clients get no answer any more" in ask(services, "r0003", end_of_service=True)["summary"]
    retirement.retire(SPEC, services, YES, "run")
    assert services.serving.rollout_state(SPEC) is None
    assert not services.adapters.server.model_ready(SPEC.name)  # type: ignore[attr-defined]
    assert [row.event for row in RETIREMENTS.read(SPEC.name, services.adapters.lake)][1:] == [
        "service_ended",
        "retired",
    ]
    assert services.records.rollout_events(SPEC)[-1].event == "ended"


def test_what_is_put_back_meanwhile_stays(services: Services) -> None:
    ask(services, "r0001")
    rollback.restore(SPEC, services, "r0001", "complaints", "olga")
    with pytest.raises(DeploymentError, match=r"r0001 of .* serves by now"):
        retirement.retire(SPEC, services, YES, "run")
    assert "r0001" in names(services)


def test_a_killed_retirement_goes_on_when_it_is_repeated(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(services, "r0001")
    monkeypatch.setattr(retirement, "_end", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        retirement.retire(SPEC, services, YES, "run")
    monkeypatch.undo()
    for _ in range(2):
        assert retirement.retire(SPEC, services, YES, "run") == ["r0001"]
    assert [row.event for row in RETIREMENTS.read(SPEC.name, services.adapters.lake)] == ["proposed", "retired"]


def test_an_archive_goes_when_its_time_is_over_and_the_record_proves_it(services: Services) -> None:
    retired(services, "r0001")
    (archive,) = services.adapters.archives.all(SPEC.name)
    file = services.settings.archive / SPEC.name / "r0001.zip"
    assert retirement.delete_archives(SPEC, services, "later", archive.keep_until - timedelta(days=1)) == {}
    assert retirement.delete_archives(SPEC, services, "later", archive.keep_until) == {"r0001": len(archive.files) + 1}
    assert not list(file.parent.iterdir())
    assert 1 not in services.adapters.tracker.contents  # type: ignore[attr-defined]
    proof = RETIREMENTS.read(SPEC.name, services.adapters.lake, event="deleted")[0].facts
    assert {one["absent"] for one in proof["files"]} == {True}
    assert proof["files"][0] == {
        "path": "r0001.zip",
        "bytes": proof["files"][0]["bytes"],
        "sha256": archive.sha256,
        "absent": True,
    }
    assert (proof["model"]["absent"], proof["model"]["sha256"]) == (True, archive.model_hash)
    assert retirement.delete_archives(SPEC, services, "again", archive.keep_until) == {}


def test_a_changed_archive_is_found(services: Services) -> None:
    retired(services, "r0001")
    (archive,) = services.adapters.archives.all(SPEC.name)
    with (services.settings.archive / SPEC.name / "r0001.zip").open("ab") as file:
        file.write(b"x")
    with pytest.raises(DamagedFileError, match="was changed"):
        services.adapters.archives.verify(archive)


def test_each_criterion_counts_from_its_own_moment(services: Services) -> None:
    spec = small_spec(retirement={"unused": "3 months", "superseded": "12 months", "decayed": None, "age": None})
    rollout.shift_traffic(SPEC, services, packaged(services, SPEC, 4, **LONG_AGO), 0.1, "run", "ada")
    rollout.end_rollout(SPEC, services, "breach", "ada")
    events, now = services.records.rollout_events(SPEC), datetime.now(UTC)
    known = [criteria.facts(name, 1, now, events, []) for name in ("r0001", "r0003", "r0004")]
    assert [one.replaced is None for one in known] == [False, True, True]

    def met(days: int) -> list[list[str]]:
        return [sorted(criteria.reasons(spec, one, now + timedelta(days=days))) for one in known]

    assert met(80) == [[], [], []]
    assert met(100) == [[], [], ["unused"]]
    assert met(370) == [["superseded"], [], ["unused"]]
