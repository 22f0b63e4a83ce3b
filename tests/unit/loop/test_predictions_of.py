"""Answers about one entity leave encrypted, approved by another person, and the form never holds the clear value."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.contracts.pseudonyms import KeyRing, reference
from include.errors import AccessError, DataError, NotFoundError
from include.loop import predictions_of
from include.records.registry import PREDICTIONS
from include.services import export_log
from include.services.composition import Services
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import SPEC

KEYS = "k01:first-secret-of-the-tests"
TOKEN = KeyRing.parse(KEYS).token("N1")
USERS = {"olga": "admin", "paul": "admin", "otto": "operator", "anna": "approver"}
RECIPIENTS = {"ada": {"role": "admin"}, "bea": {"role": "engineer"}}
AT = datetime(2013, 4, 15, 1, tzinfo=UTC)


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = services_in(tmp_path, recipients=RECIPIENTS, airflow_users=USERS, pseudonym_keys=KEYS)
    row = {
        "period": "2013-04", "request_id": "q1", "logged_at": AT, "release": "r0001", "probability": 0.5,
        "prediction": 1.0, "scores": [0.5], "missing": 0, "unavailable": 0, "latency_ms": 1.0, SPEC.event.id: "a",
        SPEC.event.time: AT, "tailnum": TOKEN,
    }  # fmt: skip
    PREDICTIONS.append(SPEC.name, made.adapters.lake, pa.Table.from_pylist([row]))
    made.adapters.exports.keys.update(ada="public of ada", bea="public of bea")  # type: ignore[attr-defined]
    return made


def asked(services: Services, key: str, value: str, recipient: str = "ada", by: str = "olga") -> dict[str, Any]:
    return predictions_of.ask(SPEC, services, key, value, recipient, "a question", False, by)


def answer(by: str) -> dict[str, Any]:
    return {"chosen_options": ["Approve"], "responded_by_user": {"id": by, "name": by}}


def test_the_answers_leave_after_another_person_approved(services: Services) -> None:
    about = asked(services, "tailnum", reference(TOKEN))
    assert TOKEN not in str(about)
    made = predictions_of.export(SPEC, services, about, reference(TOKEN), answer("paul"), "run")
    (logged,) = export_log.recorded(SPEC, services)
    assert (logged.name, logged.rows, logged.requested_by, logged.approved_by) == (made.name, 1, "olga", "paul")
    looks = [one for one in services.adapters.audit.read() if one.action == "look_at_predictions"]
    assert [(one.by, one.via, one.subject) for one in looks] == [("olga", "form", {"tailnum": TOKEN})] * 2


def test_whoever_may_not_see_the_key_neither_asks_nor_gets_nor_approves(services: Services) -> None:
    for by, recipient in (("otto", "ada"), ("olga", "bea")):
        with pytest.raises(AccessError, match="tailnum is above"):
            asked(services, "tailnum", reference(TOKEN), recipient, by)
    about = asked(services, "tailnum", reference(TOKEN))
    for by, words in (("anna", "tailnum is above"), ("olga", "'olga' asked for it")):
        with pytest.raises(AccessError, match=words):
            predictions_of.export(SPEC, services, about, reference(TOKEN), answer(by), "run")
    assert export_log.recorded(SPEC, services) == []


def test_a_form_takes_no_clear_value_and_no_unknown_one(services: Services) -> None:
    with pytest.raises(DataError, match="name it by its reference"):
        asked(services, "tailnum", "N1")
    with pytest.raises(NotFoundError, match="no answer about tailnum"):
        asked(services, "tailnum", reference(KeyRing.parse(KEYS).token("N2")))
    with pytest.raises(NotFoundError, match="no answer with this request_id"):
        asked(services, "request_id", "q2")
    with pytest.raises(AccessError, match="'eve' is not a recipient"):
        asked(services, "request_id", "q1", "eve")
