"""Clients of the gateway: ``<home>/gateway/clients.yaml``, with hashes of their keys.

.. code-block:: yaml

    shop: {key_sha256: 9f86d0…, roles: [infer], models: [my_case], rate: 50}
    audit: {public_key: audit.pem, roles: [metadata, metrics]}
"""

import hashlib
import re
import secrets
from collections.abc import Collection
from pathlib import Path

import yaml
from pydantic import ValidationError

from include.contracts.gateway import GatewayClient
from include.errors import NotFoundError, SettingsError
from include.formats.atomic_file import write_atomically

NAME = re.compile(r"^[a-z][a-z0-9_-]{0,63}$")


def load(path: Path, models: Collection[str]) -> dict[str, GatewayClient]:
    """The clients by name; none when there is no file.

    Raises
    ------
    SettingsError
        the file cannot be used: names the file, the client and what is wrong with it.
    """
    entries = _read(path)
    clients = {str(name): _client(path, str(name), facts, models) for name, facts in entries.items()}
    hashes = [client.key_sha256 for client in clients.values() if client.key_sha256]
    if twice := {name for name, one in clients.items() if hashes.count(one.key_sha256) > 1}:
        raise SettingsError(f"{path}: {sorted(twice)} have the same key; give each client its own key")
    return clients


def present(path: Path) -> bool:
    """Whether there is a client; ``{}`` has none. What is wrong with a file is said where it is used."""
    try:
        return bool(_read(path))
    except SettingsError:
        return True


def add(path: Path, name: str, client: dict, models: Collection[str]) -> str:
    """Add a client or replace it; returns its new API key, which is kept nowhere, or '' for one that signs tokens.

    Raises SettingsError as ``load`` does.
    """
    key = "" if client.get("public_key") else secrets.token_urlsafe(32)
    facts = {**client, **({"key_sha256": hashed(key)} if key else {})}
    checked = _client(path, name, facts, models)
    _write(path, {**load(path, models), name: checked})
    return key


def remove(path: Path, name: str, models: Collection[str]) -> None:
    """Raises NotFoundError when there is no such client."""
    everyone = load(path, models)
    if name not in everyone:
        raise NotFoundError(f"no client {name!r} in {path}; there are {sorted(everyone)}")
    _write(path, {other: one for other, one in everyone.items() if other != name})


def hashed(key: str) -> str:
    """A key of 32 random bytes cannot be guessed from its plain hash, so it needs no salt."""
    return hashlib.sha256(key.encode()).hexdigest()


def _read(path: Path) -> dict:
    if not path.is_file():
        return {}
    try:
        text = path.read_text()
        entries = yaml.safe_load(text) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not text.strip():  # a disk that lost it is no person who took all clients away
        raise SettingsError(f"{path} is empty: restore it, or write {{}} into it for a gateway without clients")
    if not isinstance(entries, dict):
        raise SettingsError(f"{path} must map names of clients to their permissions, but is a {type(entries).__name__}")
    return entries


def _client(path: Path, name: str, facts: object, models: Collection[str]) -> GatewayClient:
    where = f"{path}: client {name!r}"
    if not NAME.match(name):
        raise SettingsError(f"{where}: a name has lower-case letters, digits, _ and -, at most 64, a letter first")
    try:
        client = GatewayClient.model_validate(facts)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'client'}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"{where}: {faults}") from None
    if unknown := (client.models or frozenset()) - set(models):
        raise SettingsError(f"{where}: no use case {sorted(unknown)}; there are {sorted(models)}")
    if client.public_key:
        _require_rsa(path.parent / client.public_key, where)
    return client


def _require_rsa(file: Path, where: str) -> None:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if not re.fullmatch(r"[\w./-]+", str(file)) or not file.is_file():
        allowed = "A-Z a-z 0-9 _ - . /"
        raise SettingsError(f"{where}: there is no file {file}, or its path has characters other than {allowed}")
    try:
        key = load_pem_public_key(file.read_bytes())
    except ValueError as error:
        raise SettingsError(f"{where}: {file} is not a public key in PEM: {error}") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
        raise SettingsError(f"{where}: {file} must be an RSA key of 2048 bits or more; tokens are signed with RS256")


def _write(path: Path, clients: dict[str, GatewayClient]) -> None:
    plain = {name: one.model_dump(mode="json", exclude_defaults=True) for name, one in sorted(clients.items())}
    for facts in plain.values():
        facts.update({key: sorted(facts[key]) for key in ("roles", "models") if key in facts})
    write_atomically(path, yaml.safe_dump(plain, sort_keys=False), private=True)
