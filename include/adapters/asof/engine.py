"""DuckDB for one query of the offline store."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
from feast.repo_config import RepoConfig

from include.adapters.asof.keys import REFUSED
from include.errors import DataError, NotFoundError

FRAME = "frame"


class Limits(NamedTuple):
    """What a query may take: memory as DuckDB writes it, and the directory for what exceeds it."""

    memory: str
    spill: str

    @classmethod
    def of(cls, config: RepoConfig) -> "Limits":
        return cls(config.offline_store.memory_limit, config.offline_store.spill)


@contextmanager
def engine(limits: Limits, frame: pa.Table | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB in UTC within its memory; what exceeds it goes to a directory of its own, removed afterwards.

    Raises
    ------
    NotFoundError
        a file of a pinned version cannot be read.
    DataError
        a key has another type than its entity, or the events' SQL cannot be run.
    """
    if limits.spill:
        Path(limits.spill).mkdir(parents=True, exist_ok=True)
    spill = tempfile.mkdtemp(prefix="asof-", dir=limits.spill or None)
    try:
        with duckdb.connect(config={"memory_limit": limits.memory, "temp_directory": spill}) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            if frame is not None:
                connection.register(FRAME, frame)
            yield connection
    except duckdb.IOException as error:
        advice = "Publish the period again, or use newer snapshots"
        raise NotFoundError(f"a pinned version of a feature table can no longer be read: {error}. {advice}") from error
    except duckdb.InvalidInputException as error:
        _, refused, what = str(error).partition(REFUSED)
        if not refused:
            raise
        raise DataError(f"{what}; correct it, or declare the entity's type in feature_repo/ as it is") from None
    except (duckdb.ParserException, duckdb.CatalogException, duckdb.BinderException) as error:
        raise DataError(f"the events' SQL cannot be run: {error}") from error
    finally:
        shutil.rmtree(spill, ignore_errors=True)
