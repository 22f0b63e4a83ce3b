"""The pages of ISO/IEC 23053: every component at its place, with what its probes found, in both languages."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.contracts.checklist import Evidence, Point
from include.contracts.period import Period
from include.contracts.tables import TableHead
from include.errors import ServiceError
from include.formats import identity
from include.governance.checklist.facts import Facts, OfUseCase
from include.governance.checklist.items import items
from include.governance.standard import probes
from include.governance.standard.groups import GROUPS
from include.governance.standard.layers import LAYERS
from include.governance.standard.mapping import ROWS
from include.governance.standard.pipelines import PIPELINES
from include.governance.standard.stages import newest_of
from include.governance.standard.states import Answer, State
from include.services.inference_times import InferenceTimes, inference_times
from include.specification.loader import load_usecase
from include.ui import component_use, dag_runs
from include.ui.access import Reader
from include.ui.component_use import Record
from include.ui.dag_runs import TaskRun
from include.ui.language import translations
from include.ui.links import Links
from include.ui.pages import pipelines, standard
from tests.unit.fakes.adapters import services_in
from tests.unit.fakes.serving import FiringAlerts
from tests.unit.ui.rendering import render

SPEC = load_usecase("flight_delay")
AT = datetime(2013, 5, 1, tzinfo=UTC)
EVIL = "<script>alert(1)</script>"
QUIET = InferenceTimes({})


@pytest.fixture
def view(tmp_path: Path) -> Any:
    return view_of(tmp_path, "auditor")


def view_of(home: Path, role: str, language: str = "en") -> Any:
    reader = Reader(services_in(home), "ada", role)
    return SimpleNamespace(reader=reader, links=Links("/moebius"), text=translations(language).gettext)


def record(*unused: str) -> Record:
    """Every point has evidence but these, of which the platform has something."""
    one = Evidence(kind="run", where="flight_delay.rollout_events", at=AT, usecase="flight_delay", family="deployment")
    keys = [f"{number}.{key}" for number, item in items().items() for key in item.points]
    points = {key: Point(key=key, evidence=[] if key in unused else [one], ways=["training"]) for key in keys}
    return Record(points, ("flight_delay", "aircraft_segment"), frozenset({"flight_delay"}))


USED = record()


def answers(state: State, code: str = "found", **facts: str) -> dict[str, Answer]:
    return {name: Answer(state, code, AT, {"what": "it", **facts}) for name in probes.NAMES}


def shown(page: str, view: Any, content: dict[str, Any], language: str = "en") -> str:
    return render(page, language=language, reader=view.reader, **content)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_dashboard_has_every_layer_group_and_component(tmp_path: Path, language: str) -> None:
    view = view_of(tmp_path, "auditor", language)
    html = shown("standard.html", view, standard.dashboard_shown(view, answers("healthy"), USED), language)
    for of in (*LAYERS, *GROUPS):
        assert getattr(of.term, language) in html
        assert all(getattr(one.term, language).replace("&", "&amp;") in html for one in of.components)
    assert html.count('<div class="component good">') == 5 * 4 + 4 * 6
    assert "2013-05-01 00:00 UTC" in html
    assert ("지도 학습" in html) == (language == "ko")


def test_types_of_learning_name_the_use_cases_or_none(view: Any) -> None:
    html = shown("standard.html", view, standard.dashboard_shown(view, answers("none", "missing"), USED))
    assert '<a href="/moebius/loops/digit_image">digit_image</a>' in html.partition("CNN")[2].partition("RNN")[0]
    assert "none here" in html.partition(">Agent<")[2][:200]
    assert "none here" in html.partition(">Transformer<")[2][:200]


def test_without_evidence_nothing_is_green(view: Any) -> None:
    content = standard.dashboard_shown(view, answers("none", "asking"), USED)
    html = shown("standard.html", view, content)
    assert 'class="component good"' not in html
    assert "parts are being asked for the first time" in html
    assert [(word, n) for _, word, n in content["counts"]] == [
        ("healthy", 0), ("connected, partly used", 0), ("partly connected", 0), ("connected, not used yet", 0),
        ("degraded", 0), ("down", 0), ("not connected", 44),
    ]  # fmt: skip


def test_what_is_not_connected_is_in_the_gap_list(view: Any) -> None:
    content = standard.mapping_shown(view, answers("healthy"), USED)
    gaps = {part.term.en for _, _, part in content["gaps"]}
    assert gaps == {"crawling", "augmentation", "distributed", "transfer", "AutoML"}, "nothing here does them"
    html = shown("mapping.html", view, content)
    assert all(row.component.term.en in html for row in ROWS)
    assert html.count("the platform has nothing that does this") >= len(gaps)
    assert html.count('<th scope="col">') == 5 + 3
    down = standard.mapping_shown(view, answers("down", "missing"), USED)
    assert len(down["gaps"]) == len(down["parts"])
    assert not any(row["connected"] for row in down["rows"])


def test_connected_and_used_are_two_questions(view: Any) -> None:
    never = record("11.grid", "11.random", "11.bayesian", "11.automl", "16.manual")
    of_groups = standard.dashboard_shown(view, answers("healthy"), never)["groups"]
    shown_as = {one.term.en: (one.level, one.word) for _, own, *_ in of_groups for one in own}
    assert shown_as["Hyperparameter optimisation"] == ("none", "connected, not used yet")
    assert shown_as["Rollback"] == ("good", "healthy"), "some of it was used"
    overall = {group.key: (level, word) for group, _, level, word, _ in of_groups}
    assert overall["model_development"] == ("none", "connected, partly used")
    content = standard.mapping_shown(view, answers("healthy"), never)
    assert [one.term.en for one in content["unused"]] == ["grid", "random", "Bayesian", "manual"]
    html = shown("mapping.html", view, content)
    assert "never used here</strong>: <a href=" in html
    assert "last used " in html


def test_while_prometheus_is_away_nothing_is_said_to_have_never_been_used(view: Any) -> None:
    away = record("11.grid", "11.random", "11.bayesian", "11.automl")._replace(unread="Prometheus is away")
    content = standard.mapping_shown(view, answers("healthy"), away)
    html = shown("mapping.html", view, content)
    assert "Prometheus is away" in html
    assert "never used here" not in html
    assert not content["unused"]


def test_a_dag_that_never_ran_and_a_part_that_is_not_there_are_not_healthy(view: Any) -> None:
    found = answers("healthy")
    found["dag:rollback"] = Answer("idle", "never_ran", AT, {"dags": "1", "family": "rollback"})
    found["service:gateway"] = Answer("none", "not_set_up", AT, {"service": "gateway"})
    of_groups = standard.dashboard_shown(view, found, USED)["groups"]
    words = {one.term.en: one.word for _, own, *_ in of_groups for one in own}
    assert words["Rollback"] == "connected, partly used"
    assert {g.key: (level, word, n) for g, _, level, word, n in of_groups}["model_deployment"] == (
        "none", "partly connected", 5,
    )  # fmt: skip


def test_a_row_leads_to_the_use_case_with_evidence_that_serves_or_to_the_overview(view: Any) -> None:
    """The first in the alphabet serves nothing and has nothing to show."""
    found = answers("healthy", usecase="aircraft_segment")
    rows = {row["component"].term.en: row["component"] for row in standard.mapping_shown(view, found, USED)["rows"]}
    assert rows["Drift detection"].href == "/moebius/monitoring/flight_delay"
    assert rows["Evaluation and interpretation"].href == "/moebius/verdicts/flight_delay"
    nobody = Record({}, ("aircraft_segment",), frozenset())
    rows = {
        r["component"].term.en: r["component"] for r in standard.mapping_shown(view, answers("none"), nobody)["rows"]
    }
    assert (rows["Drift detection"].href, rows["Drift detection"].label) == ("/moebius/", "Overview")


def test_use_cases_that_serve_come_first_and_then_what_wrote_last() -> None:
    def of(name: str, days: int) -> OfUseCase:
        head = TableHead(version=1, at=AT + timedelta(days=days), sha256="a" * 64)
        return OfUseCase(load_usecase(name), {"figures": head})

    known = {name: of(name, n) for n, name in enumerate(("flight_delay", "digit_image", "weather_forecast"))}
    found = component_use.ranked(Facts(at=AT, usecases=known), frozenset({"digit_image", "flight_delay"}))
    assert found == ["digit_image", "flight_delay", "weather_forecast"]


def test_what_probes_found_is_escaped_and_linked(view: Any) -> None:
    content = standard.mapping_shown(view, answers("degraded", "found", what=EVIL, usecase="flight_delay"), USED)
    html = shown("mapping.html", view, content)
    assert EVIL not in html
    assert "&lt;script&gt;" in html
    assert 'href="/moebius/catalog/flight_delay/table/gate_results"' in html
    assert "not all healthy" in html


def task(name: str, seconds: float, state: str = "success") -> TaskRun:
    family, _, task_id = name.partition(".")
    return TaskRun(family, task_id, -1, "manual__2013-05-01T00:00:00+00:00", state, seconds, AT, 1)


def test_the_pipelines_show_times_and_the_slowest_stage(view: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [task("data_pipeline.collect", 2.0), task("data_pipeline.gate_raw", 240.0), task("training.search", 1.0)]
    monkeypatch.setattr(dag_runs, "task_runs", lambda usecase, families: runs)
    content = pipelines.content(view, SPEC, answers("healthy"), QUIET)
    slowest = [box.time.stage.key for of in content["boxes"].values() for box in of if box.time.slowest]
    assert slowest == ["processing"]
    html = page(view, content)
    assert all(stage.term.en in html for pipeline in PIPELINES for stage in pipeline.stages)
    assert "4.0 min" in html
    assert "/dags/flight_delay.data_pipeline/runs/manual__2013-05-01T00%3A00%3A00%2B00%3A00/tasks/collect" in html
    assert "Nobody asked in the last hour" in html


def test_rows_are_those_of_the_run_that_is_shown_and_not_of_a_later_refit(
    view: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def entry(event: str, run_id: str, version: int) -> Any:
        return SimpleNamespace(event=event, run=identity.in_paths(run_id), version=version, decision=f"of {run_id}")

    def model(registered: Any) -> Any:
        size = SimpleNamespace(rows=1000 * registered.version)
        return SimpleNamespace(dataset=SimpleNamespace(train=size, validation=size, test=size))

    entries = [entry("registered", "first", 3), entry("registered", "shown", 4), entry("verdict", "judging", 4)]
    entries += [entry("registered", "", 5), entry("verdict", "other", 5)]
    gates = {"raw": "2013-03", "features": "2013-02"}
    records = SimpleNamespace(
        some_approvals=lambda spec, **_: entries, gate_periods=lambda spec: [Period("2013-04")],
        newest_snapshot=lambda spec: None,
        gate_results=lambda spec, periods, gate: [SimpleNamespace(period=periods[0], rows={"t": len(gate)})],
        publications=lambda spec, periods: [SimpleNamespace(period=periods[0], rows={"a": 5, "b": 2})],
    )  # fmt: skip
    monkeypatch.setattr(pipelines, "model_of", model)
    reader = SimpleNamespace(records=records)
    runs = [task("training.build_dataset", 1.0)._replace(run_id="shown")]
    runs += [task("retrain_evaluation.compare", 1.0)._replace(run_id="judging")]
    runs += [task(f"data_pipeline.gate_{gate}", 1.0)._replace(period=period) for gate, period in gates.items()]
    runs += [task("data_pipeline.publish", 1.0)._replace(period="2013-01")]
    rows = pipelines.row_counts(view, SPEC, reader, newest_of(runs))
    assert rows["dataset"] == "4,000 rows train, 4,000 validate, 4,000 test"
    assert rows["verdict"] == "version 4: of judging"
    assert [rows[name] for name in ("collected", "gate_raw", "gate_features", "published")] == [
        "3 rows of 2013-03", "3 rows of 2013-03", "8 rows of 2013-02", "7 rows of 2013-01",
    ]  # fmt: skip
    unknown = pipelines.row_counts(view, SPEC, reader, {})
    assert not {"dataset", "verdict"} & set(unknown), "no run is shown"
    assert unknown["gate_raw"] == "3 rows of 2013-04"


def page(view: Any, content: dict[str, Any], language: str = "en") -> str:
    return render("pipelines.html", SPEC, language, **{**content, "reader": view.reader, "view": _with_settings(view)})


def _with_settings(view: Any) -> Any:
    return SimpleNamespace(in_language=lambda name: "", text=view.text, reader=view.reader)


def test_a_failed_task_and_one_under_way_are_told_apart(view: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [task("data_pipeline.collect", 2.0, "failed"), task("data_pipeline.gate_raw", 1.0, "running")]
    monkeypatch.setattr(dag_runs, "task_runs", lambda usecase, families: runs)
    boxes = pipelines.content(view, SPEC, answers("healthy"), QUIET)["boxes"]["data"]
    assert [(box.level, box.word) for box in boxes[1:4]] == [
        ("bad", "failed"), ("watch", "under way"), ("none", "no run"),
    ]  # fmt: skip


def test_what_is_away_is_said_and_the_page_stands(view: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(usecase: str, families: list[str]) -> list[TaskRun]:
        raise ServiceError("Airflow's database did not answer")

    monkeypatch.setattr(dag_runs, "task_runs", away)
    content = pipelines.content(view, SPEC, answers("none", "asking"), InferenceTimes({}, unknown="Prometheus is away"))
    html = page(view, content, "ko")
    assert "Airflow&#39;s database did not answer" in html
    assert "Prometheus is away" in html
    assert "특성 공학" in html
    assert "아직 실행이 없습니다" in html


def test_what_the_role_does_not_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dag_runs, "task_runs", lambda usecase, families: [])
    view = view_of(tmp_path, "viewer")
    html = page(view, pipelines.content(view, SPEC, answers("healthy"), QUIET))
    assert "the role viewer does not read the table approvals" in html


def test_latencies_are_shown_by_stage_and_held_against_real_time(view: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dag_runs, "task_runs", lambda usecase, families: [])
    stages: dict[str, float | None] = {"queue": 0.25, "input": 0.5, "infer": 3.0, "output": 0.75}
    times = InferenceTimes(stages, p99=120.0, rows=5000.0, failed=3.0, lookups=9000.0)
    content = pipelines.content(view, SPEC, answers("healthy"), times)
    assert [box.measured for box in content["boxes"]["inference"]] == [0.25, 0.5, None, 3.0, None, 0.75]
    html = page(view, content)
    assert "p99 of an answer: 120.0 ms" in html
    assert "5,000 rows in the last hour" in html
    assert "inside of inference" in html


def test_the_newest_use_case_that_serves_comes_first(view: Any) -> None:
    assert pipelines.default(view.reader).name == "aircraft_segment", "none serves, so the first"


class Server(FiringAlerts):
    def __init__(self, *values: float) -> None:
        super().__init__()
        self.values = values

    def query(self, promql: str, seconds: float | None = None) -> list[tuple[dict[str, str], float]]:
        assert seconds is not None
        if self.away:
            raise ServiceError("Prometheus did not answer")
        return [({}, value) for value in self.values]


def test_inference_times_come_from_prometheus() -> None:
    times = inference_times(Server(0.02), "flight_delay")
    assert (times.p99, times.rows, times.stages["infer"]) == (20.0, 0.02, 0.02)
    assert inference_times(Server(float("nan")), "flight_delay").p99 is None
    assert inference_times(Server(), "flight_delay").rows is None
    away = Server()
    away.away = True
    assert inference_times(away, "flight_delay").unknown == "Prometheus did not answer"


def test_answers_of_half_a_minute_ago_are_dated_by_the_oldest() -> None:
    young = Answer("healthy", "found", AT + timedelta(seconds=9), {})
    assert standard.asked([young, Answer("none", "asking", AT)]) == AT
    assert standard.asked([]) is None
