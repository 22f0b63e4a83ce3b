"""One release in memory: ONNX session, encoding, features computed from the request, online lookup."""

import hashlib
import importlib.util
import json
from pathlib import Path

import numpy as np
import onnxruntime
from online_features import OnlineFeatures

ON_REQUEST, REQUEST = "on_request", "request"


class Release:
    """Loads ``directory`` whole or raises; answers batches of requests.

    ``release.json`` says what the model expects; see ``include/deployment/packaging.py`` which writes it. A release
    with a changed file, or one that answers its own samples differently than the trained model did, does not load.
    """

    def __init__(self, directory: Path, online_store: str, project: str, seconds: float) -> None:
        self.manifest = _verified_manifest(directory)
        self.name = directory.name
        self.threshold = self.manifest["threshold"]
        self.features = self.manifest["encoding"]["features"]
        self.views = {
            view: {**declared, "features": [f["name"] for f in self.features if f["origin"] == view]}
            for view, declared in self.manifest["views"].items()
        }
        self._codes = [
            {c: float(i) for i, c in enumerate(f["categories"])} if f["kind"] == "categorical" else None
            for f in self.features
        ]
        self._on_request = _load_on_request(directory / "request.py")
        self._online = OnlineFeatures(online_store, project, self.views, seconds)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(directory / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[-1].name
        self._prove(json.loads((directory / "samples.json").read_text()))

    def _prove(self, samples: list) -> None:
        """Warms up on the packaged samples and compares with what the trained model said of them."""
        fields = {
            name: _column([s["request"][name] for s in samples], kind)
            for name, kind in self.manifest["request"].items()
        }
        answered, _, _ = self.predict(fields, [s["given_features"] for s in samples])
        worst = float(np.abs(answered - [s["probability"] for s in samples]).max())
        if not worst <= self.manifest["parity_bound"]:
            raise ValueError(
                f"release {self.name} answers its samples differently from the trained model by {worst:.2g}; "
                f"the bound is {self.manifest['parity_bound']:g}"
            )

    def predict(self, fields: dict, given: list | None = None):
        """``fields``: {request field: array [N]}. ``given``: looked-up features per row instead of the online store.

        Returns probabilities [N], the raw feature rows (list of dicts) and per row the lacking views
        (list of (view, reason)).
        """
        count = len(next(iter(fields.values())))
        if given is not None and len(given) != count:
            raise ValueError(f"given_features has {len(given)} rows, the request {count}")
        computed = self._on_request(fields) if self._on_request else {}
        lacking = [[] for _ in range(count)]
        if given is None:
            keys = {view: fields[declared["key"]] for view, declared in self.views.items()}
            self._online.fetch({(view, key) for view, column in keys.items() for key in column})
        looked_up = given if given is not None else [self._lookup(fields, i, lacking[i]) for i in range(count)]
        rows = [self._row(fields, computed, looked_up[i], i) for i in range(count)]
        return self._probabilities(self._encode(rows)), rows, lacking

    def _lookup(self, fields: dict, i: int, lacking: list) -> dict:
        found: dict = {}
        for view, declared in self.views.items():
            values, reason = self._online.lookup(
                view, fields[declared["key"]][i], float(fields[self.manifest["event_time"]][i])
            )
            found.update(values)
            if reason:
                lacking.append((view, reason))
        return found

    def _row(self, fields: dict, computed: dict, looked_up: dict, i: int) -> dict:
        row = {}
        for feature in self.features:
            name, origin = feature["name"], feature["origin"]
            if origin == REQUEST:
                row[name] = fields[name][i]
            elif origin == ON_REQUEST:
                row[name] = float(computed[name][i])
            else:
                row[name] = looked_up.get(name)
        return row

    def _encode(self, rows: list):
        matrix = np.empty((len(rows), len(self.features)), dtype=np.float32)
        for j, feature in enumerate(self.features):
            name, codes = feature["name"], self._codes[j]
            for i, row in enumerate(rows):
                value = row[name]
                if codes is not None:
                    matrix[i, j] = codes.get(value, -1.0)
                else:
                    matrix[i, j] = np.nan if value is None else value
        return matrix

    def _probabilities(self, matrix):
        answer = self._session.run([self._output], {self._input: matrix})[0]
        probabilities = answer[:, -1] if answer.ndim == 2 else answer
        if not np.isfinite(probabilities).all():
            raise ValueError(f"release {self.name} gave a probability that is no number")
        return probabilities


def _verified_manifest(directory: Path) -> dict:
    manifest = json.loads((directory / "release.json").read_text())
    for name, expected in manifest["files"].items():
        found = hashlib.sha256((directory / name).read_bytes()).hexdigest()
        if found != expected:
            raise ValueError(
                f"{directory / name} was changed after packaging: sha256 {found[:12]}, not {expected[:12]}"
            )
    return manifest


def _column(values: list, kind: str):
    return np.array(values, dtype=object) if kind == "string" else np.array(values, dtype=np.float64)


def _load_on_request(path: Path):
    """``on_request`` of the release's own ``request.py``; None when it has none."""
    if not path.is_file():
        return None
    spec = importlib.util.spec_from_file_location(f"on_request_{path.parent.name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.on_request
