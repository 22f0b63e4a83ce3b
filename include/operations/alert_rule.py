"""One alert rule, before it is a line of Prometheus' rule file."""

from dataclasses import dataclass
from typing import Any

from include.contracts.operations import Severity

RUNBOOK = "docs/reference/alerts.md"
RATE_WINDOW = "1m"
"""What a share is a share of; a series that Prometheus met once in it has no part (docs/reference/metrics.md)."""
RETRAIN_TRIGGER = "retrain_trigger"


@dataclass(frozen=True)
class Rule:
    """An alert: when it fires, how serious it is, what a person reads.

    ``expression`` is PromQL, ``wait`` how long it must hold. ``summary`` names what happened to what, ``action`` what
    to do; both may be templates of Prometheus. ``usecase`` is '' for the platform as a whole. ``decides``: the retrain
    trigger decides on it, too.
    """

    name: str
    expression: str
    severity: Severity
    summary: str
    action: str
    wait: str
    usecase: str = ""
    decides: bool = False

    @property
    def runbook(self) -> str:
        """The section of the documentation about this alert."""
        return f"{RUNBOOK}#{self.name.lower()}"

    def as_yaml(self) -> dict[str, Any]:
        """As Prometheus reads it."""
        labels = {"usecase": self.usecase, "severity": self.severity, "asks": RETRAIN_TRIGGER if self.decides else ""}
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": self.wait,
            "labels": {name: value for name, value in labels.items() if value},
            "annotations": {"summary": self.summary, "action": self.action, "runbook": self.runbook},
        }


def grown(metric: str, window: str = RATE_WINDOW, **labels: str) -> str:
    """PromQL: growth of a counter over all its series; each label is a matcher with its operator, like ``!~"a|b"``."""
    matchers = ",".join(f"{name}{matcher}" for name, matcher in labels.items())
    return f"sum(increase({metric}{{{matchers}}}[{window}]))"
