"""Which release answers: follows the rollout state, one small file that is replaced atomically."""

import json
import os
import random
import threading
import time

RECHECK_SECONDS = 0.1


class Pinned:
    """Always the one release: the private model of the pre-deployment test."""

    def __init__(self, load, name: str) -> None:
        self._release = load(name)

    def choose(self):
        return self._release

    def stop(self) -> None:
        """Nothing runs."""


class Router:
    """Splits traffic by the state's weights; a state that cannot be used is counted and the last good one kept.

    A thread watches the file and loads new releases before it switches, so no request waits on a release and
    none meets one that does not load. ``load(name)`` gives a ready release or raises; ``followed(generation,
    errors)`` is called whenever the file was looked into.
    """

    def __init__(self, path: str, load, followed) -> None:
        self.path, self._load, self._followed = path, load, followed
        self._route = None  # (champion, [(release, share)], lease end): replaced as a whole
        self._releases: dict = {}
        self._generation = self._errors = 0
        self._failure = f"no rollout state at {path}: nothing is deployed yet"
        self._seen = None
        self._check()
        self._stopped = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def choose(self):
        """The release for one request; RuntimeError when nothing is deployed."""
        if self._route is None:
            raise RuntimeError(self._failure)
        champion, weights, lease_until = self._route
        if len(weights) == 1 or (lease_until is not None and time.time() > lease_until):
            return champion
        drawn = random.random()
        for release, share in weights:
            drawn -= share
            if drawn < 0:
                return release
        return champion

    def stop(self) -> None:
        self._stopped.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._stopped.wait(RECHECK_SECONDS):
            self._check()

    def _check(self) -> None:
        try:
            stamp = os.stat(self.path)
        except FileNotFoundError:
            return
        seen = (stamp.st_mtime_ns, stamp.st_ino, stamp.st_size)
        if seen != self._seen:
            self._seen = seen
            self._follow()
            self._followed(self._generation, self._errors)

    def _follow(self) -> None:
        try:
            with open(self.path) as file:
                state = json.load(file)
            names = {*state["weights"], state["champion"]}
            releases = {name: self._releases.get(name) or self._load(name) for name in names}
        except Exception as error:  # whatever is wrong with a new state, the old one keeps serving
            self._errors += 1
            self._failure = f"the rollout state at {self.path} cannot be used: {error}"
            return
        weights = [(releases[name], share) for name, share in state["weights"].items()]
        self._releases, self._generation = releases, state["generation"]
        self._route = (releases[state["champion"]], weights, state.get("lease_until"))
