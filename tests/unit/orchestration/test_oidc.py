"""Which of our roles a token names, and which issuers may be set."""

from typing import Any

import jwt
import pytest
from pydantic import ValidationError

from include.orchestration.oidc import issued_by, roles_in
from include.settings import Settings

ISSUER = "https://keycloak.example/realms/moebius"


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({"realm_access": {"roles": ["moebius-viewer", "offline_access"]}}, {"viewer"}),
        ({"resource_access": {"moebius": {"roles": ["moebius-operator"]}}}, {"operator"}),
        ({"resource_access": {"account": {"roles": ["moebius-admin"]}}}, set()),
        ({"groups": ["/a/moebius-auditor", "moebius-approver"]}, {"auditor", "approver"}),
        ({"groups": ["/moebius-admin/readers", "/moebius-Admin", "admin", "xmoebius-admin"]}, set()),
        ({"realm_access": ["moebius-admin"], "groups": "moebius-admin", "resource_access": None}, set()),
        ({"realm_access": {"roles": [1, None, ["moebius-admin"]]}}, set()),
        ({}, set()),
    ],
)
def test_a_role_of_the_realm_the_client_or_a_group_is_ours_by_its_whole_name(
    claims: dict[str, Any], roles: set[str]
) -> None:
    assert roles_in(claims, "moebius") == roles


@pytest.mark.parametrize("token", ["", "a.b.c", "no token", "eyJhbGciOiJub25lIn0.W10."])
def test_what_is_no_token_is_of_no_issuer(token: str) -> None:
    assert not issued_by(token, ISSUER)


def test_a_token_of_airflow_is_not_of_the_issuer() -> None:
    mine = jwt.encode({"sub": "ada", "role": "admin"}, "s" * 64, algorithm="HS512")
    assert not issued_by(mine, ISSUER)
    assert issued_by(jwt.encode({"iss": ISSUER}, "s" * 64), ISSUER)


@pytest.mark.parametrize(
    ("issuer", "good"),
    [
        ("", True),
        (ISSUER, True),
        ("http://127.0.0.1:8180/realms/moebius", True),
        ("http://localhost/realms/moebius", True),
        ("http://keycloak.example/realms/moebius", False),
        ("http://127.0.0.1.example/realms/moebius", False),
        (f"{ISSUER}/", False),
        ("file:///keys", False),
    ],
)
def test_keys_come_over_tls_or_from_this_machine(issuer: str, good: bool) -> None:
    if good:
        assert Settings(oidc_issuer=issuer).oidc_issuer == issuer
    else:
        with pytest.raises(ValidationError, match="oidc_issuer"):
            Settings(oidc_issuer=issuer)
