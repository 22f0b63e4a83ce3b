"""The page of predictions: what it offers to look up, and the words of an answer and its truth."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from airflow.configuration import conf

from include.contracts.found_answers import FoundAnswer, FoundAnswers, Truth
from include.governance import request_events
from include.services.composition import Services
from include.specification.loader import load_usecase
from include.ui import forgery
from include.ui.pages import predictions as predictions_page
from tests.unit.ui.clients import Client, client, services

SPEC, AT = load_usecase("flight_delay"), datetime(2013, 12, 1, 2, 20, tzinfo=UTC)
__all__ = ["client", "services"]
ID = "2013-11-30_UA1043_EWR_2120"


def answer(source: Any = "served", **columns: Any) -> FoundAnswer:
    period = {"served": "2013-12", "batch": "2013-11"}[source]
    about = {"flight_id": ID, "event_timestamp": AT, "period": period, "prediction": 0.0, "missing": 0} | columns
    return FoundAnswer(
        source=source, release="r0002", columns=about, truth=Truth(state="known", value=0, met=columns == {})
    )


def looked_at(client: Client, monkeypatch: pytest.MonkeyPatch, *answers: FoundAnswer) -> str:
    found = FoundAnswers(usecase=SPEC.name, role="auditor", more=False, answers=[*answers], threshold=0.5)
    monkeypatch.setattr(predictions_page, "looked", lambda spec, reader, form: found)
    purpose = forgery.Purpose("ada", SPEC.name, "look")
    signature = forgery.signature(forgery.key(conf.get("api", "secret_key")), purpose, datetime.now(UTC))
    sent = {"signature": signature, "key": "flight_id", "value": "ua1043"}
    return client().post("/predictions/flight_delay", data=sent).text


def logged(services: Services) -> None:
    rows = {
        "request_id": ["q1", "q2"], "flight_id": ["older", ID], "origin": ["EWR", "EWR"], "tailnum": ["k01:1", "k01:2"],
        "logged_at": [AT, AT.replace(hour=3)], "event_timestamp": [AT, AT], "period": ["2013-12"] * 2,
    }  # fmt: skip
    services.adapters.lake.append(SPEC.name, "predictions", pa.table(rows))


def test_the_newest_values_may_be_looked_up_by_who_reads_them(client: Client, services: Services) -> None:
    assert "Values of the newest answers" not in client().get("/predictions/flight_delay").text
    logged(services)
    page = client().get("/predictions/flight_delay").text
    assert page.index(f'<button name="value" value="{ID}">') < page.index('value="older"')
    assert page.count('name="value" value="EWR"') == 1
    assert "k01:" not in page
    assert ID not in client("viewer").get("/predictions/flight_delay").text
    seen = request_events.look("/moebius/predictions/flight_delay")
    assert seen
    assert seen.rows, "nothing is shown that the audit log does not take"


def test_answer_and_truth_are_in_words_with_the_threshold(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    page = looked_at(client, monkeypatch, answer())
    assert page.count("not late") == 2
    assert "as predicted</span>" in page
    assert "1 when it arrived more than 15 minutes late" in page
    page = looked_at(client, monkeypatch, answer(prediction=1.0, probability=0.7))
    assert "probability 0.700; late from 0.50 on" in page
    assert "not as predicted" in page


def test_columns_say_what_their_period_is_and_name_features_without_a_value(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = looked_at(client, monkeypatch, answer(pressure_change_3h=None, reason=None), answer("batch", snapshot="s-1"))
    assert "the month of the event in UTC" in page
    assert "by the calendar of America/New_York" in page
    assert '<dt>pressure_change_3h</dt><dd><span class="dim">no value</span>' in page
    assert "<dt>reason</dt>" not in page
    assert "2013-12-01 02:20 UTC" in page
    assert "the snapshot s-1 has them" in page


def test_a_look_that_finds_nothing_says_how_values_are_compared(
    client: Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged(services)
    page = looked_at(client, monkeypatch)
    assert "Values are compared as a whole, with their capital letters." in page
    assert f"A value of flight_id looks like this: <code>{ID}</code>" in page
