"""A form counts when a person sent it from a page that was shown to that person for that action, and not long ago."""

from datetime import UTC, datetime, timedelta

import pytest

from include.ui import forgery
from include.ui.forgery import EXPIRED, FOREIGN, FORGED, Purpose

KEY = forgery.key("a secret of the API server")
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ABORT = Purpose("olga", "flight_delay", "abort")
SIGNED = forgery.signature(KEY, ABORT, NOW, nonce="0123456789abcdef")
OWN = ("http://127.0.0.1:8080", "https://moebius.example")


def test_a_signature_counts_for_an_hour() -> None:
    for later in (timedelta(), timedelta(seconds=30), timedelta(seconds=forgery.SECONDS)):
        assert forgery.fault(KEY, ABORT, SIGNED, NOW + later) == ""
    assert forgery.fault(KEY, ABORT, SIGNED, NOW + timedelta(seconds=forgery.SECONDS + 1)) == EXPIRED
    assert forgery.fault(KEY, ABORT, SIGNED, NOW - timedelta(minutes=1)) == EXPIRED, "it is of the future"


@pytest.mark.parametrize(
    "purpose", [ABORT._replace(login="otto"), ABORT._replace(action="promote"), ABORT._replace(usecase="other")]
)
def test_it_counts_for_nothing_else(purpose: Purpose) -> None:
    assert forgery.fault(KEY, purpose, SIGNED, NOW) == FORGED


@pytest.mark.parametrize(
    "given",
    [
        "", ".", "..", "x", "é.é.é", SIGNED[:-1], SIGNED + "0", SIGNED.replace("0123", "0124"),
        SIGNED.replace(SIGNED.partition(".")[0], f"{NOW.timestamp() + 60:.0f}"), "nan" + SIGNED[SIGNED.index(".") :],
    ],
)  # fmt: skip
def test_what_was_altered_or_made_up_does_not_count(given: str) -> None:
    assert forgery.fault(KEY, ABORT, given, NOW) == FORGED


def test_parts_that_join_to_the_same_text_are_told_apart() -> None:
    one, other = Purpose("a", "b\nc", "d"), Purpose("a\nb", "c", "d")
    assert forgery.fault(KEY, other, forgery.signature(KEY, one, NOW), NOW) == FORGED


def test_another_secret_makes_another_key_and_none_makes_none() -> None:
    assert forgery.fault(forgery.key("another"), ABORT, SIGNED, NOW) == FORGED
    with pytest.raises(ValueError, match="AIRFLOW__API__SECRET_KEY"):
        forgery.key("")


def test_no_two_forms_are_the_same_and_each_names_its_run() -> None:
    assert forgery.signature(KEY, ABORT, NOW) != forgery.signature(KEY, ABORT, NOW)
    assert forgery.run_id(SIGNED) == "manual__2026-01-31T12:00:00+00:00_0123456789abcdef"


@pytest.mark.parametrize("origin", [*OWN, "HTTPS://Moebius.example", "https://moebius.example/"])
def test_a_form_of_our_own_origin_is_let_through(origin: str) -> None:
    assert forgery.foreign({"origin": origin}, OWN) == ""
    assert forgery.foreign({"origin": origin, "sec-fetch-site": "same-origin"}, OWN) == ""


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"origin": ""}, {"origin": "null"}, {"origin": "https://elsewhere.example"},
        {"origin": "http://127.0.0.1:8081"}, {"origin": "https://moebius.example.evil.example"},
        {"origin": "//moebius.example"}, {"origin": OWN[0], "sec-fetch-site": "cross-site"},
        {"origin": OWN[0], "sec-fetch-site": "same-site"}, {"origin": OWN[0], "sec-fetch-site": "none"},
    ],
)  # fmt: skip
def test_every_other_origin_is_foreign_and_so_is_none(headers: dict[str, str]) -> None:
    assert forgery.foreign(headers, OWN) == FOREIGN


def test_an_own_origin_that_is_none_lets_nothing_through() -> None:
    assert forgery.foreign({"origin": "null"}, ("", "null", "http://")) == FOREIGN
