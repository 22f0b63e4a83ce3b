"""A delivered file takes the source's place; what lies there and would never be read is said."""

from pathlib import Path

import pytest

from include.contracts.period import Period
from include.data.ingestion import find_delivered
from include.errors import SourceError


@pytest.mark.parametrize(
    ("period", "delivered", "message"),
    [
        ("2013-04", "2013-04-01", r"\['2013-04-01'\], which nobody reads: the periods are months; deliver each month"),
        ("2013-04-01", "2013-04", r"\['2013-04'\], which nobody reads: the periods are days; deliver each day"),
        ("2013-W14", "2013-04", r"the periods are weeks; deliver each week in .*like .*2013-W14"),
        ("2013-04-01T05Z", "2013-04", "the periods are hours"),
    ],
)
def test_a_delivery_in_another_rhythm_is_refused(tmp_path: Path, period: str, delivered: str, message: str) -> None:
    (tmp_path / delivered).mkdir()
    (tmp_path / delivered / "flights.csv").touch()
    with pytest.raises(SourceError, match=message):
        find_delivered("flights", Period(period), tmp_path)


def test_deliveries_of_other_periods_of_the_rhythm_are_no_matter(tmp_path: Path) -> None:
    for name in ("2013-04-02", "2013-04-03", "notes"):
        (tmp_path / name).mkdir()
    assert find_delivered("flights", Period("2013-04-01"), tmp_path) is None
    (tmp_path / "2013-04-02" / "flights.csv").touch()
    assert find_delivered("flights", Period("2013-04-02"), tmp_path) == tmp_path / "2013-04-02" / "flights.csv"
