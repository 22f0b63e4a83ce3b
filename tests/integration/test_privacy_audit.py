"""No tail number is written in clear, and the audit that says so finds one wherever it is planted."""

import json
import sqlite3
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from redis import Redis

from include.contracts.period import Period
from include.contracts.pseudonyms import KeyRing, is_token
from include.data import versioning
from include.errors import PrivacyError, SettingsError
from include.loop import privacy_audit
from include.services.composition import Services
from include.settings import Settings
from tests.integration.privacy_fixtures import JANUARY, KEYS, private_home, private_spec, services_at
from tests.integration.redis_fixtures import redis_settings

pytestmark = pytest.mark.integration
__all__ = ["private_home", "redis_settings"]
SPEC = private_spec()
LEAK = "N14228"  # flew in January


def test_a_month_is_published_with_tokens_only_and_the_audit_agrees(private_home: Path) -> None:
    services = services_at(private_home)
    snapshot = versioning.snapshot(Period("2013-01"), services.records.snapshots(SPEC))
    events = versioning.read(snapshot, "events", services.adapters.lake)["tailnum"].to_pylist()
    assert all(is_token(v) for v in events if v)
    assert KeyRing.parse(KEYS).token(LEAK) in events
    result = privacy_audit.audit(SPEC, services, JANUARY)
    assert result["findings"] == 0
    assert result["values"] > 3000
    audited = services.adapters.lake.read("flight_delay", "privacy_audits").to_pylist()[-1]
    assert (audited["period"], audited["values"]) == ("2013-01", 0)


def _in_lake(home: Path) -> None:
    services_at(home).adapters.lake.append(
        "flight_delay", "planted", pa.table({"period": ["2013-01"], "free_text": [f"saw {LEAK}!"]})
    )


def _in_online_store(home: Path) -> None:
    at = pd.Timestamp("2013-01-01", tz="UTC")
    row = pd.DataFrame([{"tailnum": LEAK, "year_built": 1.0, "seats": 1.0, "engines": 1.0, "event_timestamp": at}])
    services_at(home).adapters.feature_store.push("aircraft", row)


def _text(*parts: str) -> object:
    def plant(home: Path) -> None:
        file = home.joinpath(*parts)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"inputs": {"tailnum": LEAK}}) + "\n")

    return plant


def _parquet(*parts: str) -> object:
    def plant(home: Path) -> None:
        file = home.joinpath(*parts)
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"tailnum": [LEAK, None]}), file)

    return plant


def _in_airflow(home: Path) -> None:
    (home / "airflow").mkdir(exist_ok=True)
    with sqlite3.connect(home / "airflow" / "airflow.db") as database:
        database.execute("CREATE TABLE dag_run (conf TEXT)")
        database.execute("INSERT INTO dag_run VALUES (?)", [json.dumps({"subject": LEAK})])
    database.close()


@pytest.mark.parametrize(
    ("plant", "place"),
    [
        (_in_lake, r"lake/flight_delay/planted, free_text: 1 values"),
        (_in_online_store, r"feature_store, no column: 1 values"),
        (_parquet("staging", "flight_delay", "r", "raw", "flights.parquet"), r"staging/flight_delay/r, tailnum: 1"),
        (_parquet("quarantine", "flight_delay", "2013-01", "raw", "flights.parquet"), r"quarantine/.*, tailnum: 1"),
        (_parquet("datasets", "flight_delay", "d", "test.parquet"), r"datasets/flight_delay/d, tailnum: 1"),
        (_text("spool", "flight_delay", "20130101-1.jsonl"), r"spool/flight_delay, no column: 1"),
        (_text("exports", "events.csv"), r"exports, no column: 1"),
        (_text("airflow", "logs", "dag_id=x", "attempt=1.log"), r"airflow/logs/dag_id=x, no column: 1"),
        (_in_airflow, r"airflow, no column: 1"),
        (_text("platform", "log", "triton.log"), r"platform/log, no column: 1"),
        (_text("releases", "flight_delay", "r0001", "samples.json"), r"releases/flight_delay/r0001, no column: 1"),
    ],
)
def test_a_leak_is_found_where_it_is_planted_and_never_repeated(private_home: Path, plant, place: str) -> None:
    before = contents(private_home)
    plant(private_home)
    try:
        with pytest.raises(PrivacyError, match=place) as refused:
            privacy_audit.audit(SPEC, services_at(private_home), JANUARY)
        assert LEAK not in str(refused.value)
        found = services_at(private_home).adapters.lake.read("flight_delay", "privacy_audits").to_pylist()
        assert any(row["values"] == 1 for row in found)
    finally:
        for path, content in contents(private_home).items():
            if path not in before:
                path.unlink(missing_ok=True)
            elif content != before[path]:
                path.write_bytes(before[path])


def contents(home: Path) -> dict[Path, bytes]:
    """File → what it holds; without those that a database removes meanwhile."""
    found = {}
    for path in [p for p in home.rglob("*") if p.is_file()]:
        with suppress(FileNotFoundError):
            found[path] = path.read_bytes()
    return found


def test_a_leak_in_redis_is_found(private_home: Path, redis_settings: Settings) -> None:
    settings = redis_settings.model_copy(
        update={"home": private_home, "pseudonym_keys": services_at(private_home).settings.pseudonym_keys}
    )
    with Redis.from_url(settings.redis_address) as client:
        client.hset("an entity", "tailnum", LEAK)
        client.xadd("events", {"row": json.dumps({"tailnum": LEAK})})
        with pytest.raises(PrivacyError, match=r"redis, hash: 1 values\n- redis, stream: 1 values"):
            privacy_audit.audit(SPEC, Services(settings), JANUARY)


def test_a_key_that_is_lost_is_named(private_home: Path) -> None:
    with pytest.raises(SettingsError, match=r"key k01 is needed, but the keys are \['k02'\]; put it back"):
        services_at(private_home, "k02:another-secret-of-the-tests").privacy.treatment(SPEC)


def test_a_new_key_waits_for_its_rotation(private_home: Path) -> None:
    both = services_at(private_home, f"{KEYS},k02:another-secret-of-the-tests")
    assert both.privacy.active_keys(SPEC).names == ["k01"]
