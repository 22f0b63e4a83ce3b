"""Evidence of model deployment: items 13 to 18."""

from collections.abc import Mapping

from include.governance.checklist.deriving import derives
from include.governance.checklist.facts import NOTHING, Facts, Found, Which, both
from include.governance.checklist.rules.data import GATEWAY
from include.specification.usecase import UseCase

DEPLOYMENT, ROLLBACK, EVENTS = "deployment", "rollback", "rollout_events"
CLIENTS = "moebius gateway add"


def _rolls_out_by(strategy: str) -> Which:
    return lambda spec: spec.rollout.strategy == strategy


def _has_criteria(spec: UseCase) -> bool:
    return spec.rollout.strategy != "blue_green"


@derives(13)
def delivery(f: Facts) -> Mapping[str, Found]:
    return {
        "build": f.file("release", DEPLOYMENT),
        "test": f.file("tested", DEPLOYMENT, "test"),
        "deploy": f.mark(EVENTS, "promoted", DEPLOYMENT),
        "rollback": f.mark(EVENTS, "aborted", DEPLOYMENT) | f.mark(EVENTS, "drilled", "rollback_drill", kind="test"),
    }


@derives(14)
def serving(f: Facts) -> Mapping[str, Found]:
    return {"servers": f.figure("nv_inference_count", "moebius_requests_total"), "gateway": f.figure(*GATEWAY)}


@derives(15)
def strategies(f: Facts) -> Mapping[str, Found]:
    ways = {
        key: f.mark(EVENTS, event, DEPLOYMENT, _rolls_out_by(key), f"rollout.strategy: {key}")
        for key, event in (("canary", "shifted"), ("ab_test", "shifted"), ("blue_green", "promoted"))
    }
    return {**ways, "split": f.mark(EVENTS, "split", DEPLOYMENT)}


@derives(16)
def rollback(f: Facts) -> Mapping[str, Found]:
    """A drill measures a rollback as it would happen; what is watched afterwards are the figures of what serves."""
    gone_back = f.mark(EVENTS, "rolled_back", ROLLBACK) | f.mark(EVENTS, "drilled", "rollback_drill", kind="test")
    return {
        "automatic": f.mark(EVENTS, "aborted", DEPLOYMENT) | f.mark(EVENTS, "drilled", "rollback_drill", kind="test"),
        "manual": f.mark(EVENTS, "rolled_back", ROLLBACK),
        "criteria": f.mark(EVENTS, "judged", DEPLOYMENT, _has_criteria, "rollout.abort"),
        "after": both(gone_back, f.table("figures", "monitoring", kind="figure")),
    }


@derives(17)
def orchestration(f: Facts) -> Mapping[str, Found]:
    """The embedded platform runs processes that a supervisor starts; it has no containers to place."""
    return {
        "kubernetes": NOTHING,
        "autoscaling": NOTHING,
        "discovery": NOTHING,
        "health": f.figure("moebius_process_up"),
    }


@derives(18)
def gateway(f: Facts) -> Mapping[str, Found]:
    running = f.figure(*GATEWAY)
    clients = f.there("gateway_clients", "document", CLIENTS)
    return {
        "routing": running,
        "balancing": both(running, f.there("more_servers", "document", "MOEBIUS_GATEWAY_SERVERS")),
        "authentication": both(running, clients),
        "limits": both(running, clients),
    }
