"""Packaged releases on disk: ``releases/<usecase>/r0001/`` …; each is complete and signed, or absent."""

import hashlib
import logging
import re
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from include.contracts.deployment import (
    DAMAGED_RELEASE,
    ENVELOPE,
    TEST_ENVELOPE,
    TEST_REPORT,
    ReleaseRef,
    release_number,
)
from include.contracts.retirement import RetiredRelease
from include.errors import DamagedReleaseError, DamagedStateError, NotFoundError
from include.formats import sealed_text, signed_files, state_file
from include.formats.atomic_file import write_atomically
from include.formats.file_proof import sha256
from include.formats.signed_files import UnprovedError
from include.ports.signatures import Signature, Signatures
from include.ports.state import Locks

log = logging.getLogger(__name__)
MANIFEST, VERSION, RETIRED = "release.json", "model_version", "retired.json"
NAME = re.compile(r"r\d+")
UNSIGNED = (ENVELOPE, TEST_REPORT, TEST_ENVELOPE)
"""What the envelope of a release does not name: itself, and the test report, which has one of its own."""


class DirectoryReleases:
    """Release directories below ``root``."""

    def __init__(self, root: Path, locks: Locks, signatures: Signatures) -> None:
        self.root, self._locks, self._signatures = root, locks, signatures

    def add(self, usecase: str, staged: Path, model_version: int) -> ReleaseRef:
        """Sign a complete staged directory, and rename it to the next free name."""
        home = self.root / usecase
        home.mkdir(parents=True, exist_ok=True)
        with self._locks.hold(f"releases/{usecase}/adding"):
            name = f"r{max((int(n[1:]) for n in self._given(usecase)), default=0) + 1:04d}"
            state_file.write(staged / VERSION, str(model_version), plain=True)
            self._sign(staged, usecase, name)
            staged.replace(home / name)
        return self.get(usecase, name)

    def get(self, usecase: str, name: str) -> ReleaseRef:
        """Raises NotFoundError, naming the releases that there are, or that it was retired; DamagedStateError."""
        path = self.root / usecase / name
        if not self._is_there(usecase, name):
            raise self._unknown(usecase, name)
        return ReleaseRef(
            usecase=usecase,
            name=name,
            model_version=_number(path / VERSION),
            path=str(path),
            content_hash=hashlib.sha256(state_file.read(path / MANIFEST).encode()).hexdigest(),
        )

    def newest(self, usecase: str) -> ReleaseRef | None:
        """The newest that is not damaged."""
        return next(
            (found for name in reversed(self._names(usecase)) if (found := self._readable(usecase, name))), None
        )

    def all(self, usecase: str) -> list[ReleaseRef]:
        """Oldest first; one that is damaged is logged and left out: it stops itself only."""
        return [found for name in self._names(usecase) if (found := self._readable(usecase, name))]

    def verified(self, usecase: str, name: str) -> ReleaseRef:
        """The release; a manifest whose good copy stands in for it counts as whole."""
        found = self.get(usecase, name)
        if faults := self._faults(usecase, name, _as_read):
            raise DamagedReleaseError(f"{faults[0]}: it will not serve; {DAMAGED_RELEASE}")
        return found

    def faults(self, usecase: str, name: str) -> list[str]:
        """What is not as it was signed, each with its file; good copies and the test report count, too."""
        self.get(usecase, name)
        directory, about = self.root / usecase / name, _report_subject(usecase, name)
        faults = self._faults(usecase, name, sha256)
        if (directory / TEST_REPORT).is_file() and not (directory / TEST_ENVELOPE).is_file():
            faults.append(f"{directory / TEST_REPORT} has no signature ({TEST_ENVELOPE}): run the deployment again")
        elif (directory / TEST_ENVELOPE).is_file():
            try:
                files = self._proved(directory / TEST_ENVELOPE, about)
                faults += _differences(directory, files, sha256)
            except UnprovedError as error:
                faults.append(str(error))
        return faults

    def sign(self, usecase: str, name: str, note: str) -> ReleaseRef:
        """Sign a release as it is now; ``note`` says why it was not signed when it was packaged."""
        found = self.get(usecase, name)
        self._sign(self.root / usecase / name, usecase, name, note)
        if (self.root / usecase / name / TEST_REPORT).is_file():
            self.sign_report(usecase, name)
        return found

    def sign_report(self, usecase: str, name: str) -> None:
        """Sign the report of the tests before traffic, which is written after the release was signed."""
        directory = self.root / usecase / name
        digests = {TEST_REPORT: sha256(directory / TEST_REPORT)}
        self._write(directory / TEST_ENVELOPE, _report_subject(usecase, name), digests, "")

    def _sign(self, directory: Path, usecase: str, name: str, note: str = "") -> None:
        names = [file for file in signed_files.below(directory) if file not in UNSIGNED and not _kept_aside(file)]
        digests = {file: sha256(directory / file) for file in names}
        self._write(directory / ENVELOPE, _subject(usecase, name), digests, note)

    def _write(self, file: Path, subject: str, digests: Mapping[str, str], note: str) -> None:
        facts = {"signed_at": datetime.now(UTC).isoformat(timespec="seconds"), **({"note": note} if note else {})}
        payload = signed_files.statement(subject, digests, UNSIGNED, facts)
        write_atomically(file, signed_files.envelope(payload, self._signatures.sign))

    def _faults(self, usecase: str, name: str, digest: Callable[[Path], str]) -> list[str]:
        directory = self.root / usecase / name
        if not (directory / ENVELOPE).is_file():
            return [f"release {directory} has no signature ({ENVELOPE}); if an earlier version of Moebius packaged it, "
                    f"run `moebius release sign {usecase} {name}`, else its signature was removed"]  # fmt: skip
        try:
            files = self._proved(directory / ENVELOPE, _subject(usecase, name))
        except UnprovedError as error:
            return [str(error)]
        there = {file for file in signed_files.below(directory) if not file.rpartition("/")[2].startswith(".")}
        added = [f"{directory / file} was added after packaging" for file in sorted(there - {*files, *UNSIGNED})]
        seen = files if digest is sha256 else {file: files[file] for file in files if not _is_copy(file)}
        return [*_differences(directory, seen, digest), *added]

    def _proved(self, file: Path, subject: str) -> dict[str, str]:
        """File → SHA-256 of an envelope about this subject; raises UnprovedError, which names the envelope."""
        verifier = self._signatures.verifier()
        try:
            known = signed_files.opened(
                file.read_text(), lambda text, value, key: verifier(text, Signature(value, key))
            )
        except (OSError, ValueError) as error:
            raise UnprovedError(f"the signature {file} proves nothing: {error}") from None
        if (about := signed_files.subject_of(known)) != subject:
            raise UnprovedError(f"the signature {file} is about {about}, not about {subject}")
        return signed_files.files_of(known)

    def _readable(self, usecase: str, name: str) -> ReleaseRef | None:
        try:
            return self.get(usecase, name)
        except DamagedStateError as error:
            log.error("release %s of %s is left out: %s", name, usecase, error)
            return None

    def retire(self, usecase: str, one: RetiredRelease) -> None:
        """From the moment that the note of its end is written, it is no release; then its files go."""
        home = self.root / usecase / one.name
        if not state_file.exists(home / RETIRED):
            state_file.write(home / RETIRED, one.model_dump_json(indent=1))
        kept = {home / RETIRED, *home.glob(f".{RETIRED}*")}
        for path in home.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path not in kept:
                path.unlink()

    def retired(self, usecase: str) -> list[RetiredRelease]:
        return [ended for name in self._given(usecase) if (ended := self._ended(usecase, name))]

    def _ended(self, usecase: str, name: str) -> RetiredRelease | None:
        note = self.root / usecase / name / RETIRED
        return RetiredRelease.read_back(state_file.read(note), note) if state_file.exists(note) else None

    def _given(self, usecase: str) -> list[str]:
        """Every name that was given, oldest first."""
        return sorted((p.name for p in (self.root / usecase).glob("r[0-9]*")), key=release_number)

    def _names(self, usecase: str) -> list[str]:
        return [name for name in self._given(usecase) if self._is_there(usecase, name)]

    def _is_there(self, usecase: str, name: str) -> bool:
        """Whether a release has this name now; no other one is looked at."""
        home = self.root / usecase / name
        named = NAME.fullmatch(name) is not None
        return named and state_file.exists(home / MANIFEST) and not state_file.exists(home / RETIRED)

    def _unknown(self, usecase: str, name: str) -> NotFoundError:
        names = self._names(usecase)
        if ended := self._ended(usecase, name):
            return NotFoundError(
                f"release {name} of {usecase} was retired on {ended.at:%Y-%m-%d} by {ended.by}: it neither serves nor "
                f"comes back; there are {names}"
            )
        return NotFoundError(f"{usecase} has no release {name!r}; there are {names}")


def _differences(directory: Path, files: Mapping[str, str], digest: Callable[[Path], str]) -> list[str]:
    faults = []
    for file, expected in files.items():
        path = directory / file
        try:
            actual = digest(path)
        except FileNotFoundError:
            faults.append(f"release {directory} lacks {file}")
        else:
            if actual != expected:
                hashes = f"sha256 {actual[:12]}, not {expected[:12]}"
                faults.append(f"{path} was changed after packaging ({hashes})")
    return faults


def _as_read(path: Path) -> str:
    """The SHA-256 that a file would have that says what is read of it; a damaged one has a good copy."""
    try:
        if path.name == MANIFEST:
            return hashlib.sha256(sealed_text.seal(state_file.read(path)).encode()).hexdigest()
        if path.name == VERSION:
            return hashlib.sha256(state_file.read_plain(path).encode()).hexdigest()
    except DamagedStateError as error:
        raise DamagedReleaseError(f"{error}; {DAMAGED_RELEASE}") from error
    return sha256(path)


def _subject(usecase: str, name: str) -> str:
    return f"{usecase}/{name}"


def _report_subject(usecase: str, name: str) -> str:
    return f"{_subject(usecase, name)}/{TEST_REPORT}"


def _is_copy(file: str) -> bool:
    return file.startswith(".") and file.endswith(".good")


def _kept_aside(file: str) -> bool:
    """Hidden, and no good copy: what a repair put aside, or a write that was killed left."""
    return file.rpartition("/")[2].startswith(".") and not _is_copy(file)


def _number(file: Path) -> int:
    try:
        return int(state_file.read_plain(file))
    except (ValueError, FileNotFoundError):
        raise DamagedStateError(
            f"{file} does not hold the number of a model version: write there what `model_version` in {MANIFEST} says"
        ) from None
