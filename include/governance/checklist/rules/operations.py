"""Evidence of model operations: items 19 to 24."""

from collections.abc import Mapping

from include.governance.checklist.deriving import derives
from include.governance.checklist.facts import NOTHING, Facts, Found, both

MONITORING, TRIGGER = "monitoring", "retrain_trigger"


@derives(19)
def dashboard(f: Facts) -> Mapping[str, Found]:
    return {
        "latency": f.figure("moebius_latency_rows_total")
        | f.mark("figures", "latency_p99_ms", MONITORING, kind="figure"),
        "throughput": f.figure("moebius_requests_total") | f.mark("figures", "rows", MONITORING, kind="figure"),
        "accuracy": f.mark("figures", "primary metric", MONITORING, kind="figure"),
        "resources": f.figure("nv_cpu_memory_used_bytes", "moebius_disk_free_bytes"),
    }


@derives(20)
def drift(f: Facts) -> Mapping[str, Found]:
    names = {"data": "psi", "model": "prediction_psi", "concept": "concept_drift", "feature": "drifted_features"}
    return {key: f.mark("figures", name, MONITORING, kind="figure") for key, name in names.items()}


@derives(21)
def alerting(f: Facts) -> Mapping[str, Found]:
    """Mail and chat, and escalation, are proved by notices that were sent."""
    notices, family = "approval_notices", "retrain_evaluation"
    return {
        "anomalies": both(f.there("alert_rules", needs="make up"), f.figure("ALERTS", "moebius_figure")),
        "channels": f.mark(notices, "sent by mail", family, needs="MOEBIUS_NOTIFY_ADDRESSES")
        | f.mark(notices, "sent by webhook", family, needs="MOEBIUS_NOTIFY_WEBHOOKS"),
        "escalation": f.mark(notices, "escalate", family, needs="approval.escalate"),
        "rules": f.there("alert_rules", needs="make up"),
    }


@derives(22)
def retraining(f: Facts) -> Mapping[str, Found]:
    return {
        "trigger": f.table("decisions", TRIGGER),
        "retrain": f.mark("decisions", "retrain", TRIGGER),
        "validation": f.table("verdicts", "retrain_evaluation", kind="test"),
        "deployment": f.mark("rollout_events", "promoted", "deployment"),
    }


@derives(23)
def audit_log(f: Facts) -> Mapping[str, Found]:
    return {
        "predictions": f.there("audited_predictions", "run", family="audit"),
        "use": f.event("kind: use"),
        "changes": f.event("kind: change"),
        "integrity": f.there("audit_check", "test", family="audit"),
    }


@derives(24)
def cost(f: Facts) -> Mapping[str, Found]:
    """Tasks and storage are measured; what they cost in money needs prices. What ran today is not in the lake yet."""
    tasks = f.table("task_costs", "maintenance", kind="figure") | f.file("fresh_costs", "maintenance", "figure")
    return {
        "infrastructure": both(tasks, f.table("storage", "maintenance", kind="figure")),
        "inference": f.figure("moebius_process_cpu_seconds_total", "nv_inference_compute_infer_duration_us"),
        "analysis": both(tasks, f.there("prices", needs="MOEBIUS_PRICES")),
        "optimisation": NOTHING,
    }
