"""What was damaged below a state root is found, put back or named; no key and no database is made anew in silence."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from include.commands.main import app
from include.errors import DamagedStateError, SettingsError
from include.formats import sealed_text, state_file
from include.platform import databases, identity, state
from include.platform.databases import DATABASES, Database
from include.platform.doctor import Doctor
from include.platform.state_watch import StateWatch
from include.settings import Settings, load_settings
from tests.unit.fakes.damage import DAMAGES, KINDS, MISSING, damage

NAMES = [one.file for one in DATABASES]
UNREADABLE = [kind for kind in KINDS if not kind.startswith("one bit")]
"""SQLite has no checksums: one bit of a value is another value."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state root with keys, a few small files and every database."""
    made = Settings(home=tmp_path_factory.mktemp("written"))
    prove(made)
    state_file.write(made.releases / "cats" / "rollout.json", '{"generation": 1}')
    state_file.write(made.home / "privacy" / "cats" / "active_key", "k01 0123")
    for database in DATABASES:
        filled(made.home / database.file, database)
    databases.require(made)
    return made.home


@pytest.fixture
def settings(written: Path, tmp_path: Path) -> Settings:
    shutil.copytree(written, tmp_path / "var")
    return Settings(home=tmp_path / "var")


def prove(settings: Settings) -> None:
    """As `up` does."""
    state.claim(settings)
    identity.require_keys(settings)
    state.make_keys(settings)
    identity.require_keys(settings)
    databases.require(settings)


def filled(path: Path, database: Database) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in sorted(database.tables or {"moebius_cats"}):
            connection.execute(f"CREATE TABLE {table} (name TEXT)")
            connection.executemany(f"INSERT INTO {table} VALUES (?)", [(f"row {n}",) for n in range(200)])


def the(name: str) -> Database:
    return next(one for one in DATABASES if one.file == name)


SMALL = ["releases/cats/rollout.json", "privacy/cats/active_key", "version", "keys/approval.pub"]


def test_a_sound_state_root_has_no_finding(settings: Settings) -> None:
    assert Doctor(settings).findings() == []
    looked_at = {str(path.relative_to(settings.home)) for path in Doctor(settings).files()}
    assert {"version", "environment", "made", "platform/identity.json", *SMALL} <= looked_at


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SMALL)
def test_a_damaged_file_is_found_and_put_back(settings: Settings, name: str, kind: str) -> None:
    before = (settings.home / name).read_bytes()
    damage(settings.home / name, kind)
    doctor = Doctor(settings)
    assert [(one.path, one.repairable) for one in doctor.findings()] == [(settings.home / name, True)]
    assert doctor.repair() == [settings.home / name]
    assert ((settings.home / name).read_bytes(), doctor.findings()) == (before, [])


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_copy_is_made_anew(settings: Settings, kind: str) -> None:
    path = settings.releases / "cats" / "rollout.json"
    damage(sealed_text.copy_of(path), kind)
    Doctor(settings).repair()
    Doctor(settings).adopt()
    assert sealed_text.copied(path) == '{"generation": 1}'


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_key_is_read_from_its_copy(settings: Settings, kind: str) -> None:
    before = settings.keys_text()
    damage(settings.key_file, kind)
    prove(settings)
    assert settings.keys_text() == before


@pytest.mark.parametrize("kind", KINDS)
def test_no_key_is_made_anew_or_taken_in_half(settings: Settings, kind: str) -> None:
    sealed_text.copy_of(settings.key_file).unlink()
    damage(settings.key_file, kind)
    left = settings.key_file.read_bytes() if settings.key_file.exists() else None
    with pytest.raises((SettingsError, DamagedStateError), match=r"pseudonym\.keys") as raised:
        prove(settings)
    assert "moebius doctor --accept" in str(raised.value)
    assert (settings.key_file.read_bytes() if settings.key_file.exists() else None) == left


def test_a_key_that_is_added_is_noted_and_copied(settings: Settings) -> None:
    added = f"{settings.keys_text()},k02:{'x' * 20}\n"
    settings.key_file.write_text(added)
    prove(settings)
    damage(settings.key_file, "half")
    assert settings.keys_text() == added.strip()
    assert set(identity.read(settings).keys["keys/pseudonym.keys"]) == {"k01", "k02"}


def test_a_key_that_is_lost_for_good_can_be_accepted(settings: Settings) -> None:
    state_file.delete(settings.key_file)
    with pytest.raises(SettingsError, match="restore the file from your backup"):
        prove(settings)
    Doctor(settings).accept("keys/pseudonym.keys")
    prove(settings)
    assert settings.keys_text().startswith("k01:")


@pytest.mark.parametrize("kind", [kind for kind in UNREADABLE if kind != "without its end"])
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_database_is_an_error_with_its_name_and_what_to_do(settings: Settings, name: str, kind: str) -> None:
    damage(settings.home / name, kind)
    with pytest.raises(DamagedStateError, match=rf"{settings.home / name} (is|lacks) .*from your backup") as raised:
        databases.require(settings)
    assert f"`moebius doctor --accept {name}`, which costs {the(name).without}" in str(raised.value)
    assert Doctor(settings).findings()[0].path == settings.home / name


@pytest.mark.parametrize("name", [one.file for one in DATABASES if one.copied])
def test_a_copy_of_a_database_is_put_back_whole(settings: Settings, name: str) -> None:
    damage(settings.home / name, "half")
    assert Doctor(settings).repair() == [settings.home / name]
    databases.require(settings)
    with closing(sqlite3.connect(settings.home / name)) as connection:
        (table, *_) = sorted(the(name).tables)
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (200,)
    assert (settings.home / name).with_name(f".{Path(name).name}.damaged").is_file()


def test_a_database_without_its_tables_is_none(settings: Settings) -> None:
    path = settings.home / "mlflow" / "mlflow.db"
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE other (name TEXT)")
    with pytest.raises(
        DamagedStateError, match="lacks the tables experiments, model_versions, registered_models, runs"
    ):
        databases.require(settings)


def test_a_store_that_is_lost_for_good_is_forgotten_with_its_database(settings: Settings) -> None:
    state_file.write(settings.home / "stores" / "mlflow.json", '{"store": "1"}')
    Doctor(settings).accept("mlflow/mlflow.db")
    assert not state_file.exists(settings.home / "stores" / "mlflow.json")


def test_a_database_that_is_lost_for_good_can_be_accepted(settings: Settings) -> None:
    (settings.home / "airflow" / "airflow.db").write_bytes(b"")
    Doctor(settings).accept("airflow/airflow.db")
    databases.require(settings)
    assert not (settings.home / "airflow" / "airflow.db").exists()


@pytest.mark.parametrize(
    ("name", "left"),
    [("mlflow/mlflow.db", "mlflow/artifacts/1/run/x"), ("airflow/airflow.db", "airflow/logs/dag_id=x/y")],
)
def test_a_state_root_of_an_earlier_release_is_known_by_what_its_databases_left(
    tmp_path: Path, name: str, left: str
) -> None:
    settings = Settings(home=tmp_path)
    (tmp_path / left).parent.mkdir(parents=True)
    (tmp_path / left).write_text("")
    with pytest.raises(DamagedStateError, match=rf"{name} is gone, and was in use since 2"):
        databases.require(settings)


def test_files_of_an_earlier_release_get_a_checksum_and_a_copy_once(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    path = settings.releases / "cats" / "rollout.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"generation": 1}')
    assert [Doctor(settings).adopt(), Doctor(settings).adopt()] == [1, 0]
    damage(path, "half")
    assert state_file.read(path) == '{"generation": 1}'


def test_a_file_that_was_changed_by_hand_can_be_accepted(settings: Settings) -> None:
    path = settings.releases / "cats" / "rollout.json"
    path.write_text(path.read_text().replace('"generation": 1', '"generation": 2'))
    assert state_file.read(path) == '{"generation": 1}'
    Doctor(settings).accept("releases/cats/rollout.json")
    assert state_file.look(path).text.replace(" ", "").replace("\n", "") == '{"generation":2}'
    assert Doctor(settings).findings() == []


def test_the_command_names_what_is_damaged_and_puts_it_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOEBIUS_HOME", str(settings.home))
    load_settings.cache_clear()
    damage(settings.releases / "cats" / "rollout.json", "NULs")
    run = CliRunner().invoke
    try:
        found, repaired = run(app, ["doctor"]), run(app, ["doctor", "--repair"])
    finally:
        load_settings.cache_clear()
    assert (found.exit_code, repaired.exit_code) == (1, 0)
    assert "rollout.json: it holds zero bytes; `moebius doctor --repair` helps" in found.output
    assert "put back: " in repaired.output


def test_every_kind_of_damage_is_damage() -> None:
    content = bytes(range(1, 200)) * 3
    assert all(damaged(content) != content for damaged in DAMAGES.values())
    assert [*DAMAGES, MISSING] == KINDS


def test_damaged_files_are_counted_by_room_until_they_are_put_back(settings: Settings) -> None:
    watch = StateWatch(settings)

    def counts() -> dict[str, int]:
        return {one.room: one.files for one in watch.look() if one.files}

    assert counts() == {}
    damage(settings.releases / "cats" / "rollout.json", "half")
    damage(settings.home / "version", "empty")
    damage(settings.home / "mlflow" / "mlflow.db", "empty")
    assert counts() == {"releases": 1, "marks": 1, "databases": 1}
    state_file.delete(settings.key_file)
    assert counts()["keys"] == 1
    Doctor(settings).repair()
    assert counts() == {"keys": 1}
