"""What may leave, which rows of it, and that a treatment which does nothing is noticed."""

from typing import Any

import pyarrow as pa
import pytest

from include.contracts.period import Period
from include.errors import AccessError, MissingPeriodError, SettingsError
from include.governance import hand_over
from include.specification.data import ColumnPrivacy
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase

PERSONAL = {"class": "personal", "treatment": "pseudonymise"}


def spec(treatment: str = "pseudonymise", **hand: Any) -> UseCase:
    content = load_usecase("flight_delay").model_dump(by_alias=True)
    content["privacy"]["columns"] = {"tailnum": {**PERSONAL, "treatment": treatment}}
    content["hand_over"] |= hand
    return UseCase.model_validate(content)


def flights(tails: list[str | None], flight: range | None = None) -> pa.RecordBatch:
    numbers = list(flight or range(len(tails)))
    fixed = {"year": 2013, "month": 1, "day": 1, "sched_dep_time": 515, "carrier": "UA", "origin": "EWR"}
    columns = {name: pa.array([value] * len(tails)) for name, value in fixed.items()}
    return pa.RecordBatch.from_pydict({**columns, "flight": numbers, "tailnum": pa.array(tails, pa.string())})


def planes(tails: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"tailnum": tails})


TAILS = [f"N{i:05d}" for i in range(20_000)]


def test_the_sample_has_its_share_and_related_rows_stay_together() -> None:
    choose = hand_over.sampled(spec())
    chosen = set(choose("flights", flights(TAILS))["tailnum"].to_pylist())
    assert len(chosen) == pytest.approx(0.1 * len(TAILS), rel=0.1)
    assert set(choose("planes", planes(TAILS))["tailnum"].to_pylist()) == chosen


def test_the_sample_does_not_depend_on_order_or_batches() -> None:
    choose = hand_over.sampled(spec())
    whole = choose("flights", flights(TAILS))["tailnum"].to_pylist()
    parts = [choose("flights", flights(TAILS[i::3])) for i in range(3)]
    assert sorted(t for part in parts for t in part["tailnum"].to_pylist()) == sorted(whole)


def test_rows_without_the_entity_are_sampled_by_their_key() -> None:
    chosen = hand_over.sampled(spec())("flights", flights([None] * 20_000)).num_rows
    assert chosen == pytest.approx(2000, rel=0.1)


def test_a_source_that_is_not_sampled_goes_whole() -> None:
    batch = pa.RecordBatch.from_pydict({"origin": ["EWR", "JFK"]})
    assert hand_over.sampled(spec())("weather", batch) is batch


def test_data_that_must_not_leave_does_not() -> None:
    with pytest.raises(AccessError, match=r"must not leave .*hand_over.allowed: false"):
        hand_over.require_allowed(spec(allowed=False))


def test_a_personal_column_without_treatment_stops_everything() -> None:
    one = spec()
    untreated = ColumnPrivacy.model_construct(level="personal", treatment="keep")
    one = one.model_copy(update={"privacy": one.privacy.model_copy(update={"columns": {"tailnum": untreated}})})
    with pytest.raises(AccessError, match=r"personal columns \['tailnum'\] have no treatment"):
        hand_over.require_allowed(one)
    hand_over.require_allowed(spec())


def test_a_treatment_that_leaves_values_is_caught_without_naming_them() -> None:
    treat = hand_over.proved(spec(), lambda table, batch: batch)
    with pytest.raises(AccessError, match=r"flights\.tailnum: 3 values are unchanged") as caught:
        treat("flights", flights(["N1", "N2", "N3", None, ""]))
    assert "N1" not in str(caught.value)


def test_hand_overs_need_keys_that_are_not_prods() -> None:
    with pytest.raises(SettingsError, match="MOEBIUS_HAND_OVER_KEYS"):
        hand_over.require_other_keys("k01:aaaa", "")
    with pytest.raises(SettingsError, match="also prod's own") as caught:
        hand_over.require_other_keys("k01:aaaa,k02:bbbb", "k01:bbbb")
    assert "bbbb" not in str(caught.value)
    hand_over.require_other_keys("k01:aaaa", "k01:cccc")


@pytest.mark.parametrize(("first", "last"), [("2013-03", "2013-01"), ("2012-12", "2013-01"), ("2013-12", "2014-01")])
def test_months_that_there_are_not_are_refused_with_those_that_there_are(first: str, last: str) -> None:
    with pytest.raises(MissingPeriodError, match="choose from 2013-01 to 2013-12"):
        hand_over.periods(spec(), Period(first), Period(last))


def test_the_approver_reads_every_column_and_what_happens_to_it() -> None:
    months = hand_over.periods(spec(), Period("2013-01"), Period("2013-02"))
    text = hand_over.summary(spec(), months, "try a feature", "ada", "dev (key 12)")
    for source in spec().sources.values():
        assert all(column in text for column in source.required)
    assert "tailnum (pseudonymise)" in text
    assert "10%, by tailnum" in text
    assert "**ada** asks to hand over **2013-01 to 2013-02**" in text


@pytest.mark.parametrize(
    ("hand", "message"),
    [
        ({"sample": {}}, "needs sample"),
        ({"sample": {"flihgts": ["tailnum"]}}, "'flihgts' is not a source"),
        ({"sample": {"flights": ["tail"]}}, r"'tail' is not a column of flights"),
    ],
)
def test_a_sample_that_cannot_be_drawn_is_refused(hand: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spec(**hand)
