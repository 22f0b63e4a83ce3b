"""What the rule file says; whether a rule fires is tested on a real Prometheus."""

from collections import Counter

import yaml

from include.evaluation.estimator import estimable
from include.operations.alerts import alerts
from include.operations.alerts.alert_rule import RETRAIN_TRIGGER
from include.operations.alerts.alerts import groups, rules, rules_text
from include.specification.loader import load_usecase, usecase_names
from tests.unit.operations.monitored_world import SPEC

PAGES = "https://airflow.example/moebius"
SPECS = [load_usecase(name) for name in usecase_names()]


def test_every_rule_says_what_happened_to_what_what_to_do_and_where_it_is_explained() -> None:
    for group in rules(SPECS, PAGES)["groups"]:
        usecase = group["name"].partition(":")[2]
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("look", "repair", "retrain")
            assert rule["labels"].get("usecase", "") == usecase
            window = {"window_end", "every", "timezone"} if "moebius_window_end" in str(rule["annotations"]) else set()
            assert set(rule["annotations"]) == {"summary", "action", "runbook", "runbook_url", *window}
            assert all(rule["annotations"].values())
            assert rule["annotations"]["runbook_url"] == f"{PAGES}/runbooks/{rule['alert']}"
            assert rule["for"]


def test_an_alert_of_the_platform_exists_once_whatever_number_of_use_cases() -> None:
    names = Counter(rule.name for of in groups(SPECS).values() for rule in of)
    once = {rule.name for rule in groups(SPECS)["moebius"]}
    assert {names[name] for name in once} == {1}
    awaited = names.pop("MoebiusLabelsMissing")
    assert names.pop("MoebiusEstimatedLoss") == sum(map(estimable, SPECS))
    assert awaited == sum(spec.event.label is not None and spec.labelling is None for spec in SPECS)
    assert {count for name, count in names.items() if name not in once} == {len(SPECS)}


def test_what_counts_as_a_serving_fault_are_alerts_that_exist() -> None:
    deciding = {r.name for of in groups([SPEC]).values() for r in of if r.decides}
    assert set(alerts.SERVING_ALERTS) < deciding
    assert deciding - set(alerts.SERVING_ALERTS) == {
        "MoebiusPerformanceLoss", "MoebiusEstimatedLoss", "MoebiusReleaseWorse", "MoebiusFeatureDrift",
        "MoebiusLabelsMissing",
    }  # fmt: skip
    labels = [rule["labels"] for group in rules([SPEC], PAGES)["groups"] for rule in group["rules"]]
    assert Counter(label.get("asks") for label in labels)[RETRAIN_TRIGGER] == len(deciding)


def test_thresholds_are_those_of_the_spec_and_the_text_is_the_mapping() -> None:
    monitoring, limit = SPEC.monitoring, SPEC.rollout.abort.max_error_rate
    by_name = {rule.name: rule.expression for rule in groups([SPEC])[f"moebius:{SPEC.name}"]}
    assert by_name["MoebiusPerformanceLoss"].endswith(f">= {monitoring.windows.breached}")
    assert by_name["MoebiusFeatureDrift"].endswith(f">= {monitoring.drift_features}")
    assert by_name["MoebiusServingErrors"].endswith(f"> {limit}")
    assert by_name["MoebiusUnansweredRequests"].endswith(f"> {limit}")
    assert yaml.safe_load(rules_text([SPEC], PAGES)) == rules([SPEC], PAGES)


def test_an_error_that_our_code_answered_is_not_looked_for_among_the_servers_successes() -> None:
    """The model server counts such a request as a success."""
    errors = next(rule for rule in groups([SPEC])[f"moebius:{SPEC.name}"] if rule.name == "MoebiusServingErrors")
    assert "nv_" not in errors.expression
