"""The Prometheus rule file, generated from the use-case specs: alerts that ask people to act, or for a retrain.

One group per use case and one for the platform. ``usecase_alerts`` and ``platform_alerts`` say what there is;
docs/reference/alerts.md says what to do about each.
"""

from collections.abc import Iterable
from typing import Any

import yaml

from include.operations.alerts.alert_rule import Rule
from include.operations.alerts.platform_alerts import of_platform
from include.operations.alerts.usecase_alerts import of_usecase
from include.specification.usecase import UseCase

SERVING_ALERTS = (
    "MoebiusServingErrors", "MoebiusUnansweredRequests", "MoebiusModelSilent", "MoebiusModelServerDown",
)  # fmt: skip
"""What a new model does not repair."""


def groups(specs: Iterable[UseCase]) -> dict[str, list[Rule]]:
    """Name of a rule group → its rules."""
    return {**{f"moebius:{spec.name}": of_usecase(spec) for spec in specs}, "moebius": of_platform()}


def rules(specs: Iterable[UseCase], pages: str) -> dict[str, Any]:
    """The rule file as a mapping; ``pages`` is the address of the Moebius pages, for the links to runbooks."""
    every = groups(specs).items()
    return {"groups": [{"name": name, "rules": [rule.as_yaml(pages) for rule in of]} for name, of in every]}


def rules_text(specs: Iterable[UseCase], pages: str) -> str:
    """The rule file as YAML, with a note that it is generated."""
    note = "# Generated from include/usecases/*/usecase.yaml by include/operations/alerts/alerts.py; do not edit.\n"
    return note + yaml.safe_dump(rules(specs, pages), sort_keys=False, width=120)
