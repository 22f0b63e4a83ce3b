"""What an access review says of each way in, and what it finds wrong."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from include.contracts.access_review import AccessReview, Kind, ReviewedAccess
from include.contracts.gateway import GatewayClient
from include.governance.access_review import Ways, review
from include.governance.rights import RIGHTS
from include.settings import Settings

AT = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO, LATELY = AT - timedelta(days=91), AT - timedelta(days=89)
KEY = "0" * 64
WAYS = Ways(
    logins={"uwe": "engineer", "anna": "approver", "admin": "admin"},
    clients={
        "shop": GatewayClient(key_sha256=KEY, owner="uwe", models=frozenset({"flight_delay"})),
        "old": GatewayClient(key_sha256="1" * 64),
        "left": GatewayClient(key_sha256="2" * 64, owner="gone", models=frozenset({"flight_delay"})),
    },
    experiment={"admin": True, "moebius": True, "uwe": False, "ada": False, "anna": True},
    technical=frozenset({"admin", "moebius"}),
    recipients={"press": "viewer", "court": "admin"},
    levels=Settings().access,
    default_password="admin",
)


def made(
    used: dict[tuple[Kind, str], datetime] | None = None, since: datetime | None = None, ways: Ways = WAYS
) -> AccessReview:
    return review(ways, used or {}, since, AT, "prod")


def entry(kind: Kind, name: str, of: AccessReview | None = None) -> ReviewedAccess:
    (found,) = [one for one in (of or made()).entries if (one.kind, one.name) == (kind, name)]
    return found


def started(login: str) -> set[str]:
    """The families that the words name."""
    (words,) = re.findall("start: (all but )?([^;]*)", entry("login", login).may)
    named = set(words[1].split(", "))
    return set(RIGHTS) - named if words[0] else named


def test_every_way_in_is_listed_with_what_it_may() -> None:
    assert len(made().entries) == 3 + 3 + 5 + 2
    assert started("uwe") == {family for family, rights in RIGHTS.items() if "engineer" in rights.trigger}
    assert entry("login", "anna").may.startswith("reads up to internal; answer: ")
    assert "start" not in entry("login", "anna").may
    assert "start: all; answer: all; " in entry("login", "admin").may
    assert entry("gateway client", "shop").may == "flight_delay, 50 requests a second"
    assert entry("recipient", "press").may == "gets exports, columns up to public"


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("login", "uwe", []),
        ("login", "anna", []),
        ("login", "admin", ["public default", "trains and approves"]),
        ("gateway client", "shop", []),
        ("gateway client", "old", ["no owner", "every use case"]),
        ("gateway client", "left", ["gone is no login any more"]),
        ("MLflow login", "admin", []),
        ("MLflow login", "moebius", []),
        ("MLflow login", "uwe", []),
        ("MLflow login", "ada", ["made by hand"]),
        ("MLflow login", "anna", ["its role gives read"]),
        ("recipient", "press", []),
        ("recipient", "court", ["personal"]),
    ],
)
def test_what_looks_wrong_is_said_and_nothing_else(kind: Kind, name: str, words: list[str]) -> None:
    findings = entry(kind, name).findings
    assert len(findings) == len(words)
    assert all(word in finding for word, finding in zip(words, findings, strict=True))


@pytest.mark.parametrize(
    ("used", "since", "unused"),
    [
        (None, None, False),
        (None, LATELY, False),
        (None, LONG_AGO, True),
        (LONG_AGO, LONG_AGO, True),
        (LATELY, LONG_AGO, False),
        (LONG_AGO, LATELY, True),
    ],
)
def test_a_login_without_use_for_90_days_is_found_once_the_log_goes_so_far(
    used: datetime | None, since: datetime | None, unused: bool
) -> None:
    uses: dict[tuple[Kind, str], datetime] = {("login", "uwe"): used} if used else {}
    found = entry("login", "uwe", made(uses, since))
    assert found.used_at == used
    assert [line for line in found.findings if "90 days" in line] == found.findings
    assert bool(found.findings) == unused


def test_a_way_in_whose_uses_nobody_records_is_not_called_unused() -> None:
    assert entry("MLflow login", "uwe", made(since=LONG_AGO)).findings == []
    assert entry("recipient", "press", made(since=LONG_AGO)).findings == []


def test_a_password_that_was_changed_is_no_finding() -> None:
    found = entry("login", "admin", made(ways=WAYS._replace(default_password="")))
    assert len(found.findings) == 1
