"""The state of an item is what its evidence says; without evidence it says so."""

from datetime import UTC, datetime, timedelta
from typing import Any

from include.contracts.checklist import Evidence
from include.contracts.tables import TableHead
from include.governance.checklist.deriving import RULES
from include.governance.checklist.facts import NOTHING, SHOWN, Facts, Found, OfUseCase, Seen, both, newest
from include.governance.checklist.items import groups, items
from include.governance.checklist.rules import states
from include.governance.rights import RIGHTS
from include.specification.loader import load_usecase

SPEC = load_usecase("flight_delay")
AT = datetime(2026, 1, 2, tzinfo=UTC)
HEAD = TableHead(version=2, at=AT, sha256="a" * 64)
EMPTY = Facts(at=AT)


def facts(**of_usecase: object) -> Facts:
    return Facts(at=AT, usecases={SPEC.name: OfUseCase(SPEC, **of_usecase)})  # type: ignore[arg-type]


def points(number: int, given: Facts) -> dict[str, int]:
    return {point.key: len(point.evidence) for point in states(given)[number].points}


def test_there_are_28_items_in_five_groups_with_titles_in_both_languages() -> None:
    assert [len(group.items) for group in groups()] == [6, 6, 6, 6, 4]
    assert list(items()) == list(range(1, 29))
    words = [w for item in items().values() for w in (item.title, *item.points.values())]
    assert all(word.en and word.ko for word in words)


def test_every_item_has_a_rule_and_every_rule_names_the_points_of_its_item() -> None:
    assert sorted(RULES) == list(items())
    for number, rule in RULES.items():
        assert set(rule(EMPTY)) == set(items()[number].points), number


def test_without_anything_no_item_has_evidence() -> None:
    derived = states(EMPTY)
    assert {one.state for one in derived.values()} == {"no evidence"}
    assert all(one.newest is None for one in derived.values())


def test_what_would_give_evidence_is_a_dag_that_there_is() -> None:
    ways = {way for one in states(EMPTY).values() for point in one.points for way in point.ways}
    assert ways
    assert ways <= set(RIGHTS)


def test_what_the_platform_does_not_have_stays_without_evidence_and_without_a_way() -> None:
    every = [(number, point) for number, one in states(EMPTY).items() for point in one.points]
    assert [f"{number}.{point.key}" for number, point in every if not point.ways and not point.needs] == [
        "6.at_rest", "11.automl", "17.kubernetes", "17.autoscaling", "17.discovery", "24.optimisation",
    ]  # fmt: skip


LEFT_BY_EVERY_RUN = {"gate_results", "figures", "registered", "verdict"}


class Conditional(Facts):
    """Names as a way what no run of a DAG leaves by itself."""

    def mark(self, table: str, value: str, *further: Any, **options: Any) -> Found:
        return Found((), () if {table, value} & LEFT_BY_EVERY_RUN else ("condition",))

    def event(self, what: str, needs: str = "") -> Found:
        return Found((), ("condition",))


def test_a_point_that_no_run_proves_by_itself_says_what_must_happen() -> None:
    derived = states(Conditional(at=AT))
    depends = [(n, point.key) for n, one in derived.items() for point in one.points if "condition" in point.ways]
    assert len(depends) > 20
    assert not [(n, key) for n, key in depends if not items()[n].points[key].happens]
    assert "with two releases" in str(items()[16].points["automatic"].happens)


def test_what_ran_today_is_evidence_before_the_lake_has_it() -> None:
    fresh = {"fresh_costs": Seen("costs/flight_delay/2026-01-02T00.jsonl", AT, page="cost/flight_delay")}
    known = facts(files=fresh, tables={"storage": HEAD}, ran={"retirement.ask": AT})
    assert points(24, known)["infrastructure"] == 2
    assert points(28, known) == {"criteria": 1, "process": 0, "retention": 0, "record": 0}


def test_some_points_with_evidence_are_partly_and_all_are_proved() -> None:
    checks = {"completeness": AT, "consistency": AT}
    partly = facts(tables={"gate_results": HEAD}, marks={"gate_results": checks})
    assert states(partly)[2].state == "partly"
    assert points(2, partly) == {"completeness": 1, "consistency": 1, "accuracy": 0, "figures": 0}
    tables = {"gate_results": HEAD, "period_profiles": HEAD}
    whole = facts(tables=tables, marks={"gate_results": checks | {"accuracy": AT}})
    assert states(whole)[2].state == "proved"


def test_evidence_says_where_when_and_with_which_hash() -> None:
    found = states(facts(tables={"decisions": HEAD}))[22].points[0].evidence
    assert found == [
        Evidence(
            kind="run", where="flight_delay.decisions", at=AT, usecase="flight_delay", family="retrain_trigger",
            sha256="a" * 64,
        )
    ]  # fmt: skip


def test_a_mark_counts_only_where_the_spec_is_of_that_kind() -> None:
    """The flights roll out by canary, so a shift of traffic proves no A/B test."""
    shifted = facts(tables={"rollout_events": HEAD}, marks={"rollout_events": {"shifted": AT, "split": AT}})
    assert points(15, shifted) == {"canary": 1, "ab_test": 0, "blue_green": 0, "split": 1}


def test_figures_count_while_prometheus_has_them() -> None:
    running = Facts(at=AT, series={"nv_inference_count": "triton"})
    assert points(14, running) == {"servers": 1, "gateway": 0}


def test_costs_are_analysed_in_money_once_prices_are_set() -> None:
    measured = facts(tables={"task_costs": HEAD, "storage": HEAD})
    assert points(24, measured) == {"infrastructure": 2, "inference": 0, "analysis": 0, "optimisation": 0}
    assert points(24, facts(tables={"task_costs": HEAD}))["infrastructure"] == 0
    priced = Facts(at=AT, usecases=measured.usecases, platform={"prices": Seen("MOEBIUS_PRICES", AT)},
        series={"moebius_process_cpu_seconds_total": "exporter"})  # fmt: skip
    assert points(24, priced) == {"infrastructure": 2, "inference": 1, "analysis": 2, "optimisation": 0}


def test_a_gateway_without_clients_routes_and_authenticates_nobody() -> None:
    running = Facts(at=AT, series={"haproxy_server_status": "gateway"})
    assert points(18, running) == {"routing": 1, "balancing": 0, "authentication": 0, "limits": 0}
    with_clients = Facts(at=AT, series=running.series, platform={"gateway_clients": Seen("gateway/clients.yaml", AT)})
    assert points(18, with_clients)["authentication"] == 2


def test_both_needs_both_and_either_needs_one() -> None:
    there = Found((Evidence(kind="run", where="x", at=AT),), ("audit",))
    assert both(there, NOTHING).evidence == ()
    assert both(there, there).evidence
    assert (there | NOTHING).evidence
    assert (NOTHING | there).ways == ("audit",)


def test_a_point_keeps_the_newest_evidence() -> None:
    every = tuple(Evidence(kind="run", where=f"{n}", at=AT + timedelta(days=n)) for n in range(9))
    kept = Found(every).point("batch").evidence
    assert [one.where for one in kept] == ["8", "7", "6"]
    assert len(kept) == SHOWN


def test_newest_takes_the_latest_time_of_each_value() -> None:
    later = AT + timedelta(days=1)
    assert newest([("a", AT), ("a", later), ("b", AT), ("", AT), ("c", None)]) == {"a": later, "b": AT}
