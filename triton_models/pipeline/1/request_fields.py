"""The fields of requests, read for a whole batch at once and checked."""

import numpy as np


class RequestFields:
    """``kinds``: {field: string, float or timestamp}; ``inputs``: {field: its columns}, several for a tensor."""

    def __init__(self, kinds: dict, inputs: dict) -> None:
        self.kinds = kinds
        # how many numbers a request holds of a field; 0: one value that is no tensor
        self._numbers = {name: len(inputs[name]) if inputs[name] != [name] else 0 for name in kinds}
        self._scalars = [name for name, kind in kinds.items() if kind != "string" and not self._numbers[name]]

    def read(self, requests: list) -> tuple:
        """``requests``: per request {field: array of its rows}.

        Returns {field: array [N], or [N, n] for a tensor} of all rows, and the number of rows of each request. Texts
        are str, numbers float64. Raises ValueError when a field is missing, empty, longer than another, not finite or
        not UTF-8.
        """
        fields, sizes = {}, None
        for name, kind in self.kinds.items():
            parts = self._parts(requests, name)
            lengths = list(map(len, parts))
            if sizes is None:
                sizes = lengths
            if lengths != sizes or 0 in lengths:
                raise ValueError(f"every input needs the same number of rows, at least one; {name!r} has {lengths}")
            fields[name] = _texts(name, parts) if kind == "string" else self._values(name, parts)
        if self._scalars and not np.isfinite([fields[name] for name in self._scalars]).all():
            _refuse({name: fields[name] for name in self._scalars})
        return fields, sizes

    def _parts(self, requests: list, name: str) -> list:
        try:
            return [request[name] for request in requests]
        except KeyError:
            raise ValueError(f"input {name!r} is missing") from None

    def _values(self, name: str, parts: list):
        values = np.concatenate(parts, dtype=np.float64)
        if not self._numbers[name]:
            return values.reshape(-1)
        table = values.reshape(len(values), self._numbers[name])
        if not np.isfinite(table).all():
            _refuse({name: table})
        return table


def _texts(name: str, parts: list):
    try:
        return np.array([value.decode() for value in np.concatenate(parts).reshape(-1).tolist()], dtype=object)
    except UnicodeDecodeError:  # its words hold the value
        raise ValueError(f"input {name!r} cannot be decoded as UTF-8") from None


def _refuse(fields: dict) -> None:
    bad = {name: int((~np.isfinite(values)).sum()) for name, values in fields.items()}
    name, count = next((name, count) for name, count in bad.items() if count)
    raise ValueError(f"input {name!r} must be finite numbers; {count} are not")
