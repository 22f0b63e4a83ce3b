"""Heals one model after another: what does not help is followed by the next stronger means."""

import logging
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from include.contracts.platform import What
from include.errors import RequestFailedError
from include.platform.patience import machine_is_busy
from include.ports.serving import ModelControl
from include.processes.keeper.examination import Finding, Living, examine

log = logging.getLogger("keeper")
EXAMINE_SECONDS = 2.0
PROVE_SECONDS = 5.0
"""How long every process may take to answer after a means."""
INSTALL_SECONDS = 3.0
"""How long a model may be away, as it is while somebody deploys or retires it."""
FAULTY_SECONDS = 10.0
"""How long it may answer with an error of ours; a release that was lacking may come."""
SILENT_SECONDS, BUSY_SECONDS = 6.0, 16.0
"""How long a process may answer nothing; and when the machine is busy."""
REST_SECONDS = 60.0
"""After all means; then they are tried again."""
NEW_SERVER_SECONDS = 600.0
"""Between two new servers for the same model, which cost the other models a moment."""

Told = Callable[[str, What, str], None]
"""Model, what happened to its process, why."""


class Way(Protocol):
    """To the models of a server, from clients: where there is another one, it can be avoided until it is healthy."""

    def avoid(self, model: str) -> bool: ...

    def use(self, model: str) -> None: ...


class Means(NamedTuple):
    words: str
    apply: Callable[[str], None]


class Illness:
    """What is wrong with a model, since when (monotonic seconds), and what was said of it."""

    def __init__(self, now: float) -> None:
        self.since, self.rests_until = now, 0.0
        self.said = ""
        self.given_up = False


class Healing:
    """Of the models of one server.

    ``new_server(reason)`` starts another in its place, ``tell`` takes what is to be known, ``edge`` is the clients' way
    to them, ``living(model)`` are the processes of a model.
    """

    def __init__(
        self,
        server: str,
        control: ModelControl,
        new_server: Callable[[str], None],
        tell: Told,
        edge: Way,
        living: Living,
    ) -> None:
        self._living = living
        self.server, self._control, self._tell, self._edge = server, control, tell, edge
        self._new_server = new_server
        self._replaced: dict[str, float] = {}
        self._ill: dict[str, Illness] = {}

    def look(self, model: str) -> bool:
        """Examine it, and heal it when that is called for; whether it is healthy now.

        Raises ServiceError when the server itself does not answer.
        """
        finding = examine(self._control, model, self._living, EXAMINE_SECONDS)
        if finding.verdict == "healthy":
            self._well(model, "answers again")
            return True
        illness = self._ill.setdefault(model, Illness(time.monotonic()))
        if not self._is_due(finding, illness):
            return False
        if finding.verdict == "faulty":
            self._give_up(model, illness, f"its processes live and answer with an error: {finding.words}")
            return False
        return self._heal(model, finding, illness)

    def forget(self, models: set[str]) -> None:
        """These were retired."""
        for model in models & self._ill.keys():
            del self._ill[model]

    @property
    def ill(self) -> set[str]:
        return set(self._ill)

    def _is_due(self, finding: Finding, illness: Illness) -> bool:
        now = time.monotonic()
        silence = BUSY_SECONDS if machine_is_busy() else SILENT_SECONDS
        patience = {"dead": 0.0, "silent": silence, "away": INSTALL_SECONDS, "faulty": FAULTY_SECONDS}[finding.verdict]
        return now >= illness.rests_until and now - illness.since >= patience

    def _heal(self, model: str, finding: Finding, illness: Illness) -> bool:
        self._begun(model, finding, illness)
        refused = ""
        for means in self._means(model):
            try:
                means.apply(model)
            except RequestFailedError as error:
                refused = str(error)
                self._say(illness, f"{model} cannot be loaded: {refused}")
                continue
            refused = ""
            if self._proved(model, means.words):
                return True
        return self._last(model, illness, refused)

    def _means(self, model: str) -> list[Means]:
        """A load lets the processes that live go on; where another server answers meanwhile, nothing has to go on, and
        a model that is not loaded gets no request of the gateway."""
        load = Means("was loaded again", self._control.load)
        unload = Means("was unloaded and loaded", self._unload_and_load)
        return [unload, load] if self._edge.avoid(model) else [load, unload]

    def _last(self, model: str, illness: Illness, refused: str) -> bool:
        """A new server, unless this one says why the model cannot be loaded, or it did not help lately."""
        now = time.monotonic()
        if refused:
            self._give_up(model, illness, f"the server refuses to load it: {refused}")
            return False
        if now - self._replaced.get(model, -NEW_SERVER_SECONDS) < NEW_SERVER_SECONDS:
            self._give_up(model, illness, "neither loading it nor a new server helped")
            return False
        self._replaced[model] = now
        self._new_server(f"model {model} does not answer after it was loaded again")
        if self._proved(model, "got a new server"):
            return True
        self._give_up(model, illness, "neither loading it nor a new server helped")
        return False

    def _unload_and_load(self, model: str) -> None:
        self._control.unload(model)
        self._control.load(model)

    def _proved(self, model: str, words: str) -> bool:
        """Whether every process answers now; only then it is healed."""
        finding = examine(self._control, model, self._living, PROVE_SECONDS)
        if finding.verdict == "healthy":
            self._well(model, words)
            return True
        log.error("%s: %s %s, which did not help: %s", self.server, model, words, finding.words)
        return False

    def _begun(self, model: str, finding: Finding, illness: Illness) -> None:
        if not illness.said:
            what: What = "hung" if finding.verdict == "silent" else "died"
            self._tell(model, what, finding.words)
        self._say(illness, f"a process of model {model} is {_called(finding)}: {finding.words}")

    def _well(self, model: str, words: str) -> None:
        self._edge.use(model)
        illness = self._ill.pop(model, None)
        if illness and illness.said:
            seconds = time.monotonic() - illness.since
            self._tell(model, "started", f"{words}, {seconds:.1f} s after it was missed")
            log.warning(
                "%s: model %s is healed: it %s, and every process answered a request, %.1f s after it was missed",
                self.server, model, words, seconds,
            )  # fmt: skip

    def _give_up(self, model: str, illness: Illness, words: str) -> None:
        """Until the next try; what is the same as before is not said again."""
        illness.rests_until = time.monotonic() + REST_SECONDS
        self._say(illness, f"model {model} does not answer, and a person is needed: {words}")
        if not illness.given_up:
            illness.given_up = True
            self._tell(model, "gave_up", words)

    def _say(self, illness: Illness, words: str) -> None:
        if words != illness.said:
            illness.said = words
            log.error("%s: %s", self.server, words)


def _called(finding: Finding) -> str:
    return {"dead": "gone", "silent": "silent", "away": "missing"}[finding.verdict]
