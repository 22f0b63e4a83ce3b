"""Load on an HTTP address: ``wrk``, which leaves the two cores to whoever answers, with real requests in turn."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

SCRIPT = Path(__file__).with_name("_serving_load.lua")
SAME = 1e-4


@dataclass(frozen=True)
class Target:
    """Who is asked: ``bodies`` are JSON requests, ``probability`` reads the number out of an answer."""

    name: str
    url: str
    bodies: list[dict[str, Any]]
    probability: Callable[[Any], float]


@dataclass(frozen=True)
class Measured:
    """One run: requests answered per second, and quantiles of their seconds, in ms."""

    rate: float
    p50: float
    p99: float


def same_work(target: Target, expected: np.ndarray) -> None:
    """Raises RuntimeError when somebody answers otherwise than the model does: he would be measured on other work."""
    with httpx.Client(trust_env=False, timeout=30) as client:
        for body, probability in zip(target.bodies, expected, strict=True):
            answer = client.post(target.url, json=body)
            if answer.is_error or abs(target.probability(answer.json()) - probability) > SAME:
                raise RuntimeError(f"{target.name} answers {answer.text[:300]}, the model says {probability:.6f}")


def measure(target: Target, clients: int, seconds: int, scratch: Path) -> Measured:
    """``clients`` connections that ask one request after another; raises RuntimeError when a request failed."""
    if not shutil.which("wrk"):
        raise RuntimeError("this bench needs wrk: apt-get install wrk")
    sent = scratch / f"{target.name}.jsonl"
    if not sent.is_file():
        sent.write_text("".join(f"{json.dumps(body)}\n" for body in target.bodies))
    argv = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT), target.url, "--"]
    done = subprocess.run([*argv, str(sent)], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    if found["failed"] or not found["answered"]:
        raise RuntimeError(f"{target.name}: {found['failed']} of {found['answered']} requests failed: {done.stdout}")
    return Measured(found["answered"] / found["seconds"], found["p50"], found["p99"])
