"""What is done to the platform: each process killed and stopped, alone, again, and together with those around it."""

import signal
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import psutil

from include.platform.processes import send
from include.platform.topology import model_processes
from tests.chaos.world import World
from tests.integration.pipeline_fixtures import SPEC

Pids = set[int]
MODEL = model_processes("triton", SPEC.name)
"""The name under which events speak of the processes of the model."""
SERVER_SECONDS, HANGING_SECONDS, MODEL_SECONDS = 3.0, 20.0, 10.0
"""For how long requests may fail while the only model server is dead, hangs, or a process of its model is dead."""


@dataclass(frozen=True)
class Fault:
    """``inject`` does it and says whom it hurt; ``healed`` looks whether these are replaced and all is well.

    ``services`` are what it is about, by the names of ``moebius status``; ``seconds`` is the bound on how long
    requests may fail. What does not end by itself lasts until ``lasts`` requests were over, and is ended by
    ``relieve``.
    """

    name: str
    what: str
    services: tuple[str, ...]
    inject: Callable[[World], Pids]
    healed: Callable[[World, Pids], bool]
    seconds: float = 0.0
    lasts: int = 0
    relieve: Callable[[World], object] = bool


def killed(service: str, words: str = "", seconds: float = 0.0) -> Fault:
    """SIGKILL to the leader of the service, as the kernel does when memory is short."""
    return Fault(
        f"{service}-killed{words and '-' + words.replace(' ', '-')}",
        f"`{service}` is killed{words and ' ' + words}",
        (service,),
        lambda world: _signalled([world.process(service)], signal.SIGKILL),
        lambda world, hurt: replaced(world, service, hurt),
        seconds,
    )


def stopped(service: str, seconds: float = 0.0) -> Fault:
    """SIGSTOP to the whole service: it is there and answers nothing."""
    return Fault(
        f"{service}-hangs",
        f"`{service}` hangs",
        (service,),
        lambda world: _signalled(world.supervisor._members(service), signal.SIGSTOP),
        lambda world, hurt: replaced(world, service, hurt),
        seconds,
    )


def together(services: Sequence[str], seconds: float = 0.0) -> Fault:
    """SIGKILL to all of them at once."""
    return Fault(
        f"{'-and-'.join(services)}-killed",
        f"{' and '.join(f'`{service}`' for service in services)} are killed at once",
        tuple(services),
        lambda world: _signalled([world.process(service) for service in services], signal.SIGKILL),
        lambda world, hurt: all(replaced(world, service, hurt) for service in services),
        seconds,
    )


def model_killed(words: str = "", seconds: float = MODEL_SECONDS) -> Fault:
    """SIGKILL to the process of the model that the server started."""
    return Fault(
        f"model-killed{words and '-' + words.replace(' ', '-')}",
        f"a model's process is killed{words and ' ' + words}",
        (MODEL,),
        lambda world: _signalled(world.model_processes(), signal.SIGKILL),
        _model_is_back,
        seconds,
    )


def model_stopped(seconds: float = HANGING_SECONDS) -> Fault:
    return Fault(
        "model-hangs",
        "a model's process hangs",
        (MODEL,),
        lambda world: _signalled(world.model_processes(), signal.SIGSTOP),
        _model_is_back,
        seconds,
    )


def replaced(world: World, service: str, hurt: Collection[int]) -> bool:
    """Another process has its place, and is well."""
    process = world.supervisor.process(service)
    return process is not None and process.pid not in hurt and world.runs_well(service)


def _model_is_back(world: World, hurt: Collection[int]) -> bool:
    """Another process of the model is there; whether it answers, the driver sees."""
    return any(process.pid not in hurt for process in world.model_processes())


def _signalled(processes: Sequence[psutil.Process], number: int) -> Pids:
    assert processes, "there is somebody to hurt"
    send(processes, number)
    return {process.pid for process in processes}
