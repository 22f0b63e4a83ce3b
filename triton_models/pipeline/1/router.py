"""Which release answers: follows the rollout state, one small file that is replaced atomically."""

import json
import time
from collections import namedtuple
from pathlib import Path

import mmh3
import numpy as np
import sealed_text
from server_log import tell

RETRY_SECONDS = 2.0
NEEDED = {"weights", "champion", "generation"}
FORMER_LEASE_SECONDS = 300.0  # of a state that an earlier version wrote
UPTIME, BOOT = Path("/proc/uptime"), Path("/proc/sys/kernel/random/boot_id")

# arms: the challengers, then the champion; bounds: where in [0, 1) each challenger's share ends; ends: monotonic
# second at which the lease does, None without one
Split = namedtuple("Split", "generation champion arms bounds sticky_by salt shadow ends")
Shadowed = namedtuple("Shadowed", "champion release share")


class NothingDeployedError(RuntimeError):
    """There is no rollout state that could be followed."""


class Pinned:
    """Always the one release: the private model of the pre-deployment test."""

    def __init__(self, load, name: str) -> None:
        self._release = load(name)

    def split(self, fields: dict, sizes: list) -> list:
        return [(self._release, None)]

    def releases(self) -> list:
        """Who may get traffic."""
        return [self._release]


class Router:
    """Splits rows by the state's weights; a state that cannot be used is counted and the last good one kept.

    ``load(name)`` gives a ready release or raises; ``fields`` names what a state may be sticky by. ``refresh`` may run
    in another thread than ``split``: the switch is one assignment, after everything new was loaded.
    """

    def __init__(self, path: Path, load, fields: list) -> None:
        self.path, self._load, self._fields = path, load, fields
        self.errors = 0
        self._split = None
        self._releases: dict = {}
        self._seen: tuple | None = None
        self._retry_at, self._fault = 0.0, ""
        self._lease: tuple = (None, None)  # generation, when its lease ends
        self._random = np.random.default_rng()
        self._failure = f"no rollout state at {path}: nothing is deployed yet"
        self.refresh()

    @property
    def generation(self) -> int:
        return self._split.generation if self._split else 0

    @property
    def shadow(self):
        """(champion, release, share of the champion's rows that is copied to it) or None, as without a watcher."""
        split = self._split
        return None if split is None or _over(split) else split.shadow

    def releases(self) -> list:
        """Who may get traffic, a shadow included; NothingDeployedError when nothing is deployed."""
        if self._split is None:
            raise NothingDeployedError(self._failure)
        return list(self._releases.values())

    def refresh(self) -> None:
        """Look at the file again; a state that failed is tried again after a while, what it lacked may come."""
        if (stamp := _stamp(self.path) or _stamp(sealed_text.copy_of(self.path))) is None:
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
            tell(f"{self._failure}; generation {self.generation} is followed")
            return
        self._retry_at = 0.0

        if self._fault:  # seen again after a while, so that it counts as long as it lasts
            self.errors += 1
            self._retry_at = time.monotonic() + RETRY_SECONDS

    def _kept(self):
        """What the file says; one without a checksum that is no state counts as damaged where there is a copy."""
        kept = sealed_text.read(self.path)
        if kept.sealed or set(json.loads(kept.text)) >= NEEDED:
            return kept
        try:
            return sealed_text.Kept(sealed_text.copied(self.path), True, "it is no rollout state")
        except (FileNotFoundError, sealed_text.DamagedError):
            return kept

    def _loaded(self) -> tuple:
        kept = self._kept()
        if kept.fault and kept.fault != self._fault:
            tell(f"{self.path} is damaged: {kept.fault}; its last good copy is followed")
        self._fault, state = kept.fault, json.loads(kept.text)
        if kept.fault and int(state["generation"]) < self.generation:
            raise ValueError(f"its copy is of generation {state['generation']}, which is over")
        shares, champion, copied = state["weights"], state["champion"], state.get("shadow")
        self._check(shares, state.get("sticky_by"), copied)
        names = {*shares, champion, *([copied["release"]] if copied else [])}
        releases = {name: self._releases.get(name) or self._load(name) for name in sorted(names)}
        challengers = [name for name in shares if name != champion]
        split = Split(
            int(state["generation"]),
            releases[champion],
            [releases[name] for name in (*challengers, champion)],
            np.cumsum([shares[name] for name in challengers]),
            state.get("sticky_by"),
            state.get("salt") or "",
            Shadowed(releases[champion], releases[copied["release"]], copied["share"]) if copied else None,
            self._ends(state),
        )
        return split, releases

    def _ends(self, state: dict):
        """When the lease of the state does; looking at the same state again makes it no longer."""
        generation = int(state["generation"])
        if generation != self._lease[0]:
            left = _left(state)
            self._lease = generation, None if left is None else time.monotonic() + left
        return self._lease[1]

    def _check(self, shares: dict, sticky_by, copied) -> None:
        if not shares or min(shares.values()) < 0 or abs(sum(shares.values()) - 1) > 1e-6:
            raise ValueError(f"weights {shares} must be shares that add up to 1")
        if sticky_by is not None and sticky_by not in self._fields:
            raise ValueError(f"sticky_by {sticky_by!r} is not a request field; there are {self._fields}")
        if copied and not 0 < copied["share"] <= 1:
            raise ValueError(f"the shadow's share {copied['share']} must be above 0 and at most 1")

    def split(self, fields: dict, sizes: list) -> list:
        """Who answers the rows of requests of these sizes: (release, its rows in rising order, or None for all).

        Rows of one request may go to different releases, unless those give different numbers of scores.
        NothingDeployedError when nothing is deployed.
        """
        split = self._split
        if split is None:
            raise NothingDeployedError(self._failure)
        if len(split.arms) == 1 or _over(split) or not any(sizes):
            return [(split.champion, None)]
        count, at = sum(sizes), self._positions(split, fields, sum(sizes))
        if len({release.width for release in split.arms}) > 1:
            first = np.minimum(np.cumsum([0, *sizes[:-1]]), count - 1)  # a request without rows may be the last
            at = np.repeat(at[first], sizes)
        arms = np.searchsorted(split.bounds, at, side="right")
        parts = [(release, np.flatnonzero(arms == i)) for i, release in enumerate(split.arms)]
        return [(release, None if len(rows) == count else rows) for release, rows in parts if len(rows)]

    def _positions(self, split, fields: dict, count: int):
        """Where in [0, 1) each row stands; the same for the same value as long as the salt stays."""
        if split.sticky_by is None:
            return self._random.random(count)
        return np.array([position(split.salt, value) for value in fields[split.sticky_by].tolist()])


def position(salt: str, value) -> float:
    """In [0, 1): the 32-bit murmur3 hash of salt and value."""
    return mmh3.hash(f"{salt}:{value}", signed=False) / 2**32


def _stamp(path: Path):
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _left(state: dict):
    """Seconds that are left of the lease, None without one. No wall clock takes part.

    On the watcher's machine, in the same start of it, a process counts from when the lease was given, else from now.
    """
    lease = state.get("lease")
    if not lease:
        return None if state.get("lease_until") is None else FORMER_LEASE_SECONDS
    given, age = lease["given"], 0.0
    if given["boot"] == BOOT.read_text().strip():
        age = float(UPTIME.read_text().split()[0]) - given["uptime"]
    return lease["seconds"] - max(age, 0.0)


def _over(split) -> bool:
    return split.ends is not None and time.monotonic() > split.ends
