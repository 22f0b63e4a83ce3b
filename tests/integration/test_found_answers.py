"""The answers about one entity or request: found in the lake by value or token, explained by their own release, seen
as far as a role may see, and never without an event in the audit log."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from include.contracts.found_answers import FoundAnswers
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.data.manifests import Turn
from include.deployment import packaging
from include.errors import AccessError, DataError, NotFoundError
from include.operations.drift import attribution
from include.operations.monitoring.explained import FELL_BACK
from include.operations.windows.window import Answering
from include.records.registry import PREDICTIONS
from include.services.composition import Services
from include.services.found_answers import Looker, find
from include.settings import Settings
from tests.integration.pipeline_fixtures import AT, FEATURES, KEYS, SPEC, dataset_ref, requests_frame, stored, trained

pytestmark = pytest.mark.integration
FEBRUARY = Period("2013-02")
ASKED = requests_frame(400, 5)
TAIL = ASKED["tailnum"].iloc[0]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    made = Services(Settings(home=tmp_path_factory.mktemp("found"), pseudonym_keys=KEYS))
    model, rows = trained(1), requests_frame(500, 99)
    answering = Answering(model.encoder.transform, model.scores)
    effects = attribution.of_test_set(SPEC, model.encoding()["features"], answering, rows)
    staging = made.settings.home / "staged"
    packaging.package(
        SPEC, model=model, model_version=1, model_hash="0" * 64, dataset=dataset_ref(), features=FEATURES, rows=rows,
        incomplete=[], baseline={"attributions": effects}, staging=staging,
        require_valid_bom=made.adapters.require_valid_bom,
    )  # fmt: skip
    made.adapters.releases.add(SPEC.name, staging, 1)
    log(made, ASKED, model.predict(ASKED))
    publish(made)
    return made


def log(services: Services, rows: pd.DataFrame, scores: Any) -> None:
    hidden = rows.assign(
        tailnum=rows["tailnum"].map(stored), period=FEBRUARY, release="r0001", request_id=[f"q{i}" for i in rows.index],
        logged_at=AT.to_pydatetime(), latency_ms=1.0, missing=0, unavailable=0, probability=scores,
        prediction=(scores >= 0.5).astype(float), scores=[[float(score)] for score in scores],
    )  # fmt: skip
    hidden.loc[1, "probability"] = 0.123  # what a fallback answers
    PREDICTIONS.append(SPEC.name, services.adapters.lake, pa.Table.from_pandas(hidden, preserve_index=False))


def publish(services: Services) -> None:
    """The event of the first answer has its label, that of the second has none."""
    two = ASKED.iloc[:2]
    label_time = pd.Series([AT, None], dtype="datetime64[us, UTC]")
    events = two[[SPEC.event.id, SPEC.event.time]].assign(
        tailnum=two["tailnum"].map(stored), late=pd.array([1, None], "Int8"), **{str(SPEC.event.label_time): label_time}
    )
    ref = services.adapters.lake.publish(
        SPEC.name, "events", pa.Table.from_pandas(events, preserve_index=False), FEBRUARY
    )
    snapshot = SnapshotRef(usecase=SPEC.name, period=FEBRUARY, name="2013-02-abc", tables={"events": ref})
    snapshots = services.records.snapshots(SPEC)
    snapshots.keep(snapshot)
    snapshots.make_current(snapshot, Turn.of(snapshot.name, datetime.now(UTC), "ada", "published"))


def look(services: Services, role: str, asked: Mapping[str, str], **about: Any) -> FoundAnswers:
    return find(SPEC, services, Looker("ada", [role], "command"), asked, **about)


def test_a_subject_is_found_by_its_clear_value_and_by_its_token_and_the_look_is_on_record(services: Services) -> None:
    found = look(services, "admin", {"tailnum": TAIL})
    assert len(found.answers) == (ASKED["tailnum"] == TAIL).sum()
    assert look(services, "admin", {"tailnum": stored(TAIL)}).answers == found.answers
    assert {one.columns["tailnum"] for one in found.answers} == {stored(TAIL)}
    times = [one.columns[SPEC.event.time] for one in found.answers]
    assert times == sorted(times, reverse=True)
    seen = list(services.adapters.audit.read())[-1]
    assert (seen.kind, seen.action, seen.by, seen.outcome) == ("access", "look_at_predictions", "ada", "done")
    assert seen.subject == {"tailnum": stored(TAIL)}
    assert len(look(services, "admin", {"tailnum": TAIL}, most=2).answers) == 2


def test_a_role_sees_no_column_above_its_class_and_may_not_ask_by_one(services: Services) -> None:
    (one,) = look(services, "operator", {"request_id": "q0"}).answers
    assert "tailnum" not in one.columns
    assert {"temp", "probability", "release"} <= set(one.columns)
    with pytest.raises(AccessError, match="tailnum is above"):
        look(services, "operator", {"tailnum": TAIL})
    assert list(services.adapters.audit.read())[-1].outcome == "refused"
    with pytest.raises(AccessError, match="request_id is above"):
        look(services, "viewer", {"request_id": "q0"})
    with pytest.raises(
        DataError, match=r"found by \['request_id', 'flight_id', 'origin', 'tailnum'\], not by \['temp'\]"
    ):
        look(services, "admin", {"temp": "1"})


def test_truth_and_explanation_come_with_the_answer(services: Services) -> None:
    known, fallback, other = (
        look(services, "operator", {"request_id": f"q{i}"}, explain=True).answers[0] for i in range(3)
    )
    assert (known.truth.state, known.truth.value, fallback.truth.state) == ("known", 1, "never_came")
    assert other.truth.state in ("not_due", "never_came")
    why = known.explanation
    assert why is not None
    assert why.reference is not None
    assert why.reference + sum(why.effects.values()) + why.hidden == pytest.approx(why.answer, abs=1e-5)
    assert why.answer == pytest.approx(known.columns["probability"], abs=1e-5)
    assert set(why.effects) == set(SPEC.feature_names)
    assert fallback.explanation is not None
    assert fallback.explanation.why_not == FELL_BACK


def test_a_release_that_was_changed_explains_nothing(services: Services) -> None:
    file = Path(services.adapters.releases.get(SPEC.name, "r0001").path) / "model.onnx"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        why = look(services, "operator", {"request_id": "q0"}, explain=True).answers[0].explanation
    finally:
        file.write_bytes(content)
    assert why is not None
    assert "model.onnx was changed after packaging" in why.why_not


def test_without_answers_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nothing was answered yet"):
        look(Services(Settings(home=tmp_path, pseudonym_keys=KEYS)), "admin", {"request_id": "q0"})
