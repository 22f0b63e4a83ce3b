"""Tokens of an OpenID Connect server, as Keycloak issues them, for the REST API: verified, and mapped to our roles."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, get_args

import jwt

from include.contracts.governance import Role

PREFIX = "moebius-"
"""A role of the realm or client, or a group, is ours by its name: ``moebius-auditor``, ``/staff/moebius-auditor``."""
LEEWAY_SECONDS = 5


def issued_by(token: str, issuer: str) -> bool:
    """Whether the token says so. That decides only which key has to verify it."""
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return False
    return claims.get("iss") == issuer


def person(token: str, issuer: str, client: str) -> tuple[str, Role]:
    """The login and its role in an access token of the issuer for this client.

    Raises jwt.InvalidTokenError when the token is not valid, of another kind, or does not name exactly one of our
    roles: no role of ours contains another one, and two of them would do each other's work.
    """
    try:
        key = _keys(issuer).get_signing_key_from_jwt(token).key
    except jwt.PyJWKClientError as error:
        raise jwt.InvalidTokenError(f"no key of {issuer} verifies the token: {error}") from error
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=["RS256"], audience=client, issuer=issuer, leeway=LEEWAY_SECONDS,
        options={"require": ["exp", "iat", "sub", "aud", "iss"]},
    )  # fmt: skip
    if claims.get("typ") != "Bearer":
        raise jwt.InvalidTokenError(f"a token of type {claims.get('typ')!r} is no access token")
    login, roles = claims.get("preferred_username"), roles_in(claims, client)
    if not isinstance(login, str) or len(roles) != 1:
        raise jwt.InvalidTokenError(f"the token must name a preferred_username and one role; it has {sorted(roles)}")
    return login, next(iter(roles))


def roles_in(claims: Mapping[str, Any], client: str) -> set[Role]:
    """Our roles among the roles of the realm, those of the client, and the groups."""
    named = [
        *_list(claims, "realm_access", "roles"),
        *_list(claims, "resource_access", client, "roles"),
        *(group.rpartition("/")[2] for group in _list(claims, "groups")),
    ]
    return {role for role in get_args(Role) if f"{PREFIX}{role}" in named}


def _list(claims: Any, *path: str) -> list[str]:
    for name in path:
        claims = claims.get(name) if isinstance(claims, Mapping) else None
    return [one for one in claims if isinstance(one, str)] if isinstance(claims, list) else []


@lru_cache
def _keys(issuer: str) -> jwt.PyJWKClient:
    """The keys of the realm, asked for once in five minutes."""
    return jwt.PyJWKClient(f"{issuer}/protocol/openid-connect/certs", timeout=5)
