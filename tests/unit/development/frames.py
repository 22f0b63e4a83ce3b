"""Small event tables, a lake and a feature store in memory."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from include.contracts.calendar import Calendar
from include.contracts.development import DatasetRef, ModelRef
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef, TableRef
from include.development import training
from include.development.datasets import building, refitting
from include.development.datasets.encoded import read
from include.development.judging import judge
from include.development.refitting import Proved
from include.development.search.tuning import Tuning
from include.development.trainers.protocol import Parameters, Run
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.unit.fakes import lake

PERIODS = Period.between(Period("2013-01"), Period("2013-03"))
MONTHS = Calendar(every="month")
LATER = datetime(2014, 1, 1, tzinfo=UTC)


def flight_spec(**changes: object) -> UseCase:
    spec = load_usecase("flight_delay")
    return spec.model_copy(update=changes)


def events(period: str, rows: int = 700) -> pd.DataFrame:
    """Flights spread evenly over the month; the late ones leave in the evening."""
    month, seed = Period(period), np.random.default_rng(int(period[-2:]))
    hour = seed.integers(5, 23, rows)
    times = pd.date_range(*MONTHS.window(month).utc(), periods=rows + 1, inclusive="left").astype("datetime64[us, UTC]")
    return pd.DataFrame(
        {
            "flight_id": [f"{period}_{i:05d}" for i in range(rows)],
            "event_timestamp": times,
            "carrier": seed.choice(["AA", "DL", "UA"], rows),
            "origin": seed.choice(["EWR", "JFK", "LGA"], rows),
            "dest": seed.choice(["ATL", "BOS", "ORD"], rows),
            "tailnum": "N1",
            "sched_dep_minute": hour * 60.0,
            "sched_arr_minute": hour * 60.0 + 120,
            "day_of_week": times.dayofweek.astype(float),
            "distance": seed.integers(200, 2500, rows).astype(float),
            "late": pd.array(hour + seed.normal(0, 4, rows) > 17, dtype="boolean").astype("Int8"),
            "label_timestamp": times + pd.Timedelta(hours=6),
            "period": period,
        }
    )


class MemoryLake(lake.MemoryLake):
    """Event tables by period, of one version, and tables of records."""

    def __init__(self, tables: dict[str, pd.DataFrame]) -> None:
        super().__init__()
        self.tables = tables

    def exists(self, usecase: str, table: str) -> bool:
        return table == "events" or table in self.tables or super().exists(usecase, table)

    def version(self, usecase: str, table: str) -> int:
        return 7

    def read_pinned(self, usecase: str, table: str, refs: Mapping[str, TableRef], wanted: object = None) -> pa.Table:
        rows = [self.read(usecase, table, [period], ref.version) for period, ref in refs.items()]
        return pa.concat_tables(rows, promote_options="permissive")

    def read(
        self, usecase: str, table: str, periods: Sequence[str] | None = None, version: int | None = None
    ) -> pa.Table:
        if super().exists(usecase, table):
            return super().read(usecase, table, periods, version)
        return pa.Table.from_pandas(pd.concat([self.tables[p] for p in periods or (table,)]), preserve_index=False)


class MemoryFeatureStore:
    """Gives every view feature the value 1.0 and remembers which columns it was shown."""

    def __init__(self, spec: UseCase, **extra: object) -> None:
        self.names = [f.name for f in spec.features if f.origin in spec.views]
        self.extra = extra
        self.seen: list[str] = []

    def historical(self, service: str, events: pd.DataFrame, snapshots: object = None) -> pd.DataFrame:
        self.seen = list(events.columns)
        shuffled = events.sample(frac=1, random_state=0)
        return shuffled.assign(**dict.fromkeys(self.names, 1.0), **self.extra)


def snapshots(tables: dict[str, pd.DataFrame]) -> list[SnapshotRef]:
    return [
        SnapshotRef(
            usecase="flight_delay",
            period=period,
            name=f"{period}-abc",
            tables={"events": TableRef(table="events", version=3, rows=len(rows), content_hash="0")},
        )
        for period, rows in tables.items()
    ]


@cache
def months() -> MemoryLake:
    """The three months, for all tests: it keeps what the input guard says of each."""
    return MemoryLake({period: events(period) for period in PERIODS})


def build(
    directory: Path,
    tables: dict[str, pd.DataFrame] | None = None,
    spec: UseCase | None = None,
    store: MemoryFeatureStore | None = None,
    **changes: object,
) -> DatasetRef:
    """A dataset of three months, tested on March unless ``changes`` say otherwise."""
    lake, spec = MemoryLake(tables) if tables else months(), spec or flight_spec()
    arguments = {
        "train_from": None,
        "train_to": None,
        "test_to": Period("2013-03"),
        "excluded": [],
        "lake": lake,
        "feature_store": store or MemoryFeatureStore(spec),
        "snapshots": snapshots(lake.tables),
        "directory": directory,
        "as_of": LATER,
    } | changes
    return building.build(spec, **arguments)


def build_refit(
    directory: Path,
    proof: DatasetRef,
    tables: dict[str, pd.DataFrame] | None = None,
    spec: UseCase | None = None,
    store: MemoryFeatureStore | None = None,
    **changes: Any,
) -> DatasetRef:
    """The dataset of a refit of what was trained on ``proof``, which ``build`` built from the same tables."""
    spec, lake = spec or flight_spec(), MemoryLake(tables or {p: events(p) for p in PERIODS})
    return refitting.build_refit(
        spec, proof, lake=lake, feature_store=store or MemoryFeatureStore(spec), directory=directory, **changes
    )


class TrainingResult(NamedTuple):
    """A model with its metrics and documents."""

    model: bytes
    parameters: Parameters
    metrics: dict[str, float]
    documents: dict[str, bytes]


def train(
    spec: UseCase, dataset: DatasetRef, parameters: Parameters, run: Run, proof: Proved | None = None
) -> TrainingResult:
    """One model without a search, judged and documented; ``proof``: it is the refit of that."""
    chosen = training.parameters_of(spec, parameters)
    model = training.fit(spec, dataset, read(spec, dataset), chosen, run)
    tuning, content = Tuning(metric=spec.metrics.primary, parameters=chosen), model.to_bytes()
    return TrainingResult(content, chosen, *judge(spec, dataset, content, tuning, proof=proof))


def started_from(dataset: DatasetRef, digest: str) -> ModelRef:
    return ModelRef(usecase="flight_delay", version=1, run_id="r", uri="u", artifact_hash=digest, dataset=dataset)
