"""The evidence bundle of a release: every item is evidenced or missing for a reason, in three renderings alike."""

import json
import re
import shutil
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import SecretStr

from include.adapters.signatures import new_signing_key
from include.contracts.audit import AuditEvent
from include.contracts.compliance import UNDATED, Bundle, Item
from include.contracts.deployment import RolloutEvent
from include.contracts.governance import PrivacyFinding
from include.contracts.operations import Figure
from include.errors import DamagedReleaseError, DeploymentError, NotFoundError, ReviewDueError, SettingsError
from include.governance.compliance import assembly, law, pdf
from include.loop import compliance, compliance_review
from include.records.registry import APPROVALS, FIGURES, PRIVACY_AUDITS, ROLLOUT_EVENTS
from include.services import verdicts
from include.services.compliance import gather
from include.services.composition import Services
from include.specification.compliance import Compliance
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.fakes.adapters import packaged, services_in
from tests.unit.loop.loop_worlds import APRIL, NOON, SPEC, register, verdict

TAIL = "N12345XYZ"
"""A personal value in clear, as a person may leave it where it does not belong."""


HOSTILE = SPEC.model_copy(update={"title": "<script>alert(1)</script>"})


def world(home: Path) -> Services:
    """Two releases, the second judged and approved by a person, in traffic, measured, looked at."""
    made = services_in(home, approval_key=SecretStr(new_signing_key()))
    packaged(made, SPEC, 1, model_hash=register(made).artifact_hash)
    model = register(made, people=["trainer"], trained="again")
    made.adapters.tracker.add_document(model, "model_card.md", "# Model card\n\nIt has limits.\n")
    verdicts.store(SPEC, made, model, verdict(2, champion=1), run="run-2", by="asset_triggered")
    packaged(made, SPEC, 2, model_hash=model.artifact_hash)
    lake, name = made.adapters.lake, SPEC.name
    lake.publish(name, "events", pa.table({"flight_id": ["a"], "tailnum": ["k01.pseudonym"]}), APRIL)
    event = {"usecase": name, "at": NOON, "rollout": "r", "generation": 2, "champion": "r0002", "release": "r0002"}
    ROLLOUT_EVENTS.append(name, lake, [RolloutEvent(**event, event="promoted", share=1, by="olga", reason="no breach")])
    FIGURES.replace(
        name, lake, APRIL,
        [Figure(usecase=name, release="r0002", period=APRIL, name="roc_auc", subject="roc_auc", value=0.7, n=900)],
    )  # fmt: skip
    PRIVACY_AUDITS.append(name, lake, [PrivacyFinding(period=APRIL, audited_at=NOON, place="", column="", values=0)])
    looked = {"by": "vera", "via": "page", "usecase": name, "subject": {"tailnum": TAIL}}
    now = datetime.now(UTC)
    made.adapters.audit.append(
        [
            AuditEvent(at=now, kind="access", action="read_table", what="table events", **looked),
            AuditEvent(at=now, kind="decision", action="pause", what="monitoring", reason="noise", **looked),
            AuditEvent(at=now, kind="use", action="predict", what="release r0002", **looked),
        ]
    )
    return made


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Its bundles have no real PDF, whose drawing costs more than all else."""
    monkeypatch.setattr(pdf, "pdf", lambda bundle: b"%PDF")
    return world(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Services, Path, Bundle]:
    """A whole bundle, for tests that only read it."""
    made = world(tmp_path_factory.mktemp("shared"))
    return made, *written(made, spec=HOSTILE)


@pytest.fixture
def items(shared: tuple[Services, Path, Bundle]) -> dict[str, Item]:
    return {item.key: item for item in shared[2].items}


def written(services: Services, release: str = "r0002", spec: Any = SPEC, **given: Any) -> tuple[Path, Bundle]:
    made = compliance.make(spec, services, release, **given)
    place = Path(made["bundle"])
    return place, Bundle.model_validate_json((place / "bundle.json").read_text())


def answered(services: Services, spec: UseCase) -> dict[str, Item]:
    """The items of the second release, which nothing is written of."""
    facts = gather(spec, services, services.adapters.releases.get(spec.name, "r0002"))
    return {item.key: item for item in assembly.bundle(facts, law.laws(), "prod", NOON).items}


def test_every_item_has_dated_and_hashed_evidence_or_says_why_it_lacks_and_how_to_give_it(shared: Any) -> None:
    _, _, bundle = shared
    assert len(bundle.items) == sum(len(s.items) for one in law.laws().values() for s in one.sections.values())
    for item in bundle.items:
        assert item.evidence or item.gaps, item.key
        assert {"missing": not item.evidence, "evidenced": not item.gaps}.get(item.state, True), item.key
        assert all(gap.because and gap.give for gap in item.gaps), item.key
        assert all((one.at is None) == (one.kind in UNDATED) for one in item.evidence), item.key
    assert not re.search(r"\bcompl(iant|ies)\b|\bconforms\b", bundle.model_dump_json())
    assert "claims no conformity" in bundle.notice


def test_it_is_drawn_from_the_records_of_the_release(items: dict[str, Item]) -> None:
    card = next(one for one in items["ai_act.3.capabilities"].evidence if "model card" in one.what)
    assert card.copied == "evidence/model/model_card.md"
    assert items["ai_act.3.capabilities"].tables[0].rows[0][1:3] == ["roc_auc", "0.7"]
    assert any("verdict of version 2" in one.what for one in items["ai_act.2.g"].evidence)
    assert any(row[1] == "promoted" and row[3] == "olga" for row in items["ai_act.3.oversight"].tables[0].rows)
    assert {"ada", "vera"} <= {row[3] for row in items["gdpr.22.intervention"].tables[0].rows}
    assert items["gdpr.15.looks"].tables[0].rows == [["read_table", "done", "1"]]
    measured = next(one for one in items["ai_act.9.system"].evidence if "figures" in one.what)
    assert measured.at == SPEC.calendar.end(APRIL)
    assert "It was packaged after r0001." in " ".join(items["ai_act.1.a"].says)


def test_the_form_of_the_impact_assessment_is_filled_from_the_privacy_classes(items: dict[str, Item]) -> None:
    (columns,) = [t for t in items["gdpr.35.description"].tables if t.caption == "Columns by privacy class"]
    assert ["tailnum", "personal", "pseudonymise", "events", "tail number of the plane"] in columns.rows
    assert items["gdpr.35.risks"].state == "missing"
    searched = next(one for one in items["gdpr.35.measures"].evidence if "in clear" in one.what)
    assert searched.at == NOON


class Page(HTMLParser):
    """Ids, tags and addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.heads: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append(tag)
        self.ids |= {str(named["id"])} if "id" in named else set()
        self.addresses += [str(named[name]) for name in ("href", "src") if name in named]
        self.heads += [named] if tag == "th" else []


def test_the_three_renderings_hold_the_same_items(shared: Any) -> None:
    _, place, bundle = shared
    keys = {item.key for item in bundle.items}
    page, drawn = (place / "bundle.html").read_text(), (place / "bundle.pdf").read_bytes()
    assert keys <= Page(page).ids
    bookmarks = {
        bytes.fromhex(title.decode()).decode("utf-16") if title[:4] == b"FEFF" else title.decode()
        for title in re.findall(rb"/Title <(FEFF[0-9A-F]+)>", drawn) + re.findall(rb"/Title \(([^()]*)\)", drawn)
    }
    assert {f"{item.key}: {item.state}" for item in bundle.items} <= bookmarks
    for gap in (gap for item in bundle.items for gap in item.gaps):
        assert gap.because.split(":")[0] in page


def test_the_page_loads_nothing_runs_nothing_and_is_accessible(shared: Any) -> None:
    _, place, _ = shared
    text = (place / "bundle.html").read_text()
    page = Page(text)
    assert "script" not in page.tags
    assert {"header", "nav", "main", "h1", "h2", "h3", "h4", "caption"} <= set(page.tags)
    assert all(head.get("scope") in ("col", "row") for head in page.heads)
    assert all(address.startswith(("#", "evidence/")) for address in page.addresses)
    assert all((place / a).is_file() for a in page.addresses if a.startswith("evidence/"))
    assert '<html lang="en">' in text


def test_no_personal_value_that_the_audit_log_holds_is_in_it(shared: Any) -> None:
    _, place, _ = shared
    assert place.stat().st_mode & 0o077 == 0
    for file in (file for file in place.rglob("*") if file.is_file()):
        assert TAIL.encode() not in file.read_bytes(), file
        assert file.stat().st_mode & 0o077 == 0, f"{file} is for its owner alone"


def test_a_copied_text_has_the_hash_of_its_evidence(shared: Any) -> None:
    _, place, bundle = shared
    copies = {one.copied: one.sha256 for item in bundle.items for one in item.evidence if one.copied}
    manifest = compliance.manifest(place)
    assert copies
    assert {name: manifest.files[name].sha256 for name in copies} == copies
    (*_, approved) = json.loads((place / "evidence" / "approvals.json").read_text())
    assert json.loads(approved["content"])["event"] == "approved"
    assert approved["signature"]


def test_what_is_altered_is_named(shared: Any, tmp_path: Path) -> None:
    services, kept, _ = shared
    place = shutil.copytree(kept, tmp_path / "copy")
    assert compliance.verify(services, place) == []
    (place / "bundle.html").write_text("<p>all is well</p>")
    (place / "extra.txt").write_text("x")
    (place / "evidence" / "release.json").unlink()
    faults = compliance.verify(services, place)
    assert [fault.split(" ")[0] for fault in faults] == ["extra.txt", "bundle.html", "evidence/release.json"]


@pytest.mark.parametrize("change", [{"content": "0" * 64}, {"made_at": NOON + timedelta(days=1)}, {"key": "0" * 16}])
def test_a_manifest_that_was_written_anew_is_named(change: dict[str, Any], shared: Any, tmp_path: Path) -> None:
    services, kept, _ = shared
    place = shutil.copytree(kept, tmp_path / "copy")
    forged = compliance.manifest(place).model_copy(update=change)
    (place / "manifest.json").write_text(forged.model_dump_json())
    assert "manifest.json was altered" in compliance.verify(services, place)[0]


def test_the_same_facts_give_the_same_bundle_and_new_ones_a_new_one(services: Services, tmp_path: Path) -> None:
    first, before = written(services)
    second, _ = written(services, out=tmp_path / "copy")
    assert second == first
    assert compliance.verify(services, tmp_path / "copy") == []
    shutil.rmtree(first)
    third, after = written(services)
    assert after.content == before.content
    assert after.model_copy(update={"made_at": before.made_at}) == before
    FIGURES.replace(SPEC.name, services.adapters.lake, APRIL, [])
    assert written(services)[1].content != before.content
    assert third.name.startswith("r0002-")


def test_what_was_altered_is_no_evidence(services: Services) -> None:
    (services.settings.releases / SPEC.name / "r0001" / "baseline.json").write_text("{ }")
    with pytest.raises(DamagedReleaseError, match=r"baseline\.json"):
        written(services, "r0001")
    row = APPROVALS.read(SPEC.name, services.adapters.lake)[-1]
    forged = row.model_copy(update={"sequence": row.sequence + 1})
    APPROVALS.append(SPEC.name, services.adapters.lake, [forged])
    with pytest.raises(DeploymentError, match="record of approvals"):
        written(services)
    assert not services.settings.compliance.exists()


def test_without_a_release_a_place_or_a_key_nothing_is_written(services: Services, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no serving release"):
        written(services, "")
    (tmp_path / "there").mkdir()
    with pytest.raises(SettingsError, match="exists already"):
        written(services, out=tmp_path / "there")
    assert not services.settings.compliance.exists()


def test_what_the_authors_say_is_evidence(services: Services) -> None:
    said = {
        "compliance": {"provider": {"name": "Example AG", "contact": "ai@example.org"}, "risk_management": "We ask."}
    }
    spec = small_spec(rollout={"strategy": "canary", "steps": [0.1]}, **said)
    items = answered(services, spec)
    assert items["ai_act.5.system"].state == "evidenced"
    assert items["ai_act.5.system"].says == ["We ask."]
    assert "Provider: Example AG, ai@example.org." in items["ai_act.1.a"].says
    assert "compliance/declaration.md" in items["ai_act.8.declaration"].gaps[0].give


def test_without_personal_columns_the_gdpr_does_not_apply_and_the_bundle_says_why(services: Services) -> None:
    spec = small_spec(privacy={"columns": {}, "subject": None})
    items = answered(services, spec)
    assert items["gdpr.14.categories"].state == "not applicable"
    assert "marks no column as personal" in items["gdpr.14.categories"].says[0]
    assert items["gdpr.22.intervention"].state == "evidenced"


def test_the_review_fails_when_a_check_is_old_and_tells_what_the_bundle_lacks(services: Services) -> None:
    newest = max(one.checked_on for one in law.laws().values())
    assert compliance_review.review(SPEC, services, newest)["release"] == ""
    every = (SPEC.compliance or Compliance()).review_every
    later = newest + timedelta(hours=every.hours + 24)
    with pytest.raises(ReviewDueError, match=r"Regulation \(EU\) 2024/1689 .*checked on"):
        compliance_review.review(SPEC, services, date(later.year, later.month, later.day))
