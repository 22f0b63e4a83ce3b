"""The order of one training and its directory on disk; both survive a killed task."""

import os
import shutil
import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from include.contracts.atomic_file import write_atomically
from include.contracts.development import DatasetRef, ModelRef
from include.contracts.record import Record
from include.development.cost import Cost
from include.development.search.tuning import Tuning
from include.errors import NotFoundError

if TYPE_CHECKING:
    from include.development.search.study import Place
    from include.ports.state import Locks


class Order(Record):
    """One training: on what, how it searches, and the model it goes on from (None: from scratch).

    ``parameters`` overlay those of the spec; ``run`` is a further key that makes two equal orders differ,
    ``search`` the key of its study.
    """

    dataset: DatasetRef
    parameters: dict[str, int | float | str] = Field(default_factory=dict)
    trials: int = Field(default=0, ge=0)
    minutes: float | None = Field(default=None, gt=0)
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    start: ModelRef | None = None
    run: str = ""
    search: str = ""


class Fit(Record):
    """What a fit leaves beside the model: its parameters, the search, the steps of the fit, what it cost."""

    artifact_hash: str
    parameters: dict[str, int | float | str]
    threads: int
    tuning: Tuning
    curve: list[dict[str, float]]
    cost: dict[str, Cost]
    environment: dict[str, str]


@dataclass(frozen=True)
class Workspace:
    """The directory of one order; deleted when its model is registered."""

    path: Path
    locks: "Locks"

    @property
    def checkpoint(self) -> Path:
        """Where a fit keeps what a killed one goes on from."""
        return self.path / "checkpoint"

    def study(self, order: Order) -> "Place":
        """Where the trials of the order's search are kept, which other orders of the use case may share."""
        from include.development.search.study import Place

        home = self.path.parent / "studies" / order.search[:16]
        return Place(home, self.locks, f"training/{self.path.parent.name}/studies/{home.name}")

    def alone(self) -> AbstractContextManager[None]:
        """Nobody else fits, registers or deletes this order meanwhile; the lock lies beside what is deleted."""
        return self.locks.hold(f"training/{self.path.parent.name}/locks/order-{self.path.name[:16]}")

    def write_order(self, order: Order, start: bytes | None = None) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        if start is not None:
            _write(self.path / "start.zip", start)
        write_atomically(self.path / "order.json", order.model_dump_json(indent=1))

    def delete(self) -> None:
        """What is left is not needed once the model is registered."""
        shutil.rmtree(self.path, ignore_errors=True)

    def order(self) -> Order:
        """Raises NotFoundError when nothing was ordered here."""
        return Order.model_validate_json(self._read("order.json"))

    def start(self) -> bytes | None:
        """The model to go on from."""
        return self._read("start.zip") if self.order().start else None

    def write_fit(self, model: bytes, fit: Fit) -> None:
        """The model, then what belongs to it: a fit without its record was not finished."""
        _write(self.path / "model.zip", model)
        write_atomically(self.path / "fit.json", fit.model_dump_json(indent=1))

    def fitted(self) -> bool:
        return (self.path / "fit.json").is_file()

    def fit(self) -> tuple[bytes, Fit]:
        """Raises NotFoundError before the fit is done."""
        return self._read("model.zip"), Fit.model_validate_json(self._read("fit.json"))

    def _read(self, name: str) -> Any:
        file = self.path / name
        if not file.is_file():
            raise NotFoundError(f"{file} does not exist: clear the training from build_dataset on")
        return file.read_bytes()


def _write(path: Path, content: bytes) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}")
    aside.write_bytes(content)
    aside.replace(path)
