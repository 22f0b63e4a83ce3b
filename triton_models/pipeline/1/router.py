"""Which release answers: follows the rollout state, one small file that is replaced atomically."""

import json
import os
import random
import time

RECHECK_SECONDS = 0.2


class Pinned:
    """Always the one release: the private model of the pre-deployment test."""

    def __init__(self, load, name: str) -> None:
        self.generation, self.errors = 0, 0
        self._release = load(name)

    def refresh(self) -> None:
        """Nothing ever changes."""

    def choose(self):
        return self._release


class Router:
    """Splits traffic by the state's weights; a state that cannot be used is counted and the last good one kept.

    ``load(name)`` gives a ready release or raises; it is called before the switch, so no request waits on
    a release that does not load.
    """

    def __init__(self, path: str, load) -> None:
        self.path, self._load = path, load
        self.generation = self.errors = 0
        self._releases: dict = {}
        self._weights: list = []
        self._champion = None
        self._lease_until = None
        self._seen = None
        self._checked = 0.0
        self._failure = ""
        self.refresh()

    def refresh(self) -> None:
        """Look at the file again, at most every ``RECHECK_SECONDS``."""
        now = time.monotonic()
        if now - self._checked < RECHECK_SECONDS:
            return
        self._checked = now
        try:
            stamp = os.stat(self.path)
        except FileNotFoundError:
            self._failure = f"no rollout state at {self.path}: nothing is deployed yet"
            return
        seen = (stamp.st_mtime_ns, stamp.st_ino, stamp.st_size)
        if seen != self._seen:
            self._seen = seen
            self._follow()

    def _follow(self) -> None:
        try:
            with open(self.path) as file:
                state = json.load(file)
            releases = {name: self._releases.get(name) or self._load(name) for name in {*state["weights"], state["champion"]}}
        except Exception as error:  # whatever is wrong with a new state, the old one keeps serving
            self.errors += 1
            self._failure = f"the rollout state at {self.path} cannot be used: {error}"
            return
        self._releases, self._champion = releases, releases[state["champion"]]
        self._weights = [(releases[name], share) for name, share in state["weights"].items()]
        self._lease_until = state.get("lease_until")
        self.generation, self._failure = state["generation"], ""

    def choose(self):
        """The release for one request; RuntimeError when nothing is deployed."""
        if self._champion is None:
            raise RuntimeError(self._failure)
        if len(self._weights) == 1 or (self._lease_until is not None and time.time() > self._lease_until):
            return self._champion
        drawn = random.random()
        for release, share in self._weights:
            drawn -= share
            if drawn < 0:
                return release
        return self._champion
