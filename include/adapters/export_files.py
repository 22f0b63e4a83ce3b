"""Encrypted exports: a directory of Parquet files that only its recipient can open.

Each file is encrypted with a key of its own by Parquet modular encryption (AES-256-GCM; pyarrow, DuckDB and
Spark read it). The keys are sealed for the recipient's public key by HPKE (RFC 9180: X25519, HKDF-SHA256,
AES-256-GCM), bound to the manifest: ``<exchange>/<usecase>/<name>/{export.json, <period>/<table>.parquet}``.
"""

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from include.contracts.governance import ExportedFile, ExportManifest
from include.errors import ExportFileError, NotFoundError
from include.formats.atomic_file import write_atomically
from include.formats.disk_space import full
from include.formats.file_proof import sha256
from include.formats.key_text import read_key, text_of
from include.ports.exports import ExportTable

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
MANIFEST = "export.json"
KEY_BYTES = 32
AGAIN = "ask for it to be exported again; nothing was taken in"


# -- keys, as base64 text
def new_private_key() -> str:
    return text_of(X25519PrivateKey.generate().private_bytes_raw())


def public_key(private: str) -> str:
    """The public half; raises SettingsError when the text is no private key."""
    return text_of(_private(private).public_key().public_bytes_raw())


def fingerprint(public: str) -> str:
    """What people compare of a public key."""
    return hashlib.sha256(_public(public).public_bytes_raw()).hexdigest()[:16]


def publish_recipient(exchange: Path, name: str, private: str) -> None:
    """Lay the public half where exporters look for it."""
    write_atomically(_recipient_file(exchange, name), public_key(private) + "\n")


def _recipient_file(exchange: Path, name: str) -> Path:
    return exchange / "recipients" / f"{name}.pub"


class ExportFiles:
    """The exports in one exchange directory (fulfils ports.exports.ExportStore)."""

    def __init__(self, exchange: Path) -> None:
        self._exchange = exchange

    def recipient_key(self, name: str) -> str:
        file = _recipient_file(self._exchange, name)
        if not file.is_file():
            known = sorted(p.stem for p in file.parent.glob("*.pub"))
            raise NotFoundError(
                f"the recipient {name!r} has no public key: {file} does not exist (known recipients: {known}). "
                f"An environment publishes its own at `make up ENV={name}`; for a person, put the key there"
            )
        return file.read_text().strip()

    def fingerprint(self, key: str) -> str:
        return fingerprint(key)

    def names(self, usecase: str) -> list[str]:
        return sorted(p.parent.name for p in (self._exchange / usecase).glob(f"*/{MANIFEST}"))

    def manifest(self, usecase: str, name: str) -> ExportManifest:
        return self._read(usecase, name)[0]

    def verify(self, usecase: str, name: str, digest: str | None) -> None:
        manifest = self.manifest(usecase, name)
        if digest not in (None, manifest.digest):
            raise ExportFileError(
                f"{self._exchange / usecase / name / MANIFEST} was altered after it was sealed; {AGAIN}"
            )
        for file in manifest.files:
            _check(self._exchange / usecase / name / file.path, file)

    def write(self, manifest: ExportManifest, key: str, tables: Iterable[ExportTable]) -> ExportManifest:
        place = self._exchange / manifest.usecase / manifest.name
        if (place / MANIFEST).is_file():
            return self.manifest(manifest.usecase, manifest.name)
        aside = place.with_name(f".{manifest.name}.aside")
        shutil.rmtree(aside, ignore_errors=True)
        try:
            written = [_write_file(aside, table) for table in tables]
            whole = manifest.model_copy(update={"files": [file for file, _ in written]})
            keys = {file.path: text_of(secret) for file, secret in written}
            sealed = SUITE.encrypt(json.dumps(keys).encode(), _public(key), info=whole.digest.encode())
            content = {"manifest": whole.json_dict(), "sealed": text_of(sealed)}
            write_atomically(aside / MANIFEST, json.dumps(content, indent=1))
            aside.rename(place)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return whole

    def unpack(self, usecase: str, name: str, private: str, directory: Path) -> ExportManifest:
        manifest, sealed = self._read(usecase, name)
        keys = _unsealed(manifest, sealed, private)
        place = self._exchange / usecase / name
        for file in manifest.files:
            _check(place / file.path, file)
        for file in manifest.files:
            _decrypt(place / file.path, file, keys[file.path], directory / file.path)
        return manifest

    def _read(self, usecase: str, name: str) -> tuple[ExportManifest, bytes]:
        path = self._exchange / usecase / name / MANIFEST
        if not path.is_file():
            raise NotFoundError(f"{path.parent} is not an export; {usecase} has {self.names(usecase)}")
        try:
            content = json.loads(path.read_text())
            return ExportManifest.model_validate(content["manifest"]), base64.b64decode(content["sealed"])
        except (ValueError, KeyError, TypeError) as error:
            raise ExportFileError(f"{path} cannot be read ({type(error).__name__}); {AGAIN}") from None


def _write_file(directory: Path, table: ExportTable) -> tuple[ExportedFile, bytes]:
    secret = os.urandom(KEY_BYTES)
    path = directory / table.period / f"{table.table}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, encryption = 0, pe.create_encryption_properties(secret)
    with pq.ParquetWriter(path, table.schema, encryption_properties=encryption, compression="zstd") as writer:
        for batch in table.batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    facts = {"rows": rows, "columns": table.schema.names, "bytes": path.stat().st_size, "sha256": sha256(path)}
    return ExportedFile.model_validate({"table": table.table, "period": table.period, **facts}), secret


def _unsealed(manifest: ExportManifest, sealed: bytes, private: str) -> dict[str, bytes]:
    mine = fingerprint(public_key(private))
    if mine != manifest.fingerprint:
        raise ExportFileError(
            f"{manifest.usecase}/{manifest.name} is for {manifest.recipient} (key {manifest.fingerprint}), but the "
            f"key here is {mine}: use the recipient's private key, or ask for an export to this one"
        )
    try:
        opened = SUITE.decrypt(sealed, _private(private), info=manifest.digest.encode())
    except InvalidTag:
        altered = f"{MANIFEST} was altered after it was sealed; {AGAIN}"
        raise ExportFileError(f"{manifest.usecase}/{manifest.name}: {altered}") from None
    return {path: base64.b64decode(secret) for path, secret in json.loads(opened).items()}


def _check(path: Path, file: ExportedFile) -> None:
    size = path.stat().st_size if path.is_file() else None
    if size != file.bytes:
        state = "does not exist" if size is None else f"was truncated or altered: {size} bytes instead of {file.bytes}"
        raise ExportFileError(f"{path} {state}; {AGAIN}")
    if sha256(path) != file.sha256:
        raise ExportFileError(f"{path} was altered: its SHA-256 is not the manifest's; {AGAIN}")


def _decrypt(path: Path, file: ExportedFile, secret: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.aside")
    try:
        opened = pq.ParquetFile(path, decryption_properties=pe.create_decryption_properties(secret))
        with opened as source, pq.ParquetWriter(aside, source.schema_arrow) as writer:
            for batch in source.iter_batches():
                writer.write_batch(batch)
        aside.replace(target)
    except (OSError, pa.ArrowException) as error:
        aside.unlink(missing_ok=True)
        if full(error):
            raise
        raise ExportFileError(f"{path} cannot be decrypted ({type(error).__name__}); {AGAIN}") from None


def _private(text: str) -> X25519PrivateKey:
    return read_key(
        text,
        X25519PrivateKey.from_private_bytes,
        "the private key is not 32 bytes in base64: set MOEBIUS_PRIVATE_KEY, or Airflow's variable "
        "moebius_private_key; the embedded platform makes one at `make up`",
    )


def _public(text: str) -> X25519PublicKey:
    return read_key(
        text,
        X25519PublicKey.from_public_bytes,
        f"the public key {text!r} is not 32 bytes in base64: correct it in <exchange>/recipients or in "
        "MOEBIUS_RECIPIENTS",
    )
