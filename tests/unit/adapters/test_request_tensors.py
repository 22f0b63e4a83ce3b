"""A row as the tensors of a request: what is no text or number is refused before it is sent, as every way in does."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.adapters.model_server import TritonServer
from include.errors import DataError
from include.settings import Settings

KINDS = {"grade": "string", "income": "float", "at": "timestamp", "balances": "float"}
WIDTHS = {**{name: [name] for name in KINDS}, "balances": ["balances_00", "balances_01"]}
ROW: dict[str, Any] = {"grade": "A", "income": 3, "at": 1e9, "balances": [1, None]}


@pytest.fixture
def server(tmp_path: Path) -> TritonServer:
    return TritonServer(Settings(home=tmp_path), KINDS, WIDTHS)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("grade", {"a": 1}), ("grade", ["A"]), ("grade", []), ("grade", ("A", "B")), ("grade", np.array(["A"])),
        ("income", "35"), ("income", True), ("income", {"a": 1}), ("income", [1, 2]), ("at", "2013-01-01"),
        ("balances", 1), ("balances", [1]), ("balances", ["1", "2"]), ("balances", {"a": 1, "b": 2}),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_with_the_field_and_without_the_value(
    server: TritonServer, field: str, value: Any
) -> None:
    with pytest.raises(DataError, match=f"request field '{field}' must be ") as refused:
        server.inputs([ROW, {**ROW, field: value}])
    assert "35" not in str(refused.value)


@pytest.mark.parametrize(
    ("value", "sent"), [("A", b"A"), (7.0, b"7"), (True, b"true"), (None, b""), (np.int64(3), b"3")]
)
def test_a_scalar_is_spelled_as_everywhere(server: TritonServer, value: Any, sent: bytes) -> None:
    grade = next(tensor for tensor in server.inputs([{**ROW, "grade": value}]) if tensor.name() == "grade")
    assert grade._get_content().endswith(sent)
