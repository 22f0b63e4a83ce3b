"""The pages of ISO/IEC 23053: every component at its place, with what its probes found, in both languages."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.errors import ServiceError
from include.governance.standard import probes
from include.governance.standard.groups import GROUPS
from include.governance.standard.layers import LAYERS
from include.governance.standard.mapping import ROWS
from include.governance.standard.pipelines import PIPELINES
from include.governance.standard.states import Answer, State
from include.services.inference_times import InferenceTimes, inference_times
from include.specification.loader import load_usecase
from include.ui import dag_runs
from include.ui.access import Reader
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


def answers(state: State, code: str = "found", **facts: str) -> dict[str, Answer]:
    return {name: Answer(state, code, AT, {"what": "it", **facts}) for name in probes.NAMES}


def shown(page: str, view: Any, content: dict[str, Any], language: str = "en") -> str:
    return render(page, language=language, reader=view.reader, **content)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_dashboard_has_every_layer_group_and_component(tmp_path: Path, language: str) -> None:
    view = view_of(tmp_path, "auditor", language)
    html = shown("standard.html", view, standard.dashboard_shown(view, answers("healthy")), language)
    for of in (*LAYERS, *GROUPS):
        assert getattr(of.term, language) in html
        assert all(getattr(one.term, language).replace("&", "&amp;") in html for one in of.components)
    assert html.count('<div class="component good">') == 5 * 4 + 4 * 6
    assert "2013-05-01 00:00 UTC" in html
    assert ("지도 학습" in html) == (language == "ko")


def test_types_of_learning_name_the_use_cases_or_none(view: Any) -> None:
    html = shown("standard.html", view, standard.dashboard_shown(view, answers("none", "missing")))
    assert '<a href="/moebius/loops/digit_image">digit_image</a>' in html.partition("CNN")[2].partition("RNN")[0]
    assert "none here" in html.partition(">Agent<")[2][:200]
    assert "none here" in html.partition(">Transformer<")[2][:200]


def test_without_evidence_nothing_is_green(view: Any) -> None:
    content = standard.dashboard_shown(view, answers("none", "asking"))
    html = shown("standard.html", view, content)
    assert 'class="component good"' not in html
    assert "parts are being asked for the first time" in html
    assert [(word, n) for _, word, n in content["counts"]] == [
        ("healthy", 0), ("degraded", 0), ("down", 0), ("no evidence", 44),
    ]  # fmt: skip


def test_what_is_not_connected_is_in_the_gap_list(view: Any) -> None:
    content = standard.mapping_shown(view, answers("healthy"))
    gaps = {part.term.en for _, _, part in content["gaps"]}
    assert gaps == {"crawling", "augmentation", "distributed", "transfer", "AutoML", "LIME"}, "nothing here does them"
    html = shown("mapping.html", view, content)
    assert all(row.component.term.en in html for row in ROWS)
    assert html.count("the platform has nothing that does this") >= len(gaps)
    assert html.count('<th scope="col">') == 5 + 3
    down = standard.mapping_shown(view, answers("down", "missing"))
    assert len(down["gaps"]) == len(down["parts"])
    assert not any(row["connected"] for row in down["rows"])


def test_what_probes_found_is_escaped_and_linked(view: Any) -> None:
    content = standard.mapping_shown(view, answers("degraded", "found", what=EVIL, usecase="flight_delay"))
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
