"""A release scores record batches as the model server scores requests, in memory that does not grow with the rows.

The rows come from the offline store: request fields, looked-up features, and per feature view when its values were
known (``<view>__event_timestamp``).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from include.contracts.request_rules import RequestRules, rules_of, whole_keys
from include.contracts.spelling import spelled
from include.contracts.tables import FileRows
from include.deployment import release
from include.deployment.scoring import OnnxModel
from include.errors import DataError
from include.families.class_names import in_order, places
from include.families.registry import family_named
from include.families.serving import headline
from include.formats.content import lake_rows, quoted
from include.specification.usecase import UseCase

ANSWERED, FELL_BACK, REFUSED = "answered", "fell_back", "refused"
KNOWN_AT = "__event_timestamp"
NOT_FINITE = "the model gave scores that are not finite numbers"


class BatchScorer:
    """One release; what it needs of a row is ``columns``.

    Raises DeploymentError when a file of the release lacks or was changed, DataError when it is another use case's.
    """

    def __init__(self, spec: UseCase, directory: Path) -> None:
        release.verify(directory)
        self.spec, self.name, self.manifest = spec, directory.name, release.manifest(directory)
        if self.manifest["usecase"] != spec.name:
            raise DataError(f"release {directory} belongs to {self.manifest['usecase']!r}, not to {spec.name!r}")
        self.features, self.views = self.manifest["encoding"]["features"], self.manifest["views"]
        self.family, self.width = family_named(self.manifest["task"]), self.manifest["scores_per_row"]
        self._model = OnnxModel.of_release(directory)
        self._on_request = _load_on_request(directory / "request.py")
        self._rules: RequestRules = rules_of(self.manifest | {"times": spec.times})

    @property
    def fields(self) -> dict[str, str]:
        """Column → kind of what a request holds."""
        kinds = self.manifest["request"]
        return {column: kinds[name] for name, columns in self.manifest["inputs"].items() for column in columns}

    def no_rows(self) -> pa.RecordBatch:
        """Of no events, with the columns that are needed."""
        number, time = pa.float64(), pa.timestamp("us", tz="UTC")
        kinds = {"string": pa.string(), "float": number, "double": number, "timestamp": time}
        numbers = {entry["name"] for entry in self.features if entry["kind"] == "numeric"}
        whole = whole_keys(self.manifest)
        types = {
            name: pa.int64() if name in whole
            else kinds[self.fields[name]] if name in self.fields
            else kinds["timestamp"] if name.endswith(KNOWN_AT)
            else kinds["float" if name in numbers else "string"]
            for name in self.columns
        }  # fmt: skip
        return pa.RecordBatch.from_pydict({name: [] for name in types}, schema=pa.schema(list(types.items())))

    @property
    def columns(self) -> list[str]:
        looked_up = [entry["name"] for entry in self.features if entry["origin"] in self.views]
        return [*self.fields, *looked_up, *(f"{view}{KNOWN_AT}" for view in self.views)]

    def score(self, rows: pa.RecordBatch) -> pa.Table:
        """One row per row of ``rows``, in their order, as the table ``batch_predictions`` has them."""
        fields = {name: self._field(rows, name, kind) for name, kind in self.fields.items()}
        lacking = {view: self._lacking(rows, fields, view) for view in self.views}
        reasons = self._refusals(rows.num_rows, fields, lacking)
        nowhere = np.zeros(rows.num_rows, bool)
        falls_back = (reasons == "") & np.any([nowhere, *(lacking[v] for v in self._views_with("fall_back"))], axis=0)
        names, wanted = self.manifest["classes"], self.spec.event.classes
        scores = np.full((rows.num_rows, self.width), np.nan)
        if falls_back.any():
            scores[falls_back] = self.manifest["fallback_scores"]
        if (modelled := (reasons == "") & ~falls_back).any():
            scores[modelled] = self._scores(rows, fields, lacking, modelled)
        own, scores = scores, in_order(f"release {self.name}", scores, names, wanted)
        reasons[(reasons == "") & ~np.isfinite(scores).all(axis=1)] = NOT_FINITE
        outcome = np.where(reasons != "", REFUSED, np.where(falls_back, FELL_BACK, ANSWERED))
        missing = np.sum([nowhere.astype(np.int64), *lacking.values()], axis=0)
        facts = {"outcome": outcome, "reason": reasons, "missing": missing, "code": self._codes(own, outcome)}
        return self._table(rows, scores, facts)

    def _codes(self, scores: np.ndarray, outcome: np.ndarray) -> np.ndarray:
        """What is predicted (n,): of classes with equal scores the release's first one, as the model server answers."""
        safe = np.where((outcome == REFUSED)[:, None], 0.0, scores)
        codes = self.family.predicted(safe if self.width > 1 else safe[:, 0])
        return places(codes, self.manifest["classes"], self.spec.event.classes)

    def _field(self, rows: pa.RecordBatch, name: str, kind: str) -> np.ndarray:
        """As the server gets it: text, float32 or float64 numbers, seconds since 1970; missing is None or NaN."""
        values = rows.column(name)
        if kind == "timestamp":
            return _seconds(values)
        if kind in ("float", "double"):
            return _plain(values).astype(np.float32 if kind == "float" else np.float64).astype(np.float64)
        texts = _texts(values)
        texts[texts == ""] = None
        return texts

    def _lacking(self, rows: pa.RecordBatch, fields: dict[str, np.ndarray], view: str) -> np.ndarray:
        """Where the view has no values for the entity, or older ones than ``freshness_hours``."""
        known_at = _seconds(rows.column(f"{view}{KNOWN_AT}"))
        limit = self.views[view]["freshness_hours"] * 3600
        stale = (fields[self.manifest["event_time"]] - known_at > limit) if limit else np.zeros(len(known_at), bool)
        return np.isnan(known_at) | stale

    def _refusals(self, count: int, fields: dict[str, np.ndarray], lacking: dict[str, np.ndarray]) -> np.ndarray:
        """Why the server would not answer, per row; '' when it would."""
        asked = {
            name: fields[name] if columns == [name] else np.array([fields[column] for column in columns]).T
            for name, columns in self.manifest["inputs"].items()
        }
        reasons = self._rules.reasons(asked) if count else np.array([], dtype=object)
        for view in self._views_with("reject"):
            reasons[lacking[view] & (reasons == "")] = f"feature view {view} has no fresh values"
        return reasons

    def _views_with(self, policy: str) -> list[str]:
        return [view for view, declared in self.views.items() if declared.get("when_missing", "default") == policy]

    def _scores(
        self, rows: pa.RecordBatch, fields: dict[str, np.ndarray], lacking: dict[str, np.ndarray], which: np.ndarray
    ) -> np.ndarray:
        asked = {name: values[which] for name, values in fields.items()}
        computed = self._on_request(asked) if self._on_request else {}
        columns = {}
        for entry in self.features:
            name, origin = entry["name"], entry["origin"]
            if origin in self.views:
                numeric, stored = entry["kind"] == "numeric", rows.column(name)
                nothing: Any = np.nan if numeric else None
                values = _plain(stored) if numeric else _texts(stored)
                columns[name] = np.where(lacking[origin], nothing, values)[which]
            elif origin == "request":
                columns[name] = asked[name]
            else:
                columns[name] = np.asarray(computed[name]) if entry["kind"] == "numeric" else spelled(computed[name])
        return self._model.scores(self._model.encode_columns(columns)).reshape(int(which.sum()), -1)

    def _table(self, rows: pa.RecordBatch, scores: np.ndarray, facts: dict[str, np.ndarray]) -> pa.Table:
        refused = facts["outcome"] == REFUSED
        safe = np.where(refused[:, None], 0.0, scores)
        answers = safe if self.width > 1 else safe[:, 0]
        codes, best, classes = facts["code"], headline(answers), self.spec.event.classes
        unlikely = refused if self.manifest["answers_with_probability"] else np.ones(len(refused), bool)
        named = np.array(classes, dtype=object)[codes.astype(int)] if classes else None
        return pa.table(
            {
                **self._identity(rows),
                "release": pa.array([self.name] * len(refused), pa.string()),
                "outcome": pa.array(facts["outcome"].tolist(), pa.string()),
                "reason": pa.array(facts["reason"].tolist(), pa.string()),
                "prediction": pa.array(codes.astype(np.float64), mask=refused),
                "predicted_class": pa.nulls(len(refused), pa.string()) if named is None
                else pa.array(named, pa.string(), mask=refused),
                "probability": pa.array(best.astype(np.float64), mask=unlikely),
                "scores": _lists(safe, refused),
                "missing": pa.array(facts["missing"], pa.int64()),
            }
        )  # fmt: skip

    def _identity(self, rows: pa.RecordBatch) -> dict[str, pa.Array]:
        """Whose prediction it is: event id and time, entity keys (a subject's rows must be found to be erased)."""
        keys = [entity.key for entity in self.spec.entities.values()]
        found = {name: rows.column(name) for name in (self.spec.event.id, *keys)}
        time = rows.column(self.spec.event.time).cast(pa.timestamp("us", tz="UTC"))
        return {**found, self.spec.event.time: time}


def score_file(
    scorer: BatchScorer, rows: Sequence[FileRows], target: Path, batch_rows: int, **constants: str
) -> dict[str, int]:
    """Score stored rows into a file, ``batch_rows`` at a time; rows by outcome. ``constants`` are columns of every row.

    No rows give a file without rows. Raises DataError when the files lack columns that the release needs, or less than
    ``serving.min_answered`` of the rows are answered: then there is no file.
    """
    counts: Counter[str] = Counter({ANSWERED: 0, FELL_BACK: 0, REFUSED: 0})
    reasons: Counter[str] = Counter()
    writer: pq.ParquetWriter | None = None
    try:
        for batch in chain(read(rows, scorer.columns, batch_rows), [scorer.no_rows()]):
            if writer and not batch.num_rows:
                continue
            scored = scorer.score(batch)
            for name, value in constants.items():
                scored = scored.append_column(name, pa.array([value] * scored.num_rows, pa.string()))
            writer = writer or pq.ParquetWriter(target, scored.schema, compression="zstd")
            writer.write_table(scored)
            counts.update(scored["outcome"].to_pylist())
            reasons.update(reason.partition(": ")[0] for reason in scored["reason"].to_pylist() if reason)
    finally:
        if writer:
            writer.close()
    _require_answers(scorer, counts, reasons, target)
    return dict(counts)


def _require_answers(scorer: BatchScorer, counts: Counter[str], reasons: Counter[str], target: Path) -> None:
    rows, needed = counts.total(), scorer.spec.serving.min_answered
    if not rows or 1 - counts[REFUSED] / rows >= needed:
        return
    target.unlink()
    words = "; ".join(f"{count}: {reason}" for reason, count in reasons.most_common(10))
    raise DataError(
        f"{scorer.spec.name}: release {scorer.name} refuses {counts[REFUSED]} of {rows} rows, and serving.min_answered "
        f"is {needed:.2%}; nothing was written. {words}. Repair the events, or say in serving.missing which fields may "
        "be missing and package a release"
    )


def read(stored: Sequence[FileRows], columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
    """These columns of stored rows, so many rows at a time; raises DataError when one is in none of the files."""
    if not stored:
        return
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        table = connection.sql(f"FROM {lake_rows(stored)}")
        if lacking := sorted(set(columns) - set(table.columns)):
            raise DataError(f"the rows to score lack {lacking}; they have {table.columns}. Publish the period again")
        yield from table.select(*map(quoted, columns)).to_arrow_reader(rows)


def _plain(values: pa.Array) -> np.ndarray:
    """Null is NaN in a number, None in a text."""
    return values.to_numpy(zero_copy_only=False)


def _texts(values: pa.Array) -> np.ndarray:
    """Text in the one spelling of a category, None where missing."""
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return _plain(values)
    return spelled(values.to_pylist())


def _seconds(times: pa.Array) -> np.ndarray:
    """Seconds since 1970-01-01 UTC, float64; NaN where none."""
    microseconds = times.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    return _plain(microseconds.cast(pa.float64())) / 1e6


def _lists(scores: np.ndarray, refused: np.ndarray) -> pa.Array:
    """A list of all scores per row, none where it was refused."""
    offsets = pa.array(np.arange(len(scores) + 1, dtype=np.int32) * scores.shape[1], mask=np.append(refused, False))
    return pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(scores).reshape(-1)))


def _load_on_request(path: Path) -> Callable[[dict[str, np.ndarray]], Any] | None:
    """``on_request`` of the release's own ``request.py``; None when it has none."""
    if not path.is_file():
        return None
    module = ModuleType(f"on_request_of_{path.parent.name}")
    exec(compile(path.read_bytes(), path, "exec"), module.__dict__)  # noqa: S102 - an import would prefer cached bytecode, which nobody signed
    return module.on_request
