"""One alert rule, before it is a line of Prometheus' rule file."""

from dataclasses import dataclass
from typing import Any, Literal

from include.contracts.calendar import Calendar
from include.contracts.operations import Severity

RUNBOOK = "docs/reference/alerts.md"
RATE_WINDOW = "1m"
"""What a share is a share of; a series that Prometheus met once in it has no part (docs/reference/metrics.md)."""
RETRAIN_TRIGGER = "retrain_trigger"
Window = Literal["newest", "judged", ""]
"""Of monitoring: the newest one, the newest whose labels are due, none."""


@dataclass(frozen=True)
class Rule:
    """An alert: when it fires, how serious it is, what a person reads.

    ``expression`` is PromQL, ``wait`` how long it must hold. ``summary`` names what happened to what, ``action`` what
    to do; both may be templates of Prometheus. ``usecase`` is '' for the platform as a whole. ``decides``: the retrain
    trigger decides on it, too. ``window``: the monitoring window that it is about, in the calendar of its periods.
    """

    name: str
    expression: str
    severity: Severity
    summary: str
    action: str
    wait: str
    usecase: str = ""
    decides: bool = False
    window: Window = ""
    calendar: Calendar | None = None

    @property
    def runbook(self) -> str:
        """The section of the documentation about this alert."""
        return f"{RUNBOOK}#{self.name.lower()}"

    def as_yaml(self, pages: str) -> dict[str, Any]:
        """As Prometheus reads it; ``pages`` is the address of the Moebius pages, which show its runbook."""
        labels = {"usecase": self.usecase, "severity": self.severity, "asks": RETRAIN_TRIGGER if self.decides else ""}
        about = {"summary": self.summary, "action": self.action, "runbook": self.runbook}
        about["runbook_url"] = f"{pages}/runbooks/{self.name}"
        if self.window and self.calendar:
            about |= {"window_end": moment(window_end(self.usecase, self.window), 'printf "%.0f"')}
            about |= {"every": self.calendar.every, "timezone": self.calendar.timezone}
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": self.wait,
            "labels": {name: value for name, value in labels.items() if value},
            "annotations": about,
        }


def window_end(usecase: str, window: Window) -> str:
    """PromQL: when the window ends, seconds since 1970."""
    return f"moebius_window_end_timestamp_seconds{{usecase='{usecase}',window='{window}'}}"


TO_THE_MINUTE = 'humanizeTimestamp | reReplaceAll ":[0-9][0-9]([.][0-9]+)? [+]0000 UTC$" " UTC"'
"""Template of Prometheus: ``2013-07-01 04:00 UTC`` of seconds since 1970."""


def moment(query: str, shown: str = TO_THE_MINUTE) -> str:
    """Template of Prometheus: the value of a query, seconds since 1970, as a time, or as another function shows it."""
    return f'{{{{ with query "{query}" }}}}{{{{ . | first | value | {shown} }}}}{{{{ end }}}}'


def grown(metric: str, window: str = RATE_WINDOW, **labels: str) -> str:
    """PromQL: growth of a counter over all its series; each label is a matcher with its operator, like ``!~"a|b"``."""
    matchers = ",".join(f"{name}{matcher}" for name, matcher in labels.items())
    return f"sum(increase({metric}{{{matchers}}}[{window}]))"
