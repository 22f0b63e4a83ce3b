"""Packaging: writes a complete release directory and proves that it answers as the trained model does."""

import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from include.contracts.deployment import BOM
from include.contracts.development import DatasetRef
from include.contracts.features import FeatureServiceRef
from include.contracts.request_rules import BITS, whole_keys
from include.deployment import bom, interface, native, optimisation, release, schema
from include.deployment.bom import Origin
from include.deployment.optimisation import Proof, Variant
from include.deployment.requests import plain, sent
from include.deployment.scoring import encoded
from include.errors import DeploymentError
from include.families.class_names import maps, require
from include.families.registry import family
from include.families.serving import flags
from include.specification.usecase import UseCase

SERVED_KEYS = ("String", *BITS)
PARITY_ROWS = 2000
SAMPLES = 48
EVENTS = 200
EVENTS_DOCUMENT = "events.json"
UNRECORDED = Origin(trainer="unknown", why_no_training="it was packaged without the record of a training")
WITHHELD, NO_NUMBER = "withheld", "0"
"""In place of an entity's key: the looked-up features are kept with the release, whose they are need not be."""


class Trained(Protocol):
    """A trained model as packaging sees it.

    Where classes have names it has ``class_names``, in the order of its scores. It may have a ``spread``, the standard
    deviation of its labels: the unit of the spec's bounds, which is 1 without.
    """

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Scores of raw feature rows: (n,), or (n, K) for classes and clusters."""

    def onnx(self) -> bytes: ...

    def encoding(self) -> dict[str, Any]: ...


def package(
    spec: UseCase,
    *,
    model: Trained,
    model_version: int,
    model_hash: str,
    dataset: DatasetRef,
    features: FeatureServiceRef,
    rows: pd.DataFrame,
    incomplete: Collection[str],
    baseline: dict[str, Any],
    staging: Path,
    store: str = "",
    refit_of: Mapping[str, Any] | None = None,
    recalibrated_from: Mapping[str, Any] | None = None,
    origin: Origin = UNRECORDED,
    require_valid_bom: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Write a complete release directory; returns its report (parity, size, latency, the forms that were tried).

    ``rows`` are real raw rows of the test set: request fields and looked-up features; ``incomplete`` are the columns
    that lack values in the training data; ``model_hash`` is that of the registered artifact, ``store`` the id of the
    store that it is registered in, ``refit_of`` what ``release.proof_fact`` says, ``recalibrated_from`` the same of the
    model that it was with another calibrator; ``origin`` is for the bill of materials, and ``require_valid_bom`` raises
    DeploymentError when that does not fit its schema. DataError when the model has classes that the spec lacks,
    DeploymentError when ``rows`` lack request fields, or the ONNX model differs from the trained one by more than
    ``rollout.parity_bound``, which is in standard deviations of the label where scores are numbers.
    """
    class_names: Sequence[str] = getattr(model, "class_names", ())
    if not maps(class_names, spec.event.classes):
        require(f"model {model_version} of {spec.name}", class_names, spec.event.classes)
    views = served_views(spec, features)
    may_be_missing = spec.may_be_missing(incomplete)
    complete = _complete_requests(spec, rows, may_be_missing)
    staging.mkdir(parents=True)
    onnx, encoding, expected = model.onnx(), model.encoding(), model.predict(complete)
    proof = Proof(family(spec), encoding, encoded(encoding, complete), expected, float(getattr(model, "spread", 1.0)))
    chosen, tried = optimisation.choose(_proved(spec, onnx, proof), proof, spec.packaging)
    withheld = _withheld(spec, views)
    samples = _samples(spec, complete.head(SAMPLES), expected[:SAMPLES], withheld)
    report = _report(chosen, tried, proof)
    (staging / "model.onnx").write_bytes(chosen.content)
    documents = {
        "baseline.json": baseline,
        "samples.json": samples,
        EVENTS_DOCUMENT: _events(spec, rows.sample(min(EVENTS, len(rows)), random_state=0), withheld),
        "schema.json": schema.schema(spec, encoding, complete, may_be_missing),
        interface.DOCUMENT: interface.document(spec, _examples(spec, samples), may_be_missing),
        "report.json": report,
    }
    for name, content in documents.items():
        (staging / name).write_text(json.dumps(content, indent=1))
    if (spec.directory / "request.py").is_file():
        shutil.copyfile(spec.directory / "request.py", staging / "request.py")
    if spec.packaging.target == "container":
        native.write(staging / native.DIRECTORY, chosen.content, proof.matrix[0])
    facts = {
        "may_be_missing": may_be_missing,
        "model_hash": model_hash,
        "store": store,
        **({"proof": refit_of} if refit_of else {}),
        **({"recalibrated_from": recalibrated_from} if recalibrated_from else {}),
        "scores_per_row": proof.width,
        "parity_bound": chosen.bound,
        "fallback_scores": np.atleast_1d(expected.mean(axis=0)).tolist(),
        "warmup": {"file": "samples.json", "requests": len(samples)},
        "code_hash": release.code_hash(staging),
        "hashes": _hashes(dataset, features, encoding),
    }
    whole = _manifest(spec, model_version, dataset, features, encoding) | flags(spec, class_names) | facts
    materials = json.dumps(bom.document(spec, dataset, whole, report, origin), indent=1)
    require_valid_bom(materials)
    (staging / BOM).write_text(materials)
    release.seal(staging, whole)
    return report


def _complete_requests(spec: UseCase, rows: pd.DataFrame, may_be_missing: Collection[str]) -> pd.DataFrame:
    """Up to ``PARITY_ROWS`` rows that a client could have sent: with every field that may not be missing."""
    needed = [*spec.fields, *spec.feature_names]
    if lacking := sorted(set(needed) - set(rows.columns)):
        raise DeploymentError(f"{spec.name}: the rows for packaging lack {lacking}; they have {list(rows.columns)}")
    required = [column for name, columns in spec.inputs.items() if name not in may_be_missing for column in columns]
    complete = rows[(rows[required].notna() & (rows[required] != "")).all(axis=1)]
    if complete.empty:
        raise DeploymentError(
            f"{spec.name}: none of the {len(rows)} rows for packaging has every request field that must be given"
        )
    return complete.sample(min(PARITY_ROWS, len(complete)), random_state=0)


def _proved(spec: UseCase, onnx: bytes, proof: Proof) -> Variant:
    """The graph as exported; raises DeploymentError when it does not answer as the trained model does."""
    answer, expected = proof.model(onnx).scores(proof.matrix), proof.expected
    if answer.shape != expected.shape:
        raise DeploymentError(
            f"{spec.name}: the ONNX model gives scores of shape {answer.shape}, the trained one {expected.shape}; "
            "the scores must be the last columns of its last output"
        )
    facts = proof.differences(onnx)
    worst, bound = facts["max_difference"], spec.rollout.parity_bound * proof.unit
    if not worst <= bound:
        raise DeploymentError(
            f"{spec.name}: the ONNX model differs from the trained one by {worst:.2g} on {len(expected)} real rows; "
            f"rollout.parity_bound allows {bound:.2g}. Nothing was deployed"
        )
    return Variant("as trained", onnx, facts, bound)


def _report(chosen: Variant, tried: list[dict[str, Any]], proof: Proof) -> dict[str, Any]:
    """Parity, size and latency of the form that is packaged, and what became of each one that was tried."""
    return {
        "form": chosen.name,
        "rows": len(proof.expected),
        **chosen.facts,
        "onnx_bytes": len(chosen.content),
        **optimisation.latency(proof.model(chosen.content), proof.matrix),
        "tried": tried,
    }


def _hashes(dataset: DatasetRef, features: FeatureServiceRef, encoding: dict[str, Any]) -> dict[str, str]:
    """SHA-256 of what the release was made of; those of its files, the baseline's among them, are in ``files``."""
    return {
        "dataset": dataset.digest,
        "feature_service": features.definitions,
        "encoding": hashlib.sha256(json.dumps(encoding, sort_keys=True).encode()).hexdigest(),
    }


def _withheld(spec: UseCase, views: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What a sample has in place of each entity's key that is no feature."""
    whole = whole_keys({"views": views})
    unnamed = {entity.key for entity in spec.entities.values()} - set(spec.feature_names)
    return {key: NO_NUMBER if key in whole else WITHHELD for key in unnamed}


def _samples(
    spec: UseCase, rows: pd.DataFrame, scores: np.ndarray, withheld: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Real requests, the features that were looked up for them, and what the trained model says."""
    return [
        event | {"scores": np.atleast_1d(score).tolist()}
        for event, score in zip(_events(spec, rows, withheld), scores, strict=True)
    ]


def _events(spec: UseCase, rows: pd.DataFrame, withheld: Mapping[str, str]) -> list[dict[str, Any]]:
    """Real events as they were, with what they lack, and the features that were looked up for them."""
    looked_up = [f.name for f in spec.features if f.origin not in ("request", "on_request")]
    records = [{name: plain(value) for name, value in row.items()} for row in rows.to_dict("records")]
    return [
        {
            "request": sent(spec, row | {key: word for key, word in withheld.items() if row[key]}),
            "given_features": {name: row[name] for name in looked_up},
        }
        for row in records
    ]


def _examples(spec: UseCase, samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Requests for the interface's document: those of the users' tests, then samples, none with a real event's id."""
    known = samples[0]["request"]
    agreed = [{spec.event.time: known[spec.event.time], **test.request} for test in spec.user_acceptance]
    sampled = [sample["request"] for sample in samples[: interface.EXAMPLES]]
    return [{**row, spec.event.id: f"example-{i + 1}"} for i, row in enumerate([*agreed, *sampled])]


def _manifest(
    spec: UseCase, model_version: int, dataset: DatasetRef, features: FeatureServiceRef, encoding: dict
) -> dict[str, Any]:
    return {
        "usecase": spec.name,
        "task": spec.task,
        "model_version": model_version,
        "encoding": encoding,
        "request": spec.request,
        "inputs": spec.inputs,
        "event_time": spec.event.time,
        "times": spec.times,
        "feature_service": spec.feature_service,
        "features": features.json_dict(),
        "views": served_views(spec, features),
        "dataset": dataset.name,
        "snapshots": dataset.snapshots,
        "target": spec.packaging.target,
        "onnxruntime": version("onnxruntime"),
        "packaged_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def served_views(spec: UseCase, features: FeatureServiceRef) -> dict[str, dict[str, Any]]:
    """The feature views that the model server asks, with the key of each and its type.

    DeploymentError when it cannot: a view has other keys than its entity, or keys of a type that no request can hold.
    """
    views = {name: _view(spec, name, features.keys.get(name)) for name in spec.views}
    kinds: dict[str, set[str]] = {}
    for view in views.values():
        kinds.setdefault(view["key"], set()).add(view["key_type"])
    if two := {key: sorted(types) for key, types in kinds.items() if len(types) > 1}:
        raise DeploymentError(f"{spec.name}: keys have two types in feature_repo/, give each one: {two}")
    return views


def _view(spec: UseCase, name: str, keys: Mapping[str, str] | None) -> dict[str, Any]:
    view = spec.feature_views[name]
    entity = spec.entities[view.entity]
    keys = {entity.key: "String"} if keys is None else keys
    if [*keys] != [entity.key]:
        raise DeploymentError(
            f"{spec.name}: feature view {name!r} is registered with the keys {sorted(keys)}, and the model server "
            f"looks it up by {entity.key!r}, the key of entity {view.entity!r}; give it that one key in feature_repo/"
        )
    kind = keys[entity.key]
    if kind not in SERVED_KEYS:
        raise DeploymentError(
            f"{spec.name}: the keys {entity.key!r} of feature view {name!r} are {kind}, and requests name an entity by "
            f"{', '.join(SERVED_KEYS)} only; declare one of these in feature_repo/, and publish the keys as such"
        )
    if kind != "String" and entity.key in spec.pseudonymised:
        raise DeploymentError(
            f"{spec.name}: the keys {entity.key!r} of feature view {name!r} are {kind}, and privacy makes text of "
            "them; declare them String in feature_repo/"
        )
    return {"key": entity.key, "key_type": kind, **view.model_dump(exclude={"entity"})}
