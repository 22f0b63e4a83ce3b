"""Windows of a spec are lengths of time: which periods test and teach, in every rhythm and many zones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contracts.calendar import Span
from include.contracts.period import Period, counted
from include.specification.data import Periods
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase

FIRST = {"hour": "2013-01-01T00Z", "day": "2013-01-01", "week": "2013-W01", "month": "2013-01"}
ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Australia/Lord_Howe"]
LENGTHS = st.builds(lambda count, unit: Span(f"{count} {unit}s"), st.integers(1, 40), st.sampled_from(["day", "week"]))


def usecase(every: str, zone: str, test: Span | None, window: Span | str) -> UseCase:
    """The flights in another rhythm."""
    spec = load_usecase("flight_delay")
    local = {} if every == "hour" else {"timezone": zone}
    periods = type(spec.periods)(first=FIRST[every], schedule="@daily", **local)
    split = spec.split.model_copy(update={"test": test})
    retrain = spec.retrain.model_copy(update={"window": window})
    return spec.model_copy(update={"periods": periods, "split": split, "retrain": retrain})


@given(
    every=st.sampled_from(sorted(FIRST)), zone=st.sampled_from(ZONES), test=st.none() | LENGTHS,
    window=st.just("all") | LENGTHS, at=st.integers(40, 400), back=st.none() | st.integers(0, 60),
)  # fmt: skip
def test_the_newest_periods_test_and_those_before_teach(
    every: str, zone: str, test: Span | None, window: Span | str, at: int, back: int | None
) -> None:
    spec = usecase(every, zone, test, window)
    newest = spec.periods.first.shift(at)
    frozen = None if back is None else newest.shift(-back)
    testing = spec.periods_to_test(newest, frozen)
    assert testing == Period.between(testing[0], newest), "in order, none missing, the newest last"
    assert frozen is None or frozen == newest or testing[0] > frozen, "later than the frozen test set"
    start, end = spec.calendar.start(testing[0]), spec.calendar.end(newest)
    assert len(testing) == 1 or (test is not None and start >= test.before(end, spec.calendar.timezone))
    learned = testing[0].shift(-1)
    begin = spec.learned_from(learned)
    assert spec.periods.first <= begin
    assert window != "all" or begin == spec.periods.first
    assert begin <= max(learned, spec.periods.first)


def test_a_month_of_the_flights_is_one_period_as_it_always_was() -> None:
    spec = load_usecase("flight_delay")
    assert spec.periods_to_test(Period("2013-06")) == ["2013-06"]
    assert spec.periods_to_test(Period("2013-06"), Period("2013-05")) == ["2013-06"]
    assert spec.learned_from(Period("2013-05")) == "2013-01"


def test_fourteen_days_are_fourteen_days_two_weeks_or_a_month() -> None:
    last = {"day": "2013-04-14", "week": "2013-W15", "month": "2013-04"}
    counts = {
        every: len(usecase(every, "America/New_York", Span("14 days"), "all").periods_to_test(Period(newest)))
        for every, newest in last.items()
    }
    assert counts == {"day": 14, "week": 2, "month": 1}


@pytest.mark.parametrize(
    ("first", "last"), [("2013-04", "9999-12"), ("2013-W14", "9999-W52"), ("2013-04-01T05Z", "3000-01-01T00Z"),
    ("0213-04-01", "2013-04-01"), ("0001-01", None)],
)  # fmt: skip
def test_periods_that_no_calendar_can_count_from_are_refused(first: str, last: str | None) -> None:
    with pytest.raises(ValueError, match="the years are 1000 to 2999; leave last out where no end is known"):
        Periods.model_validate({"first": first, "last": last, "schedule": "@daily"})


@given(every=st.sampled_from(sorted(FIRST)), zone=st.sampled_from(ZONES), test=st.none() | LENGTHS, validation=LENGTHS)
def test_a_first_training_is_told_as_many_periods_as_it_needs_and_no_more(
    every: str, zone: str, test: Span | None, validation: Span
) -> None:
    spec = usecase(every, zone, test, "all")
    spec = spec.model_copy(update={"split": spec.split.model_copy(update={"validation": validation})})

    def can_train(last: Period) -> bool:
        test_from = spec.periods_to_test(last)[0]
        learns_until = spec.calendar.start(test_from)
        begins = spec.calendar.start(spec.periods.first)
        return test_from > spec.periods.first and validation.before(learns_until, spec.calendar.timezone) > begins

    fewest = spec.fewest_to_train
    assert fewest[0] == spec.periods.first
    assert can_train(fewest[-1])
    assert not can_train(fewest[-1].shift(-1))


def test_a_use_case_by_hours_is_not_told_to_train_on_two_of_them() -> None:
    assert counted(usecase("hour", "UTC", Span("2 days"), "all").fewest_to_train).endswith(" (217 hours)")
    assert counted(usecase("month", "UTC", Span("1 month"), "all").fewest_to_train) == "2013-01..2013-02 (2 months)"


def test_by_a_rule_two_periods_are_enough() -> None:
    spec = usecase("day", "UTC", None, "all")
    grouped = spec.model_copy(update={"split": spec.split.model_copy(update={"by": "stratified"})})
    assert counted(grouped.fewest_to_train) == "2013-01-01..2013-01-02 (2 days)"
