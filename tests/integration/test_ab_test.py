"""An A/B test read out of the lake: logged answers of both arms meet the labels of published months."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from include.contracts import steady
from include.contracts.calendar import Span
from include.contracts.deployment import RolloutState
from include.contracts.steady import Tick
from include.contracts.tables import SnapshotRef
from include.deployment import rollout
from include.loop.rollout import read_out
from include.services.composition import Services
from include.settings import Settings
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from tests.unit.fakes.adapters import packaged

pytestmark = pytest.mark.integration
FLIGHTS = load_usecase("flight_delay")
SPEC: UseCase = FLIGHTS.model_copy(
    update={
        "rollout": FLIGHTS.rollout.model_copy(
            update={
                "strategy": "ab_test",
                "sticky_by": "tailnum",
                "ab_test": FLIGHTS.rollout.ab_test.model_copy(update={"min_labelled": 200}),
            }
        )
    }
)
ROWS = 600


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """Flights of April: planes with an even number meet the better release; half of the labels are known."""
    services, random = Services(Settings(home=tmp_path)), np.random.default_rng(0)
    late = random.random(ROWS) < 0.3
    events = pd.DataFrame(
        {
            "flight_id": [f"f{i}" for i in range(ROWS)],
            "event_timestamp": pd.Timestamp("2013-04-10", tz="UTC") + pd.to_timedelta(range(ROWS), unit="min"),
            "late": pd.array(np.where(np.arange(ROWS) < 500, late, None), dtype="boolean"),
        }
    )
    ref = services.adapters.lake.publish(
        SPEC.name, "events", pa.Table.from_pandas(events, preserve_index=False), "2013-04"
    )
    snapshot = SnapshotRef(usecase=SPEC.name, period="2013-04", name="2013-04-a", tables={"events": ref})
    services.records.snapshots(SPEC).replace("2013-04.json", snapshot)
    plane = random.integers(0, 60, ROWS)
    better = plane % 2 == 0
    p = np.where(better, np.where(late, 0.8, 0.1), np.where(late, 0.4, 0.4))
    log = pd.DataFrame(
        {
            "request_id": [f"q{i}" for i in range(ROWS)],
            "logged_at": pd.Series([datetime.now(UTC)] * ROWS).astype("datetime64[us, UTC]"),
            "release": np.where(better, "r0002", "r0001"),
            "probability": p,
            "flight_id": events["flight_id"],
            "event_timestamp": events["event_timestamp"].astype("datetime64[us, UTC]"),
            "tailnum": [f"N{i:02d}" for i in plane],
            "period": "2013-04",
        }
    )
    before = log.head(50).assign(logged_at=pd.Timestamp("2013-04-10", tz="UTC").as_unit("us"), release="r0001")
    again = log.head(20).assign(request_id="q-again")  # asked twice: one row
    for part in (before, log, again):
        services.adapters.lake.append(SPEC.name, "predictions", pa.Table.from_pandas(part, preserve_index=False))
    return services


def state() -> RolloutState:
    begun = rollout.shift(rollout.first(SPEC, "r0001"), "r0002", 0.5, 60, strategy="ab_test", sticky_by="tailnum")
    now = steady.now()
    return begun.model_copy(update={"begun": Tick(boot=now.boot, uptime=now.uptime - 3600, at=now.at - 3600)})


def test_labelled_answers_of_both_arms_decide(services: Services) -> None:
    found = read_out(SPEC, services, state(), "r0002")
    assert sum(found.rows.values()) == 500, "answers of before the test, repeated ones and unlabelled ones do not count"
    assert found.entities == {"r0001": 30, "r0002": 30}
    assert found.loss["r0002"] < found.loss["r0001"]
    assert found.decision == "promote"
    assert found.difference.high < 0


def test_without_labels_it_waits_and_says_how_many_lack(services: Services) -> None:
    services.adapters.state.delete(f"snapshots/{SPEC.name}/2013-04.json")
    found = read_out(SPEC, services, state(), "r0002")
    assert (found.decision, found.missing, found.rows) == ("wait", 200, {"r0001": 0, "r0002": 0})
    nothing = read_out(SPEC, Services(Settings(home=services.settings.home / "empty")), state(), "r0002")
    assert nothing.missing == 200


def test_answers_whose_label_is_not_due_wait_and_are_told_apart(services: Services) -> None:
    found = read_out(SPEC, services, state(), "r0002")
    assert (found.not_due, found.overdue) == (0, 100), "the labels of 2013 are due, a hundred never came"
    event = SPEC.event.model_copy(update={"label_delay": Span("36500 days")})
    waits = read_out(SPEC.model_copy(update={"event": event}), services, state(), "r0002")
    assert (waits.decision, waits.not_due, waits.overdue) == ("wait", 600, 0)
    assert "600 labels are not due yet, 0 are due and never came" in waits.reason


def test_one_heavy_client_does_not_decide(services: Services) -> None:
    """All flights of one plane: most of the traffic of an arm, and so one client says what the arm is."""
    log = services.adapters.lake.read(SPEC.name, "predictions").to_pandas()
    heavy = log["release"] == "r0002"
    log.loc[heavy, "tailnum"] = np.where(np.arange(int(heavy.sum())) % 10 > 0, "N99", log.loc[heavy, "tailnum"])
    services.adapters.lake.publish(
        SPEC.name, "predictions", pa.Table.from_pandas(log.drop(columns="period"), preserve_index=False), "2013-04"
    )
    found = read_out(SPEC, services, state(), "r0002")
    assert found.decision == "wait"
    assert found.effective["r0002"] < 2
    assert "a heavy client would decide alone" in found.reason


def test_arms_whose_classes_stand_in_other_orders_are_read_by_name(services: Services) -> None:
    """Both arms give the true class 0.8; whose squared error is 0.06; read by place it is 1.26."""
    names, orders = (
        ["early", "late", "never"],
        {"r0001": ["late", "never", "early"], "r0002": ["never", "early", "late"]},
    )
    event = SPEC.event.model_copy(update={"classes": names})
    spec = SPEC.model_copy(update={"task": "multiclass", "event": event})
    events, log = (services.adapters.lake.read(SPEC.name, table).to_pandas() for table in ("events", "predictions"))
    events["late"] = np.array(names)[np.arange(ROWS) % 2]
    truth, log = events.set_index("flight_id")["late"], log.drop_duplicates("flight_id", keep="last")
    log["scores"] = [
        [0.8 if name == truth[flight] else 0.1 for name in orders[arm]]
        for flight, arm in zip(log["flight_id"], log["release"], strict=True)
    ]
    fresh = Services(Settings(home=services.settings.home / "classes"))
    for version, classes in enumerate(orders.values(), start=1):
        packaged(fresh, spec, version, approved=False, classes=classes)
    labels, answers = (pa.Table.from_pandas(rows, preserve_index=False) for rows in (events, log))
    ref = fresh.adapters.lake.publish(SPEC.name, "events", labels.drop_columns("period"), "2013-04")
    snapshot = SnapshotRef(usecase=SPEC.name, period="2013-04", name="2013-04-a", tables={"events": ref})
    fresh.records.snapshots(SPEC).replace("2013-04.json", snapshot)
    fresh.adapters.lake.append(SPEC.name, "predictions", answers)
    found = read_out(spec, fresh, state(), "r0002")
    assert sum(found.rows.values()) > ROWS / 2
    assert found.loss == pytest.approx(dict.fromkeys(orders, 0.2**2 + 2 * 0.1**2))
