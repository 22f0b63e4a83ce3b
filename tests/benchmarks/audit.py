"""The audit log of a year of ten million predictions: to verify it, to prove one of them, and to append to it."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, cast

import numpy as np
import pyarrow as pa

from include.adapters.audit_log import FileAuditLog, SqliteSubjectKeys, verify_audit
from include.adapters.signatures import StateRootSignatures, new_signing_key, publish_signing_key
from include.contracts.period import Period
from include.contracts.tables import SnapshotRef
from include.data.manifests import Turn
from include.deployment import release
from include.loop import monitoring
from include.records.registry import PREDICTIONS
from include.services.audit import Audit
from include.services.composition import Services
from include.services.prediction_leaves import PredictionLeaves
from include.settings import Settings
from include.specification.loader import load_usecase

SPEC = load_usecase("flight_delay")
ROWS, DAYS, HOURS, PLANES = 10_000_000, 365, 24, 4_000
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
PROOFS, SHIPMENTS, SHIPPED = 9, 5, 30_000
LOGGED = "an audit log of ten million predictions of a year, in a batch for each hour"


class YearLog(FileAuditLog):
    """A log whose clock is set."""

    now = FIRST

    def _now(self) -> datetime:
        return self.now


def bench() -> list[dict[str, Any]]:
    """``audit``: a proof, from request id to signature; ``audit_verify``: log and rows; ``audit_append``: shipping."""
    with tempfile.TemporaryDirectory() as directory:
        services = _services(Path(directory) / "home")
        asked = _year(services)
        verified = _verified(services)
        proofs = [_seconds(lambda one=one: _proved(services, one)) for one in asked]
    with tempfile.TemporaryDirectory() as directory:
        shipments = [
            {kind: _shipped(Path(directory) / f"{number}{kind}", kind == "logged") for kind in ("logged", "unlogged")}
            for number in range(SHIPMENTS + 1)
        ][1:]
    about = {"n": ROWS, "unit": "s"}
    return [
        {
            "name": "audit", "what": f"prove one prediction from its request id, and verify the proof, in {LOGGED}",
            "ours": median(proofs), "against": {"bound": 1.0}, "samples": proofs, **about,
        },
        {
            "name": "audit_verify", "what": f"verify {LOGGED}: every leaf, batch, day and signature, then every row",
            "ours": sum(verified.values()), "against": {"bound": 300.0}, "samples": [verified], **about,
        },
        {
            "name": "audit_append", "what": f"ship {SHIPPED} predictions into the lake, with and without the audit log",
            "ours": median(one["logged"] for one in shipments),
            "against": {"without_audit": median(one["unlogged"] for one in shipments)},
            "samples": shipments, "n": SHIPPED, "unit": "s",
        },
    ]  # fmt: skip


def _services(home: Path) -> Services:
    private = new_signing_key()
    settings = Settings(home=home, approval_key=cast(Any, private))
    publish_signing_key(settings.approval_public_keys, private)
    services = Services(settings)
    keys, signatures = (
        SqliteSubjectKeys(settings.audit_subject_keys),
        StateRootSignatures(private, settings.approval_public_keys),
    )
    adapters = services.adapters
    adapters.audit = YearLog(settings.audit, adapters.locks, keys, signatures, settings.audit_checkpoints)
    return services


def _year(services: Services) -> list[str]:
    """Write and log the year; some request ids of it."""
    log, leaves, asked = (
        cast(YearLog, services.adapters.audit),
        PredictionLeaves(SPEC, services.adapters.audit_keys),
        [],
    )
    month: list[pa.Table] = []
    for day in range(DAYS):
        rows = _rows(FIRST + timedelta(days=day), ROWS // DAYS + (day < ROWS % DAYS), day)
        asked += [rows["request_id"][7].as_py()] if day % (DAYS // PROOFS) == 0 else []
        hourly = -(-rows.num_rows // HOURS)
        for hour in range(HOURS):
            log.now = FIRST + timedelta(days=day, hours=hour + 1, seconds=-1)
            log.append_batch(*leaves.batch(PREDICTIONS.name, rows.slice(hour * hourly, hourly)))
        services.audit.checkpoint()
        month.append(rows)
        if (FIRST + timedelta(days=day + 1)).day == 1 or day == DAYS - 1:
            services.adapters.lake.append(SPEC.name, PREDICTIONS.name, pa.concat_tables(month))
            month = []
    return asked


def _rows(day: datetime, count: int, seed: int) -> pa.Table:
    """Answers of one day, in their order."""
    random = np.random.default_rng(seed)
    moments = pa.array(day.timestamp() * 1e6 + np.sort(random.integers(0, 86_400_000_000, count)), pa.int64())
    times, scores = moments.cast(pa.timestamp("us", "UTC")), random.random(count)
    columns: dict[str, Any] = {
        "request_id": [raw.hex() for raw in np.frombuffer(random.bytes(16 * count), "S16").tolist()],
        "release": pa.array(["r0007"] * count), "logged_at": times, SPEC.event.time: times, "probability": scores,
        "prediction": (scores > 0.5).astype("f8"), "scores": pa.array([[s] for s in scores.tolist()]),
        "latency_ms": random.random(count), "missing": np.zeros(count, int), "unavailable": np.zeros(count, int),
        SPEC.event.id: [f"{seed}-{at}" for at in range(count)],
        "tailnum": [f"k01:{plane:024x}" for plane in random.integers(0, PLANES, count).tolist()],
        "period": [f"{day:%Y-%m}"] * count,
    }  # fmt: skip
    texts = {feature.name for feature in SPEC.features if feature.kind != "numeric"} | {"origin", "dest", "carrier"}
    for name in {*SPEC.feature_names, *SPEC.inputs} - set(columns):
        columns[name] = np.array(["EWR", "JFK", "LGA"])[random.integers(0, 3, count)] if name in texts else (
            random.integers(0, 1000, count) / 4
        )  # fmt: skip
    return PREDICTIONS.stored(pa.table(columns))


def _verified(services: Services) -> dict[str, float]:
    """Seconds of the one-file verifier, and of comparing the rows; raises RuntimeError unless all are verified."""
    settings, found = services.settings, dict[str, Any]()
    keys = verify_audit.Keys([settings.approval_public_keys])

    def log() -> None:
        found["log"] = verify_audit.verify(settings.audit, keys, settings.audit_checkpoints, workers=2)

    def rows() -> None:
        found["rows"] = services.audit.compare_rows(SPEC, PREDICTIONS.name)

    seconds = {"log": _seconds(log), "rows": _seconds(rows)}
    faults, counts = [*found["log"][0], *found["rows"].faults], (found["log"][2]["predictions"], found["rows"].rows)
    if faults or counts != (ROWS, ROWS):
        raise RuntimeError(f"of {ROWS} predictions {counts} are verified: {faults[:3]}")
    return seconds


def _proved(services: Services, request: str) -> None:
    proof = json.loads(json.dumps(services.audit.prove(SPEC, request)))
    if faults := verify_audit.verify_proof(proof, verify_audit.Keys([services.settings.approval_public_keys])):
        raise RuntimeError(f"the proof of {request} is wrong: {faults}")


def _shipped(home: Path, logged: bool) -> float:
    """Seconds of shipping, with the audit log or without; raises RuntimeError unless all are logged then."""
    services, spool = _services(home), home / "spool" / SPEC.name
    PredictionLeaves(SPEC, services.adapters.audit_keys).batch(
        "", _rows(FIRST, SHIPPED, 0)
    )  # people who were seen before
    if not logged:
        services.audit.__class__ = type("Unlogged", (Audit,), {"logging": lambda *_, **__: nullcontext()})
    manifest = SnapshotRef(usecase=SPEC.name, period=Period("2013-04"), name="2013-04", tables={})
    services.records.snapshots(SPEC).keep(manifest)
    services.records.snapshots(SPEC).make_current(manifest, Turn.of(manifest.name, FIRST, "bench", "published"))
    (staged := home / "staged").mkdir(parents=True)
    spool.mkdir(parents=True)
    release.seal(staged, {"usecase": SPEC.name, "model_version": 7})
    name = services.adapters.releases.add(SPEC.name, staged, 7).name
    (spool / "1.jsonl").write_text("".join(_lines(SHIPPED, name)))
    seconds = _seconds(lambda: monitoring.ship_predictions(SPEC, services))
    sizes = [entry.batch.size for entry in services.audit.batches(SPEC, PREDICTIONS.name) if entry.batch]
    if sum(sizes) != SHIPPED * logged:
        raise RuntimeError(f"{sizes} predictions were logged, of {SHIPPED}")
    return seconds


def _lines(count: int, release: str) -> Iterator[str]:
    """What the model server logs of requests in a new process."""
    random = np.random.default_rng(1)
    values = random.random((count, len(SPEC.feature_names))).round(6)
    begun = datetime.now(UTC).timestamp() - 86_400
    for at in range(count):
        moment, score = begun + at, float(values[at, 0])
        features = dict(zip(SPEC.feature_names, values[at].tolist(), strict=True))
        texts = {"carrier": "UA", "origin": "EWR", "dest": "IAH", "tailnum": f"k01:{at % PLANES:024x}"}
        inputs = {name: texts.get(name, 600.0) for name in SPEC.inputs}
        inputs |= {SPEC.event.id: f"f{at}", SPEC.event.time: moment}
        record = {
            "request_id": f"{at:032x}", "logged_at": moment, "release": release, "latency_ms": 0.5, "missing": [],
            "prediction": float(score > 0.5), "probability": score, "scores": [score],
            "features": {**features, **{k: v for k, v in texts.items() if k in features}}, "inputs": inputs,
        }  # fmt: skip
        yield json.dumps(record) + "\n"


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
