"""Datasets: the split, what may never leak, and names that follow the content."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from include.contracts.development import PartRef
from include.contracts.period import Period
from include.development.datasets import building
from include.development.datasets.parts import read_part
from include.errors import DamagedFileError, DataError, LeakageError, NotFoundError
from include.specification.running import Retrain
from tests.unit.development.frames import PERIODS, MemoryFeatureStore, build, events, flight_spec


def ids(part: PartRef) -> set[str]:
    return set(read_part(part)["flight_id"])


def test_parts_follow_each_other_in_time(tmp_path: Path) -> None:
    dataset = build(tmp_path)
    train, validation, test = (read_part(p) for p in (dataset.train, dataset.validation, dataset.test))
    assert train["event_timestamp"].max() < validation["event_timestamp"].min()
    assert validation["event_timestamp"].max() < test["event_timestamp"].min()
    assert validation["event_timestamp"].max() - validation["event_timestamp"].min() < pd.Timedelta(days=7)
    assert (dataset.train.periods, dataset.test.periods) == (["2013-01", "2013-02"], ["2013-03"])
    assert len(train) + len(validation) + len(test) == 3 * 700


def test_a_part_holds_what_the_contract_says(tmp_path: Path) -> None:
    spec = flight_spec()
    part = read_part(build(tmp_path).train)
    assert list(part.columns) == ["flight_id", "event_timestamp", *spec.feature_names, "tailnum", "late"]
    assert part["late"].dtype == np.int8
    assert part["scheduled_speed"].equals(part["distance"] / 2)


def test_the_same_inputs_give_the_same_dataset(tmp_path: Path) -> None:
    first = build(tmp_path)
    written = (tmp_path / first.name / "train.parquet").stat().st_mtime_ns
    assert build(tmp_path) == first
    assert (tmp_path / first.name / "train.parquet").stat().st_mtime_ns == written
    assert building.load_dataset(first.name, tmp_path) == first
    assert [p.name for p in tmp_path.iterdir()] == [first.name]


def test_the_order_of_the_rows_in_the_lake_does_not_matter(tmp_path: Path) -> None:
    mixed = {p: events(p).sample(frac=1, random_state=1) for p in PERIODS}
    assert build(tmp_path, mixed) == build(tmp_path)


def test_another_value_gives_another_name(tmp_path: Path) -> None:
    changed = {p: events(p) for p in PERIODS}
    changed["2013-01"].loc[0, "distance"] += 1
    assert build(tmp_path, changed).name != build(tmp_path).name


def test_a_frozen_test_set_never_trains_or_validates(tmp_path: Path) -> None:
    champion = build(tmp_path, test_to=Period("2013-02"))
    dataset = build(tmp_path, excluded=[champion])
    assert not (ids(dataset.train) | ids(dataset.validation)) & ids(champion.test)
    assert dataset.excluded_hashes == [champion.test.content_hash]
    assert dataset.validation.periods == ["2013-01"], "February is frozen, so the last days that are left validate"


def test_rows_without_label_are_left_out(tmp_path: Path) -> None:
    tables = {p: events(p) for p in PERIODS}
    tables["2013-03"].loc[:9, ["late", "label_timestamp"]] = pd.NA
    assert build(tmp_path, tables).test.rows == 690


def test_labels_that_were_not_known_yet_are_left_out_and_counted(tmp_path: Path) -> None:
    tables = {p: events(p) for p in PERIODS}
    moment = datetime(2013, 3, 31, 12, tzinfo=UTC)
    immature = int((tables["2013-03"]["label_timestamp"] > moment).sum())
    tables["2013-01"].loc[:4, "late"] = pd.NA
    dataset = build(tmp_path, tables, as_of=moment)
    assert 0 < immature < 50
    assert dataset.test.rows == 700 - immature
    assert dataset.facts.left_out == {"unlabelled": 5, "immature": immature}
    assert dataset.as_of == moment
    assert read_part(dataset.test)["event_timestamp"].max() <= pd.Timestamp(moment) - pd.Timedelta(hours=6)


def test_a_newest_month_that_is_mostly_immature_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        LeakageError, match=r"of 700 labels of 2013-03 are known only after 2013-03-10 00:00 UTC; train"
    ):
        build(tmp_path, as_of=datetime(2013, 3, 10, tzinfo=UTC))


def test_the_feature_store_never_sees_the_label(tmp_path: Path) -> None:
    store = MemoryFeatureStore(flight_spec())
    build(tmp_path, store=store)
    assert not {"late", "label_timestamp"} & set(store.seen)


def test_features_are_joined_by_event_not_by_position(tmp_path: Path) -> None:
    class Echo(MemoryFeatureStore):
        def historical(self, service: str, events: pd.DataFrame, snapshots: object = None) -> pd.DataFrame:
            found = super().historical(service, events, snapshots)
            return found.assign(temp=found["distance"])

    part = read_part(build(tmp_path, store=Echo(flight_spec())).train)
    assert part["temp"].equals(part["distance"].rename("temp"))


def test_a_feature_from_the_future_is_refused(tmp_path: Path) -> None:
    late = MemoryFeatureStore(flight_spec(), airport_weather__event_timestamp=pd.Timestamp("2013-02-01", tz="UTC"))
    with pytest.raises(LeakageError, match="airport_weather features from after the event"):
        build(tmp_path, store=late)


def test_a_missing_feature_is_named(tmp_path: Path) -> None:
    store = MemoryFeatureStore(flight_spec())
    store.names.remove("temp")
    with pytest.raises(DataError, match=r"flight_delay_v1 does not give \['temp'\]"):
        build(tmp_path, store=store)


def test_lost_rows_are_refused(tmp_path: Path) -> None:
    class Lossy(MemoryFeatureStore):
        def historical(self, service: str, events: pd.DataFrame, snapshots: object = None) -> pd.DataFrame:
            return super().historical(service, events, snapshots).iloc[1:]

    with pytest.raises(DataError, match="2100 events went into the feature store, 2099 came back"):
        build(tmp_path, store=Lossy(flight_spec()))


def test_a_period_without_snapshot_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no snapshot of 2013-04; run the data pipeline"):
        build(tmp_path, test_to=Period("2013-04"))


def test_training_on_the_test_period_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LeakageError, match="train_to 2013-03 is not before the test set 2013-03"):
        build(tmp_path, train_to=Period("2013-03"))


def test_an_empty_window_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="train_from 2013-02 is after train_to 2013-01"):
        build(tmp_path, train_from=Period("2013-02"), train_to=Period("2013-01"))


def test_the_window_of_the_spec_is_the_default(tmp_path: Path) -> None:
    spec = flight_spec(retrain=Retrain(window="1 month", cooldown="0 hours", budget={"retrains": 1, "per": "365 days"}))
    assert build(tmp_path, spec=spec).train.periods == ["2013-02"]


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    tables = {p: events(p, rows=700 if p != "2013-03" else 400) for p in PERIODS}
    with pytest.raises(DataError, match="the test part has 400 rows, 500 are needed"):
        build(tmp_path, tables)


def test_one_class_is_refused(tmp_path: Path) -> None:
    tables = {p: events(p) for p in PERIODS}
    tables["2013-03"]["late"] = 0
    with pytest.raises(
        DataError, match=r"the test part has too few rows of a class of late: 0 of class 1; 2 are needed"
    ):
        build(tmp_path, tables)


def test_an_event_twice_in_a_period_is_refused(tmp_path: Path) -> None:
    tables = {p: events(p) for p in PERIODS}
    tables["2013-03"].loc[0, "flight_id"] = tables["2013-03"].loc[1, "flight_id"]
    with pytest.raises(DataError, match="1 flight_id occur more than once in a period's events"):
        build(tmp_path, tables)


@pytest.mark.parametrize("newer", [1, None])
def test_an_event_in_two_periods_is_told_by_the_newest_row_whose_label_is_known(
    tmp_path: Path, newer: int | None
) -> None:
    """As in monitoring: it is learned from once, and never on both sides of a split."""
    tables = {p: events(p) for p in PERIODS}
    twice, late = tables["2013-01"].loc[0, "flight_id"], tables["2013-03"]["late"].astype("Int64")
    late[0] = newer
    tables["2013-03"] = tables["2013-03"].assign(late=late)
    tables["2013-03"].loc[0, "flight_id"] = twice
    built = build(tmp_path, tables)
    parts = {part: (read_part(getattr(built, part))["flight_id"] == twice).sum() for part in ("train", "test")}
    assert parts == ({"train": 0, "test": 1} if newer else {"train": 1, "test": 0})


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    part = build(tmp_path).train
    read_part(part).iloc[1:].to_parquet(part.path)
    with pytest.raises(DataError, match=r"train\.parquet is damaged .* rebuild the dataset"):
        read_part(part)


def test_a_gone_file_is_named(tmp_path: Path) -> None:
    part = build(tmp_path).train
    Path(part.path).unlink()
    with pytest.raises(NotFoundError, match="is gone"):
        read_part(part)


def test_nothing_is_left_of_an_interrupted_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(frame: pd.DataFrame, path: Path) -> None:
        path.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(building, "write_part", fail)
    with pytest.raises(OSError, match="disk full"):
        build(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_dataset_of_that_name(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no dataset 'x'"):
        building.load_dataset("x", tmp_path)


def test_a_flipped_bit_of_a_part_is_refused_wherever_it_is(tmp_path: Path) -> None:
    part = build(tmp_path).train
    file = Path(part.path)
    content, whole = file.read_bytes(), read_part(part)
    for place in range(7, len(content), len(content) // 12):
        file.write_bytes(content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :])
        with pytest.raises(DamagedFileError, match="rebuild the dataset"):
            read_part(part)
    file.write_bytes(content)
    pd.testing.assert_frame_equal(read_part(part), whole)
