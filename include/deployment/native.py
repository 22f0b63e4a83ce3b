"""A Triton model directory inside a release, for a server with the native ONNX Runtime backend.

Copied under any name into such a server's repository it serves the encoded matrix; lookup, encoding and answers are
the pipeline's. ``config.pbtxt`` names inputs and outputs as the graph does and warms up with one real row.
"""

from pathlib import Path
from typing import Any

import numpy as np

from include.errors import DeploymentError

DIRECTORY = "native"
TYPES = {"tensor(float)": "TYPE_FP32", "tensor(double)": "TYPE_FP64", "tensor(int64)": "TYPE_INT64"}


def write(directory: Path, content: bytes, row: np.ndarray) -> None:
    """``config.pbtxt``, ``1/model.onnx`` and ``warmup/row``; ``row`` is one encoded row [columns], float32."""
    (directory / "1").mkdir(parents=True)
    (directory / "warmup").mkdir()
    (directory / "1" / "model.onnx").write_bytes(content)
    (directory / "warmup" / "row").write_bytes(row.astype("<f4").tobytes())
    (directory / "config.pbtxt").write_text(config(content, len(row)))


def config(content: bytes, width: int) -> str:
    """Triton's configuration of the graph, whose first input is [N, ``width``].

    Raises DeploymentError for a tensor that is no number.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    given, output = session.get_inputs()[0], session.get_outputs()[-1]
    warm = f'key: "{given.name}" value {{ data_type: TYPE_FP32, dims: [ {width} ], input_data_file: "row" }}'
    return "\n".join(
        [
            'backend: "onnxruntime"',
            "max_batch_size: 64",
            f"input [ {_tensor(given, [width])} ]",
            f"output [ {_tensor(output, [n if isinstance(n, int) else -1 for n in output.shape[1:]])} ]",
            "instance_group [ { kind: KIND_CPU, count: 1 } ]",
            "dynamic_batching { preferred_batch_size: [ 4, 8 ] }",
            'parameters { key: "intra_op_thread_count" value { string_value: "1" } }',
            f'model_warmup [ {{ name: "one real row", batch_size: 1, inputs {{ {warm} }} }} ]',
            "",
        ]
    )


def _tensor(tensor: Any, dims: list[int]) -> str:
    """A tensor of one number per row is [1] for Triton, which knows no empty shape."""
    if tensor.type not in TYPES:
        raise DeploymentError(f"the graph's {tensor.name!r} is a {tensor.type}; a native model may have {list(TYPES)}")
    shape = f"dims: [ {', '.join(map(str, dims))} ]" if dims else "dims: [ 1 ], reshape { shape: [ ] }"
    return f'{{ name: "{tensor.name}", data_type: {TYPES[tensor.type]}, {shape} }}'
