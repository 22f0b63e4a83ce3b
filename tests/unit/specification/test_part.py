"""The types of a spec's values."""

import pytest
from pydantic import TypeAdapter

from include.contracts.encoding import category
from include.specification.part import ClassName


@pytest.mark.parametrize("value", ["late", True, False, 0, 7, -3, 2**60, 1.0, 0.5, -2.25, 1e22])
def test_a_class_is_spelled_as_everywhere(value: object) -> None:
    assert TypeAdapter(ClassName).validate_python(value) == category(value)
