"""No log line and no error message holds a row's value: neither picked out of a frame nor from an error's words."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from include.adapters import model_server
from include.development.datasets.parts import as_number
from include.errors import DataError, EvaluationError
from include.evaluation.metrics import score
from tests.architecture.tree import modules, nodes, place

ROOMS = ("include", "dags", "triton_models")
PICKING = {"iloc", "tolist", "to_pylist", "head", "to_dict", "sample"}
SPOKEN = {"print", "debug", "info", "warning", "error", "exception", "critical"}
NO_ROWS = {
    "include/demo",  # the demo's own console
    "include/adapters/validator.py",  # gates tell counts, see tests of the gates
}
SECRET = "N14228-and-more"


def _messages(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """What is raised, printed or logged."""
    for node in nodes:
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield node.exc
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in SPOKEN:
                yield node


def _picked(message: ast.AST) -> list[str]:
    """Parts of its f-strings that take single values out of a column, or show some of them."""
    inside = [n for f in ast.walk(message) if isinstance(f, ast.FormattedValue) for n in ast.walk(f.value)]
    attributes = [n.attr for n in inside if isinstance(n, ast.Attribute) and n.attr in PICKING]
    slices = [ast.unparse(n) for n in inside if isinstance(n, ast.Subscript) and _shows_values(n)]
    return attributes + slices


def _shows_values(node: ast.Subscript) -> bool:
    return isinstance(node.slice, ast.Slice) and getattr(node.value, "id", "") in {"values", "rows", "examples"}


def _files() -> list[Path]:
    return [p for p in modules(*ROOMS) if not place(p).startswith(tuple(NO_ROWS))]


def test_no_message_picks_a_value_out_of_a_column() -> None:
    said = [(path, message) for path in _files() for message in _messages(nodes(path))]
    picked = [(place(path), part) for path, message in said for part in _picked(message)]
    assert not picked, "messages hold counts, column names and table names only"


def test_pages_read_records_only_as_their_reader_may() -> None:
    """``reader.records`` asks for the role; ``services.records`` and ``services.approvals`` do not."""
    pages = [p for p in modules("include/ui") if place(p) != "include/ui/access.py"]
    beside = [(place(p), found) for p in pages for n in nodes(p) if (found := _beside_the_reader(n))]
    assert len(pages) > 4
    assert not beside, "a page takes records from include.ui.access.Reader"
    bad = ast.parse("services.records.figures(s); services.approvals.history(s); adapters.lake.read(t)")
    assert {_beside_the_reader(n) for n in ast.walk(bad)} - {""} == {"records", "approvals", "lake"}


def _beside_the_reader(node: ast.AST) -> str:
    of = getattr(getattr(node, "value", None), "id", "")
    closed = isinstance(node, ast.Attribute) and node.attr in {"records", "approvals", "lake", "predictions", "answers"}
    return node.attr if closed and isinstance(node, ast.Attribute) and of != "reader" and not _of_reader(node) else ""


def _of_reader(node: ast.Attribute) -> bool:
    """``reader.records.approvals``."""
    return ast.unparse(node.value) == "reader.records"


def test_the_check_sees_what_it_must() -> None:
    bad = 'raise E(f"e.g. {frame.loc[late].iloc[0]}")\nlog.info(f"{values[:3]}")\nprint(f"{x.to_pylist()}")'
    assert [_picked(m) for m in _messages(ast.walk(ast.parse(bad)))] == [["iloc"], ["values[:3]"], ["to_pylist"]]
    good = 'raise E(f"{len(values)} of {digest[:12]}")'
    assert [_picked(m) for m in _messages(ast.walk(ast.parse(good)))] == [[]]


def _number() -> object:
    return as_number(pd.DataFrame({"seats": [1, SECRET]}), "seats")


def _request() -> object:
    return model_server._tensor("distance", "float", [SECRET], 1)


def _labels() -> object:
    return score("roc_auc", [0, SECRET], [0.5, 0.5])


@pytest.mark.parametrize("fail", [_number, _request, _labels])
def test_an_error_does_not_repeat_the_value_nor_its_cause(fail) -> None:
    with pytest.raises((DataError, EvaluationError)) as raised:
        fail()
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
