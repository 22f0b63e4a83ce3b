"""The parts of a dataset on disk: Parquet files with a hash of their content, checked on every read."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from include.contracts.development import DatasetRef, PartRef
from include.errors import DamagedFileError, DamagedStateError, DataError, NotFoundError
from include.formats import checksums, state_file

MANIFEST = "dataset.json"
REBUILD = "rebuild the dataset (data_versions, operation rebuild)"


def read_manifest(manifest: Path) -> DatasetRef:
    """The dataset as its manifest says it; raises FileNotFoundError without one, DamagedStateError."""
    return DatasetRef.read_back(state_file.read(manifest), manifest)


def manifests(datasets: Path) -> list[Path]:
    """The manifests of the datasets in a directory, sorted; also one of which only the good copy is left."""
    homes = (home for home in datasets.glob("[!.]*") if home.is_dir())
    return sorted(home / MANIFEST for home in homes if state_file.exists(home / MANIFEST))


def content_hash(frame: pd.DataFrame) -> str:
    """SHA-256 of column names, types and values in order; the same for the same rows on any machine."""
    digest = hashlib.sha256(repr([(name, str(kind)) for name, kind in frame.dtypes.items()]).encode())
    digest.update(pd.util.hash_pandas_object(frame, index=False, categorize=False).to_numpy().tobytes())
    return digest.hexdigest()


def write_part(frame: pd.DataFrame, path: Path) -> None:
    frame.to_parquet(path, engine="pyarrow", index=False, compression="zstd")


def read_part(part: PartRef, *, again: bool = False) -> pd.DataFrame:
    """The rows of one part: event id, event time (UTC), raw features, label.

    ``again``: its bytes are proved whatever this process proved before.

    Raises
    ------
    NotFoundError
        the file is gone.
    DamagedFileError
        its bytes or its content are not what was written, or what the reference says.
    """
    frame = read_frame(part.path, again=again)
    if (digest := content_hash(frame)) != part.content_hash:
        raise DamagedFileError(
            f"{part.path}: content hash {digest[:12]} is not {part.content_hash[:12]}{_rewritten(part)}; {REBUILD}"
        )
    return frame


def _rewritten(part: PartRef) -> str:
    """What was done to the dataset since it was built, as its manifest says it."""
    manifest = Path(part.path).with_name(MANIFEST)
    try:
        done = read_manifest(manifest).rewrites if state_file.exists(manifest) else []
    except DamagedStateError as error:
        return f" ({error})"
    return f", because of {'; '.join(done)}" if done else ""


def read_frame(path: str | Path, *, again: bool = False) -> pd.DataFrame:
    """The rows of a part's file as they are.

    Raises NotFoundError without the file, DamagedFileError when its bytes are not those that were written.
    """
    if not Path(path).is_file():
        raise NotFoundError(f"{path}: the file is gone; {REBUILD}")
    checksums.prove(Path(path), "training data", REBUILD, again=again)
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except (OSError, ValueError, TypeError, pa.ArrowException) as error:  # as pyarrow says it of a torn file
        raise DamagedFileError(f"{path} is damaged: {error}; {REBUILD}") from error


def incomplete_columns(part: PartRef) -> list[str]:
    """Columns of a part that lack a value in some row; an empty text is none, and neither is NaN. As ``read_part``."""
    frame = read_part(part)
    texts = frame.select_dtypes(exclude=["number", "bool", "datetime", "datetimetz"])
    return [name for name in frame if frame[name].isna().any() or (name in texts and (texts[name] == "").any())]


def as_number(frame: pd.DataFrame, name: str) -> pd.Series:
    """Float64, NaN where missing; raises DataError for text and infinities."""
    try:
        numbers = frame[name].astype("float64")
    except (TypeError, ValueError) as error:  # its words hold a value
        kind = type(error).__name__
        raise DataError(f"feature {name!r} is numeric but contains other values ({kind}); correct the source") from None
    if infinite := np.count_nonzero(np.isinf(numbers.to_numpy())):
        raise DataError(f"feature {name!r} holds {infinite} infinite values; correct the source")
    return numbers
