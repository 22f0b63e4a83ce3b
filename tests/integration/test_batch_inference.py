"""A month scored in bulk answers as the real server does, in bounded memory, and a repetition changes nothing."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pydantic import SecretStr

from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.deployment import release
from include.deployment.requests import answered, request
from include.errors import DataError, DeploymentError, NotFoundError
from include.governance.erasure import LakeRewrite
from include.governance.mentions import Mentions
from include.loop.batch_inference import score_partition
from include.records.registry import BATCH_PREDICTIONS
from include.services.composition import Services
from include.settings import ROOT
from tests.integration.pipeline_fixtures import (
    AT,
    KEYS,
    SPEC,
    Serving,
    entity_features,
    requests_frame,
    stored,
    trained,
)  # fmt: skip

pytestmark = pytest.mark.integration
MONTH = Period("2013-02")
ROWS = 300
LENIENT = SPEC.model_copy(update={"serving": SPEC.serving.model_copy(update={"min_answered": 0.5})})


def in_the_lake() -> dict[str, pa.Table]:
    """What the online store of ``Serving`` knows, as published tables; the last events' planes are unknown."""
    weather, planes = entity_features()
    events = requests_frame(ROWS, seed=5)[list(SPEC.request)]
    events.loc[events.index[-5:], "tailnum"] = "N-unknown"
    tables = {"events": events, "airport_weather": weather, "aircraft": planes}
    hidden = {n: t.assign(tailnum=t["tailnum"].map(stored)) if "tailnum" in t else t for n, t in tables.items()}
    return {name: pa.Table.from_pandas(table, preserve_index=False) for name, table in hidden.items()}


def publish(services: Services, tables: dict[str, pa.Table], name: str = "2013-02-aaaa") -> None:
    refs = {table: services.adapters.lake.publish(SPEC.name, table, rows, MONTH) for table, rows in tables.items()}
    snapshot = SnapshotRef(usecase=SPEC.name, period=MONTH, name=name, tables=refs)
    services.records.snapshots(SPEC).replace(f"{MONTH}.json", snapshot)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Services]]:
    """A real server, its online store and a lake that hold the same; two releases, the first serves."""
    serving = Serving(tmp_path_factory.mktemp("batch"))
    services = Services(serving.settings.model_copy(update={"pseudonym_keys": SecretStr(KEYS), "batch_rows": 64}))
    serving.fill_online_store()
    publish(services, in_the_lake())
    features = services.adapters.feature_store.keep(SPEC.feature_service)
    names = [serving.package(trained(n), n, requests_frame(500, 99), features=features).name for n in (1, 2)]
    serving.start()
    try:
        serving.install()
        serving.serve(names[0])
        yield serving, services
    finally:
        serving.server.close()
        serving.stop()


def scored(services: Services, name: str) -> pd.DataFrame:
    rows = services.adapters.lake.read(SPEC.name, BATCH_PREDICTIONS.name, [MONTH]).to_pandas()
    return rows[rows["release"] == name].sort_values("flight_id").reset_index(drop=True)


def in_clear() -> pd.DataFrame:
    events = requests_frame(ROWS, seed=5)[list(SPEC.request)]
    events.loc[events.index[-5:], "tailnum"] = "N-unknown"
    return events.sort_values("flight_id").reset_index(drop=True)


def test_batch_and_online_give_the_same_answers(world: tuple[Serving, Services]) -> None:
    serving, services = world
    counts = score_partition(SPEC, services, MONTH)
    assert counts == {
        "release": "r0001", "snapshot": "2013-02-aaaa", "answered": ROWS, "fell_back": 0, "refused": 0,
    }  # fmt: skip
    asked = [request(SPEC.inputs, row) for row in in_clear().to_dict("records")]
    online = [a for i in range(0, ROWS, 50) for a in serving.server.infer(SPEC.name, asked[i : i + 50])]
    batch = scored(services, "r0001")
    assert {answer["release"] for answer in online} == {"r0001"}
    assert batch["probability"].nunique() > 5
    np.testing.assert_allclose(batch["probability"], answered(online), atol=SPEC.rollout.parity_bound)
    near = np.abs(batch["probability"] - 0.5) <= SPEC.rollout.parity_bound
    assert (batch["prediction"] == [a["prediction"] for a in online])[~near].all()
    assert batch["missing"].tolist() == [int(row["tailnum"] == "N-unknown") for row in asked]


def test_a_repetition_writes_nothing_and_another_release_stands_beside(world: tuple[Serving, Services]) -> None:
    _, services = world
    score_partition(SPEC, services, MONTH)
    version, first = services.adapters.lake.version(SPEC.name, BATCH_PREDICTIONS.name), scored(services, "r0001")
    score_partition(SPEC, services, MONTH)
    assert services.adapters.lake.version(SPEC.name, BATCH_PREDICTIONS.name) == version
    counts = score_partition(SPEC, services, MONTH, "r0002")
    assert counts
    assert counts["release"] == "r0002"
    pd.testing.assert_frame_equal(scored(services, "r0001"), first)
    assert (scored(services, "r0002")["prediction"] != first["prediction"]).mean() > 0.5, "it learned the opposite"
    with pytest.raises(NotFoundError, match="no release 'r0009'"):
        score_partition(SPEC, services, MONTH, "r0009")


def test_what_the_server_would_refuse_has_no_answer(world: tuple[Serving, Services]) -> None:
    _, services = world
    events = in_the_lake()["events"].to_pandas().drop_duplicates("tailnum").reset_index(drop=True)
    events.loc[0, "distance"] = np.nan
    events.loc[1, "dest"] = None
    score_partition(SPEC, services, MONTH)
    publish(services, {**in_the_lake(), "events": pa.Table.from_pandas(events)}, "2013-02-bbbb")
    try:
        with pytest.raises(
            DataError, match=r"refuses 2 of 21 rows, and serving.min_answered is 99.00%; nothing"
        ) as told:
            score_partition(SPEC, services, MONTH)
        assert "1: request field 'distance' is missing" in str(told.value)
        assert len(scored(services, "r0001")) == ROWS, "the answers of before stay"
        counts = score_partition(LENIENT, services, MONTH)
        assert counts
        assert (counts["refused"], counts["answered"]) == (2, len(events) - 2)
        rows = scored(services, "r0001").set_index("flight_id").loc[events.loc[[0, 1], "flight_id"]]
        assert rows["reason"].str.extract(r"field '(\w+)' ")[0].tolist() == ["distance", "dest"]
        assert rows[["prediction", "probability", "scores"]].isna().all(axis=None)
    finally:
        publish(services, in_the_lake())


@pytest.mark.parametrize(("policy", "outcome"), [("reject", "refused"), ("fall_back", "fell_back")])
def test_the_release_says_what_missing_features_mean(
    world: tuple[Serving, Services], policy: str, outcome: str
) -> None:
    serving, services = world
    made = serving.package(
        trained(1), 3, requests_frame(500, 99), features=services.adapters.feature_store.keep(SPEC.feature_service)
    )
    views = release.manifest(Path(made.path))["views"]
    views["aircraft"]["when_missing"] = policy
    serving.seal_again(made, views=views, fallback_scores=[0.25])
    score_partition(LENIENT, services, MONTH, made.name)
    rows = scored(services, made.name)
    lacking = rows[rows["missing"] > 0]
    assert len(lacking) == 5
    assert set(lacking["outcome"]) == {outcome}
    assert set(rows.drop(lacking.index)["outcome"]) == {"answered"}
    if policy == "reject":
        assert set(lacking["reason"]) == {"feature view aircraft has no fresh values"}
        assert lacking["prediction"].isna().all()
    else:
        assert lacking["probability"].tolist() == [0.25] * 5


def test_a_changed_release_and_a_month_too_old_score_nothing(world: tuple[Serving, Services]) -> None:
    serving, services = world
    added = serving.release(2)
    (Path(added.path) / "model.onnx").write_bytes(b"other")
    with pytest.raises(DeploymentError, match=r"model\.onnx was changed"):
        score_partition(SPEC, services, MONTH, added.name)
    with pytest.raises(DataError, match="kept from 2011-03 on"):
        score_partition(SPEC, services, Period("2011-02"))


def test_an_erased_plane_and_a_month_too_old_are_gone(world: tuple[Serving, Services]) -> None:
    _, services = world
    score_partition(SPEC, services, MONTH)
    rows = scored(services, "r0001")
    services.adapters.lake.publish(
        SPEC.name, BATCH_PREDICTIONS.name, pa.Table.from_pandas(rows.drop(columns="period")), "2010-01"
    )
    score_partition(SPEC, services, MONTH)
    assert BATCH_PREDICTIONS.periods(SPEC.name, services.adapters.lake) == [MONTH]
    erased = rows["tailnum"].iloc[0]
    change = Mentions({erased}, "tailnum").without
    LakeRewrite(SPEC.name, services.adapters.lake, services.records.snapshots(SPEC), change, "erased").run()
    left = scored(services, "r0001")
    assert len(left) == len(rows) - (rows["tailnum"] == erased).sum()
    assert erased not in set(left["tailnum"])
    publish(services, in_the_lake())


def test_a_month_without_events_gets_answers_without_rows_and_those_of_other_releases_stay(
    world: tuple[Serving, Services],
) -> None:
    _, services = world
    for release_name in ("r0001", "r0002"):
        score_partition(SPEC, services, MONTH, release_name)
    others = scored(services, "r0002")
    tables = in_the_lake()
    publish(services, {**tables, "events": tables["events"].slice(0, 0)}, "2013-02-cccc")
    try:
        counts = score_partition(SPEC, services, MONTH)
        assert counts == {
            "release": "r0001", "snapshot": "2013-02-cccc", "answered": 0, "fell_back": 0, "refused": 0,
        }  # fmt: skip
        assert len(scored(services, "r0001")) == 0
        pd.testing.assert_frame_equal(scored(services, "r0002"), others)
    finally:
        publish(services, tables)


def test_memory_does_not_grow_with_the_rows(world: tuple[Serving, Services], tmp_path: Path) -> None:
    serving, _ = world
    frame = requests_frame(25_000, seed=2)
    frame = frame.assign(airport_weather__event_timestamp=AT, aircraft__event_timestamp=AT)
    frame.to_parquet(tmp_path / "part.parquet")
    directory = serving.settings.releases / SPEC.name / "r0001"
    program = f"""
import json
from pathlib import Path
from include.contracts.tables import FileRows
from include.deployment.batch_scoring import BatchScorer, score_file
from include.specification.loader import load_usecase
scorer, peaks = BatchScorer(load_usecase("{SPEC.name}"), Path("{directory}")), []
for parts in (1, 12):
    score_file(scorer, [FileRows("{tmp_path}/part.parquet")] * parts, Path("{tmp_path}/scored.parquet"), 5000)
    status = Path("/proc/self/status").read_text()  # ru_maxrss begins with that of the process that started this one
    peaks.append(int(status.partition("VmHWM:")[2].split()[0]) // 1024)
print(json.dumps(peaks))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    once, twelve_times = json.loads(done.stdout)
    assert twelve_times - once < 45, f"300,000 rows took {twelve_times} MiB, 25,000 rows {once} MiB"
