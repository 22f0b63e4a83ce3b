"""Answers whose features stay in the files of the lake: their rows, what is counted, and the memory it takes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from include.adapters.lake import DeltaLake
from include.contracts.tables import RowFilter
from include.errors import DataError
from include.records.registry import PREDICTIONS
from include.services import answers_in_files
from include.services.answers_in_files import AnswersInFiles
from include.settings import ROOT
from tests.integration import large_window
from tests.integration.large_window import NUMBERS, SPEC, chunk

pytestmark = pytest.mark.integration
SHARE_OF_MEMORY = 0.8
"""Of what the window takes in memory (0.68 when this was written): ids, times and scores of all answers, and a third of
them as the sample, are held in both."""


def test_features_in_files_are_those_of_their_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = DeltaLake(tmp_path)
    parts = [chunk(seed, 3000, release) for seed, release in ((0, "r0001"), (1, "r0002"), (2, "r0001"))]
    for part in parts:
        PREDICTIONS.append(SPEC.name, lake, pa.Table.from_pandas(part, preserve_index=False))
    monkeypatch.setattr(answers_in_files, "SAMPLE", 1000)
    answers, every = AnswersInFiles(SPEC, lake, RowFilter()), pd.concat(parts, ignore_index=True)
    PREDICTIONS.append(SPEC.name, lake, pa.Table.from_pandas(chunk(3, 10), preserve_index=False))  # comes meanwhile
    chosen = np.arange(len(every)) % 3 > 0
    rows, files = answers.keep(chosen).of_release("r0001")
    expected = every[chosen & (every["release"] == "r0001")].reset_index(drop=True)
    assert rows["request_id"].tolist() == expected["request_id"].tolist()
    assert not {*rows} & {*NUMBERS}
    assert 800 < len(files.sampled) < 1200
    pd.testing.assert_frame_equal(files.sampled, expected.loc[files.sampled.index, NUMBERS])
    read = [(batch.column(0).to_numpy()[at >= 0], at[at >= 0]) for batch, at in files.read(["x07"])]
    values, places = (np.concatenate(side) for side in zip(*read, strict=True))
    assert places.tolist() == list(range(len(expected)))
    assert values.tolist() == expected["x07"].tolist()


def test_a_table_without_a_feature_is_refused(tmp_path: Path) -> None:
    lake, part = DeltaLake(tmp_path), chunk(0, 10).drop(columns="x07")
    PREDICTIONS.append(SPEC.name, lake, pa.Table.from_pandas(part, preserve_index=False))
    with pytest.raises(DataError, match=r"features \['x07'\] of flight_delay are not in the data"):
        AnswersInFiles(SPEC, lake, RowFilter())


@pytest.mark.full
def test_a_large_window_takes_less_memory_than_its_rows(tmp_path: Path) -> None:
    large_window.write(tmp_path)
    memory, files = (measured(tmp_path, how) for how in ("memory", "files"))
    assert files["counted"] == memory["counted"]
    assert files["peak_mb"] < SHARE_OF_MEMORY * memory["peak_mb"]


def measured(home: Path, how: str) -> dict:
    argv = [sys.executable, "-m", "tests.integration.large_window", str(home), how]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])
