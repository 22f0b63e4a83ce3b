"""A query of the offline store that runs when its result is asked for."""

from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.infra.offline_stores.file_source import FileSource
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import RepoConfig
from feast.saved_dataset import SavedDatasetStorage

from include.adapters.asof.engine import Limits, engine
from include.adapters.asof.events import Events
from include.formats.exact_frames import exact_frame


class AsofJob(RetrievalJob):
    """A query that runs when its result is asked for; ``persist`` streams it to a Parquet file."""

    def __init__(
        self,
        config: RepoConfig,
        query: str,
        *,
        events: Events | None = None,
        on_demand: list[OnDemandFeatureView] | None = None,
        full_feature_names: bool = False,
        metadata: RetrievalMetadata | None = None,
    ) -> None:
        super().__init__()
        self._config, self._query, self._limits = config, query, Limits.of(config)
        self._frame, self._asked = (events.frame, events.asked) if events else (None, None)
        self._on_demand, self._full_names, self._metadata = on_demand or [], full_feature_names, metadata

    @property
    def full_feature_names(self) -> bool:
        return self._full_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        return self._on_demand

    @property
    def metadata(self) -> RetrievalMetadata | None:
        return self._metadata

    def to_sql(self) -> str:
        return self._query

    def to_df(self, validation_reference: Any = None, timeout: int | None = None) -> pd.DataFrame:
        if self._frame is None or self._on_demand or validation_reference:
            return exact_frame(self.to_arrow(validation_reference, timeout))  # Feast's own loses integers with gaps
        # the events' own columns need not travel through the query and back
        return pd.concat([self._frame.reset_index(drop=True), exact_frame(self._answer())], axis=1, copy=False)

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        return exact_frame(self._to_arrow_internal(timeout))

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        answer = self._answer()
        if self._frame is None:
            return answer
        table = pa.Table.from_pandas(self._frame, preserve_index=False)
        for name, column in zip(answer.column_names, answer.columns, strict=True):
            table = table.append_column(name, column)
        return table

    def _answer(self) -> pa.Table:
        """What the query gives: for a frame the features alone."""
        if not self._query:  # a feature service without views
            return pa.table({})
        with engine(self._limits, self._asked) as connection:
            return connection.sql(self._query).to_arrow_table()

    def persist(self, storage: SavedDatasetStorage, allow_overwrite: bool = False, timeout: int | None = None) -> None:
        """Write the result as one Parquet file, in one step; without on-demand features it never is in memory whole."""
        uri = storage.to_data_source().path
        path = Path(FileSource.get_uri_for_file_path(self._config.repo_path, uri))
        if path.exists() and not allow_overwrite:
            raise SavedDatasetLocationAlreadyExists(location=uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.aside")
        if self._on_demand or self._frame is not None:
            pq.write_table(self.to_arrow(), aside)
        else:
            with engine(self._limits) as connection:
                _write(connection.sql(self._query), aside)
        aside.replace(path)


def _write(rows: duckdb.DuckDBPyRelation, path: Path) -> None:
    if len({name.casefold() for name in rows.columns}) == len(rows.columns):
        rows.write_parquet(str(path), compression="zstd")
        return
    batches = rows.to_arrow_reader()  # DuckDB would rename columns that differ by case only
    with pq.ParquetWriter(path, batches.schema, compression="zstd") as file:
        for batch in batches:
            file.write_batch(batch)
