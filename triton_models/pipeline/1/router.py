"""Which release answers: follows the rollout state, one small file that is replaced atomically."""

import json
import random
import time
from collections import namedtuple
from pathlib import Path

RETRY_SECONDS = 2.0

Split = namedtuple("Split", "generation champion shares lease_until")


class Pinned:
    """Always the one release: the private model of the pre-deployment test."""

    def __init__(self, load, name: str) -> None:
        self._release = load(name)

    def choose(self):
        return self._release


class Router:
    """Splits requests by the state's weights; a state that cannot be used is counted and the last good one kept.

    ``load(name)`` gives a ready release or raises. ``refresh`` may run in another thread than ``choose``:
    the switch is one assignment, after everything new was loaded.
    """

    def __init__(self, path: Path, load) -> None:
        self.path, self._load = path, load
        self.errors = 0
        self._split = None
        self._releases: dict = {}
        self._seen = None
        self._retry_at = 0.0
        self._failure = f"no rollout state at {path}: nothing is deployed yet"
        self.refresh()

    @property
    def generation(self) -> int:
        return self._split.generation if self._split else 0

    def refresh(self) -> None:
        """Look at the file again; a state that failed is tried again after a while, what it lacked may come."""
        try:
            stamp = self.path.stat()
        except FileNotFoundError:
            return
        seen = (stamp.st_mtime_ns, stamp.st_ino, stamp.st_size)
        if seen != self._seen or (self._retry_at and time.monotonic() >= self._retry_at):
            self._seen = seen
            self._follow()

    def _follow(self) -> None:
        try:
            self._split, self._releases = self._loaded()
        except Exception as error:  # whatever is wrong with a new state, the old one keeps serving
            self.errors += 1
            self._retry_at = time.monotonic() + RETRY_SECONDS
            self._failure = f"the rollout state at {self.path} cannot be used: {type(error).__name__}: {error}"
            print(f"moebius: {self._failure}; generation {self.generation} is followed", flush=True)
            return
        self._retry_at = 0.0

    def _loaded(self) -> tuple:
        state = json.loads(self.path.read_text())
        shares = state["weights"]
        if not shares or min(shares.values()) < 0 or abs(sum(shares.values()) - 1) > 1e-6:
            raise ValueError(f"weights {shares} must be shares that add up to 1")
        names = {*shares, state["champion"]}
        releases = {name: self._releases.get(name) or self._load(name) for name in sorted(names)}
        split = Split(
            int(state["generation"]),
            releases[state["champion"]],
            [(releases[name], share) for name, share in shares.items()],
            state.get("lease_until"),
        )
        return split, releases

    def choose(self):
        """The release for one request; RuntimeError when nothing is deployed."""
        split = self._split
        if split is None:
            raise RuntimeError(self._failure)
        if len(split.shares) == 1 or (split.lease_until is not None and time.time() > split.lease_until):
            return split.champion
        drawn = random.random()
        for release, share in split.shares:
            drawn -= share
            if drawn < 0:
                return release
        return split.champion
