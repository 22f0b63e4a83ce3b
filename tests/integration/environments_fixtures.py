"""Prod and dev side by side below a temporary directory, as `make up` leaves them, with one exchange."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from include.platform import state
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase

ANSWER = {"chosen_options": ["Approve"], "responded_by_user": {"id": "2", "name": "olga"}}
USERS = {"vera": "viewer", "uwe": "engineer", "olga": "operator", "anna": "approver"}


@dataclass(frozen=True)
class Environments:
    """Both environments' services, and the use case with tail numbers as personal data."""

    spec: UseCase
    prod: Services
    dev: Services


def personal_spec(**hand_over: Any) -> UseCase:
    content = load_usecase("flight_delay").model_dump(by_alias=True)
    content["privacy"]["columns"] = {"tailnum": {"class": "personal", "treatment": "pseudonymise"}}
    content["hand_over"] |= hand_over
    return UseCase.model_validate(content)


def environments(root: Path, **settings: Any) -> Environments:
    shared = {"exchange": root / "exchange", "airflow_users": USERS, **settings}
    prod = Settings(environment="prod", home=root / "prod", pseudonym_keys="k01:the-key-of-prod-alone", **shared)
    dev = Settings(environment="dev", home=root / "dev", pseudonym_keys="k01:the-key-of-dev-alone", **shared)
    for one in (prod, dev):
        state.claim(one)
        state.make_keys(one)
    return Environments(personal_spec(), Services(prod), Services(dev))


@pytest.fixture
def both(tmp_path: Path) -> Environments:
    return environments(tmp_path)
