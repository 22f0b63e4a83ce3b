"""The dev side of a hand-over: checks and decrypts the data and puts it into the landing directory."""

import shutil

from include.contracts.governance import ExportManifest
from include.errors import AccessError, NotFoundError, SettingsError
from include.services.composition import Services
from include.specification.usecase import UseCase


def take_in(spec: UseCase, services: Services, name: str | None) -> dict[str, int]:
    """Take in one hand-over, or every new one; rows per hand-over. Repeating it changes nothing.

    Raises
    ------
    AccessError
        this is not dev.
    NotFoundError
        there is no such hand-over, or none at all.
    ExportFileError
        it is for another key, or was truncated or altered; nothing of it was taken in.
    """
    if services.settings.environment != "dev":
        raise AccessError("hand-overs are taken in by dev, and this is prod: run `hand_over` here, `take_in` there")
    private = services.secret("private_key")
    if not private:
        raise SettingsError("dev has no private key: run `make up ENV=dev`, or set MOEBIUS_PRIVATE_KEY")
    names = [name] if name else [n for n in _names(spec, services) if not services.adapters.state.get(_mark(spec, n))]
    return {one: _take(spec, services, one, private).rows for one in names}


def _names(spec: UseCase, services: Services) -> list[str]:
    """Hand-overs in the exchange, oldest first; exports to people are none of them."""
    manifests = [services.adapters.exports.manifest(spec.name, n) for n in services.adapters.exports.names(spec.name)]
    if not (ours := [m for m in manifests if m.kind == "hand_over"]):
        raise NotFoundError(
            f"{services.settings.exchange / spec.name} has no hand-over: run `{spec.name}.hand_over` in prod first"
        )
    return [m.name for m in sorted(ours, key=lambda m: m.created_at)]


def _take(spec: UseCase, services: Services, name: str, private: str) -> ExportManifest:
    landing = services.places.landing(spec)
    aside = landing / f".{name}.aside"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        manifest = services.adapters.exports.unpack(spec.name, name, private, aside)
        for file in manifest.files:
            target = landing / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            (aside / file.path).replace(target)
        services.adapters.state.put(_mark(spec, name), manifest.model_dump_json(indent=1))
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return manifest


def _mark(spec: UseCase, name: str) -> str:
    """Key of a hand-over's manifest once it was taken in."""
    return f"taken_in/{spec.name}/{name}.json"
