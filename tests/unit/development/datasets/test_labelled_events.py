"""Which labels count: known at the moment, or given by a person by then."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from include.development.datasets.labelled_events import given_version, labelled
from include.errors import DataError
from include.families import registry
from include.families.registry import label_codes
from tests.unit.development.frames import LATER, MemoryLake, events, flight_spec, snapshots

SPEC = flight_spec()
FEBRUARY, MARCH, APRIL = (datetime(2013, month, 10, tzinfo=UTC) for month in (2, 3, 4))


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    """January, in which nobody knows the label of the first five flights."""
    january = events("2013-01", rows=50)
    january.loc[:4, "late"] = pd.NA
    january.loc[:2, "label_timestamp"] = pd.NaT
    return {"2013-01": january}


def answers(*said: tuple[int, int | None, datetime]) -> pd.DataFrame:
    rows = [(f"2013-01_{i:05d}", label, at) for i, label, at in said]
    given = pd.DataFrame(rows, columns=["flight_id", "late", "label_timestamp"])
    return given.assign(late=given["late"].astype("Int64"), period="2013-01", given_by="ann")


def found(tables: dict[str, pd.DataFrame], given: pd.DataFrame, as_of: datetime):
    every = tables | {"given_labels": given}
    lake = MemoryLake(every)
    return labelled(SPEC, lake, snapshots(tables), as_of, given_version(SPEC, lake))


def label(rows: pd.DataFrame, i: int) -> object:
    return rows.set_index("flight_id").loc[f"2013-01_{i:05d}", "late"]


def test_what_people_said_fills_what_nobody_knew(tables: dict[str, pd.DataFrame]) -> None:
    result = found(tables, answers((0, 1, FEBRUARY), (3, 0, FEBRUARY)), MARCH)
    assert (label(result.rows, 0), label(result.rows, 3)) == (1, 0)
    assert (len(result.rows), result.counts) == (47, {"unlabelled": 3, "immature": 0, "given": 2})
    assert result.rows["label_timestamp"].max() == pd.Timestamp(FEBRUARY)


def test_the_last_word_by_the_moment_counts(tables: dict[str, pd.DataFrame]) -> None:
    said = answers((0, 1, FEBRUARY), (0, 0, MARCH), (0, 1, APRIL), (1, None, FEBRUARY), (2, 1, APRIL))
    result = found(tables, said, MARCH)
    assert label(result.rows, 0) == 0
    assert result.counts == {"unlabelled": 4, "immature": 0, "given": 1}


def test_nobody_overrules_a_label_that_was_observed(tables: dict[str, pd.DataFrame]) -> None:
    observed = int(tables["2013-01"].loc[10, "late"])
    result = found(tables, answers((10, 1 - observed, FEBRUARY)), MARCH)
    assert label(result.rows, 10) == observed
    assert result.counts["given"] == 0


def test_without_such_a_table_nothing_is_given(tables: dict[str, pd.DataFrame]) -> None:
    lake = MemoryLake(tables)
    assert given_version(SPEC, lake) is None
    assert labelled(SPEC, lake, snapshots(tables), MARCH).counts == {"unlabelled": 5, "immature": 0, "given": 0}


def test_clusters_need_no_label(tables: dict[str, pd.DataFrame]) -> None:
    event = SPEC.event.model_copy(update={"label": None, "label_time": None})
    spec = flight_spec(task="clustering", event=event)
    result = labelled(spec, MemoryLake(tables), snapshots(tables), datetime(2012, 1, 1, tzinfo=UTC))
    assert (len(result.rows), result.counts) == (50, {})


@pytest.mark.parametrize("wrong", [2, -1, 0.9, 256, "yes"])
def test_a_label_that_is_none_of_the_task_is_refused_with_its_period_and_row(
    tables: dict[str, pd.DataFrame], wrong: object
) -> None:
    column = tables["2013-01"]["late"].astype(object)
    column[7] = wrong
    texts = column.map(str, na_action="ignore").where(column.notna(), None)
    tables["2013-01"]["late"] = texts if isinstance(wrong, str) else column.where(column.notna(), np.nan).astype(float)
    with pytest.raises(DataError, match=r"^events of 2013-01: flight_delay: \d+ of \d+ labels 'late' cannot be used"):
        found(tables, answers(), MARCH)


def test_labels_of_many_periods_are_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    tables, alone = {f"2013-0{n}": events(f"2013-0{n}", rows=50) for n in (1, 2, 3)}, list[str]()
    monkeypatch.setattr(registry, "label_codes", lambda *of: alone.append(of[-1]) or label_codes(*of))
    lake = MemoryLake(tables)
    assert len(labelled(SPEC, lake, snapshots(tables), LATER).rows) == 150
    assert alone == []
    tables["2013-02"]["late"] = 2
    with pytest.raises(DataError, match=r"^events of 2013-02: .*50 of 50 labels 'late' cannot be used"):
        labelled(SPEC, lake, snapshots(tables), LATER)
    assert alone == ["events of 2013-01", "events of 2013-02"]


def test_a_label_that_a_person_gave_is_checked_too(tables: dict[str, pd.DataFrame]) -> None:
    with pytest.raises(DataError, match=r"^given_labels: .*1 of 2 labels 'late' cannot be used \(another number: 1"):
        found(tables, answers((0, 1, FEBRUARY), (3, 2, FEBRUARY)), MARCH)
