"""The content of the rollback form: every release with its figures, and when it served."""

from collections.abc import Sequence
from itertools import pairwise

from include.contracts.deployment import RolloutEvent
from include.contracts.evaluation import Interval
from include.contracts.operations import Figure
from include.contracts.period import Period
from include.contracts.record import Record

SHOWN = 6  # of served figures that are shown, the newest ones
GAIN = "gain_over_replaced"
SERVING = ("promoted", "rolled_back", "rolled_forward")


class Choice(Record):
    """A release: its figure on its own new test set, by period as it served, and the spans of time it was champion.

    ``barred`` says why it may not be put back; '' when it may. Of a refit ``proof`` is the version that was judged.
    ``gain`` is how much better it was than the release that it replaced, on the same answers of the newest window.
    """

    name: str
    model_version: int
    serves: bool
    test: Interval | None
    served: dict[Period, float]
    spans: list[str]
    barred: str = ""
    proof: int | None = None
    gain: Figure | None = None

    @property
    def gained(self) -> str:
        """The gain in words, with what it was measured on."""
        if self.gain is None or self.gain.low is None or self.gain.high is None:
            return "not measured"
        one, told = self.gain, f", as much as {self.gain.effective_n}" if self.gain.effective_n else ""
        return f"{one.value:+.4f} [{one.low:+.4f}, {one.high:+.4f}] in {one.period} ({one.n} rows{told})"

    @property
    def model(self) -> str:
        return f"{self.model_version}" if self.proof is None else f"{self.model_version}, refit of {self.proof}"


def gain(figures: Sequence[Figure], release: str) -> Figure | None:
    """What the release gained over the one that it replaced, in the newest window that says so."""
    mine = [f for f in figures if (f.release, f.name) == (release, GAIN)]
    return max(mine, key=lambda figure: figure.period, default=None)


def spans(events: Sequence[RolloutEvent], release: str) -> list[str]:
    """When the release was the champion, in words; [] when nothing is recorded."""
    changes = [one for one in events if one.event in SERVING]
    until = [*(f" to {later.at:%Y-%m-%dT%H:%M}" for _, later in pairwise(changes)), ", serves"]
    return [f"{one.at:%Y-%m-%dT%H:%M}{end}" for one, end in zip(changes, until, strict=False) if one.release == release]


def served(figures: Sequence[Figure], release: str, metric: str) -> dict[Period, float]:
    """Period → figure of what the release answered there, oldest first; of a period measured again the last."""
    mine = {f.period: f.value for f in figures if (f.release, f.name, f.subject) == (release, metric, "")}
    return dict(sorted(mine.items()))


def body(metric: str, champion: str, choices: Sequence[Choice]) -> str:
    """The form's text, Markdown."""
    rows = "\n".join(_row(choice) for choice in reversed(choices))
    return (
        f"{champion} serves. Which release shall take all of the traffic? Model, features and monitoring baseline go "
        f"back together; no request fails.\n\n| release | model | {metric} on its new test set | {metric} as it served "
        f"| gain over the replaced one | was champion | may be put back |\n|---|---|---|---|---|---|---|\n{rows}"
    )


def _row(one: Choice) -> str:
    test = f"{one.test.value:.4f} [{one.test.low:.4f}, {one.test.high:.4f}]" if one.test else "not recorded"
    figures = ", ".join(f"{period}: {value:.4f}" for period, value in [*one.served.items()][-SHOWN:]) or "not monitored"
    name = f"**{one.name}** (serves)" if one.serves else one.name
    allowed = f"**no**: {one.barred}".replace("|", "/") if one.barred else "yes"
    spans = "; ".join(one.spans) or "not recorded"
    return f"| {name} | {one.model} | {test} | {figures} | {one.gained} | {spans} | {allowed} |"
