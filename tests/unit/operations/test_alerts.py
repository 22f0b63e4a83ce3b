import yaml

from include.operations.alerts import rules, rules_text
from tests.unit.operations.monitored_world import SPEC


def test_every_rule_carries_what_an_alert_record_needs() -> None:
    [group] = rules([SPEC])["groups"]
    names = ["MoebiusPerformanceLoss", "MoebiusFeatureDrift", "MoebiusServingErrors", "MoebiusModelServerDown"]
    assert [r["alert"] for r in group["rules"]] == names
    for rule in group["rules"]:
        assert rule["labels"]["usecase"] == "flight_delay"
        assert rule["labels"]["severity"] == ("retrain" if rule["alert"] == "MoebiusPerformanceLoss" else "look")
        assert rule["annotations"]["summary"]


def test_thresholds_are_those_of_the_spec_and_the_text_is_the_mapping() -> None:
    monitoring = SPEC.monitoring
    loss, drift, errors, _ = rules([SPEC])["groups"][0]["rules"]
    assert loss["expr"].endswith(f">= {monitoring.windows.breached}")
    assert drift["expr"].endswith(f">= {monitoring.drift_features}")
    assert errors["expr"].endswith(f"> {SPEC.rollout.abort.max_error_rate}")
    assert yaml.safe_load(rules_text([SPEC])) == rules([SPEC])
