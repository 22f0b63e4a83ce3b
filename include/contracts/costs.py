"""What the work of a use case takes: time, memory and storage."""

from typing import Literal

from pydantic import Field

from include.contracts.period import Period
from include.contracts.record import Moment, Record


class Prices(Record):
    """What an hour of a CPU or GPU and a month of a GB cost; 0 is no price."""

    currency: str = Field("", max_length=8)
    cpu_hour: float = Field(0.0, ge=0)
    gpu_hour: float = Field(0.0, ge=0)
    memory_gb_month: float = Field(0.0, ge=0)
    storage_gb_month: float = Field(0.0, ge=0)


LARGEST = 2**63
"""Whole numbers of the lake are below."""


class TaskCost(Record):
    """What each attempt of a task took: seconds, CPU time and memory.

    ``gpu_seconds`` are the seconds of a task whose process had opened a GPU: it held it, busy or not.
    """

    period: Period
    family: str = Field(description="DAG family")
    task: str = Field(description="task of the DAG")
    run: str = Field(description="run of the DAG")
    map_index: int = Field(default=-1, ge=-1, lt=LARGEST, description="number of a mapped task, -1 for another")
    attempt: int = Field(default=1, ge=0, lt=LARGEST, description="attempt, from 1")
    ended_at: Moment = Field(description="when it ended, UTC")
    outcome: Literal["done", "failed"] = Field(description="how it ended")
    seconds: float = Field(allow_inf_nan=False, description="seconds on the clock")
    cpu_seconds: float = Field(
        allow_inf_nan=False, description="seconds on the CPU, of all threads and of processes that it started"
    )
    gpu_seconds: float = Field(default=0.0, allow_inf_nan=False, description="seconds for which it held a GPU")
    peak_bytes: int = Field(ge=0, lt=LARGEST, description="largest resident memory of its process, bytes")
    version: int | None = Field(default=None, ge=0, lt=LARGEST, description="model version that it names")
    release: str = Field(default="", description="release that it names")

    @property
    def key(self) -> tuple[str, str, int, int]:
        return self.run, self.task, self.map_index, self.attempt


class StoredBytes(Record):
    """How much storage a use case takes, by place, measured every night."""

    period: Period
    at: Moment = Field(description="when it was measured, UTC")
    place: str = Field(description="what is stored there")
    size_bytes: int = Field(description="bytes of its files")
    files: int = Field(description="files")
