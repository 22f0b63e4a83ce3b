"""The content of the rollback form: every release with its figures, and when it served."""

from collections.abc import Sequence
from itertools import pairwise

from include.contracts.deployment import RolloutEvent
from include.contracts.evaluation import Interval
from include.contracts.operations import Figure
from include.contracts.period import Period
from include.contracts.record import Record

SHOWN = 6  # of served figures that are shown, the newest ones
SERVING = ("promoted", "rolled_back", "rolled_forward")


class Choice(Record):
    """A release: its figure on its own new test set, by period as it served, and the spans of time it was champion.

    ``barred`` says why it may not be put back; '' when it may.
    """

    name: str
    model_version: int
    serves: bool
    test: Interval | None
    served: dict[Period, float]
    spans: list[str]
    barred: str = ""


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
        f"| was champion | may be put back |\n|---|---|---|---|---|---|\n{rows}"
    )


def _row(one: Choice) -> str:
    test = f"{one.test.value:.4f} [{one.test.low:.4f}, {one.test.high:.4f}]" if one.test else "not recorded"
    figures = ", ".join(f"{period}: {value:.4f}" for period, value in [*one.served.items()][-SHOWN:]) or "not monitored"
    name = f"**{one.name}** (serves)" if one.serves else one.name
    allowed = f"**no**: {one.barred}".replace("|", "/") if one.barred else "yes"
    spans = "; ".join(one.spans) or "not recorded"
    return f"| {name} | {one.model_version} | {test} | {figures} | {spans} | {allowed} |"
