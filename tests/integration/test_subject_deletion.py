"""One plane's data go from every place, and stay away; keys rotate and leave no old token."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.commands.subject import subject as command
from include.contracts.development import DatasetRef, PartRef
from include.contracts.period import Period
from include.contracts.pseudonyms import KeyRing, reference
from include.contracts.tables import SnapshotRef
from include.data import quarantine, versioning
from include.development.datasets.parts import content_hash, read_part, write_part
from include.errors import DataError, NotFoundError, PrivacyError, SettingsError
from include.formats import checksums, state_file
from include.governance.traces import Matcher, search
from include.loop import data_pipeline, key_rotation, subject_deletion
from include.services import composition
from include.services.composition import Services
from include.settings import ROOT
from include.specification import loader
from tests.integration.privacy_fixtures import (
    BOTH,
    JANUARY,
    KEYS,
    private_home,
    private_spec,
    services_at,
)

pytestmark = pytest.mark.integration
__all__ = ["private_home"]
SPEC = private_spec()
TAIL, OTHER = "N14228", "N24211"
TOKEN, OTHERS = KeyRing.parse(KEYS).token(TAIL), KeyRing.parse(KEYS).token(OTHER)
SUBJECT = reference(TOKEN)


@pytest.fixture(scope="module")
def prepared(private_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """January in every place; an earlier content of January is published no more, but still has its name."""
    home = tmp_path_factory.mktemp("prepared") / "home"
    shutil.copytree(private_home, home)
    services = services_at(home)
    tables = home / "staging" / "flight_delay" / "run" / "tables" / "events.parquet"
    rows = pq.read_table(tables)
    _stage(tables, rows.slice(0, 5100))
    data_pipeline.gate(SPEC, services, JANUARY, "run", "features")
    data_pipeline.publish(SPEC, services, JANUARY, "run")
    _stage(tables, rows)
    _dataset(home, rows.slice(0, 1500))
    predictions = rows.select(["flight_id", "tailnum"]).append_column("period", pa.array(["2013-01"] * rows.num_rows))
    services.adapters.lake.append("flight_delay", "predictions", predictions)
    spool = home / "spool" / "flight_delay" / "20130101-1.jsonl"
    spool.parent.mkdir(parents=True)
    spool.write_text("".join(json.dumps({"inputs": {"tailnum": t}}) + "\n" for t in (TOKEN, OTHERS, TOKEN)))
    held = home / "quarantine" / "flight_delay" / "2013-01" / "raw"
    held.mkdir(parents=True)
    shutil.copy(home / "staging" / "flight_delay" / "run" / "raw" / "flights.parquet", held)
    return home


def _stage(file: Path, rows: pa.Table) -> None:
    """Another content of a staged table, as a run would have left it."""
    aside = file.with_suffix(".aside")
    pq.write_table(rows, aside)
    checksums.replace(file, aside)


@pytest.fixture
def home(prepared: Path, tmp_path: Path) -> Path:
    return _copy(prepared, tmp_path / "home")


def _copy(prepared: Path, home: Path) -> Path:
    shutil.copytree(prepared, home)
    manifest = home / "datasets" / "flight_delay" / "2013-01-x" / "dataset.json"
    manifest.write_text(manifest.read_text().replace(str(prepared), str(home)))
    return home


def _dataset(home: Path, rows: pa.Table) -> DatasetRef:
    directory = home / "datasets" / "flight_delay" / "2013-01-x"
    directory.mkdir(parents=True)
    parts = {}
    for index, name in enumerate(("train", "validation", "test")):
        frame = rows.slice(index * 500, 500).to_pandas()
        write_part(frame, directory / f"{name}.parquet")
        path = str(directory / f"{name}.parquet")
        parts[name] = PartRef(path=path, rows=len(frame), content_hash=content_hash(frame), periods=["2013-01"])
    facts = {"usecase": "flight_delay", "name": "2013-01-x", "path": str(directory), "label": "late", "snapshots": {}}
    dataset = DatasetRef.model_validate({**facts, **parts, "feature_service": SPEC.feature_service})
    (directory / "dataset.json").write_text(dataset.model_dump_json())
    return dataset


def _delete(home: Path) -> dict[str, int]:
    return subject_deletion.delete(SPEC, services_at(home), SUBJECT, "asked by letter", "an operator")


def _left(home: Path, *values: str) -> list:
    return search(home, Matcher(values), ["tailnum"], skip={"landing"})


def _contents(home: Path, without: str) -> dict[str, pd.DataFrame]:
    """Every pinned table of every snapshot, less the rows of one token."""
    services, found = services_at(home), {}
    for snapshot in services.records.all_snapshots(SPEC):
        for table in snapshot.tables:
            rows = versioning.read(snapshot, table, services.adapters.lake).to_pandas()
            if "tailnum" in rows:
                rows = rows[rows["tailnum"] != without]
            found[f"{snapshot.name} {table}"] = rows.sort_values(list(rows.columns[:2]), ignore_index=True)
    return found


@dataclass(frozen=True)
class Erased:
    """A home before and after the deletion."""

    home: Path
    places: set[str]
    contents: dict[str, pd.DataFrame]
    dataset: DatasetRef
    went: dict[str, int]

    @property
    def services(self) -> Services:
        return services_at(self.home)


@pytest.fixture(scope="module")
def erased(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Erased:
    """What happened is looked at by several tests."""
    home = _copy(prepared, tmp_path_factory.mktemp("erased") / "home")
    places = {f.file.relative_to(home).parts[0] for f in _left(home, TOKEN)}
    before, dataset = _contents(home, TOKEN), _manifest(home)
    return Erased(home, places, before, dataset, _delete(home))


def _manifest(home: Path) -> DatasetRef:
    return DatasetRef.model_validate_json(state_file.read(home / "datasets/flight_delay/2013-01-x/dataset.json"))


def test_a_subject_is_gone_from_every_place(erased: Erased) -> None:
    assert erased.places == {"lake", "feature_store", "staging", "quarantine", "datasets", "spool"}
    assert _left(erased.home, TOKEN, TAIL) == []
    assert {p.split("/")[0] for p in erased.went} == erased.places
    assert erased.went["lake/predictions"] > erased.went["lake/events"] > 0
    assert all(s.rewrites for s in erased.services.records.all_snapshots(SPEC))


def test_nobody_else_is_gone(erased: Erased) -> None:
    after = _contents(erased.home, TOKEN)
    assert after.keys() == erased.contents.keys()
    for name, rows in erased.contents.items():
        pd.testing.assert_frame_equal(after[name], rows)
    assert OTHERS in (erased.home / "spool/flight_delay/20130101-1.jsonl").read_text()


def test_a_dataset_says_why_it_is_not_what_it_was(erased: Erased) -> None:
    old, new = erased.dataset, _manifest(erased.home)
    assert new.train.rows == len(read_part(new.train)) <= old.train.rows
    changed = next(p for p in ("train", "validation", "test") if getattr(old, p) != getattr(new, p))
    with pytest.raises(DataError, match="because of a subject was erased"):
        read_part(getattr(old, changed))


def test_the_record_says_what_went_and_never_whose_it_was(erased: Erased) -> None:
    records = erased.services.adapters.lake.read("flight_delay", "privacy_records").to_pylist()
    events = next(r for r in records if r["place"] == "lake/events")
    assert (events["kind"], events["before"] > events["after"] > 0) == ("erasure", True)
    assert json.loads(events["facts"]) == {"subject": SUBJECT, "reason": "asked by letter", "by": "an operator"}


def test_a_deletion_may_be_repeated(erased: Erased) -> None:
    assert _delete(erased.home) == {}


def test_the_subject_does_not_come_back(erased: Erased) -> None:
    complete = max(m.tables["events"].rows for m in erased.services.records.all_snapshots(SPEC))
    data_pipeline.collect(SPEC, erased.services, JANUARY, "again")
    data_pipeline.build_features(SPEC, erased.services, JANUARY, "again")
    assert _left(erased.home, TOKEN, TAIL) == []
    again = pq.read_metadata(erased.home / "staging/flight_delay/again/tables/events.parquet")
    assert again.num_rows == complete


KILLED = """
import os, signal, sys
from pathlib import Path
from include.adapters.lake import DeltaLake
from include.loop import subject_deletion
from tests.integration.privacy_fixtures import private_spec, services_at

calls, last = [0], int(sys.argv[3])

def mortal(method):
    def call(*arguments, **named):
        if calls[0] == last:
            os.kill(os.getpid(), signal.SIGKILL)
        calls[0] += 1
        return method(*arguments, **named)
    return call

DeltaLake.publish_all, DeltaLake.prune = mortal(DeltaLake.publish_all), mortal(DeltaLake.prune)
subject_deletion.delete(private_spec(), services_at(Path(sys.argv[1])), sys.argv[2], "asked", "me")
"""


def test_a_deletion_that_was_killed_twice_is_finished_by_its_repetition(home: Path) -> None:
    before = _contents(home, TOKEN)
    for commits in (5, 6):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, str(home), SUBJECT, str(commits)],
            cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False, capture_output=True,
        )  # fmt: skip
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
        assert _contents(home, TOKEN).keys() == before.keys(), "everything that is published can be read"
        assert _left(home, TOKEN)
    _delete(home)
    assert _left(home, TOKEN) == []
    after = _contents(home, TOKEN)
    for name, rows in before.items():
        pd.testing.assert_frame_equal(after[name], rows)


def test_a_subject_that_nobody_knows_is_said_to_be_unknown_and_nobody_is_recorded_as_erased(home: Path) -> None:
    stranger = reference(KeyRing.parse(KEYS).token("N00000"))
    before = _contents(home, TOKEN)
    with pytest.raises(NotFoundError, match=rf"nothing that is stored names the subject {stranger}"):
        subject_deletion.delete(SPEC, services_at(home), stranger, "asked", "me")
    services = services_at(home)
    assert services.records.privacy(SPEC).erased() == {}
    assert not services.adapters.lake.exists("flight_delay", "privacy_records")
    for name, rows in _contents(home, TOKEN).items():
        pd.testing.assert_frame_equal(before[name], rows)


@pytest.mark.parametrize("place", ["datasets/flight_delay/x", "staging/flight_delay/run", "quarantine/flight_delay"])
def test_a_subject_of_one_file_alone_is_known_and_deleted(tmp_path: Path, place: str) -> None:
    """Its month was never published, so nothing else names it."""
    file = tmp_path / place / "rows.parquet"
    file.parent.mkdir(parents=True)
    pq.write_table(pa.table({"tailnum": [TOKEN, OTHERS]}), file)
    assert _delete(tmp_path) == {str(file.relative_to(tmp_path)): 1}
    assert pq.read_table(file, partitioning=None)["tailnum"].to_pylist() == [OTHERS]


def test_a_subject_of_a_held_row_alone_is_known_and_deleted(tmp_path: Path) -> None:
    held = {"row": ["a", "b"], "reasons": ["r", "r"], "content": [json.dumps({"tailnum": t}) for t in (TOKEN, OTHERS)]}
    lake = services_at(tmp_path).adapters.lake
    quarantine.hold(SPEC, JANUARY, "raw", {"flights": pa.table(held)}, lake)
    assert _delete(tmp_path) == {"lake/quarantine": 1}
    assert [json.loads(row.content) for row in quarantine.current(SPEC, lake)] == [{"tailnum": OTHERS}]


def test_the_command_says_that_a_value_names_nobody(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(composition, "services", lambda *_: services_at(home))
    monkeypatch.setattr(loader, "load_usecase", lambda name: SPEC)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{TAIL}\n"))
    command("flight_delay")
    assert capsys.readouterr().out == f"{SUBJECT}\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{TAIL.lower()}\n"))
    with pytest.raises(NotFoundError, match=r"names the subject k01-.*upper and lower case") as refused:
        command("flight_delay")
    assert TAIL.lower() not in str(refused.value)


def test_what_cannot_be_rewritten_fails_the_proof_and_is_named_until_it_is_gone(tmp_path: Path) -> None:
    rows = pa.table({"tailnum": [TOKEN, OTHERS], "period": ["2013-01"] * 2})
    services_at(tmp_path).adapters.lake.append("flight_delay", "predictions", rows)
    note = tmp_path / "demo" / "notes.txt"
    note.parent.mkdir()
    note.write_text(f"saw {TOKEN}")
    for _ in range(2):
        with pytest.raises(PrivacyError, match=r"still in 1 files: demo/notes\.txt") as refused:
            _delete(tmp_path)
        assert TOKEN not in str(refused.value)
    note.unlink()
    _delete(tmp_path)
    assert not list((tmp_path / "privacy" / "flight_delay").glob("erasing*"))


def test_months_whose_earlier_files_have_gone_do_not_stop_a_deletion(tmp_path: Path) -> None:
    services = services_at(tmp_path)
    earlier, later = pa.table({"tailnum": [TOKEN, OTHERS, OTHERS]}), pa.table({"tailnum": [TOKEN, OTHERS]})
    services.adapters.lake.publish("flight_delay", "events", earlier, "2013-01")
    february = services.adapters.lake.publish("flight_delay", "events", later, "2013-02")
    january = services.adapters.lake.publish("flight_delay", "events", later, "2013-01")
    for period, ref in (("2013-01", january), ("2013-02", february)):
        manifest = SnapshotRef(usecase="flight_delay", period=period, name=period, tables={"events": ref})
        services.records.snapshots(SPEC).replace(f"{period}.json", manifest)
    pins = [(Period("2013-01"), january), (Period("2013-02"), february)]
    services.adapters.lake.prune("flight_delay", "events", pins)
    assert _delete(tmp_path) == {"lake/events": 2}
    for snapshot in services.records.snapshot_refs(SPEC):
        assert versioning.read(snapshot, "events", services.adapters.lake)["tailnum"].to_pylist() == [OTHERS]


@pytest.mark.parametrize("subject", ["N14228", "k02-" + "0" * 32])
def test_a_reference_that_cannot_be_is_refused(private_home: Path, subject: str) -> None:
    with pytest.raises(SettingsError, match="reference"):
        subject_deletion.delete(SPEC, services_at(private_home), subject, "asked", "me")


def test_a_rotation_leaves_the_same_rows_under_new_tokens_and_no_old_one(home: Path) -> None:
    before = _contents(home, "")
    services = services_at(home, BOTH)
    changed = key_rotation.rotate(SPEC, services, "an operator")
    assert {p.split("/")[0] for p in changed} == {
        "lake", "feature_store", "staging", "quarantine", "datasets", "spool"
    }  # fmt: skip
    assert _left(home, TOKEN, OTHERS) == []
    ring = KeyRing.parse(BOTH)
    for name, rows in _contents(home, "").items():
        old = before[name]
        if "tailnum" in old:
            old = old.assign(tailnum=old["tailnum"].map(lambda t: ring.renew(t) if t else t))
        columns = list(rows.columns)
        by = [c for c in columns if rows[c].dtype.kind in "OM"][:2]
        pd.testing.assert_frame_equal(
            rows.sort_values(by, ignore_index=True), old.sort_values(by, ignore_index=True)[columns]
        )
    online = services.adapters.feature_store.online(
        SPEC.feature_service, [{"origin": "EWR", "tailnum": ring.token(TAIL)}]
    )
    assert online[0]["seats"] is not None
    assert services.privacy.active_keys(SPEC).names == ["k01", "k02"]
    assert key_rotation.rotate(SPEC, services, "an operator") == {}
    with pytest.raises(SettingsError, match="reference is of key k01, the key in use is k02"):
        subject_deletion.delete(SPEC, services, SUBJECT, "asked", "me")
