"""The checks on parts that the split itself would never make."""

import pandas as pd
import pytest

from include.development.datasets.leakage import check_parts
from include.errors import DataError, LeakageError, SpecError
from include.specification.data import Feature
from include.specification.learning import Split
from tests.unit.development.frames import PERIODS, events, flight_spec


@pytest.fixture
def parts() -> dict[str, pd.DataFrame]:
    return dict(zip(("train", "validation", "test"), (_complete(p) for p in PERIODS), strict=True))


def _complete(period: str) -> pd.DataFrame:
    rows = events(period)
    lacks = [name for name in flight_spec().feature_names if name not in rows]
    return rows.assign(**dict.fromkeys(lacks, 1.0))


def test_good_parts_pass(parts: dict[str, pd.DataFrame]) -> None:
    check_parts(flight_spec(), parts)


@pytest.mark.parametrize("other", ["validation", "test"])
def test_a_shared_event_is_named(parts: dict[str, pd.DataFrame], other: str) -> None:
    parts[other].loc[3, "flight_id"] = "2013-01_00005"
    with pytest.raises(LeakageError, match=f"1 events are in both train and {other}$"):
        check_parts(flight_spec(), parts)


def test_an_event_twice_is_refused(parts: dict[str, pd.DataFrame]) -> None:
    parts["train"].loc[1, "flight_id"] = parts["train"].loc[0, "flight_id"]
    with pytest.raises(DataError, match="1 flight_id occur more than once in the train part"):
        check_parts(flight_spec(), parts)


def test_overlapping_times_are_refused(parts: dict[str, pd.DataFrame]) -> None:
    parts["train"].loc[0, "event_timestamp"] = parts["validation"]["event_timestamp"].min()
    with pytest.raises(LeakageError, match="train reaches to 2013-02-01"):
        check_parts(flight_spec(), parts)


def test_the_label_is_no_feature(parts: dict[str, pd.DataFrame]) -> None:
    late = Feature.model_validate({"name": "late", "kind": "numeric", "from": "request"})
    with pytest.raises(SpecError, match=r"the features \['late'\] are the label or its time"):
        check_parts(flight_spec(features=[late]), parts)


def test_a_feature_that_is_the_label_is_named_with_the_way_out(parts: dict[str, pd.DataFrame]) -> None:
    parts["train"]["distance"] = parts["train"]["late"].astype(float) * 100
    with pytest.raises(
        LeakageError, match=r"alone predicts the label late: distance \(AUC 1.0000\).*'tells_label: true'"
    ):
        check_parts(flight_spec(), parts)


def test_copies_of_training_rows_under_other_ids_are_counted_and_too_many_refused(
    parts: dict[str, pd.DataFrame],
) -> None:
    def copy(count: int) -> None:
        columns = [*flight_spec().feature_names, "late"]
        parts["test"].loc[: count - 1, columns] = parts["train"].loc[: count - 1, columns]

    copy(35)
    assert check_parts(flight_spec(), parts).repeated == {"validation": 0, "test": 35}
    copy(36)
    with pytest.raises(LeakageError, match=r"36 of 700 rows of test are identical to rows of the training part"):
        check_parts(flight_spec(), parts)
    allowed = flight_spec().split.model_copy(update={"max_repeated": 0.1})
    assert check_parts(flight_spec(split=allowed), parts).repeated["test"] == 36


def test_a_shared_group_is_refused(parts: dict[str, pd.DataFrame]) -> None:
    with pytest.raises(LeakageError, match="3 values of origin are in both train and validation; the split is by gro"):
        check_parts(flight_spec(split=Split(by="group", group="origin")), parts)


def test_what_was_left_out_is_kept_and_named_when_rows_lack(parts: dict[str, pd.DataFrame]) -> None:
    left_out = {"unlabelled": 0, "immature": 12, "given": 3}
    facts = check_parts(flight_spec(), parts, left_out)
    assert (facts.left_out, facts.given) == ({"unlabelled": 0, "immature": 12}, 3)
    assert facts.classes["train"] == {
        str(code): int((parts["train"]["late"] == code).sum()) for code in (0, 1)
    }  # fmt: skip
    parts["validation"] = parts["validation"].iloc[:10]
    with pytest.raises(DataError, match=r"the validation part has 10 rows, 50 are needed.*of the whole: 12 immature\)"):
        check_parts(flight_spec(), parts, left_out)


def test_a_class_that_hardly_occurs_is_named(parts: dict[str, pd.DataFrame]) -> None:
    event = flight_spec().event.model_copy(update={"label": "carrier", "classes": ["AA", "DL", "UA", "B6"]})
    features = [f for f in flight_spec().features if f.name != "carrier"]
    with pytest.raises(
        DataError, match=r"the train part has too few rows of a class of carrier: 0 of class B6; 10 are"
    ):
        check_parts(flight_spec(task="multiclass", event=event, features=features), parts)
