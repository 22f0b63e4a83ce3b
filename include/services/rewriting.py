"""Applies one change wherever a use case stores rows: lake, snapshots, datasets, staging, quarantine, spool."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from include.contracts.governance import PrivacyChange
from include.contracts.period import Period
from include.data.manifests import Snapshots
from include.development.datasets.encoded import PARTS
from include.development.datasets.parts import MANIFEST, content_hash, read_frame, read_manifest
from include.formats import checksums, line_files, state_file
from include.governance import erasure
from include.governance.erasure import Change, Changed, LakeRewrite
from include.governance.traces import files
from include.ports.lake import Lake
from include.ports.online import Edit
from include.records.registry import PRIVACY_RECORDS, RECORD_TABLES
from include.specification.usecase import UseCase

SPARED = ("lake", "landing", "airflow", "mlflow", "prometheus", "redis", "keys")
"""Rooms whose Parquet files are not single files of rows: the lake is rewritten by version, the rest is others'."""


@dataclass(frozen=True)
class Rewriting:
    """Where the rows of a use case are: below ``home``, in the lake, in the ``spool`` of predictions."""

    spec: UseCase
    lake: Lake
    snapshots: Snapshots
    home: Path
    spool: Path

    def rewrite(self, change: Change, line: Edit, mark: str) -> list[Changed]:
        """Apply ``change`` to every table and Parquet file, ``line`` to every line of the prediction spool."""
        changed = list(erasure.rewrite_parquet(self._files(), self.home, change))
        self._refresh_datasets(changed, mark)
        changed += self._spool(line)
        kept = [table.name for table in RECORD_TABLES.values() if not table.rewritten]
        return changed + LakeRewrite(self.spec.name, self.lake, self.snapshots, change, mark).run(kept)

    def values(self, column: str) -> set[str]:
        """Every value of the column in the Parquet files that ``rewrite`` changes."""
        return erasure.parquet_values(self._files(), column)

    def _files(self) -> list[Path]:
        return [f for f in files(self.home, SPARED) if f.suffix == ".parquet"]

    def _spool(self, line: Edit) -> list[Changed]:
        kept = (self.home / "unreadable" / self.spec.name).glob("*.records*")
        counts = {f: line_files.edit_lines(f, line) for f in sorted([*self.spool.glob("*.jsonl"), *kept])}
        return [Changed(f"{f.parent.parent.name}/{f.name}", count, 0) for f, count in counts.items() if count]

    def _refresh_datasets(self, changed: Sequence[Changed], mark: str) -> None:
        """A dataset's manifest says what its parts hold now, and why that is not what it was built with.

        Also of parts that a run rewrote which was killed then: they are proved, so nothing else can have changed them.
        """
        rewritten = {(self.home / one.place).parent for one in changed}
        for home in sorted((self.home / "datasets").glob("*/[!.]*")):
            if state_file.exists(home / MANIFEST) and (home in rewritten or checksums.sums(home)):
                self._refresh_dataset(home, mark)

    def _refresh_dataset(self, home: Path, mark: str) -> None:
        dataset = read_manifest(home / MANIFEST)
        parts = {name: getattr(dataset, name) for name in PARTS if (home / f"{name}.parquet").is_file()}
        now = {name: part.model_copy(update=_counted(home / f"{name}.parquet")) for name, part in parts.items()}
        if now != parts:
            again = dataset.model_copy(update={**now, "rewrites": [*dataset.rewrites, mark]})
            state_file.write(home / MANIFEST, again.model_dump_json(indent=1))

    def record(self, kind: str, facts: dict[str, str], changed: Sequence[Changed]) -> None:
        """One row per changed place in the lake table ``privacy_records``; one without place when nothing changed."""
        now = datetime.now(UTC)
        about = {"period": Period.recorded(now), "done_at": now, "kind": kind, "facts": facts}
        rows = [PrivacyChange.model_validate(about | asdict(row)) for row in changed or [Changed("", 0, 0)]]
        PRIVACY_RECORDS.append(self.spec.name, self.lake, rows)
        for row in changed:
            print(f"{row.place}: {row.before} → {row.after}")


def _counted(part: Path) -> dict[str, object]:
    frame = read_frame(part)
    return {"rows": len(frame), "content_hash": content_hash(frame)}
