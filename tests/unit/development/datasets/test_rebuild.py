"""Datasets of every split, with frozen test sets and labels of people, come out again from their manifest."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from include.contracts.development import DatasetRef
from include.contracts.period import Period
from include.development.datasets.parts import read_part
from include.development.datasets.rebuild import rebuild
from include.specification.learning import Split
from include.specification.usecase import UseCase
from tests.unit.development.frames import LATER, PERIODS, MemoryFeatureStore, MemoryLake, build, events, flight_spec
from tests.unit.development.frames import snapshots as build_snapshots

SPLITS = {
    "time": Split(),
    "group": Split(by="group", group="tailnum"),
    "stratified": Split(by="stratified"),
}


def spec_of(split: str) -> UseCase:
    spec = flight_spec(split=SPLITS[split])
    return spec.model_copy(update={"comparison": spec.comparison.model_copy(update={"min_rows": 150})})


def months() -> dict[str, pd.DataFrame]:
    """Three months with forty planes; some labels nobody knows, of which people gave two."""
    tables = {p: events(p).assign(tailnum=[f"N{i % 40}" for i in range(700)]) for p in PERIODS}
    for period in PERIODS:
        tables[period].loc[:9, ["late", "label_timestamp"]] = pd.NA
    return tables


GIVEN = pd.DataFrame(
    {
        "flight_id": ["2013-01_00003", "2013-02_00004"],
        "late": [1, 0],
        "label_timestamp": pd.to_datetime(["2013-02-20", "2013-06-01"], utc=True),
    }
)


def ids(dataset: DatasetRef, *parts: str) -> set[str]:
    return {i for part in parts for i in read_part(getattr(dataset, part))["flight_id"]}


@pytest.mark.slow
@pytest.mark.parametrize("split", SPLITS)
def test_every_split_is_built_again_bit_for_bit(tmp_path: Path, split: str) -> None:
    spec, tables = spec_of(split), months()
    lake = MemoryLake(tables | {"given_labels": GIVEN})
    champion = build(
        tmp_path, tables, spec, lake=lake, test_to=Period("2013-02"), as_of=datetime(2013, 2, 27, tzinfo=UTC)
    )
    candidate = build(tmp_path, tables, spec, lake=lake, excluded=[champion])
    assert (champion.facts.given, candidate.facts.given) == (1, 2)
    assert champion.facts.left_out["immature"] > 0
    assert not ids(candidate, "train", "validation") & ids(champion, "test")
    if split != "time":
        assert not ids(candidate, "test") & ids(champion, "train", "validation")

    before = {part: Path(getattr(candidate, part).path).read_bytes() for part in ("train", "validation", "test")}
    shutil.rmtree(tmp_path / champion.name)
    shutil.rmtree(tmp_path / candidate.name)
    for dataset in (champion, candidate):
        store = MemoryFeatureStore(spec)
        assert rebuild(spec, dataset, lake=lake, feature_store=store, directory=tmp_path) == dataset
    assert {part: Path(getattr(candidate, part).path).read_bytes() for part in before} == before


def test_rows_that_moved_when_a_month_was_published_again_neither_learn_nor_test(tmp_path: Path) -> None:
    spec, tables = spec_of("stratified"), months()
    champion = build(tmp_path, tables, spec, test_to=Period("2013-02"), as_of=LATER)
    pinned = MemoryLake(tables)
    changed = tables | {"2013-01": tables["2013-01"].iloc[:-150]}

    class Lake(MemoryLake):
        """The months as they are now at version 4, as they were before at version 3."""

        def read(self, usecase: str, table: str, periods=None, version: int | None = None):
            return (pinned if version == 3 else super()).read(usecase, table, periods, version)

    now = [
        s.model_copy(update={"tables": {"events": t.model_copy(update={"version": 4, "rows": len(changed[s.period])})}})
        for s in build_snapshots(changed)
        for t in s.tables.values()
    ]
    candidate = build(tmp_path, changed, spec, lake=Lake(changed), snapshots=now, excluded=[champion])
    assert not ids(candidate, "train", "validation") & ids(champion, "test")
    assert not ids(candidate, "test") & ids(champion, "train", "validation")
    moved = len(pd.concat(changed.values())["late"].dropna()) - len(ids(candidate, "train", "validation", "test"))
    assert 0 < moved < 20
