"""The fields of requests, read for a whole batch at once and checked."""

import numpy as np
from request_rules import RequestRules, Times


class RequestFields:
    """``kinds``: {field: string, float or timestamp}; ``inputs``: {field: its columns}, several for a tensor.

    ``times``: the bounds of the field ``event_time``.
    """

    def __init__(self, kinds: dict, inputs: dict, event_time: str, times: Times) -> None:
        self.kinds = kinds
        # how many numbers a request holds of a field; 0: one value that is no tensor
        self._numbers = {name: len(inputs[name]) if inputs[name] != [name] else 0 for name in kinds}
        self._scalars = [name for name, kind in kinds.items() if kind != "string" and not self._numbers[name]]
        self._tensors = [name for name, numbers in self._numbers.items() if numbers]
        self._event_time, self._times = event_time, times
        self._rules = RequestRules(kinds, kinds, event_time, times)

    def read(self, requests: list) -> tuple:
        """``requests``: per request {field: array of its rows}; a field that is left out is missing in all of them.

        Returns {field: array [N], or [N, n] for a tensor} of all rows, the number of rows of each request, and the
        names of the fields that are missing in some row. Texts are str, or None where missing; numbers are float64, or
        NaN. Raises ValueError when a field has more rows than another, is infinite, no UTF-8, or a time out of bounds.
        """
        sizes = [_rows(request) for request in requests]
        fields, missing = {}, set()
        for name, kind in self.kinds.items():
            parts = self._parts(requests, sizes, name)
            lengths = list(map(len, parts))
            if lengths != sizes:
                raise ValueError(f"every input needs the same number of rows; {name!r} has {lengths}, others {sizes}")
            if kind != "string":
                fields[name] = self._values(name, parts)
                continue
            texts = _texts(name, parts)
            fields[name] = np.array(texts, dtype=object)
            if None in texts:
                missing.add(name)
        return fields, sizes, missing | self._without_number(fields)

    def _without_number(self, fields: dict) -> set:
        """The fields of numbers that are missing in some row; raises for a number that cannot be used."""
        numbers = [fields[name] for name in self._scalars]
        finite = np.isfinite(numbers).all() and all(np.isfinite(fields[name]).all() for name in self._tensors)
        if finite and self._within(fields[self._event_time]):
            return set()
        self._rules.refuse_unusable(fields)
        return {name for name, kind in self.kinds.items() if kind != "string" and np.isnan(fields[name]).any()}

    def _within(self, times) -> bool:
        return not len(times) or (times.min() >= self._times.first and times.max() <= self._times.last())

    def _parts(self, requests: list, sizes: list, name: str) -> list:
        try:
            return [request[name] for request in requests]
        except KeyError:  # some leave it out: it is missing in all of their rows
            nothing = (b"", object) if self.kinds[name] == "string" else (np.nan, np.float64)
            width = self._numbers[name] or 1
            return [
                request[name] if name in request else np.full((rows, width), *nothing)
                for request, rows in zip(requests, sizes, strict=True)
            ]

    def _values(self, name: str, parts: list):
        values = np.concatenate(parts, dtype=np.float64)
        return values.reshape(len(values), self._numbers[name]) if self._numbers[name] else values.reshape(-1)


def _rows(request: dict) -> int:
    return len(next(iter(request.values()))) if request else 0


def _texts(name: str, parts: list) -> list:
    try:
        return [value.decode() or None for value in np.concatenate(parts).reshape(-1).tolist()]
    except UnicodeDecodeError:  # its words hold the value
        raise ValueError(f"input {name!r} cannot be decoded as UTF-8") from None
