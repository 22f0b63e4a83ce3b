"""Sources beside each other in DuckDB, when features of a stream are computed."""

import pytest
from pydantic import TypeAdapter, ValidationError

from include.specification.part import Name
from include.streaming.features import EARLIER, NOW


@pytest.mark.parametrize("prefix", [NOW, EARLIER])
def test_no_source_is_called_as_the_rows_of_another_one_are(prefix: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(f"{prefix}weather")
