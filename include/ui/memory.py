"""What pages read of the records, remembered until one of the tables changes: a page costs what is new."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any, NamedTuple

from include.services.records import Records
from include.specification.usecase import UseCase

KEPT = 2_000
"""Results that are remembered; those that were not asked for longest go first."""


class Read(NamedTuple):
    """A result, and what it was read from."""

    spec: UseCase
    stamp: str
    value: Any


class Memory:
    """Results of reading, by what was asked; safe for threads."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept, self._lock = kept, Lock()
        self._read: OrderedDict[tuple[str, ...], Read] = OrderedDict()

    def get(
        self, records: Records, spec: UseCase, tables: Iterable[str], asked: tuple[str, ...], read: Callable[[], Any]
    ) -> Any:
        """What ``read`` gives for ``asked``; it is called again when one of the tables, or the spec, is another one.

        A list is a new one each time, its records are shared: they are frozen.
        """
        stamp = records.stamp(spec, tables)  # before reading: a commit meanwhile is then seen the next time
        with self._lock:
            known = self._read.get(asked)
        if known is None or not stamp or known.spec is not spec or known.stamp != stamp:
            known = Read(spec, stamp, read())
            self._keep(asked, known)
        return list(known.value) if isinstance(known.value, list) else known.value

    def _keep(self, asked: tuple[str, ...], read: Read) -> None:
        with self._lock:
            self._read[asked] = read
            self._read.move_to_end(asked)
            while len(self._read) > self._kept:
                self._read.popitem(last=False)


MEMORY = Memory()
"""That of this process."""
