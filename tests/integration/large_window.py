"""A window of 300,000 answers with 50 numbers; ``<home> memory|files`` measures it, and says the peak of its memory."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from include.adapters.lake import DeltaLake
from include.contracts.period import Period
from include.contracts.tables import RowFilter
from include.formats.exact_frames import exact_frame
from include.operations.drift import drift
from include.operations.monitoring.monitoring import measure
from include.operations.monitoring.window_inputs import WindowInputs
from include.records.registry import PREDICTIONS
from include.services.answers_in_files import AnswersInFiles
from tests.unit.evaluation.evaluation_specs import small_spec

JUNE, ROWS, CHUNK = Period("2013-06"), 300_000, 50_000
NUMBERS = [f"x{number:02d}" for number in range(50)]
SPEC = small_spec(
    request=dict.fromkeys(NUMBERS, "float"),
    features=[{"name": name, "kind": "numeric", "from": "request"} for name in NUMBERS],
)


def chunk(seed: int, rows: int, release: str = "r0001") -> pd.DataFrame:
    """Answers; one in nine asks about an event that was asked about before."""
    random, at = np.random.default_rng(seed), np.arange(rows)
    frame = pd.DataFrame(random.normal(50, 10, (rows, len(NUMBERS))).round(2), columns=NUMBERS)
    return frame.assign(
        request_id=[f"{seed}-{i}" for i in at], flight_id=[f"f{seed}-{i - i % 9 // 8}" for i in at], release=release,
        probability=random.random(rows), prediction=1.0, latency_ms=1.0, scores=[[0.5]] * rows, missing=0,
        unavailable=0,        logged_at=pd.Timestamp("2013-06-30", tz="UTC") + pd.to_timedelta(at, unit="ms"),
        event_timestamp=pd.Timestamp("2013-06-02", tz="UTC") + pd.to_timedelta(at * 28 * 24 * 3600 // rows, unit="s"),
        period="2013-06",
    )  # fmt: skip


def write(home: Path) -> None:
    """Answers in the lake, and the baseline of a release."""
    for seed in range(ROWS // CHUNK):
        PREDICTIONS.append(
            SPEC.name, DeltaLake(home / "lake"), pa.Table.from_pandas(chunk(seed, CHUNK), preserve_index=False)
        )
    tested = chunk(100, 5000)
    (home / "baseline.json").write_text(json.dumps(drift.baseline(SPEC, tested, tested["probability"].to_numpy(), {})))


def peak_mb() -> float:
    """Peak resident memory of this process so far; ``ru_maxrss`` begins with that of the process that started it."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


def main(home: Path, how: str) -> None:
    lake, baseline, files = DeltaLake(home / "lake"), json.loads((home / "baseline.json").read_text()), None
    before = peak_mb()
    if how == "files":
        rows, files = AnswersInFiles(SPEC, lake, RowFilter()).of_release("r0001")
    else:
        rows = exact_frame(lake.read(SPEC.name, PREDICTIONS.name))
    events = pd.DataFrame({"flight_id": ["f0-0"], "late": [1]})
    figures = measure(SPEC, "r0001", baseline, WindowInputs(predictions=rows, events=events, period=JUNE, files=files))
    counted = {f"{f.name} {f.subject}": f.value for f in figures if f.name in ("psi", "missing", "stuck", "duplicates")}
    print(json.dumps({"peak_mb": peak_mb() - before, "counted": counted}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
    os._exit(0)  # DuckDB reports its own objects as leaked at a normal exit
