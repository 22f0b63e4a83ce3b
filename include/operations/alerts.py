"""The Prometheus rule file, generated from the use-case specs: alerts that ask people to look, or for a retrain.

The rules read the gauge ``moebius_figure{usecase, release, period, name, subject}`` of the newest period only, so an
alert resolves by itself when a newer period is good, and the model server's own metrics.
"""

from collections.abc import Iterable
from typing import Any

import yaml

from include.specification.usecase import UseCase

RATE_WINDOW = "1m"


def rules(specs: Iterable[UseCase]) -> dict[str, Any]:
    """The rule file as a mapping: one group per use case, its labels as ``contracts.Alert`` needs them."""
    return {"groups": [{"name": f"moebius:{spec.name}", "rules": _of(spec)} for spec in specs]}


def rules_text(specs: Iterable[UseCase]) -> str:
    """The rule file as YAML, with a note that it is generated."""
    note = "# Generated from include/usecases/*/usecase.yaml by include/operations/alerts.py; do not edit.\n"
    return note + yaml.safe_dump(rules(specs), sort_keys=False, width=120)


def _of(spec: UseCase) -> list[dict[str, Any]]:
    return [_performance_loss(spec), _feature_drift(spec), _serving_errors(spec), _model_server_down(spec)]


def _rule(
    spec: UseCase, name: str, expression: str, severity: str, *, summary: str, wait: str = "0s"
) -> dict[str, Any]:
    labels = {"usecase": spec.name, "severity": severity}
    return {"alert": name, "expr": expression, "for": wait, "labels": labels, "annotations": {"summary": summary}}


def _figure(spec: UseCase, name: str) -> str:
    return f'max by (usecase, release, period) (moebius_figure{{usecase="{spec.name}",name="{name}"}})'


def _performance_loss(spec: UseCase) -> dict[str, Any]:
    windows, loss = spec.monitoring.windows, spec.monitoring.performance_loss
    summary = (
        "Release {{ $labels.release }} of "
        f"{spec.name} lost more than {loss} {spec.metrics.primary} in {{{{ $value }}}} of the last {windows.of} "
        "periods, the newest is {{ $labels.period }}"
    )
    expression = f"{_figure(spec, 'breached_windows')} >= {windows.breached}"
    return _rule(spec, "MoebiusPerformanceLoss", expression, "retrain", summary=summary)


def _feature_drift(spec: UseCase) -> dict[str, Any]:
    threshold = spec.monitoring.drift_threshold
    summary = (
        f"{{{{ $value }}}} features of {spec.name} drifted beyond PSI {threshold} in {{{{ $labels.period }}}} "
        "(release {{ $labels.release }}): check them; drift alone does not retrain"
    )
    expression = f"{_figure(spec, 'drifted_features')} >= {spec.monitoring.drift_features}"
    return _rule(spec, "MoebiusFeatureDrift", expression, "look", summary=summary)


def _serving_errors(spec: UseCase) -> dict[str, Any]:
    limit, model = spec.rollout.abort.max_error_rate, f'{{model="{spec.name}"}}[{RATE_WINDOW}]'
    failed = f"sum(rate(nv_inference_request_failure{model}))"
    answered = f"sum(rate(nv_inference_request_success{model}))"
    # no traffic is 0/0, which is no sample and therefore no alert
    expression = f"{failed} / ({failed} + {answered}) > {limit}"
    summary = f"{{{{ $value | humanizePercentage }}}} of the requests for {spec.name} fail; {limit:.1%} are allowed"
    return _rule(spec, "MoebiusServingErrors", expression, "look", summary=summary, wait="10s")


def _model_server_down(spec: UseCase) -> dict[str, Any]:
    summary = f"Prometheus cannot reach the model server that answers for {spec.name}; see `make status`"
    return _rule(spec, "MoebiusModelServerDown", 'min(up{job="triton"}) == 0', "look", summary=summary, wait="10s")
