"""The alert rules that the platform wrote for Prometheus, as far as pages show them."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from include.contracts.record import Record
from include.settings import Settings

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class WrittenRule(Record):
    """A rule of the file: ``usecase`` is '' for the platform; ``summary`` and ``action`` may hold templates."""

    name: str
    usecase: str
    severity: str
    expression: str
    wait: str
    summary: str
    action: str
    decides: bool


def written(settings: Settings) -> list[WrittenRule]:
    """The rules in the order of the file; [] before ``make up`` wrote any."""
    from include.adapters.metrics_server import rule_file

    file = rule_file(settings)
    return _read(file, file.stat().st_mtime_ns) if file.is_file() else []


@lru_cache(4)
def _read(file: Path, changed: int) -> list[WrittenRule]:
    """``changed``: a file that is written anew is read anew."""
    groups = yaml.load(file.read_text(), LOADER)["groups"]  # noqa: S506 - both loaders are safe
    return [_rule(rule) for group in groups for rule in group["rules"]]


def _rule(rule: Mapping[str, Any]) -> WrittenRule:
    labels, notes = rule["labels"], rule["annotations"]
    return WrittenRule(
        name=rule["alert"], usecase=labels.get("usecase", ""), severity=labels["severity"], expression=rule["expr"],
        wait=rule["for"], summary=notes["summary"], action=notes["action"], decides="asks" in labels,
    )  # fmt: skip
