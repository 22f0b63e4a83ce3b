"""Does something to the platform under load, and measures what it cost, who noticed, and when all was well again."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from include.contracts.platform import ProcessEvent
from include.platform.patience import Patience
from tests.chaos.accounts import Rows, Spool
from tests.chaos.driver import Asked, Driver, Outcome, span
from tests.chaos.faults import Fault, Pids
from tests.chaos.witness import Witness
from tests.chaos.world import World
from tests.integration.pipeline_fixtures import wait_until

ENOUGH = 30
"""Right answers in a row that show that a server is back."""
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Cost:
    """What clients had of it. ``failing``: seconds between the first and the last request that failed; ``slowest``:
    of those that were answered."""

    asked: int
    failed: int
    wrong: int
    without_features: int
    failing: float
    slowest: float

    @classmethod
    def of(cls, asked: Sequence[Asked]) -> "Cost":
        counts = {kind: sum(one.outcome is kind for one in asked) for kind in Outcome}
        slowest = max((one.until - one.at for one in asked if one.outcome is not Outcome.FAILED), default=0.0)
        failed, wrong, without = (counts[kind] for kind in (Outcome.FAILED, Outcome.WRONG, Outcome.WITHOUT_FEATURES))
        return cls(len(asked), failed, wrong, without, span(asked), slowest)


@dataclass(frozen=True)
class Finding:
    """What one fault did. Seconds are from the fault; None is never. ``bound``: of ``failing``, where it is the only
    server. ``hurt``: processes that got a signal."""

    name: str
    what: str
    cost: dict[str, Cost]
    rows: Rows
    noticed: float | None
    recovered: float | None
    told: tuple[str, ...]
    words: tuple[str, ...] = ()
    bound: float = 0.0
    hurt: int = 0

    @property
    def unfelt(self) -> bool:
        """No process was hurt, and no client had anything of it: there is nothing to notice."""
        return not self.hurt and all(
            cost.failed + cost.wrong + cost.without_features == 0 for cost in self.cost.values()
        )


@dataclass
class Wave:
    """Faults that are done at once, because none is about what another hits."""

    faults: Sequence[Fault]
    hurt: dict[str, Pids] = field(default_factory=dict)
    healed: dict[str, float] = field(default_factory=dict)


def under_way(events: Iterable[ProcessEvent]) -> set[str]:
    """Services that died and are not said to be there again."""
    missing = set[str]()
    for event in events:
        if event.is_death:
            missing.add(event.service)
        elif event.what in ("started", "stopped"):
            missing.discard(event.service)
    return missing


@dataclass
class Drill:
    """``patience``: seconds of a machine with time after which what is not well again counts as never."""

    world: World
    driver: Driver
    patience: float = 120.0
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._spool = Spool(self.world.settings.prediction_spool / self.world.serving.spec.name)

    def play(self, *faults: Fault) -> list[Finding]:
        """All of them at once; each gets its finding, and what requests suffered is in each."""
        wait_until(lambda: self.driver.answers_again(0.0, ENOUGH), self.patience, "answers before the fault")
        self._await_calm()
        wave, witness, begun = Wave(faults), Witness(self.world), time.monotonic()
        for fault in faults:
            wave.hurt[fault.name] = fault.inject(self.world)
            self._hold(fault, begun)
        self._watch(wave, witness, begun)
        answered = self._answers_again()
        asked = self.driver.since(begun)
        witness.look()
        rows = self._spool.of(asked)
        found = [self._finding(fault, wave, witness, asked, rows, begun, answered) for fault in faults]
        self.findings += found
        if any(one.recovered is None for one in found):
            self._repair()
        return found

    def _await_calm(self) -> None:
        """Until everything that died before is said to be there again: what dies meanwhile is the same story."""
        patience = Patience(self.patience)
        while not patience.fault() and under_way(self.world.events()):
            time.sleep(LOOK_SECONDS)

    def _hold(self, fault: Fault, begun: float) -> None:
        """While it lasts; then it is ended."""
        wait_until(lambda: len(self.driver.since(begun)) >= fault.lasts, self.patience, "requests while it lasts")
        fault.relieve(self.world)

    def _watch(self, wave: Wave, witness: Witness, begun: float) -> None:
        """Until all are healed, or patience ends."""
        patience = Patience(self.patience)
        while len(wave.healed) < len(wave.faults) and not patience.fault():
            witness.look()
            for fault in wave.faults:
                if fault.name not in wave.healed and fault.healed(self.world, wave.hurt[fault.name]):
                    wave.healed[fault.name] = time.monotonic() - begun
            time.sleep(LOOK_SECONDS)

    def _answers_again(self) -> bool:
        """Whether requests that are asked from now on are answered."""
        since, patience = time.monotonic(), Patience(self.patience)
        while not (answered := self.driver.answers_again(since, ENOUGH)):
            if patience.fault():
                break
            time.sleep(LOOK_SECONDS)
        return answered

    def _finding(
        self,
        fault: Fault,
        wave: Wave,
        witness: Witness,
        asked: Sequence[Asked],
        rows: Rows,
        begun: float,
        answered: bool,
    ) -> Finding:
        bad = [one for one in asked if one.outcome is not Outcome.RIGHT]
        doors = {one.door for one in asked}
        seen = witness.of(fault.services)
        healed = wave.healed.get(fault.name)
        last = max((one.until for one in bad), default=begun) - begun
        return Finding(
            fault.name,
            fault.what,
            {door: Cost.of([one for one in asked if one.door == door]) for door in sorted(doors)},
            rows,
            seen[0].at - begun if seen else None,
            max(healed, last) if healed is not None and answered else None,
            tuple(dict.fromkeys(one.by for one in seen)),
            tuple(sorted({one.words[:200] for one in bad if one.words}))[:3],
            fault.seconds,
            len(wave.hurt[fault.name]),
        )

    def _repair(self) -> None:
        """What did not heal is healed by hand, so that the next fault meets a platform that is well."""
        self.world.down()
        self.world.up()
        since = time.monotonic()
        wait_until(lambda: self.driver.answers_again(since, ENOUGH), self.patience, "answers after a repair")
