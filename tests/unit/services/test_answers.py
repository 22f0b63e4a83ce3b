"""Answers are kept for ``retention.predictions``, in the lake and in the spool, and no longer."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from include.adapters.lake import DeltaLake
from include.contracts.calendar import Calendar
from include.contracts.period import Period, filed
from include.loop import monitoring
from include.records.registry import BATCH_PREDICTIONS, PREDICTIONS
from include.services.composition import Services
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.serving import MemoryLog
from tests.unit.loop.loop_worlds import publish

KEPT = 3
SPEC = small_spec(retention={"predictions": f"{KEPT} months"})
NEWEST, OLDEST = Period("2013-06"), Period("2013-04")
ID, TIME = SPEC.event.id, SPEC.event.time


class Spool(MemoryLog):
    def forget(self, before: datetime, met_before: datetime) -> int:
        self.before, self.met_before = before, met_before
        return 0


def logged(*moments: datetime) -> pd.DataFrame:
    names = [f"{moment:%m-%dT%H}" for moment in moments]
    return pd.DataFrame(
        {
            "request_id": names, "logged_at": moments, "release": "r0001", "probability": 0.5, "prediction": 1.0,
            "latency_ms": 1.0, "missing": 0, "unavailable": 0, "scores": [[0.5]] * len(names), ID: names,
            TIME: pd.to_datetime(list(moments), utc=True).astype("datetime64[us, UTC]"),
        }
    )  # fmt: skip


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = services_in(tmp_path)
    made.adapters.lake = DeltaLake(made.settings.lake)
    made.adapters.log = Spool()
    return made


def put(services: Services, *moments: datetime) -> None:
    rows = logged(*moments)
    rows = rows.assign(period=filed(rows[TIME]))
    PREDICTIONS.append(SPEC.name, services.adapters.lake, pa.Table.from_pandas(rows, preserve_index=False))


def there(services: Services) -> list[str]:
    return sorted(PREDICTIONS.rows(SPEC.name, services.adapters.lake)["request_id"].to_pylist())


def files(services: Services, table: str) -> list[Path]:
    return list((services.settings.lake / SPEC.name / table).rglob("*.parquet"))


def in_zone(zone: str) -> UseCase:
    return SPEC.model_copy(update={"periods": SPEC.periods.model_copy(update={"timezone": zone})})


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Asia/Kolkata", "UTC"])
def test_logged_answers_before_the_first_kept_local_month_go_with_their_files(services: Services, zone: str) -> None:
    begin = Calendar(every="month", timezone=zone).window(OLDEST).utc()[0]
    early, first = begin - timedelta(hours=1), begin
    put(services, datetime(2013, 1, 5, tzinfo=UTC), early)
    put(services, first, datetime(2013, 6, 5, tzinfo=UTC))
    publish(services, *map(str, Period.between(Period("2013-01"), NEWEST)), spec=SPEC)
    gone = [services.answers.forget(in_zone(zone))["predictions"] for _ in range(2)]
    assert gone == [2, 0]
    assert there(services) == sorted(f"{moment:%m-%dT%H}" for moment in (first, datetime(2013, 6, 5)))
    kept = {Path(rows.file).name for rows in services.adapters.lake.files(SPEC.name, "predictions")}
    assert {path.name for path in files(services, "predictions")} == kept, "no file of a deleted answer is left"
    assert services.adapters.log.before == begin  # type: ignore[attr-defined]


def test_files_that_a_killed_deletion_left_go_with_the_next(services: Services) -> None:
    put(services, datetime(2013, 1, 5, tzinfo=UTC))
    put(services, datetime(2013, 6, 5, tzinfo=UTC))
    publish(services, str(NEWEST), spec=SPEC)
    services.adapters.lake.delete(SPEC.name, "predictions", "period < '2013-04'")
    assert len(files(services, "predictions")) == 2
    assert services.answers.forget(SPEC)["predictions"] == 0
    assert len(files(services, "predictions")) == 1


def test_batch_answers_go_by_their_period(services: Services) -> None:
    row = {
        name: pa.nulls(1, field.type)
        for name, field in zip(BATCH_PREDICTIONS.schema.names, BATCH_PREDICTIONS.schema, strict=True)
    }
    for period in Period.between(Period("2013-02"), NEWEST):
        BATCH_PREDICTIONS.replace(SPEC.name, services.adapters.lake, period, pa.table(row | {"period": [period]}))
    publish(services, str(NEWEST), spec=SPEC)
    assert services.answers.forget(SPEC)["batch_predictions"] == 2
    assert BATCH_PREDICTIONS.periods(SPEC.name, services.adapters.lake) == Period.between(OLDEST, NEWEST)


def test_answers_that_are_too_old_are_not_shipped_and_the_shipment_deletes_what_became_too_old(
    services: Services,
) -> None:
    put(services, datetime(2013, 1, 5, tzinfo=UTC))
    services.adapters.log = Spool(logged(datetime(2013, 4, 1, 3, tzinfo=UTC), datetime(2013, 4, 1, 4, tzinfo=UTC)))
    publish(services, str(NEWEST), spec=SPEC)
    assert monitoring.ship_predictions(SPEC, services) == 1
    assert there(services) == ["04-01T04"], "by the month of New York"


def test_before_anything_is_published_nothing_is_deleted(services: Services) -> None:
    put(services, datetime(2013, 1, 5, tzinfo=UTC))
    assert services.answers.forget(SPEC) == {}
    assert len(there(services)) == 1
