"""Checks everything small below a state root: which files are damaged, and what can be put back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from include.errors import DamagedStateError, NotFoundError, SettingsError
from include.formats import sealed_text, state_file
from include.platform import databases, identity
from include.platform.supervisor import Supervisor
from include.services import small_state
from include.settings import Settings

ROOMS = (
    "catalog", "controls", "datasets", "demo", "exchange", "keys", "platform", "privacy", "questions", "releases",
    "snapshots", "specifications", "spool", "staging", "stores", "training", "unreadable",
)  # fmt: skip
"""Directories of the state root in which small state is kept."""
PLAIN = frozenset({"environment", "version", "made", "passwords.json", "model_version", "approval.pub"})
"""Names of files that hold their text alone; those of keys are named by ``identity.key_files``."""
EARLIER = (
    "releases/*/rollout.json", "releases/*/r*/release.json", "releases/*/r*/model_version", "snapshots/*/*.json",
    "snapshots/*/*/*.json", "snapshots/*/log/*.jsonl", "datasets/*/*/dataset.json", "privacy/*/active_key",
    "privacy/*/erased.json", "demo/*/progress.json", "catalog/*/catalog.json", "training/*/*/order.json",
    "training/*/*/fit.json", "keys/approval.pub", "airflow/passwords.json",
)  # fmt: skip
"""What earlier releases wrote without a checksum."""


class Finding(NamedTuple):
    """A file that is not as it was written; ``repairable``: its good copy can take its place."""

    path: Path
    fault: str
    repairable: bool


class Doctor:
    """Looks at the files of one state root; nothing is changed but by ``repair``, ``accept`` and ``adopt``."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._home, self._locks = settings, settings.home, small_state.locks(settings)

    def findings(self) -> list[Finding]:
        """Everything that is damaged, sorted by path."""
        return sorted([*self._files(), *self._keys(), *self._databases()])

    def files(self) -> list[Path]:
        """Every small file with a good copy, also one of which only the copy is left; sorted."""
        return sorted(state_file.original(copy) for copy in self._copies() if copy.suffixes[-2:] != [".db", ".good"])

    def fault(self, path: Path) -> Finding | None:
        """What is wrong with one small file, or with its copy."""
        try:
            kept = state_file.look(path, plain=self._is_plain(path))
        except FileNotFoundError:
            return None
        except DamagedStateError as error:
            return Finding(path, str(error), False)
        if kept.fault:
            return Finding(path, kept.fault, True)
        return _fault_of_copy(path)

    def repair(self) -> list[Path]:
        """Put good copies in the place of damaged files, which stay beside them; what was put back.

        Raises SettingsError while a service uses a database that is to be put back.
        """
        repaired = self.repair_files()
        for database in databases.DATABASES:
            if (path := self._home / database.file) in {one.path for one in self._databases() if one.repairable}:
                self._require_stopped(database)
                databases.restore(self._settings, database)
                repaired.append(path)
        return repaired

    def repair_files(self) -> list[Path]:
        """The same for small files only."""
        repairable = [finding.path for finding in self._files() if finding.repairable]
        for path in repairable:
            with self._locks.hold(str(path.relative_to(self._home).with_name("state"))):  # as who changes it does
                self._restore(path)
        return repairable

    def accept(self, name: str) -> Path:
        """Take a file as it is from now on: what is noted of it is forgotten, and its copy is made again.

        A damaged database is put aside, and the next start makes a new one. Raises NotFoundError when there is no such
        file, DamagedStateError when nothing can read it.
        """
        path = self._named(name)
        if database := self._database(path):
            self._require_stopped(database)
            databases.put_aside(path)
            sealed_text.copy_of(path).unlink(missing_ok=True)
            identity.forget(self._settings, database.file)
            for store in database.stores:
                state_file.delete(self._home / store)
        elif path in identity.key_files(self._settings):
            sealed_text.copy_of(path).unlink(missing_ok=True)
            identity.forget(self._settings, str(path.relative_to(self._home)))
        elif name in databases.STORES:
            state_file.delete(path)
        else:
            state_file.write(path, _without_checksum(path), plain=self._is_plain(path), private=_is_private(path))
        return path

    def adopt(self) -> int:
        """Give files of earlier releases their checksum and copy; how many. Damaged ones are left as they are."""
        new = [path for pattern in EARLIER for path in self._home.glob(pattern)]
        return sum(self._adopted(path) for path in new if not sealed_text.copy_of(path).exists())

    def _adopted(self, path: Path) -> bool:
        plain = self._is_plain(path)
        try:
            kept = state_file.look(path, plain=plain)
        except (DamagedStateError, FileNotFoundError):
            return False
        state_file.write(path, kept.text, plain=plain, private=_is_private(path))
        return True

    def _copies(self) -> Iterator[Path]:
        for directory in (self._home, self._home / "airflow", self._home / "mlflow"):
            yield from directory.glob(".*.good")
        for room in ROOMS:
            yield from (self._home / room).rglob(".*.good")

    def _files(self) -> Iterator[Finding]:
        return (finding for path in self.files() if (finding := self.fault(path)))

    def _keys(self) -> Iterator[Finding]:
        try:
            for fault in identity.faults_of_keys(self._settings):
                yield Finding(self._home / "keys", fault, False)
        except DamagedStateError as error:  # a key file, or what is noted of keys: both are among the files
            yield Finding(self._home / "keys", str(error), False)

    def _databases(self) -> Iterator[Finding]:
        try:
            noted = identity.read(self._settings).databases
        except DamagedStateError:  # it is among the files
            noted = {}
        for database in databases.DATABASES:
            if fault := databases.fault_of(self._settings, database, noted):
                path = self._home / database.file
                yield Finding(path, fault, sealed_text.copy_of(path).is_file())

    def _is_plain(self, path: Path) -> bool:
        return path.name in PLAIN or path in identity.key_files(self._settings)

    def _restore(self, path: Path) -> None:
        if state_file.look(path, plain=self._is_plain(path)).fault:
            state_file.restore(path, plain=self._is_plain(path), private=_is_private(sealed_text.copy_of(path)))
        else:  # the copy is the damaged one
            self._adopted(path)

    def _database(self, path: Path) -> databases.Database | None:
        return next((one for one in databases.DATABASES if self._home / one.file == path), None)

    def _require_stopped(self, database: databases.Database) -> None:
        supervisor = Supervisor(self._home / "platform", self._settings.host)
        users = [database.service] if database.service else ["consumer", "airflow-scheduler"]
        if running := [name for name in users if supervisor.process(name)]:
            raise SettingsError(f"{', '.join(running)} uses {database.file}: `make down`, then run this again")

    def _named(self, name: str) -> Path:
        for path in (self._home / name, Path(name).absolute()):
            known = self._database(path) or path in identity.key_files(self._settings)
            if path.is_relative_to(self._home) and (known or path.is_file()):
                return path
        raise NotFoundError(f"there is no file {name} below {self._home}")


def _fault_of_copy(path: Path) -> Finding | None:
    copy = sealed_text.copy_of(path)
    try:
        sealed_text.copied(path)
    except FileNotFoundError:
        return None
    except sealed_text.DamagedError as error:
        return Finding(path, f"is good, but its copy {copy.name} is damaged: {error}", True)
    return None


def _without_checksum(path: Path) -> str:
    """The text of a file whose checksum does not hold; raises DamagedStateError when it is no text, or no JSON."""
    try:
        text = path.read_text()
        if path.suffix != ".json":
            return text.partition("\n# checksum ")[0]
        content = json.loads(text)
    except ValueError as error:
        raise DamagedStateError(f"{path} cannot be read ({type(error).__name__}): repair it first") from None
    if isinstance(content, dict):
        content.pop(sealed_text.FIELD, None)
    return json.dumps(content, indent=1)


def _is_private(path: Path) -> bool:
    return not path.stat().st_mode & 0o077
