"""The tensors of answers. Building one is expensive compared with the model, so recurring ones are cached."""

import triton_python_backend_utils as pb_utils

KEPT = 1000
OWN = "request_id"  # of no two rows the same


class Tensors:
    """A kept tensor lies in the server's shared memory once, and the answers that have it count its uses there."""

    def __init__(self) -> None:
        self._kept: dict = {}

    def cut(self, name: str, values, bounds: list) -> list:
        """A tensor per request of the rows [begin, end) of ``values`` [N, m] that are its.

        Where requests have one row, a class, a release or a flag is kept.
        """
        if name == OWN or values.dtype.kind == "f" or values.shape != (len(bounds), 1):
            return [pb_utils.Tensor(name, values[begin:end]) for begin, end in bounds]
        return [self._of(name, value, values[at : at + 1]) for at, value in enumerate(values[:, 0].tolist())]

    def _of(self, name: str, value, row):
        tensor = self._kept.get((name, value))
        if tensor is None:
            if len(self._kept) >= KEPT:
                self.forget()
            tensor = self._kept[name, value] = pb_utils.Tensor(name, row)
        return tensor

    def forget(self) -> None:
        """To be called before the server takes its shared memory back."""
        self._kept = {}
