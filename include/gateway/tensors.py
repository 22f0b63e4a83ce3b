"""KServe v2 JSON to tensors and back: each tensor is rebuilt, so no text of a client is passed on.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol (inference request and response)
"""

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from include.contracts.gateway import InferenceTensor as Tensor
from include.formats.exact_floats import holds
from include.gateway.strict_json import BadRequestError

NUMBERS = {
    "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
    "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64,
    "FP32": np.float32, "FP64": np.float64,
}  # fmt: skip
KINDS = (*NUMBERS, "BOOL", "BYTES")
DIMENSIONS, ELEMENTS, TENSORS, NAME_LENGTH = 4, 65_536, 64, 128
REQUEST_KEYS = {"id", "inputs", "outputs", "parameters"}
INPUT_KEYS = {"name", "shape", "datatype", "data", "parameters"}


@dataclass(frozen=True)
class Request:
    id: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[str, ...]


def request(body: dict[str, Any]) -> Request:
    """The inference request that a parsed body holds; no ``outputs`` asks for all.

    Raises
    ------
    BadRequestError
        what is wrong, by tensor; never with a value of the client's.
    """
    _known(body, REQUEST_KEYS, "the request")
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not 0 < len(inputs) <= TENSORS:
        raise BadRequestError(f"inputs must be a list of 1 to {TENSORS} tensors")
    tensors = tuple(_input(one, i) for i, one in enumerate(inputs))
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise BadRequestError("two inputs have the same name")
    return Request(_text(body.get("id", ""), "id"), tensors, tuple(_outputs(body.get("outputs", []))))


def without_rows(outputs: Sequence[dict[str, Any]], wanted: Sequence[str]) -> list[Tensor]:
    """The answer to no rows: the outputs of a model's metadata, those ``wanted`` or all."""
    shapes = {one["name"]: (0, *(max(size, 0) for size in one["shape"][1:])) for one in outputs}
    kinds = {one["name"]: one["datatype"] for one in outputs}
    return [Tensor(name, kinds[name], shapes[name], b"") for name in wanted or kinds if name in kinds]


def response(model: str, tensors: Sequence[Tensor], id_: str = "") -> dict[str, Any]:
    """The answer as JSON holds it."""
    outputs = [
        {"name": one.name, "datatype": one.datatype, "shape": list(one.shape), "data": _values(one)} for one in tensors
    ]
    return {"model_name": model, **({"id": id_} if id_ else {}), "outputs": outputs}


def _known(members: dict[str, Any], keys: set[str], where: str) -> None:
    if unknown := len(set(members) - keys):
        raise BadRequestError(f"{where} has {unknown} unknown keys; known are {sorted(keys)}")
    if members.get("parameters"):
        raise BadRequestError(f"{where}: parameters are not accepted")


def _input(tensor: Any, index: int) -> Tensor:
    where = f"input {index}"
    if not isinstance(tensor, dict):
        raise BadRequestError(f"{where} must be an object")
    _known(tensor, INPUT_KEYS, where)
    name, kind = _text(tensor.get("name"), f"{where}: name"), tensor.get("datatype")
    if not name or not name.isprintable():
        raise BadRequestError(f"{where}: name must be given, in printable characters")
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadRequestError(f"{where}: datatype must be one of {', '.join(KINDS)}")
    shape = _shape(tensor.get("shape"), where)
    values = list(_flat(tensor.get("data"), len(shape), where))
    if len(values) != (wanted := math.prod(shape)):
        raise BadRequestError(f"{where}: shape asks for {wanted} elements, data has {len(values)}")
    return Tensor(name, kind, shape, _content(kind, values, where))


def _shape(shape: Any, where: str) -> tuple[int, ...]:
    sizes = shape if isinstance(shape, list) and 0 < len(shape) <= DIMENSIONS else []
    if not sizes or not all(type(size) is int and int(at > 0) <= size <= ELEMENTS for at, size in enumerate(sizes)):
        raise BadRequestError(f"{where}: shape must be 1 to {DIMENSIONS} numbers from 1 to {ELEMENTS}, or 0 rows")
    if math.prod(sizes) > ELEMENTS:
        raise BadRequestError(f"{where}: shape asks for more than {ELEMENTS} elements")
    return tuple(sizes)


def _flat(data: Any, dimensions: int, where: str) -> Iterator[Any]:
    """Elements of ``data``, which may be flat or nested as deep as the shape."""
    if not isinstance(data, list):
        raise BadRequestError(f"{where}: data must be a list")
    for one in data:
        if not isinstance(one, list):
            yield one
        elif dimensions > 1:
            yield from _flat(one, dimensions - 1, where)
        else:
            raise BadRequestError(f"{where}: data is nested deeper than its shape")


def _content(kind: str, values: list[Any], where: str) -> bytes:
    if kind == "BYTES":  # which cannot be null: an empty text is a missing one
        if not all(value is None or type(value) is str for value in values):
            raise BadRequestError(f"{where}: data must be texts, or null where one is missing")
        return b"".join(struct.pack("<I", len(text)) + text for text in (_encoded(v or "", where) for v in values))
    if kind == "BOOL":
        if not all(type(value) is bool for value in values):
            raise BadRequestError(f"{where}: data must be true or false")
        return bytes(values)
    return _numbers(NUMBERS[kind], values, f"{where}: data must be {kind} numbers")


def _numbers(kind: Any, values: list[Any], words: str) -> bytes:
    whole = np.issubdtype(kind, np.integer)
    if not all(type(value) is int or (not whole and (value is None or type(value) is float)) for value in values):
        raise BadRequestError(words if whole else f"{words}, or null where one is missing")
    if whole:
        limits = np.iinfo(kind)
        if not all(limits.min <= value <= limits.max for value in values):
            raise BadRequestError(f"{words} in its range")
        return np.array(values, dtype=kind).tobytes()
    try:
        if kind is np.float64 and any(type(value) is int and not holds(float(value), value) for value in values):
            raise BadRequestError(f"{words}, and no whole number that a 64-bit float cannot hold")
        with np.errstate(over="ignore"):
            table = np.array([np.nan if value is None else float(value) for value in values]).astype(kind)
    except OverflowError:
        raise BadRequestError(f"{words} in its range") from None
    if np.isinf(table).any():  # NaN is what was null: JSON has none
        raise BadRequestError(f"{words} in its range")
    return table.tobytes()


def _encoded(text: str, where: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can write and UTF-8 cannot
        raise BadRequestError(f"{where}: a text is not Unicode") from None


def _text(text: Any, where: str) -> str:
    if not isinstance(text, str) or len(text) > NAME_LENGTH:
        raise BadRequestError(f"{where} must be a text of at most {NAME_LENGTH} characters")
    _encoded(text, where)
    return text


def _outputs(outputs: Any) -> Iterator[str]:
    if not isinstance(outputs, list) or len(outputs) > TENSORS:
        raise BadRequestError(f"outputs must be a list of at most {TENSORS}")
    for index, one in enumerate(outputs):
        where = f"output {index}"
        if not isinstance(one, dict):
            raise BadRequestError(f"{where} must be an object")
        _known(one, {"name", "parameters"}, where)
        yield _text(one.get("name"), f"{where}: name")


def _values(tensor: Tensor) -> list[Any]:
    if tensor.datatype == "BYTES":
        return list(_texts(tensor.content))
    kind = np.bool_ if tensor.datatype == "BOOL" else NUMBERS[tensor.datatype]
    values: np.ndarray = np.frombuffer(tensor.content, dtype=kind)
    if values.dtype.kind == "f":  # JSON has no NaN
        return [value if np.isfinite(value) else None for value in values.tolist()]
    return values.tolist()


def _texts(content: bytes) -> Iterator[str]:
    at = 0
    while at < len(content):
        (length,) = struct.unpack_from("<I", content, at)
        yield content[at + 4 : at + 4 + length].decode(errors="replace")
        at += 4 + length
