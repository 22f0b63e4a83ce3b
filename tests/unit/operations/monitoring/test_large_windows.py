"""A window whose features stay in files has the figures that it has in memory; what needs whole rows has a sample."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from include.contracts.operations import Figure
from include.contracts.period import Period
from include.errors import DataError
from include.operations.monitoring.large_windows import InFiles
from include.operations.monitoring.monitoring import measure
from include.operations.monitoring.window_inputs import WindowInputs
from tests.unit.operations.monitored_world import SPEC, baseline, month

JUNE = Period("2013-06")
COUNTED = {
    "psi",
    "js",
    "missing",
    "missing_share",
    "drifted_features",
    "prediction_psi",
    "rows",
    "labelled",
    "maturity",
}
FAULTS = {"missing_increase", "stuck", "constant", "unseen", "outside", "missing_days"}


def answered(n: int = 3000) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Answers, a twentieth of them asked twice with another value, with holes and a category that is new."""
    log, events = month(3, n=n)
    holes = np.arange(n)
    log = log.assign(
        x=log["x"].where(holes % 7 > 0).where(holes % 11 > 0, 1e9), origin=log["origin"].where(holes % 5 > 0, "new")
    )
    log["event_timestamp"] = pd.Timestamp("2013-06-01", tz="UTC") + pd.to_timedelta(holes * 30 * 24 / n, unit="h")
    again = log.iloc[::20].assign(
        request_id=lambda f: f["request_id"] + "-again", x=5.0, logged_at=lambda f: f["logged_at"] + pd.Timedelta("1h")
    )
    return pd.concat([log, again], ignore_index=True), events


def in_files(log: pd.DataFrame, sampled: np.ndarray) -> tuple[pd.DataFrame, InFiles]:
    """The answers without their features, which lie in files with rows of nobody between them."""
    table = pa.Table.from_pandas(log[SPEC.feature_names], preserve_index=False)
    nobody = table.slice(0, 10)

    def read(names: Sequence[str]) -> Iterable[tuple[pa.RecordBatch, np.ndarray]]:
        yield nobody.select(names).to_batches()[0], np.full(10, -1)
        begin = 0
        for batch in table.select(names).to_batches(max_chunksize=400):
            yield batch, np.arange(begin, begin + batch.num_rows)
            begin += batch.num_rows

    return log.drop(columns=SPEC.feature_names), InFiles(read, len(log), log.loc[sampled, SPEC.feature_names])


def figures(log: pd.DataFrame, events: pd.DataFrame, files: InFiles | None = None) -> list[Figure]:
    return measure(SPEC, "r0001", baseline(), WindowInputs(predictions=log, events=events, period=JUNE, files=files))


def test_every_figure_is_that_of_the_rows_in_memory_where_all_are_in_the_sample() -> None:
    log, events = answered()
    narrow, files = in_files(log, np.ones(len(log), bool))
    assert figures(narrow, events, files) == figures(log, events)


def test_with_a_sample_drift_and_faults_are_of_all_answers_and_quality_of_the_sample() -> None:
    log, events = answered()
    sampled = (log["flight_id"].map(hash_of) < 0.3).to_numpy()
    narrow, files = in_files(log, sampled)
    found, expected = (
        {(f.name, f.subject): f for f in some} for some in (figures(narrow, events, files), figures(log, events))
    )
    assert [*found] == [*expected]
    alike = COUNTED | FAULTS
    assert all(
        found[key].value == one.value and found[key].n == one.n for key, one in expected.items() if key[0] in alike
    )
    assert found["duplicates", ""].value == 150
    assert found["roc_auc", ""].n == log[sampled]["flight_id"].nunique() < expected["roc_auc", ""].n


def hash_of(name: str) -> float:
    return int(name.partition("-")[2]) * 0.618034 % 1


def test_a_baseline_that_lacks_a_feature_is_of_another_release() -> None:
    log, events = answered(200)
    narrow, files = in_files(log, np.ones(len(log), bool))
    other = baseline() | {"features": {}}
    with pytest.raises(DataError, match="it belongs to another release"):
        measure(SPEC, "r0001", other, WindowInputs(predictions=narrow, events=events, period=JUNE, files=files))
