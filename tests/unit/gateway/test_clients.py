"""Who may ask: the rules' lists by client, and a client that cannot be is named."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from include.adapters import haproxy
from include.contracts.gateway import GatewayClient
from include.errors import SettingsError
from include.gateway import clients as client_file
from include.gateway.clients import hashed


def test_a_client_is_known_by_one_thing() -> None:
    for facts in ({}, {"key_sha256": hashed("a"), "public_key": "a.pem"}):
        with pytest.raises(ValidationError, match="needs exactly one of key_sha256"):
            GatewayClient.model_validate(facts)


@pytest.mark.parametrize(("text", "usable"), [("{}\n", True), ("# nobody\n", True), ("", False), ("\n", False)])
def test_a_file_that_lost_its_clients_is_no_gateway_without_clients(tmp_path: Path, text: str, usable: bool) -> None:
    path = tmp_path / "clients.yaml"
    path.write_text(text)
    assert client_file.present(path) is not usable
    if usable:
        assert client_file.load(path, []) == {}
    else:
        with pytest.raises(SettingsError, match=f"{path} is empty: restore it"):
            client_file.load(path, [])


def client(**facts: Any) -> GatewayClient:
    return GatewayClient.model_validate({"key_sha256": hashed("key"), **facts})


def test_the_lists_hold_what_each_client_may_and_nothing_else() -> None:
    clients = {
        "shop": client(models=["a"], rate=3),
        "audit": client(roles=["metadata", "metrics"], key_sha256="", public_key="audit.pem"),
        "none": client(models=[]),
    }
    lists = haproxy._lists(["a", "b"], clients)
    assert lists["keys.map"] == [f"{hashed('key')} shop", f"{hashed('key')} none"]
    assert lists["rates.map"] == ["shop 30", "audit 500", "none 500"]
    assert lists["roles.lst"] == ["shop/infer", "audit/metadata", "audit/metrics", "none/infer"]
    assert lists["models.lst"] == ["shop/a", "audit/a", "audit/b"]
