"""One release in memory: ONNX session, encoding, features computed from the request, online lookup."""

import hashlib
import json
from collections import namedtuple
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import sealed_text
import signed_files
from encoding import Encoding, category
from missing import MissingPolicy
from online_features import OnlineFeatures
from request_rules import rules_of
from server_log import tell

ON_REQUEST, REQUEST = "on_request", "request"
# scores [N, m]; features {name: N values} that the request does not hold; lacking {view: N reasons, None where it does
# not lack}; fallback: which rows [N] got the constant scores, None for no row
Prediction = namedtuple("Prediction", "scores features lacking fallback")


class Release:
    """Loads ``directory`` whole or raises; answers batches of requests.

    ``release.json`` says what the model expects; see ``include/deployment/packaging.py`` which writes it. A release
    with a changed file, or one that answers its own samples differently than the trained model did, does not load.
    ``classes``: the order in which clients get the scores of classes, whatever that of the release is.
    """

    def __init__(
        self, directory: Path, online_store: str, project: str, seconds: float, classes: list | None = None
    ) -> None:
        self.manifest = _verified_manifest(directory)
        self.classes = classes or self.manifest.get("classes") or []
        self.name = directory.name
        self.width = self.manifest["scores_per_row"]
        self.tensors = {name: columns for name, columns in self.manifest["inputs"].items() if columns != [name]}
        self.features = self.manifest["encoding"]["features"]
        self.views = {
            view: {**declared, "features": [f["name"] for f in self.features if f["origin"] == view]}
            for view, declared in self.manifest["views"].items()
        }
        self._asked = [f["name"] for f in self.features if f["origin"] == REQUEST]
        self._computed = [f["name"] for f in self.features if f["origin"] == ON_REQUEST]
        self._looked_up = [f["name"] for f in self.features if f["origin"] in self.views]
        texts = {f["name"] for f in self.features if f["kind"] != "numeric"}
        self._texts = [name for name in (*self._computed, *self._looked_up) if name in texts]
        self._computed_numbers = [name for name in self._computed if name not in texts]
        self._missing = MissingPolicy(self.name, self.manifest)
        self._rules = rules_of(self.manifest, bounded=False)
        self._encoding = Encoding(self.features)
        self._on_request = _load_on_request(directory / "request.py")
        self._online: Any = OnlineFeatures(online_store, project, self.views, seconds) if self.views else None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        model, providers = str(directory / "model.onnx"), ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(model, options, providers=providers)
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[-1].name
        samples = json.loads((directory / "samples.json").read_text())
        self._first = samples[:1]
        self._prove(samples)

    def prove(self) -> None:
        """Answers its first sample once more; ValueError when the answer is not that of the trained model."""
        self._prove(self._first)

    def _prove(self, samples: list) -> None:
        """Warms up on the packaged samples and compares with what the trained model said of them."""
        kinds = self.manifest["request"].items()
        fields = {name: _column([s["request"][name] for s in samples], kind) for name, kind in kinds}
        answered = self.predict(fields, [s["given_features"] for s in samples])
        worst = float(np.abs(answered.scores - [s["scores"] for s in samples]).max())
        if not worst <= self.manifest["parity_bound"]:
            bound = f"{worst:.2g}; the bound is {self.manifest['parity_bound']:g}"
            raise ValueError(f"release {self.name} answers its samples differently from the trained model by {bound}")

    def require(self, fields: dict, missing: set | None = None, rows=None) -> None:
        """Raises ValueError, which names row and field, where a field is missing that may not be, or a key is not of
        its entity's type.

        ``missing``: the only fields that can be, None for any; ``rows``: places [N] of the rows in their request.
        """
        if missing is None or self._rules.required.intersection(missing):
            self._rules.refuse_missing(fields, self._rules.required if missing is None else missing, rows)
        self._rules.refuse_keys(fields, rows)

    def predict(self, fields: dict, given: list | None = None) -> Prediction:
        """``fields``: {request field: array [N], or [N, n] for a tensor of n numbers}. ``given``: looked-up features
        per row instead of the online store.

        LackingFeaturesError when a row must not be answered without a view that lacks.
        """
        count = len(next(iter(fields.values())))
        if not count:
            return Prediction(np.empty((0, self.width), np.float32), {}, {}, None)
        if given is not None and len(given) != count:
            raise ValueError(f"given_features has {len(given)} rows, the request {count}")
        flat = self._flat(fields)
        computed = self._on_request(flat) if self._on_request else {}
        looked_up, lacking = (self._given(given), {}) if given is not None else self._look_up(flat)
        columns = {name: flat[name] for name in self._asked}
        columns.update((name, computed[name]) for name in self._computed)
        columns.update(looked_up)
        for name in self._texts:  # as the log keeps them
            columns[name] = [one if one.__class__ is str else category(one) for one in columns[name]]
        columns.update((name, np.asarray(columns[name], dtype=np.float64)) for name in self._computed_numbers)
        scores, fallback = self._missing.apply(self._scores(self._encoding.encode(columns)), lacking)
        features = {name: columns[name] for name in (*self._computed, *self._looked_up)}
        return Prediction(scores, features, lacking, fallback)

    def _flat(self, fields: dict) -> dict:
        """Column → values; a tensor is one column per number, as the features are."""
        flat = dict(fields)
        for name, columns in self.tensors.items():
            flat.update(zip(columns, np.ascontiguousarray(fields[name].T), strict=True))
        return flat

    def _given(self, given: list) -> dict:
        return {name: [row.get(name) for row in given] for name in self._looked_up}

    def _look_up(self, flat: dict) -> tuple:
        """The looked-up features {name: N values} from the online store, and {view: N reasons} where some lack."""
        if not self.views:
            return {}, {}
        keys = {view: flat[declared["key"]].tolist() for view, declared in self.views.items()}
        features = self._online.look_up(keys, flat[self.manifest["event_time"]].tolist())
        columns: dict = {}
        for view, (rows, _) in features.items():
            columns.update(zip(self.views[view]["features"], zip(*rows, strict=True), strict=True))
        lacking = {view: reasons for view, (_, reasons) in features.items() if reasons}
        self._missing.refuse(lacking)
        return columns, lacking

    def _scores(self, matrix):
        answer = np.asarray(self._session.run([self._output], {self._input: matrix})[0])
        scores = answer.reshape(len(matrix), -1)[:, -self.width :]
        if scores.shape[1] != self.width or not np.isfinite(scores).all():
            raise ValueError(f"release {self.name} gave scores that are not {self.width} finite numbers per row")
        return scores


def _verified_manifest(directory: Path) -> dict:
    kept = sealed_text.read(directory / "release.json")
    if kept.fault:
        tell(f"{directory}/release.json is damaged: {kept.fault}; its last good copy is used")
    manifest = json.loads(kept.text)
    for name, expected in manifest["files"].items():
        digest = hashlib.sha256((directory / name).read_bytes()).hexdigest()
        if digest != expected:
            hashes = f"sha256 {digest[:12]}, not {expected[:12]}"
            raise ValueError(f"{directory / name} was changed after packaging: {hashes}")
    if (directory / "request.py").exists() and "request.py" not in manifest["files"]:
        raise ValueError(f"{directory / 'request.py'} was added after packaging")
    _require_envelope(directory, kept.text, manifest["files"])
    return manifest


def _require_envelope(directory: Path, manifest: str, files: dict) -> None:
    """The files are those of the release's envelope, where there is one: a release of an earlier version has none.

    This process has no keys: who signed the envelope is proved by whoever gives the release its traffic.
    """
    path = directory / "release.dsse.json"
    if not path.exists():
        return
    known = signed_files.opened(path.read_text(), lambda *_: True)
    if (name := signed_files.subject_of(known).rpartition("/")[2]) != directory.name:
        raise ValueError(f"{path} is the signature of {name}")
    signed = signed_files.files_of(known)
    own = hashlib.sha256(sealed_text.seal(manifest).encode()).hexdigest()
    if signed.get("release.json") != own or any(signed.get(name) != digest for name, digest in files.items()):
        raise ValueError(f"{directory / 'release.json'} is not what {path} signs: it was changed after packaging")


def _column(values: list, kind: str):
    return np.array(values, dtype=object if kind == "string" else np.float64)


def _load_on_request(path: Path):
    """``on_request`` of the release's own ``request.py``; None when it has none."""
    if not path.is_file():
        return None
    module = ModuleType(f"on_request_{path.parent.name}")
    exec(compile(path.read_bytes(), path, "exec"), module.__dict__)  # noqa: S102 - an import would prefer cached bytecode, which nobody signed
    return module.on_request
