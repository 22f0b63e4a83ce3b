"""The order of one training and its directory on disk; both survive a killed task."""

import hashlib
import os
import shutil
import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from include.contracts.development import DatasetRef, ModelRef, Proof
from include.contracts.record import Record
from include.development.cost import Cost
from include.development.search.tuning import Tuning
from include.errors import DamagedStateError, NotFoundError
from include.evaluation.calibrator import Calibrator
from include.formats import state_file

if TYPE_CHECKING:
    from include.development.search.study import Place
    from include.ports.state import Locks

ORDER, FIT = "order.json", "fit.json"


class Order(Record):
    """One training: on what, how it searches, and the model it goes on from (None: from scratch).

    ``parameters`` overlay those of the spec; ``run`` is a further key that makes two equal orders differ,
    ``search`` the key of its study. ``refit_of`` is the model that was judged, when this fits it once more;
    ``calibrator`` is then its calibrator, which a refit keeps. ``recalibrates``: nothing is learned, ``start`` stays as
    it is, and its calibrator is fitted anew on the validation part.
    """

    dataset: DatasetRef
    parameters: dict[str, int | float | str] = Field(default_factory=dict)
    trials: int = Field(default=0, ge=0)
    minutes: float | None = Field(default=None, gt=0)
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    start: ModelRef | None = None
    refit_of: Proof | None = None
    calibrator: Calibrator | None = None
    recalibrates: bool = False
    run: str = ""
    search: str = ""

    @property
    def base(self) -> Proof | None:
        """The model that a recalibration takes as it is."""
        return Proof.of(self.start) if self.start and self.recalibrates else None


class Fit(Record):
    """What a fit leaves beside the model: its parameters, the search, the steps of the fit, what it cost.

    ``length`` are the parameters with which a refit takes as many steps (``Fitted.length``); None of a model that was
    fitted before they were recorded.
    """

    artifact_hash: str
    parameters: dict[str, int | float | str]
    length: dict[str, int | float | str] | None = None
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
        state_file.write(self.path / ORDER, order.model_dump_json(indent=1))

    def delete(self) -> None:
        """What is left is not needed once the model is registered."""
        shutil.rmtree(self.path, ignore_errors=True)

    def order(self) -> Order:
        """Raises NotFoundError when nothing was ordered here."""
        return Order.read_back(self._text(ORDER), self.path / ORDER)

    def start(self) -> bytes | None:
        """The model to go on from."""
        return self._read("start.zip") if self.order().start else None

    def write_fit(self, model: bytes, fit: Fit) -> None:
        """The model, then what belongs to it: a fit without its record was not finished."""
        _write(self.path / "model.zip", model)
        state_file.write(self.path / FIT, fit.model_dump_json(indent=1))

    def fitted(self) -> bool:
        return state_file.exists(self.path / FIT)

    def fit(self) -> tuple[bytes, Fit]:
        """Raises NotFoundError before the fit is done, DamagedStateError when what it left was changed."""
        fit, model = Fit.read_back(self._text(FIT), self.path / FIT), self._read("model.zip")
        if hashlib.sha256(model).hexdigest() != fit.artifact_hash:
            raise DamagedStateError(
                f"{self.path / 'model.zip'} is not the model that was fitted: delete {self.path} and clear the "
                "training from build_dataset on"
            )
        return model, fit

    def _read(self, name: str) -> bytes:
        file = self.path / name
        if not file.is_file():
            raise NotFoundError(f"{file} does not exist: clear the training from build_dataset on")
        return file.read_bytes()

    def _text(self, name: str) -> str:
        try:
            return state_file.read(self.path / name)
        except FileNotFoundError:
            raise NotFoundError(
                f"{self.path / name} does not exist: clear the training from build_dataset on"
            ) from None
        except DamagedStateError as error:
            raise DamagedStateError(
                f"{error}; or delete {self.path} and clear the training from build_dataset on"
            ) from None


def _write(path: Path, content: bytes) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}")
    aside.write_bytes(content)
    aside.replace(path)
