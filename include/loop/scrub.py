"""The scrub: reads back every stored file of a use case and proves it, before somebody needs it."""

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from include.contracts.period import Period
from include.contracts.scrub import Kind, Scrubbed
from include.contracts.tables import TableRef
from include.deployment import release
from include.development.datasets.building import MANIFEST, load_dataset
from include.development.datasets.encoded import PARTS
from include.development.datasets.parts import read_part
from include.errors import DamagedFileError, DamagedReleaseError, MoebiusError, ServiceError
from include.formats.proved_parquet import prove
from include.ports.lake import Lake
from include.records.registry import EXPORTS, SCRUBS
from include.services.composition import Services
from include.specification.usecase import UseCase

Check = Callable[[], object]
"""Proves one file; raises MoebiusError, which names it and the way out."""


def scrub(spec: UseCase, services: Services) -> dict[str, int]:
    """Prove every stored file from what the disk holds; every result is kept in the lake table ``scrubs``.

    Returns the number of files by kind.

    Raises
    ------
    DamagedFileError
        files are damaged; a line for each names it and the way out.
    ServiceError
        models could not be read because MLflow does not answer; everything else was proved and recorded.
    """
    now = datetime.now(UTC)
    about = {"usecase": spec.name, "period": Period.recorded(now), "at": now}
    rows, away = [], None
    for kind, checks in KINDS.items():
        try:
            files, damaged = _proved(checks(spec, services))
        except ServiceError as error:
            away = error
            continue
        rows.append(Scrubbed.model_validate({**about, "kind": kind, "files": files, "damaged": damaged}))
        print(f"{kind}: {files} read, {len(damaged)} damaged")
    SCRUBS.append(spec.name, services.adapters.lake, rows)
    if damaged := [line for row in rows for line in row.damaged]:
        raise DamagedFileError("\n- ".join([f"{spec.name}: {len(damaged)} stored files are damaged", *damaged]))
    if away:
        raise away
    return {row.kind: row.files for row in rows}


def forget_answers(spec: UseCase, services: Services) -> dict[str, int]:
    """Delete the answers whose retention is over; how many by place."""
    return services.answers.forget(spec) | services.answers.forget_streamed(spec)


def _proved(checks: Iterator[Check]) -> tuple[int, list[str]]:
    files, damaged = 0, []
    for check in checks:
        files += 1
        try:
            check()
        except ServiceError:
            raise
        except MoebiusError as error:
            damaged.append(str(error))
    return files, list(dict.fromkeys(damaged))  # a file of several snapshots is damaged once


def lake(spec: UseCase, services: Services) -> Iterator[Check]:
    """Of each table the log; each file of the newest version and of what snapshots pin; that pins hold their rows."""
    store, snapshots = services.adapters.lake, services.records.all_snapshots(spec)
    for table in store.tables(spec.name):
        pins = sorted({(s.period, s.tables[table]) for s in snapshots if table in s.tables}, key=str)
        yield partial(store.describe, spec.name, table)
        for file in _files(store, spec, table, pins):
            yield partial(prove, file, again=True)
        for refs in _rounds(pins):
            yield from _pinned(partial(store.pinned, spec.name, table), refs)


def _rounds(pins: Sequence[tuple[Period, TableRef]]) -> list[dict[Period, TableRef]]:
    """The pins, so that each round has one of a period: older snapshots of it are of a later round."""
    rounds: list[dict[Period, TableRef]] = []
    for number, (period, ref) in ((n, pin) for _, same in groupby(pins, itemgetter(0)) for n, pin in enumerate(same)):
        if number == len(rounds):
            rounds.append({})
        rounds[number][period] = ref
    return rounds


def _pinned(prove_all: Callable[[dict[Period, TableRef]], object], refs: dict[Period, TableRef]) -> Iterator[Check]:
    """A check of each; the table is opened once for all, and for each one only when one is damaged."""
    try:
        prove_all(refs)
    except MoebiusError:
        yield from (partial(prove_all, {period: ref}) for period, ref in refs.items())
    else:
        yield from (_sound for _ in refs)


def _sound() -> None:
    """What was proved together with others."""


def _files(store: Lake, spec: UseCase, table: str, pins: Sequence[tuple[Period, TableRef]]) -> list[str]:
    """What can be listed; where the log or a pinned version is damaged, the checks of these say it."""
    for keep in (pins, ()):
        with suppress(MoebiusError):
            return store.stored(spec.name, table, keep)
    return []


def datasets(spec: UseCase, services: Services) -> Iterator[Check]:
    """The parts of every dataset on disk, by what its manifest says of their rows."""
    home = services.places.datasets(spec)
    for manifest in sorted(home.glob(f"*/{MANIFEST}")):
        for part in PARTS:
            yield partial(_read_part, home, manifest.parent.name, part)


def _read_part(home: Path, name: str, part: str) -> None:
    ref = getattr(load_dataset(name, home), part)
    read_part(ref.model_copy(update={"path": str(home / name / f"{part}.parquet")}), again=True)


def releases(spec: UseCase, services: Services) -> Iterator[Check]:
    for ref in services.adapters.releases.all(spec.name):
        yield partial(_as_signed, spec, services, ref.name)


def _as_signed(spec: UseCase, services: Services, name: str) -> None:
    if faults := services.adapters.releases.faults(spec.name, name):
        raise DamagedReleaseError(f"{'; '.join(faults)}; {release.WAY_OUT}")


def models(spec: UseCase, services: Services) -> Iterator[Check]:
    """The artifact of every registered version, by the hash in the signed record (else in MLflow)."""
    for version in services.adapters.tracker.versions(spec.name):
        known = services.approvals.registered(spec, version) or services.adapters.tracker.model(spec.name, version)
        yield partial(services.adapters.tracker.load, known)


def exports(spec: UseCase, services: Services) -> Iterator[Check]:
    """The files of each export by its manifest, and the manifest by what was recorded of it."""
    recorded = {row.name: row.sha256 for row in EXPORTS.read(spec.name, services.adapters.lake)}
    for name in services.adapters.exports.names(spec.name):
        yield partial(services.adapters.exports.verify, spec.name, name, recorded.get(name))


def edge_bundles(spec: UseCase, services: Services) -> Iterator[Check]:
    for bundle in sorted((services.settings.edge_bundles / spec.name).glob("*.zip")):
        yield partial(_unzips, bundle)


def _unzips(bundle: Path) -> None:
    again = "make it again with the DAG edge_bundle"
    try:
        with zipfile.ZipFile(bundle) as whole:
            torn = whole.testzip()
    except (OSError, zipfile.BadZipFile, zlib.error) as error:
        raise DamagedFileError(f"{bundle} is damaged ({error}); {again}") from error
    if torn:
        raise DamagedFileError(f"{bundle} is damaged: {torn} in it has other bytes than were written; {again}")


KINDS: dict[Kind, Callable[[UseCase, Services], Iterator[Check]]] = {
    "lake": lake,
    "datasets": datasets,
    "releases": releases,
    "models": models,
    "exports": exports,
    "edge_bundles": edge_bundles,
}
