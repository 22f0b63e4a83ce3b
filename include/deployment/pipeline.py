"""The Triton model that serves a use case: its directory, written for the stable name or for one pinned release."""

import json
import shutil
from pathlib import Path

from include.contracts import encoding, pseudonyms, request_rules
from include.families import serving
from include.formats import identity, sealed_text, signed_files
from include.formats.file_proof import sha256
from include.specification.usecase import UseCase

SHARED = tuple(
    Path(str(module.__file__)) for module in (pseudonyms, encoding, request_rules, sealed_text, signed_files)
)
"""Beside the serving code as here: both must agree."""
CONFIG = "config.pbtxt"
TYPES = {"string": "TYPE_STRING", "float": "TYPE_FP32", "double": "TYPE_FP64", "timestamp": "TYPE_FP64"}
BATCHING = "dynamic_batching { }"  # whatever waits together; preferred sizes and delays gained nothing when measured
ANY = -1  # how many clusters a model has is its own matter
OPTIONAL = ", optional: true"
ALWAYS = {"release": "TYPE_STRING", "request_id": "TYPE_STRING"}

FALLBACK = {"fallback": "TYPE_BOOL"}  # one output more costs every request, so only where a view asks for it


def write(spec: UseCase, source: Path, directory: Path, parameters: dict[str, str], pinned: str = "") -> None:
    """A complete model directory: ``config.pbtxt`` and ``1/`` with the serving code of ``source``.

    ``parameters`` says where releases, online store (``sqlite:///…`` or ``redis://…``) and spool are; ``pinned``
    makes it answer with that release only and take looked-up features with the request.
    """
    (directory / "1").mkdir(parents=True)
    for module in (*(file for file in (source / "1").iterdir() if file.is_file()), *SHARED):
        shutil.copyfile(module, directory / "1" / module.name)
    (directory / CONFIG).write_text(config(spec, parameters, pinned), encoding="utf-8")


def code(source: Path) -> str:
    """A digest of the serving code that ``write`` copies: another one makes another ``config.pbtxt``."""
    files = [*(file for file in (source / "1").iterdir() if file.is_file()), *SHARED]
    return identity.digest([part for file in sorted(files) for part in (file.name, sha256(file))])[:16]


def private_name(spec: UseCase, release: str) -> str:
    """The Triton model that serves one release privately."""
    return f"{spec.name}--{release}"


def config(spec: UseCase, parameters: dict[str, str], pinned: str = "") -> str:
    # the server would refuse a field that is left out in its own words, before the rules of a release are asked
    asked = [_tensor(name, TYPES[kind], len(spec.inputs[name]), OPTIONAL) for name, kind in spec.request.items()]
    given = [_tensor("given_features", "TYPE_STRING", 1, OPTIONAL)] if pinned else []
    inputs, answers = ",\n".join([*asked, *given]), ",\n".join(_tensor(*output) for output in outputs(spec))
    settings = {
        **parameters,
        "usecase": spec.name,
        "event_id": spec.event.id,
        "classes": json.dumps(spec.event.classes),
        "request": json.dumps(spec.request),
        "inputs": json.dumps(spec.inputs),
        "event_time": spec.event.time,
        "times": json.dumps(spec.times),
        "pseudonymised": json.dumps([name for name in spec.pseudonymised if name in spec.request]),
        "pinned": pinned,
        "FORCE_CPU_ONLY_INPUT_TENSORS": "yes",
    }
    return "\n".join(
        [
            'backend: "python"',
            "max_batch_size: 64",
            f"input [\n{inputs}\n]",
            f"output [\n{answers}\n]",
            f"instance_group [ {{ kind: KIND_CPU, count: {1 if pinned else spec.serving.instances} }} ]",
            BATCHING,
            *(
                f"parameters {{ key: {json.dumps(k)} value {{ string_value: {json.dumps(v, ensure_ascii=False)} }} }}"
                for k, v in settings.items()
            ),
            "",
        ]
    )


def outputs(spec: UseCase) -> list[tuple[str, str, int]]:
    """Name, type and width of every tensor of an answer."""
    widths = {"scores": len(spec.event.classes) or ANY}
    fallback = FALLBACK if any(view.when_missing == "fall_back" for view in spec.feature_views.values()) else {}
    return [(name, kind, widths.get(name, 1)) for name, kind in (serving.outputs(spec) | ALWAYS | fallback).items()]


def _tensor(name: str, kind: str, width: int, more: str = "") -> str:
    return f'  {{ name: "{name}", data_type: {kind}, dims: [ {width} ]{more} }}'
