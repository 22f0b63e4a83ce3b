"""Treatments: nothing clear goes on, equal stays equal, keys renew tokens without the clear values."""

import datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.contracts.pseudonyms import KeyRing, is_token, key_of, reference
from include.errors import SettingsError, SourceError
from include.governance import privacy
from include.settings import Settings
from include.specification.data import ColumnPrivacy
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase

FIRST = KeyRing.parse("k01:aaaaaaaaaaaaaaaaaaaa")
BOTH = KeyRing.parse("k01:aaaaaaaaaaaaaaaaaaaa,k02:bbbbbbbbbbbbbbbbbbbb")
TAILS = ["N14228", "N24211", None, "", "N14228"]


def spec(**columns: dict) -> UseCase:
    flights = load_usecase("flight_delay")
    rules = {name: ColumnPrivacy.model_validate({"class": "personal", **rule}) for name, rule in columns.items()}
    return flights.model_copy(update={"privacy": flights.privacy.model_copy(update={"columns": rules})})


def treated(values: list, **rule: object) -> list:
    treat = privacy.treatment(spec(tailnum=rule), FIRST)
    return treat("flights", pa.RecordBatch.from_pydict({"tailnum": values}))["tailnum"].to_pylist()


def test_a_pseudonym_is_stable_hides_the_value_and_keeps_what_is_missing() -> None:
    one, two, null, empty, again = treated(TAILS, treatment="pseudonymise")
    assert is_token(one)
    assert one == again != two
    assert (null, empty) == (None, "")
    assert "N14228" not in one
    assert one == FIRST.token("N14228") != KeyRing.parse("k01:cccccccccccccccccccc").token("N14228")


def test_a_new_key_renews_stored_tokens_without_the_clear_value() -> None:
    old, new = FIRST.token("N14228"), BOTH.token("N14228")
    assert BOTH.renew(old) == new != old
    assert BOTH.renew(new) == new
    assert BOTH.until("k01").token("N14228") == old
    with pytest.raises(ValueError, match=r"is of key k02, but the keys are \['k01'\]"):
        FIRST.renew(new)


def test_a_reference_names_a_subject_and_tells_nothing() -> None:
    subject = reference(FIRST.token("N14228"))
    assert key_of(subject) == "k01"
    assert FIRST.token("N14228")[4:] not in subject
    assert privacy.stored_as(["N24211", "N14228", ""], subject, BOTH) == {"N14228"}
    assert privacy.stored_as([FIRST.token("N14228"), FIRST.token("x")], subject, BOTH) == {FIRST.token("N14228")}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there are no"),
        ("secret-without-id", "no id like k01"),
        ("k02:aaaaaaaaaaaaaaaaaaaa,k01:bbbbbbbbbbbbbbbbbbbb", "are not in rising order"),
        ("k01:hush", r"\['k01'\] are too short"),
    ],
)
def test_keys_that_cannot_be_used_are_named_by_id_only(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        KeyRing.parse(text)
    assert not any(secret in str(refused.value) for secret in ("aaaa", "bbbb", "hush", "secret-without"))


def test_no_secret_is_printed(tmp_path: object) -> None:
    settings = Settings(home=tmp_path, pseudonym_keys="k01:aaaaaaaaaaaaaaaaaaaa", approval_key="", mlflow_password="")
    assert "aaaa" not in f"{settings!r} {settings} {settings.variables()} {FIRST!r} {BOTH}"
    assert settings.secrets() == {"MOEBIUS_PSEUDONYM_KEYS": "k01:aaaaaaaaaaaaaaaaaaaa"}


def test_a_mask_leaves_the_last_characters_of_longer_values() -> None:
    assert treated([*TAILS, "N1"], treatment="mask", keep_last=2) == ["***28", "***11", None, "***", "***28", "***"]
    assert treated(["N14228"], treatment="mask") == ["***"]


def test_drop_leaves_an_empty_column() -> None:
    assert treated(TAILS, treatment="drop") == [None] * 5


def test_generalised_numbers_and_times_lose_their_detail() -> None:
    treat = privacy.treatment(
        spec(seats={"treatment": "generalise", "step": 50}, time_hour={"treatment": "generalise", "step": "month"}),
        FIRST,
    )
    at = datetime.datetime(2013, 5, 17, 3, tzinfo=datetime.UTC)
    batch = pa.RecordBatch.from_pydict(
        {
            "seats": pa.array([182, 55, None], pa.int64()),
            "time_hour": pa.array([at] * 3, pa.timestamp("us", "UTC")),
            "tailnum": TAILS[:3],
        }
    )
    after = treat("planes", batch)
    assert after.schema == batch.schema
    assert after["seats"].to_pylist() == [150, 50, None]
    assert after["time_hour"][0].as_py() == at.replace(day=1, hour=4), "local midnight"
    assert after["tailnum"].to_pylist() == TAILS[:3], "a column that nobody called personal stays"


STEPS = {"0.1": 0.1, "0.3": 0.3, "0.01": 0.01, "2.5": 2.5, "10": 10.0, "1E-7": 1e-7}


@settings(max_examples=200, deadline=None, derandomize=True)
@given(step=st.sampled_from(sorted(STEPS)), count=st.integers(-(10**9), 10**9), rest=st.decimals(0, "0.99", places=2))
def test_a_generalised_number_is_the_multiple_of_the_step_that_decimals_give(
    step: str, count: int, rest: Decimal
) -> None:
    multiple = count * Decimal(step)
    value = float(multiple + rest * Decimal(step))
    assert privacy._generalise(pa.array([value, None]), STEPS[step], "UTC").to_pylist() == [float(multiple), None]


def test_generalised_integers_are_exact_beyond_what_a_float_holds() -> None:
    whole = pa.array([2**53 + 1, -7, None, 2**62 + 3], pa.int64())
    assert privacy._generalise(whole, 5.0, "UTC").to_pylist() == [2**53 - 2, -10, None, 2**62 + 1]


def test_no_step_leaves_numbers_in_clear() -> None:
    for step in (0.0, -1.0, None):
        with pytest.raises(TypeError, match="step above zero"):
            privacy._generalise(pa.array([0.3]), step, "UTC")


def test_a_generalised_time_is_of_the_calendar_of_its_source() -> None:
    born = datetime.datetime(1979, 12, 31, 15, tzinfo=datetime.UTC)  # the first of January 1980 in Tokyo
    (year,) = privacy._generalise(pa.array([born], pa.timestamp("us", "UTC")), "year", "Asia/Tokyo").to_pylist()
    assert year == born


@pytest.mark.parametrize(
    ("zone", "at", "begins"),
    [
        ("Asia/Damascus", "2003-04-15T00", "2003-03-31T22"),  # the clock went from 00:00 to 01:00 on the first of April
        ("America/Havana", "2015-11-15T00", "2015-11-01T04"),  # 00:00 to 01:00 came twice
        ("Asia/Tokyo", "1979-12-31T16", "1979-12-31T15"),
    ],
)
def test_a_month_begins_also_where_the_clock_skips_or_repeats_midnight(zone: str, at: str, begins: str) -> None:
    moment, first = (datetime.datetime.fromisoformat(f"{text}:00:00+00:00") for text in (at, begins))
    (month,) = privacy._generalise(pa.array([moment], pa.timestamp("us", "UTC")), "month", zone).to_pylist()
    assert month == first


@pytest.mark.parametrize(
    ("step", "values"),
    [
        (0.1, pa.array([1e300])),  # the next float is farther away than a step: it would stay in clear
        (10.0, pa.array([-(2**63)], pa.int64())),
        ("month", pa.array([datetime.datetime(1, 1, 1, tzinfo=datetime.UTC)], pa.timestamp("us", "UTC"))),
    ],
)
def test_a_value_that_would_stay_in_clear_or_leave_its_type_is_refused(step: object, values: pa.Array) -> None:
    rule = ColumnPrivacy.model_validate({"class": "personal", "treatment": "generalise", "step": step})
    why = r"t\.c: privacy\.columns\.c\.step = .* cannot generalise one of 1 values"
    with pytest.raises(SourceError, match=why) as refused:
        privacy._change("t", "c", values, rule, None, "America/New_York")
    assert not {"1e+300", "9223372036854775808", "0001"} & set(str(refused.value).split())


def test_a_column_of_another_type_is_refused_without_its_values() -> None:
    treat = privacy.treatment(spec(tailnum={"treatment": "pseudonymise"}), FIRST)
    with pytest.raises(SourceError, match=r"flights\.tailnum is int64, which .* cannot pseudonymise") as refused:
        treat("flights", pa.RecordBatch.from_pydict({"tailnum": [987654321]}))
    assert "987654321" not in str(refused.value)


def test_without_keys_nothing_is_pseudonymised_and_the_way_out_is_said() -> None:
    with pytest.raises(SettingsError, match=r"pseudonymises \['tailnum'\].*MOEBIUS_PSEUDONYM_KEYS"):
        privacy.treatment(spec(tailnum={"treatment": "pseudonymise"}), None)
    assert (
        privacy.treatment(spec(), None)("t", pa.RecordBatch.from_pydict({"tailnum": TAILS}))["tailnum"].to_pylist()
        == TAILS
    )


@pytest.mark.parametrize("rules", [{}, {"tailnum": {"treatment": "pseudonymise"}}])
def test_rows_of_an_erased_subject_do_not_come_back(rules: dict) -> None:
    """Also after a rotation: the reference is of the key of its time."""
    gone = reference(FIRST.token("N14228"))
    treat = privacy.treatment(spec(**rules), BOTH, [gone])
    after = treat("flights", pa.RecordBatch.from_pydict({"tailnum": TAILS, "row": list(range(5))}))
    assert after["row"].to_pylist() == [1, 2, 3]
