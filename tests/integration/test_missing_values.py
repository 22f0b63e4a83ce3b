"""What is missing in a request is a value: the same events get the same answers by every way in, or one refusal."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from include.adapters.inference import AsyncInference
from include.contracts.streaming import StreamEntry
from include.contracts.tables import FileRows
from include.deployment import edge, interface, predeployment, release
from include.deployment.batch_scoring import BatchScorer, score_file
from include.deployment.requests import answered, request
from include.errors import DataError, DeploymentError
from include.gateway import facade
from include.governance.mentions import Mentions
from include.loop import monitoring
from include.services.composition import Services
from include.settings import Settings
from include.specification.packaging import Serving as ServingSpec
from include.streaming.scoring import StreamScorer
from tests.integration.pipeline_fixtures import AT, SPEC, Serving, request_rows, requests_frame
from tests.integration.test_serving_tasks import rows_of, spec, trained

pytestmark = pytest.mark.integration
LOAN = spec(
    "loan", "binary", "roc_auc",
    {"income": "double", "age": "float", "grade": "string", "purpose": "string", "balances": "float"},
    [{"name": "income"}, {"name": "age"}, {"name": "grade", "kind": "categorical"},
     {"name": "purpose", "kind": "text", "length": 3}, {"name": "balances", "shape": [4]}],
)  # fmt: skip
OFFSET = 1e8  # of the income: float32 would round it to 8, so a way in that casts it answers otherwise
FIELDS = ("income", "grade", "purpose", "balances")
BALANCES = [f"balances_{i:02d}" for i in range(4)]
PYTHON = str(Settings().triton_venv / "bin" / "python")
WITHIN = 1e-5


def loans(count: int = 300) -> pd.DataFrame:
    """Every field but the age lacks values, each in its own rows."""
    random = np.random.default_rng(3)
    frame = rows_of(
        {
            "income": random.normal(OFFSET, 9, count), "age": random.uniform(18, 80, count),
            "grade": random.choice(["A", "B", "C"], count), "purpose": random.choice(["new car", "a roof"], count),
            **{name: random.normal(0, 1, count) for name in BALANCES},
        },
        count,
    )  # fmt: skip
    for name in ("income", "grade", "purpose", BALANCES[1]):
        frame.loc[random.random(count) < 0.2, name] = None
    frame.loc[random.random(count) < 0.1, BALANCES] = np.nan
    frame.loc[5, "grade"] = ""
    return frame


def in_all_patterns() -> pd.DataFrame:
    """Each subset of the fields missing once, and tensors of which single numbers are missing."""
    whole = loans().dropna().reset_index(drop=True)
    frame = whole.head(20).copy()
    for row, lacking in enumerate(product([False, True], repeat=len(FIELDS))):
        for name in (name for name, missing in zip(FIELDS, lacking, strict=True) if missing):
            frame.loc[row, BALANCES if name == "balances" else name] = None
    frame.loc[16, BALANCES[:2]] = np.nan
    frame.loc[17, BALANCES[3]] = np.nan
    return frame.assign(row_id=[f"q{i}" for i in range(len(frame))])


@dataclass
class World:
    serving: Serving
    model: Any
    directory: Path
    edge: Path

    def rest(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Through the facade, as JSON has it: null where a value is missing."""
        status, answer = self.posted(interface.payload(LOAN, rows))
        assert status == 200, answer
        outputs = {one["name"]: one["data"] for one in answer["outputs"]}
        return [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]

    def posted(self, message: Any) -> tuple[int, dict[str, Any]]:
        address = self.serving.settings.triton_grpc
        with TestClient(facade.application(lambda: AsyncInference(address, 120, 1_000_000), 1_000_000)) as client:
            answer = client.post("/v2/models/loan/infer", content=json.dumps(message))
        return answer.status_code, answer.json()

    def batch(self, frame: pd.DataFrame) -> pd.DataFrame:
        (rows,) = pa.Table.from_pandas(frame, preserve_index=False).to_batches()
        return BatchScorer(LOAN, self.directory).score(rows).to_pandas()

    def streamed(self, rows: Sequence[Mapping[str, Any]]) -> "Results":
        results = Results()
        entries = [StreamEntry(id=f"1-{i}", text=json.dumps(row)) for i, row in enumerate(rows)]
        StreamScorer(LOAN, results, self.serving.server).handle(entries)  # type: ignore[arg-type]
        return results

    def run(self, rows: Any) -> subprocess.CompletedProcess[str]:
        argv = [PYTHON, "-E", "-s", str(self.edge / "run.py")]
        return subprocess.run(argv, input=json.dumps(rows), capture_output=True, text=True, timeout=600, check=False)


class Results:
    def __init__(self) -> None:
        self.results: dict[str, dict[str, Any]] = {}
        self.dead: dict[str, str] = {}

    def answer(self, entries: Sequence[StreamEntry], dead: Mapping[str, str], results: Mapping[str, str]) -> None:
        self.results |= {entry: json.loads(text) for entry, text in results.items()}
        self.dead |= dead


def sent(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """As a client's program has them: None where a value is missing."""
    flat = [
        {name: None if pd.isna(value) else value for name, value in row.items()}
        for row in frame.assign(at=[moment.timestamp() for moment in frame["at"]]).to_dict("records")
    ]
    return [request(LOAN.inputs, row) for row in flat]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("loans")
    frame, serving = loans(), Serving(home, LOAN)
    earned = frame["income"].fillna(OFFSET - 10) - OFFSET + 40
    bad = (earned + frame["age"] + 20 * (frame["grade"] == "C") > 90).to_numpy().astype(np.int8)
    model = trained(LOAN, "xgboost", frame, bad, {"n_estimators": 30, "max_depth": 4})
    ref = serving.package(model, 1, frame)
    edge.bundle(Path(ref.path), ref.name, home / "edge", home / "edge.zip", PYTHON)
    with serving.answering(ref.name):
        yield World(serving, model, Path(ref.path), home / "edge")


def test_the_same_events_get_the_same_answers_by_every_way_in(world: World) -> None:
    frame = in_all_patterns()
    rows, expected = sent(frame), world.model.predict(frame)
    assert len(set(np.round(expected, 6))) > 5
    streamed = world.streamed(rows).results
    edge_run = world.run(rows)
    assert edge_run.returncode == 0, edge_run.stderr
    ways = {
        "gRPC": answered(world.serving.server.infer("loan", rows)),
        "one by one": answered([world.serving.server.infer("loan", [row])[0] for row in rows]),
        "REST": answered(world.rest(rows)),
        "batch": world.batch(frame)["probability"].to_numpy(),
        "stream": answered([streamed[f"1-{i}"] for i in range(len(rows))]),
        "edge": answered(json.loads(edge_run.stdout)),
    }
    for way, scores in ways.items():
        np.testing.assert_allclose(scores, expected, atol=WITHIN, err_msg=way)


@pytest.mark.parametrize("field", FIELDS)
def test_left_out_null_nan_and_empty_are_one_thing(world: World, field: str) -> None:
    rows = sent(loans().dropna().head(2))
    nothing: list[Any] = [None, float("nan")] if LOAN.request[field] != "string" else [None, ""]
    if field == "balances":
        nothing = [None, [None] * 4, [float("nan")] * 4]
    variants = [[{**row, field: value} for row in rows] for value in nothing]
    variants.append([{name: value for name, value in row.items() if name != field} for row in rows])
    answers = [answered(world.serving.server.infer("loan", variant)) for variant in variants]
    streams = [world.streamed(variant) for variant in variants]
    assert all(not one.dead for one in streams), streams[0].dead
    answers += [answered([one.results[f"1-{i}"] for i in range(2)]) for one in streams]
    answers += [answered(json.loads(world.run(variant).stdout)) for variant in variants]
    message = interface.payload(LOAN, variants[0])
    without = {"inputs": [tensor for tensor in message["inputs"] if tensor["name"] != field]}
    for body in (message, without):
        status, answer = world.posted(body)
        assert status == 200, answer
        answers.append(np.array(next(o["data"] for o in answer["outputs"] if o["name"] == "probability")))
    np.testing.assert_allclose(answers, [answers[0]] * len(answers), atol=WITHIN)


REFUSED = (
    "request field 'age' is missing: the fields that may be missing are ['income', 'grade', 'purpose', 'balances']"
)
LATE = "request field 'at' is out of its bounds: {} is not from 1325394000 (2012-01-01) to "


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"age": None}, REFUSED),
        ({"at": AT.timestamp() * 1000}, LATE.format("1360497600000")),
        ({"at": 0.0}, LATE.format("0")),
        ({"at": -5.0}, LATE.format("-5")),
        ({"at": 253370764800.0}, LATE.format("253370764800")),
        ({"at": None}, REFUSED.replace("'age'", "'at'", 1)),
        ({"row_id": ""}, REFUSED.replace("'age'", "'row_id'", 1)),
    ],
)
def test_what_is_refused_is_refused_by_every_way_in_in_the_same_words(world: World, change: dict, says: str) -> None:
    frame = loans().dropna().head(3)
    rows = sent(frame)
    bad = [rows[0], {**rows[1], **change}, rows[2]]
    with pytest.raises(Exception, match="row 1: ") as grpc:
        world.serving.server.infer("loan", bad)
    status, answer = world.posted(interface.payload(LOAN, bad))
    streamed, edged = world.streamed(bad), world.run(bad)
    assert (status, sorted(streamed.results), edged.returncode) == (400, ["1-0", "1-2"], 1)
    for words in (str(grpc.value), answer["error"], edged.stderr):
        assert f"row 1: {says}" in words
    assert says in streamed.dead["1-1"]
    if "at" not in change:
        (column,) = change
        scored = world.batch(frame.assign(**{column: [frame[column].iloc[0], None, frame[column].iloc[2]]}))
        assert scored["reason"].tolist() == ["", says, ""]
        assert scored["outcome"].tolist() == ["answered", "refused", "answered"]
    assert world.serving.server.infer("loan", rows), "and the next request is answered"


def test_a_batch_is_held_to_the_bounds_of_times_too(world: World) -> None:
    frame = loans().dropna().head(2)
    scored = world.batch(frame.assign(at=[frame["at"].iloc[0], pd.Timestamp("1970-01-02", tz="UTC")]))
    assert scored["reason"].tolist()[0] == ""
    assert LATE.format("86400") in scored["reason"].tolist()[1]


def test_not_a_number_is_no_json_and_says_what_is(world: World) -> None:
    status, answer = world.posted({**interface.payload(LOAN, sent(loans().dropna().head(1))), "id": float("nan")})
    assert (status, answer) == (400, {"error": "NaN and Infinity are not JSON; send null for a number that is missing"})


def test_no_rows_get_no_answers_by_every_way_in(world: World, tmp_path: Path) -> None:
    assert world.serving.server.infer("loan", []) == []
    empty = {"inputs": [{**t, "shape": [0, t["shape"][1]], "data": []} for t in interface.payload(LOAN, [])["inputs"]]}
    status, answer = world.posted(empty)
    assert status == 200
    assert {o["name"]: (o["shape"], o["data"]) for o in answer["outputs"]} == {
        name: ([0, 1], []) for name in ("prediction", "probability", "release", "request_id")
    }
    assert world.streamed([]).results == {}
    ran = world.run([])
    assert (ran.returncode, json.loads(ran.stdout)) == (0, [])
    scorer, some = BatchScorer(LOAN, world.directory), loans().dropna().head(3)
    none = scorer.score(scorer.no_rows())
    (batch,) = pa.Table.from_pandas(some, preserve_index=False).to_batches()
    assert (none.num_rows, none.schema) == (0, scorer.score(batch).schema)
    assert score_file(scorer, [], tmp_path / "none.parquet", 10) == {"answered": 0, "fell_back": 0, "refused": 0}
    assert pd.read_parquet(tmp_path / "none.parquet").columns.tolist() == none.schema.names
    some.head(0).to_parquet(tmp_path / "empty.parquet")
    score_file(scorer, [FileRows(str(tmp_path / "empty.parquet"))], tmp_path / "none.parquet", 10)
    assert len(pd.read_parquet(tmp_path / "none.parquet")) == 0


def test_the_interface_says_of_every_field_whether_it_may_be_missing(world: World) -> None:
    facts = release.document(world.directory, "schema.json")
    assert {one["name"]: one["may_be_missing"] for one in facts["inputs"]} == {
        name: name in FIELDS for name in LOAN.request
    }
    contract = release.document(world.directory, interface.DOCUMENT)
    whole, lacking = (interface.payload(LOAN, sent(frame)) for frame in (loans().dropna().head(1), in_all_patterns()))
    left_out = {"inputs": [tensor for tensor in whole["inputs"] if tensor["name"] not in FIELDS]}
    for message in (whole, lacking, left_out):
        assert interface.violations(contract, "Request", message) == []
    without_age = {"inputs": [tensor for tensor in whole["inputs"] if tensor["name"] != "age"]}
    assert interface.violations(contract, "Request", without_age)


def test_what_was_missing_is_null_in_the_log_and_is_shipped(world: World) -> None:
    frame = in_all_patterns().assign(row_id=[f"logged{i}" for i in range(20)])
    world.serving.server.infer("loan", sent(frame))
    log = Services(world.serving.settings).adapters.prediction_log(LOAN)
    rows = pd.concat([batch.rows for batch in log.unshipped()])
    rows = rows[rows["row_id"].str.startswith("logged")].set_index("row_id").loc[frame["row_id"]]
    for name in (*FIELDS[:3], *BALANCES):
        assert rows[name].isna().tolist() == (frame[name].isna() | (frame[name] == "")).tolist(), name


def test_before_traffic_real_events_are_asked_as_they_were(world: World) -> None:
    serving = world.serving
    report = predeployment.verify(
        LOAN, serving.releases.get("loan", "r0001"), serving.server, serving.kserve, serving.write_model,
        serving.settings.staging / "private",
    )  # fmt: skip
    checks = {check["gate"]: check for check in report["checks"]}
    assert checks["answered"]["detail"].startswith("100.00% of 200 real events")
    assert {f"missing:{field}" for field in FIELDS} <= set(checks)


def test_a_release_that_refuses_too_many_real_events_gets_no_traffic_and_scores_nothing(
    world: World, tmp_path: Path
) -> None:
    strict = LOAN.model_copy(update={"serving": ServingSpec(missing=dict.fromkeys(FIELDS, "refused"))})
    serving = world.serving.of(strict)
    ref = serving.package(world.model, 2, loans())
    with pytest.raises(DeploymentError, match=r"answered: \d\d\.\d\d% of 200 real events were answered, .*refused: "):
        predeployment.verify(
            strict, ref, serving.server, serving.kserve, serving.write_model, serving.settings.staging / "private"
        )
    loans().to_parquet(tmp_path / "loans.parquet")
    scorer = BatchScorer(strict, Path(ref.path))
    with pytest.raises(DataError, match=r"nothing was written\. \d+: request field '\w+' is missing; "):
        score_file(scorer, [FileRows(str(tmp_path / "loans.parquet"))], tmp_path / "scored.parquet", 50)
    assert not (tmp_path / "scored.parquet").exists()
    lenient = BatchScorer(strict.model_copy(update={"serving": ServingSpec(min_answered=0)}), Path(ref.path))
    counts = score_file(lenient, [FileRows(str(tmp_path / "loans.parquet"))], tmp_path / "scored.parquet", 50)
    assert counts["refused"] > 100


def test_a_missing_key_is_an_entity_that_nobody_knows(tmp_path: Path) -> None:
    allowed = {"tailnum": "allowed", "distance": "allowed"}
    serving = Serving(tmp_path, SPEC.model_copy(update={"serving": ServingSpec.model_validate({"missing": allowed})}))
    serving.fill_online_store()
    with serving.answering(serving.release(1).name):
        frame = requests_frame(4, seed=3)
        rows = request_rows(frame)
        unknown, nobody = (rows[0] | {"tailnum": name} for name in ("N-unknown", None))
        both = rows[0] | {"tailnum": "", "distance": None}
        answers = answered(serving.server.infer(SPEC.name, [unknown, nobody, both, rows[1]]))
        assert answers[0] == answers[1]
        expected = serving.models["r0001"].predict(frame)
        assert answers[3] == pytest.approx(expected[1], abs=WITHIN)
        serving.wait_for("moebius_feature_missing_total", 3, view="aircraft", reason="missing")


def test_a_spool_with_records_that_cannot_be_read_is_shipped_and_counted_for_prometheus(tmp_path: Path) -> None:
    services = Services(Settings(home=tmp_path))
    serving = Serving(tmp_path, LOAN)
    serving.package(trained(LOAN, "xgboost", loans(), np.arange(300) % 2, {"n_estimators": 2}), 1, loans())
    spool = services.settings.prediction_spool / "loan"
    spool.mkdir(parents=True)
    good = {
        "request_id": "q1", "logged_at": AT.timestamp(), "release": "r0001", "prediction": 1.0, "probability": 0.5,
        "scores": [0.5], "latency_ms": 1.0, "missing": [], "features": {},
        "inputs": {"row_id": "a", "at": AT.timestamp(), "income": None, "age": 30, "grade": None, "balances": None},
    }  # fmt: skip
    late = good | {"request_id": "q2", "inputs": good["inputs"] | {"at": 1000 * AT.timestamp()}}  # type: ignore[operator]
    unknown = good | {"request_id": "q3", "release": "r0007", "inputs": good["inputs"] | {"row_id": "tok_secret"}}  # type: ignore[operator]
    lines = [good, late, unknown, good | {"request_id": "q4"}]
    (spool / "a.jsonl").write_bytes(b"".join(json.dumps(one).encode() + b"\n\xff\n" for one in lines))
    assert monitoring.ship_predictions(LOAN, services) == 2
    assert monitoring.ship_predictions(LOAN, services) == 0
    rows = services.adapters.lake.read("loan", "predictions").to_pandas()
    assert sorted(rows["request_id"]) == ["q1", "q4"]
    aside = services.adapters.unreadable_records("loan", "prediction_log")
    assert (aside.count(), len(aside.newest())) == (6, 6)
    reasons = [record.reason for record in aside.newest()]
    assert any("is it in milliseconds?" in reason for reason in reasons)
    assert "release 'r0007' is not known" in reasons
    secret = Mentions({"tok_secret"}, "row_id")
    changed = services.rewriting(LOAN).rewrite(secret.without, secret.blank, "erased")
    assert {one.place for one in changed} >= {"spool/a.jsonl", "unreadable/prediction_log.records"}
    assert len(aside.newest()) == 5


def test_requests_that_wait_together_may_lack_different_fields(world: World) -> None:
    frame = in_all_patterns()
    expected, rows = world.model.predict(frame), sent(frame)
    server = world.serving.server
    inputs = [[t for t in server.inputs([row]) if row[t.name()] not in (None, [None] * 4)] for row in rows]
    assert len({len(tensors) for tensors in inputs}) > 3

    def ask(i: int) -> float:
        answer = server._client.infer("loan", inputs[i % len(rows)], client_timeout=120)
        return float(answer.as_numpy("probability")[0, 0])

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(200)))
    np.testing.assert_allclose(answers, [expected[i % len(rows)] for i in range(200)], atol=WITHIN)
