"""A delivered file takes the source's place; what lies there and would never be read is said."""

from pathlib import Path

import pytest

from include.contracts.period import Period
from include.data.delivery import find_delivered, handed_over, tell_unread
from include.errors import PeriodError, SourceError
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec


def usecase(period: str, timezone: str = "UTC") -> UseCase:
    return small_spec(
        periods={"every": None, "first": period, "last": None, "schedule": "@daily", "timezone": timezone}
    )


@pytest.mark.parametrize(
    ("period", "delivered", "every"),
    [
        ("2013-04", "2013-04-01", "month"),
        ("2013-04", "2013-W14", "month"),
        ("2013-04", "2013-W18", "month"),  # it begins in April and ends in May
        ("2013-04", "2013-04-30T23Z", "month"),
        ("2013-W14", "2013-04", "week"),
        ("2013-W14", "2013-04-07", "week"),
        ("2013-W14", "2013-04-01T05Z", "week"),
        ("2013-04-01", "2013-04", "day"),
        ("2013-04-01", "2013-W14", "day"),
        ("2013-04-01", "2013-04-01T05Z", "day"),
        ("2013-04-01T05Z", "2013-04", "hour"),
        ("2013-04-01T05Z", "2013-W14", "hour"),
        ("2013-04-01T05Z", "2013-04-01", "hour"),
    ],
)
def test_a_delivery_in_another_rhythm_is_refused(tmp_path: Path, period: str, delivered: str, every: str) -> None:
    (tmp_path / delivered).mkdir()
    (tmp_path / delivered / "flights.csv").touch()
    message = rf"'{delivered}', which nobody reads: the periods are {every}s; deliver each {every} in .*{period}"
    with pytest.raises(SourceError, match=message):
        find_delivered(usecase(period), "flights", Period(period), tmp_path)


def test_an_hour_is_of_the_local_day_that_it_is_in(tmp_path: Path) -> None:
    (tmp_path / "2013-04-01T02Z").mkdir()
    new_york = usecase("2013-03-31", "America/New_York")
    with pytest.raises(SourceError, match="2013-04-01T02Z"):
        find_delivered(new_york, "flights", Period("2013-03-31"), tmp_path)
    assert find_delivered(new_york, "flights", Period("2013-04-01"), tmp_path) is None


def test_deliveries_of_other_periods_are_no_matter(tmp_path: Path) -> None:
    for name in ("2013-04-02", "2013-04-03", "2013-W15", "2013-05", "2013-04-02T00Z", "2013-02-31", "notes"):
        (tmp_path / name).mkdir()
    (tmp_path / "2013-04").touch()  # no directory
    spec = usecase("2013-04-01")
    assert find_delivered(spec, "flights", Period("2013-04-01"), tmp_path) is None
    (tmp_path / "2013-04-07").mkdir()
    (tmp_path / "2013-04-07" / "flights.csv").touch()
    delivered = find_delivered(spec, "flights", Period("2013-04-07"), tmp_path)
    assert delivered == tmp_path / "2013-04-07" / "flights.csv"


@pytest.mark.parametrize(
    ("period", "delivered"),
    [
        ("2013-04-01", "2013-4-1"),
        ("2013-04-01", "20130401"),
        ("2013-04-01", "2013_04_01"),
        ("2013-04-01", "2013-04-01 "),
        ("2013-W05", "2013-W5"),
        ("2013-W05", "2013w05"),
        ("2013-04-01T05Z", "2013-04-01T5Z"),
        ("2013-04-01T05Z", "2013-04-01t05z"),
        ("2013-04-01T05Z", "2013-04-01T05:00Z"),
        ("2013-04", "2013-4"),
        ("2013-04", "201304"),
    ],
)
def test_a_misspelt_delivery_is_refused_with_its_right_spelling(tmp_path: Path, period: str, delivered: str) -> None:
    (tmp_path / delivered).mkdir()
    with pytest.raises(SourceError, match=rf"'{delivered}' \(write {period}\), which nobody reads"):
        find_delivered(usecase(period), "flights", Period(period), tmp_path)
    with pytest.raises(PeriodError, match=f"did you mean {period}"):
        Period(delivered)


@pytest.mark.parametrize(
    "name", ["_tmp", ".ipynb_checkpoints", "notes", "2013", "2013-04-01_old", "2013-04-01.bak", ".h1.aside", "v1.2"]
)
def test_a_directory_that_is_plainly_no_period_is_left_alone(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / name).mkdir()
    spec = usecase("2013-04-01")
    assert find_delivered(spec, "flights", Period("2013-04-01"), tmp_path) is None
    tell_unread(spec, tmp_path)
    assert caplog.text == ""


def test_every_run_warns_of_what_no_run_reads(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("2013-04-02", "2013-4-3", "2013-02-31", "2013-13-01", "2013-W15", "2013-W0"):
        (tmp_path / name).mkdir()
    spec = usecase("2013-04-01")
    assert find_delivered(spec, "flights", Period("2013-04-01"), tmp_path) is None
    tell_unread(spec, tmp_path)
    (line,) = caplog.messages
    assert "'2013-02-31' (the calendar has no such period)" in line
    assert "'2013-13-01' (the calendar has no such period)" in line
    assert "'2013-4-3' (write 2013-04-03) and 2 more" in line
    assert "'2013-04-02'" not in line
    assert "the periods are days" in line


def test_a_directory_of_no_day_does_not_stop_what_is_handed_over(tmp_path: Path) -> None:
    for name in ("2013-02-28", "2013-02-31"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "flights.csv").touch()
    spec = usecase("2013-02-01")
    for table in spec.sources:
        (tmp_path / "2013-02-28" / f"{table}.csv").touch()
    assert handed_over(spec, tmp_path) == ["2013-02-28"]
