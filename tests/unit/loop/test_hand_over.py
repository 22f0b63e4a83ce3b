"""Nothing leaves prod without a person's approval, for the key that was shown, from a role that may."""

from pathlib import Path

import pytest

from include.contracts.period import Period
from include.errors import AccessError, NotFoundError, SettingsError
from include.loop import hand_over
from include.services.composition import Services
from include.specification.loader import load_usecase
from tests.unit.fakes.adapters import services_in

SPEC, JANUARY = load_usecase("flight_delay"), Period("2013-01")
OWN, OTHER = "k01:" + "a" * 20, "k01:" + "b" * 20
ANSWER = {"chosen_options": ["Approve"], "responded_by_user": {"id": "1", "name": "paul"}}
USERS = {"olga": "admin", "paul": "operator", "vera": "viewer"}


def prod(home: Path, environment: str = "prod", keys: str = OTHER) -> Services:
    vault = {"pseudonym_keys": OWN, "hand_over_keys": keys}
    made = services_in(home, vault, environment=environment, airflow_users=USERS)
    made.adapters.exports.keys["dev"] = "public of dev"  # type: ignore[attr-defined]
    return made


def asked(services: Services, by: str = "olga") -> dict:
    return hand_over.ask(SPEC, services, JANUARY, JANUARY, "try a feature", by)


def test_what_is_asked_names_the_key_and_who_asks(tmp_path: Path) -> None:
    question = asked(prod(tmp_path))
    assert (question["fingerprint"], question["asked_by"]) == ("mark of public of dev", "olga")
    assert "try a feature" in question["summary"]


def test_dev_hands_nothing_over(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="this is dev"):
        asked(prod(tmp_path, "dev"))


def test_keys_that_prod_uses_itself_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        asked(prod(tmp_path, keys=OWN))


def test_who_may_not_read_may_not_ask_or_approve(tmp_path: Path) -> None:
    services = prod(tmp_path)
    with pytest.raises(AccessError, match="'vera' has the role 'viewer'"):
        asked(services, "vera")
    by_vera = {**ANSWER, "responded_by_user": {"name": "vera"}}
    with pytest.raises(AccessError, match="'vera' has the role 'viewer'"):
        hand_over.export(SPEC, services, asked(services), by_vera, "run")


@pytest.mark.parametrize(
    "answer", [None, {}, {**ANSWER, "chosen_options": ["Reject"]}, {"chosen_options": ["Approve"]}]
)
def test_without_a_person_who_approves_nothing_leaves(tmp_path: Path, answer: dict | None) -> None:
    services = prod(tmp_path)
    with pytest.raises(AccessError, match="no person approved"):
        hand_over.export(SPEC, services, asked(services), answer, "run")
    assert services.adapters.exports.names(SPEC.name) == []


def test_nobody_approves_the_hand_over_that_they_asked_for(tmp_path: Path) -> None:
    services = prod(tmp_path)
    with pytest.raises(AccessError, match="'paul' asked for it, so 'paul' may not"):
        hand_over.export(SPEC, services, asked(services, "paul"), ANSWER, "run")
    assert services.adapters.exports.names(SPEC.name) == []


def test_an_approval_is_of_the_key_that_was_shown(tmp_path: Path) -> None:
    services = prod(tmp_path)
    question = asked(services)
    services.adapters.exports.keys["dev"] = "another key"  # type: ignore[attr-defined]
    with pytest.raises(AccessError, match="changed after the approval"):
        hand_over.export(SPEC, services, question, ANSWER, "run")


def test_dev_without_a_published_key_gets_nothing(tmp_path: Path) -> None:
    services = prod(tmp_path)
    services.adapters.exports.keys.clear()  # type: ignore[attr-defined]
    with pytest.raises(NotFoundError, match="has no public key"):
        asked(services)
