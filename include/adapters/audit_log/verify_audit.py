"""Verifies an audit log of Moebius, its checkpoints, the record of approvals, releases, and single proofs.

One file; it needs Python 3.10 or newer and the package ``cryptography``, and nothing of Moebius::

    python verify_audit.py EXPORT [--checkpoints COPY] [--keys approval.pub]
    python verify_audit.py --proof proof.json --keys approval.pub

EXPORT is what ``moebius audit export`` wrote: ``log/``, ``approvals/``, ``releases/`` and ``approval.pub``. COPY is the
directory of checkpoints that was kept elsewhere, and the keys are best got elsewhere too: whoever can write the log and
has its key can make a whole log again, which only a copy that they could not write shows.

It ends with 0 when nothing is wrong, with 1 when something was altered, with 2 when there is nothing to verify.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import hmac
import json
import os
import struct
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SIZE = 32
NOTHING = -1 << 63
"""Stands for a whole number or a time that is not known."""
SHOWN = ("sequence", "at", "event", "version", "by", "reason")
"""What the record of approvals repeats of an entry beside what was signed."""
MANIFEST, ENVELOPES = "release.json", ("release.dsse.json", "tested.dsse.json")
sha256 = hashlib.sha256
Entry = dict[str, Any]


# -- hashes and signatures
def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\0" + entry).digest()


def above(level: bytes) -> bytes:
    """The next level of a tree; a last node without a neighbour goes up as it is (RFC 6962)."""
    pairs = len(level) - len(level) % (2 * SIZE)
    hashed = [sha256(b"\1" + level[at : at + 2 * SIZE]).digest() for at in range(0, pairs, 2 * SIZE)]
    return b"".join(hashed) + level[pairs:]


def root(leaves: bytes) -> bytes:
    while len(leaves) > SIZE:
        leaves = above(leaves)
    return leaves or sha256(b"").digest()


def included_root(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """The root that a proof of inclusion leads to; None when it fits no tree of this size."""
    at, last, node = index, size - 1, leaf
    if not 0 <= index < size:
        return None
    for beside in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            node = sha256(b"\1" + beside + node).digest()
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = sha256(b"\1" + node + beside).digest()
        at, last = at >> 1, last >> 1
    return node if last == 0 else None


def decoded(text: str) -> bytes:
    """Of base64 in its one form: its last letter may have bits that decoding ignores."""
    content = base64.b64decode(text, validate=True)
    if base64.b64encode(content).decode() != text:
        raise ValueError("it is base64 with other last bits")
    return content


def fingerprint(public: str) -> str:
    return sha256(public.encode()).hexdigest()[:16]


class Keys:
    """Public keys by fingerprint; one base64 text a line."""

    def __init__(self, files: list[Path]) -> None:
        lines = [line.strip() for file in files for line in Path(file).read_text().splitlines()]
        self.known = {fingerprint(line): line for line in lines if line and not line.startswith("#")}

    def verify(self, content: bytes, signature: str, key: str) -> str:
        """'' or what is wrong with the signature."""
        if key not in self.known:
            return f"it names the key {key}, which is none of the {len(self.known)} public keys"
        try:
            public = Ed25519PublicKey.from_public_bytes(base64.b64decode(self.known[key]))
            public.verify(decoded(signature), content)
        except (InvalidSignature, binascii.Error, ValueError):
            return f"the signature is not that of key {key} on this content"
        return ""


# -- checkpoints
def read_checkpoints(file: Path, keys: Keys) -> tuple[list[Entry], list[str]]:
    """The checkpoints of a file that are good up to the first fault, and the faults."""
    good, previous = list[Entry](), ""
    faults = list[str]()
    lines = file.read_bytes().split(b"\n") if file.is_file() else []
    if lines and lines.pop():
        faults.append(f"{file.name}: its last line is cut short")
    for number, line in enumerate(lines, 1):
        try:
            signed = json.loads(line)
            content = signed["content"]
            checkpoint = json.loads(content)
            fault = keys.verify(content.encode(), signed["signature"], signed["key"])
            if not fault and checkpoint.get("kind") != "moebius audit checkpoint":
                fault = "what was signed is no checkpoint of an audit log"
            if not fault and (checkpoint["number"], checkpoint["previous"]) != (number, previous):
                fault = "it does not follow the checkpoint before it: one was removed, added or moved"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            fault = f"it is no signed checkpoint ({type(error).__name__})"
        if fault:
            return good, [*faults, f"{file}: checkpoint {number}: {fault}"]
        previous = sha256(content.encode()).hexdigest()
        good.append({**checkpoint, "content": content})
    return good, faults


def compare_checkpoints(ours: list[Entry], theirs: list[Entry], place: Path) -> list[str]:
    """What the copy that was kept elsewhere says of the log's own checkpoints."""
    for mine, copied in zip(ours, theirs, strict=False):
        if mine["content"] != copied["content"]:
            return [
                f"checkpoint {copied['number']} of {copied['day']} is another one than the copy in {place}: the log "
                "was made again, or changed and signed again"
            ]
    if len(ours) < len(theirs):
        first = theirs[len(ours)]
        return [
            f"checkpoint {first['number']} of {first['day']}, which {place} has, is not in the log: it was truncated "
            "or made again"
        ]
    return []


# -- the entries of a day
def read_entries(file: Path) -> tuple[list[tuple[int | None, bytes]], list[tuple[int, Entry]], int, int]:
    """Number and leaf hash of each whole line, batches, how many are pruned, and bytes of a line that is cut short."""
    found, batches = list[tuple[int | None, bytes]](), list[tuple[int, Entry]]()
    pruned = 0
    lines = file.read_bytes().split(b"\n") if file.is_file() else []
    torn = len(lines.pop()) if lines else 0
    for line in lines:
        try:
            entry = json.loads(line)
            number: int | None = int(entry["n"])
            hashed = leaf_hash(line)
            if "pruned" in entry and set(entry) == {"n", "pruned"}:
                hashed, pruned = bytes.fromhex(entry["pruned"]), pruned + 1
            if isinstance(entry.get("batch"), dict):
                batches.append((int(entry["n"]), entry["batch"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            number, hashed = None, leaf_hash(line)
        found.append((number, hashed))
    return found, batches, pruned, torn


def split(leaves: bytes) -> list[bytes]:
    return [leaves[at : at + SIZE] for at in range(0, len(leaves) - SIZE + 1, SIZE)]


def compare_entries(name: str, found: list[tuple[int | None, bytes]], expected: list[bytes]) -> list[str]:
    """The entries that are not what their leaf hashes say: changed, removed, moved or added."""
    faults, places = list[str](), dict[bytes, list[int]]()
    for place, hashed in enumerate(expected):
        places.setdefault(hashed, []).append(place)
    free = {hashed: list(at) for hashed, at in places.items()}
    seen, odd, last = set[int](), list[tuple[int, int | None]](), -1
    for line, (number, hashed) in enumerate(found, 1):
        if not free.get(hashed):
            odd.append((line, number))
            continue
        place = free[hashed].pop(0)
        seen.add(place)
        if place < last:
            faults.append(f"{name} line {line}: entry {place} was moved behind entry {last}")
        last = max(place, last)
    missing = [place for place in range(len(expected)) if place not in seen]
    for line, number in odd:
        at = number if number in missing else (line - 1 if line - 1 in missing else None)
        if at is not None:
            missing.remove(at)
            faults.append(f"{name} line {line}: entry {at} was changed")
        elif number is None or number < len(expected):
            faults.append(f"{name} line {line}: it is no entry of this log: it was added")
    end = len(expected)
    while missing and missing[-1] == end - 1:
        end = missing.pop()
    if end < len(expected):
        gone = f"entry {end} is" if end == len(expected) - 1 else f"entries {end} to {len(expected) - 1} are"
        faults.append(f"{name}: it was truncated: {gone} not there")
    faults += [f"{name}: entry {place} was removed" for place in missing]
    return faults


def verify_day(
    directory: str, day: str, signed: list[Entry], outside: Path | None
) -> tuple[list[str], list[str], int, int]:
    """Faults and notes of one day, and how many entries and predictions were proved."""
    name = f"{day}.jsonl"
    found, batches, pruned, torn = read_entries(Path(directory, name))
    hashes = b"".join(hashed for _, hashed in found)
    stored = _bytes(Path(directory, f"{day}.tree"))
    copied = _bytes(Path(outside, f"{day}.tree")) if outside else b""
    faults, notes = list[str](), list[str]()
    size = max((one["size"] for one in signed), default=0)
    if not _fits(hashes, signed):
        good = max((tree for tree in (copied, stored) if signed and _fits(tree, signed)), key=len, default=None)
        named = compare_entries(name, found, split(good if good else stored or copied))
        faults += named
        if not good:
            where = [
                f"{one['size']} entries of checkpoint {one['number']}" for one in signed if not _fits(hashes, [one])
            ]
            faults.append(f"{name}: its root is not the signed one of the {where[0]}; its leaf hashes were changed too")
    elif stored[: size * SIZE] != hashes[: size * SIZE]:
        wrong = next((at for at, leaf in enumerate(split(hashes)) if stored[at * SIZE : (at + 1) * SIZE] != leaf), 0)
        faults.append(f"{day}.tree: leaf hash {wrong} was changed; the entries themselves are as they were signed")
    if not faults:
        faults += compare_entries(name, found, split(stored))
    if torn:
        notes.append(
            f"{name}: {torn} bytes at the end are no whole entry: a writer was killed, the next one repairs it"
        )
    if pruned:
        notes.append(f"{name}: of {pruned} entries only the hashes are left: their retention is over")
    if len(found) > size:
        notes.append(f"{name}: {len(found) - size} entries came after the last checkpoint: nobody has signed them yet")
    leaves, proved = Path(directory, f"{day}.leaves"), 0
    for number, batch in batches:
        fault = verify_batch(leaves, batch)
        proved += 0 if fault else batch["size"]
        faults += [f"{day}.leaves: the batch of entry {number} of {name}: {fault}"] if fault else []
    return faults, notes, len(found), proved


def verify_batch(file: Path, batch: Entry) -> str:
    """'' or what is wrong with the leaves of a batch."""
    try:
        offset, size = int(batch["offset"]), int(batch["size"])
        with file.open("rb") as leaves:
            leaves.seek(offset * SIZE)
            content = leaves.read(size * SIZE)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"its leaves cannot be read ({type(error).__name__})"
    if len(content) < size * SIZE:
        return f"{size} leaves from {offset} on were truncated to {len(content) // SIZE}"
    if root(content).hex() != batch.get("root"):
        return f"of the {size} leaves from {offset} on, one was changed: their root is not that of the entry"
    return ""


def _fits(leaves: bytes, signed: list[Entry]) -> bool:
    sizes = {one["size"]: one["root"] for one in signed}
    return all(len(leaves) >= size * SIZE and root(leaves[: size * SIZE]).hex() == sizes[size] for size in sizes)


def _bytes(file: Path) -> bytes:
    return file.read_bytes() if file.is_file() else b""


def verify_log(
    directory: Path, keys: Keys, outside: Path | None = None, workers: int | None = None
) -> tuple[list[str], list[str], dict[str, int], list[Entry]]:
    """Faults, notes and counts of a log: its checkpoints, days and batches."""
    notes = list[str]()
    ours, faults = read_checkpoints(directory / "checkpoints.jsonl", keys)
    trusted = ours
    if outside:
        theirs, wrong = read_checkpoints(Path(outside) / "checkpoints.jsonl", keys)
        faults += [f"the copy: {fault}" for fault in wrong] + compare_checkpoints(ours, theirs, outside)
        if not theirs:
            notes.append(f"{outside} has no checkpoint: nothing shows whether the log was made again")
        trusted = ours if ours[: len(theirs)] == theirs else theirs
    else:
        notes.append(
            "no copy of checkpoints was given: a log that was made again whole, and signed again, looks as good"
        )
    days = sorted({file.stem for file in directory.glob("[0-9]*.jsonl")} | {one["day"] for one in trusted})
    signed = {day: [one for one in trusted if one["day"] == day] for day in days}
    work = [(str(directory), day, signed[day], outside) for day in days]
    entries = predictions = 0
    for wrong, told, count, proved in _each(verify_day, work, workers):
        faults, notes, entries, predictions = faults + wrong, notes + told, entries + count, predictions + proved
    return faults, notes, {"days": len(days), "entries": entries, "predictions": predictions}, trusted


def _each(work: Callable[..., Any], arguments: list[Any], workers: int | None) -> list[Any]:
    workers = workers or os.cpu_count() or 1
    if workers < 2 or len(arguments) < 4:
        return [work(*one) for one in arguments]
    with ProcessPoolExecutor(min(workers, len(arguments))) as pool:
        return list(pool.map(work, *zip(*arguments, strict=True), chunksize=max(1, len(arguments) // (workers * 8))))


# -- approvals and releases
def verify_approvals(file: Path, keys: Keys, heads: Entry) -> list[str]:
    """Faults of the signed record of one use case; the newest entry that a checkpoint names must be there."""
    faults, hashes = list[str](), dict[int, str]()
    previous, usecase = "", file.stem
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        try:
            row = json.loads(line)
            content, entry = row["content"], json.loads(row["content"])
            fault = keys.verify(content.encode(), row["signature"], row["key"])
            if not fault and (entry["sequence"], entry["previous"]) != (number, previous):
                fault = "it does not follow the entry before it: one was removed, added or moved"
            if not fault and entry["usecase"] != usecase:
                fault = f"it was signed for {entry['usecase']}"
            shown = [name for name in SHOWN if row.get(name) != entry[name]]
            if not fault and shown:
                fault = f"its columns {shown} are not what was signed"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return [*faults, f"approvals of {usecase}: entry {number} is none ({type(error).__name__})"]
        if fault:
            what = entry.get("event", "entry") if isinstance(entry, dict) else "entry"
            faults.append(f"approvals of {usecase}: entry {number} ({what}) was altered or forged: {fault}")
        previous = sha256(content.encode()).hexdigest()
        hashes[number] = previous
    if head := heads.get(f"approvals/{usecase}"):
        number, digest = head.split(":")
        if int(number) not in hashes:
            faults.append(f"approvals of {usecase}: it was truncated: a checkpoint names entry {number}")
        elif hashes[int(number)] != digest:
            faults.append(f"approvals of {usecase}: entry {number} is not the one that a checkpoint names")
    return faults


def verify_release(directory: Path, keys: Keys, heads: Entry) -> tuple[list[str], str]:
    """Faults of one release: its manifest against the checkpoint and the envelope, its files against the manifest."""
    name, file = f"{directory.parent.name}/{directory.name}", directory / MANIFEST
    try:
        files = dict(json.loads(file.read_bytes())["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"release {name}: {MANIFEST} is no manifest ({type(error).__name__})"], ""
    faults, head = list[str](), heads.get(f"releases/{name}")
    if head and file_hash(file) != head:
        faults.append(f"release {name}: {MANIFEST} was changed: it is not the one that a checkpoint names")
    for inside, digest in sorted(files.items()):
        faults += verify_file(directory, inside, digest, name)
    envelopes = [directory / one for one in ENVELOPES if (directory / one).is_file()]
    faults += [fault for one in envelopes for fault in verify_envelope(one, directory, name, keys)]
    unknown = "" if head or envelopes else f"release {name}: no checkpoint and no envelope binds its manifest"
    return faults, unknown


def verify_envelope(file: Path, directory: Path, name: str, keys: Keys) -> list[str]:
    """Faults of a DSSE envelope whose in-toto statement (OpenSSF model signing) names files of a release."""
    try:
        envelope = json.loads(file.read_bytes())
        kind, payload = envelope["payloadType"].encode(), decoded(envelope["payload"])
        encoded = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
        wrong = [keys.verify(encoded, one["sig"], str(one["keyid"])) for one in envelope["signatures"]]
        if not wrong or all(wrong):
            return [f"release {name}: {file.name} was altered or forged: {wrong[0] if wrong else 'nobody signed it'}"]
        statement = json.loads(payload)
        resources = [(one["name"], one["digest"]) for one in statement["predicate"]["resources"]]
        digest = sha256(b"".join(bytes.fromhex(one) for _, one in resources)).hexdigest()
        if statement["subject"][0]["digest"]["sha256"] != digest:
            return [f"release {name}: {file.name} names another digest than that of its files"]
        return [fault for inside, one in resources for fault in verify_file(directory, inside, one, name)]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, binascii.Error) as error:
        return [f"release {name}: {file.name} is no envelope ({type(error).__name__})"]


def verify_file(directory: Path, inside: str, digest: str, name: str) -> list[str]:
    file = (directory / inside).resolve()
    if directory.resolve() not in file.parents:
        return [f"release {name}: {inside!r} is no file of it"]
    if not file.is_file():
        return [f"release {name}: {inside} was removed"]
    return [f"release {name}: {inside} was changed"] if file_hash(file) != digest else []


def file_hash(file: Path) -> str:
    digest = sha256()
    with file.open("rb") as content:
        while chunk := content.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


# -- one proof
def row_bytes(row: Entry, columns: dict[str, str]) -> bytes:
    """The bytes that are hashed of a prediction: a word of eight bytes for each column, then texts and lists."""
    fixed, rest = b"", b""
    for name, kind in columns.items():
        value = row.get(name)
        if kind == "number":
            fixed += struct.pack("<d", float("nan") if value is None else value)
        elif kind in ("integer", "time"):
            fixed += struct.pack("<q", NOTHING if value is None else value)
        else:
            content = (
                b""
                if value is None
                else struct.pack(f"<{len(value)}d", *value)
                if kind == "numbers"
                else value.encode()
            )
            fixed += struct.pack("<q", -1 if value is None else len(value) if kind == "numbers" else len(content))
            rest += content
    return fixed + rest


def row_leaf(row: Entry, columns: dict[str, str], key: bytes | None) -> bytes:
    """The leaf hash of a prediction; ``key`` is that of its person, None where none is concerned."""
    content = row_bytes(row, columns)
    return leaf_hash(content if key is None else hmac.new(key, content, "sha256").digest())


def verify_proof(proof: Entry, keys: Keys) -> list[str]:
    """What is wrong with a proof that a prediction or an event is in a log that was signed."""
    try:
        entry, place = json.loads(proof["entry"]), proof["place"]
        checkpoint = json.loads(proof["checkpoint"]["content"])
        signed = proof["checkpoint"]
        if fault := keys.verify(signed["content"].encode(), signed["signature"], signed["key"]):
            return [f"the checkpoint: {fault}"]
        if "row" in proof:
            batch, key = entry["batch"], proof.get("key")
            leaf = row_leaf(proof["row"], batch["columns"], bytes.fromhex(key) if key else None)
            path = [bytes.fromhex(one) for one in proof["batch_path"]]
            above_leaf = included_root(leaf, place["position"], batch["size"], path)
            if above_leaf is None or above_leaf.hex() != batch["root"]:
                return ["the row is not the one that was logged"]
        path = [bytes.fromhex(one) for one in proof["day_path"]]
        top = included_root(leaf_hash(proof["entry"].encode()), place["entry"], checkpoint["size"], path)
        if checkpoint["day"] != place["day"] or top is None or top.hex() != checkpoint["root"]:
            return ["the entry is not in the day's tree that was signed"]
    except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        return [f"it is no whole proof ({type(error).__name__}: {error})"]
    return []


# -- the command
def verify(
    log: Path, keys: Keys, outside: Path | None = None, approvals: Path | None = None, releases: Path | None = None,
    workers: int | None = None,
) -> tuple[list[str], list[str], dict[str, int]]:  # fmt: skip
    """Faults, notes and counts of everything; directories that are None are left out."""
    faults, notes, counts, trusted = verify_log(log, keys, outside, workers)
    heads: dict[str, str] = trusted[-1]["heads"] if trusted else {}
    files = sorted(Path(approvals).glob("*.jsonl")) if approvals else []
    faults += [fault for file in files for fault in verify_approvals(file, keys, heads)]
    if approvals:
        named = {head.partition("/")[2] for head in heads if head.startswith("approvals/")}
        lacking = sorted(named - {file.stem for file in files})
        faults += [f"approvals of {name}: the record that a checkpoint names is not there" for name in lacking]
    there = sorted(file.parent for file in Path(releases).glob(f"*/[!.]*/{MANIFEST}")) if releases else []
    for directory in there:
        wrong, unknown = verify_release(directory, keys, heads)
        faults, notes = faults + wrong, notes + ([unknown] if unknown else [])
    if releases:
        names = {f"releases/{one.parent.name}/{one.name}" for one in there}
        gone = sorted(head for head in heads if head.startswith("releases/") and head not in names)
        notes += [f"{head}, which a checkpoint names, is not there: it was deleted since" for head in gone]
    signed = sum(len(file.read_bytes().splitlines()) for file in files)
    return faults, notes, {**counts, "approvals": signed, "releases": len(there), "checkpoints": len(trusted)}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", nargs="?", type=Path, help="directory that `moebius audit export` wrote")
    parser.add_argument("--checkpoints", type=Path, help="directory of the checkpoints that were kept elsewhere")
    parser.add_argument("--keys", type=Path, action="append", help="public keys; default: approval.pub of the export")
    parser.add_argument("--proof", type=Path, help="a proof to verify, instead of an export")
    given = parser.parse_args(arguments)
    files = given.keys or ([given.export / "approval.pub"] if given.export else [])
    if not (given.export or given.proof) or not files or not all(file.is_file() for file in files):
        print("give an export, or a proof with --keys; there are no public keys at", *files, file=sys.stderr)
        return 2
    keys = Keys(files)
    if given.proof:
        faults = verify_proof(json.loads(given.proof.read_text()), keys)
        notes, counts = list[str](), {"proofs": 1}
    else:
        log = given.export / "log" if (given.export / "log").is_dir() else given.export
        rooms = [given.export / room if (given.export / room).is_dir() else None for room in ("approvals", "releases")]
        faults, notes, counts = verify(log, keys, given.checkpoints, *rooms)
    return report(faults, notes, counts)


def report(faults: list[str], notes: list[str], counts: dict[str, int]) -> int:
    for note in notes:
        print(f"note: {note}")
    for fault in faults:
        print(f"ALTERED: {fault}")
    print(
        "verified:" if not faults else "not verified:", ", ".join(f"{count} {what}" for what, count in counts.items())
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
