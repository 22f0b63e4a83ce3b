"""Synthetic months of flights for the benches: as many rows as wanted, with the real month's distributions."""

from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from include.contracts.pseudonyms import KeyRing
from include.governance import privacy
from include.ports.sources import Treat
from include.specification.usecase import UseCase

ENLARGED = """
    COPY (
        SELECT f.* REPLACE (
            f.flight + 10000 * r.range AS flight,
            f.arr_delay + (hash(f.flight, r.range) % 11)::INTEGER - 5 AS arr_delay
        )
        FROM range({copies}) r CROSS JOIN read_parquet('{real}') f
        LIMIT {rows}
    ) TO '{target}' (FORMAT parquet)
"""


def enlarge(real: Path, rows: int, target: Path) -> None:
    """Write ``rows`` raw flights: the real month again and again, under other flight numbers and delays.

    The keys stay unique, and the shares of carriers, airports and late flights stay the real month's.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    copies = -(-rows // pq.read_metadata(real).num_rows)
    with duckdb.connect() as connection:
        connection.execute(ENLARGED.format(copies=copies, real=real, rows=rows, target=target))


def pseudonymised(spec: UseCase) -> Treat:
    """The treatment of ingestion with a key of the benches: the gates expect tokens."""
    return privacy.treatment(spec, KeyRing.parse("k01:a-secret-of-the-benches"))
