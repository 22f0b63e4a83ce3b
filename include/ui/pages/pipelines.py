"""The pipelines of ISO/IEC 23053 as they ran last: data, training and inference, stage by stage."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from include.contracts.approval import ApprovalEntry
from include.contracts.period import Period
from include.errors import NotFoundError, ServiceError
from include.formats import identity
from include.governance.rights import may
from include.governance.standard.model import Component
from include.governance.standard.pipelines import DATA, INFERENCE, PIPELINES, SERVING, TRAINING
from include.governance.standard.stages import FAILED, UNDER_WAY, StageTime, TaskTime, newest_of, timed
from include.governance.standard.states import Answer
from include.services.approvals import model_of
from include.services.inference_times import InferenceTimes, inference_times
from include.specification.loader import load_usecase, usecases
from include.specification.usecase import UseCase
from include.ui import dag_runs
from include.ui.access import SIGNED_IN, Reader, http_errors
from include.ui.language import marked
from include.ui.pages.standard import Shown, asked, shown, waiting
from include.ui.probing import probing
from include.ui.view import View, ViewDep

MEASURED = {"request": "queue", "preprocessing": "input", "inference": "infer", "response": "output"}
"""Stage of an answer → what the model server measures of it; the rest is inside of ``infer``."""
INSIDE = ("lookup", "postprocessing")
COUNTED_BY = ("gate_results", "approvals", "verdicts")
"""Tables of records that say how much the stages worked on."""
STARTS = {DATA.key: "data_pipeline", TRAINING.key: "training"}
"""Pipeline → the DAG family that a person starts it with."""
ENTRIES = 50
"""Newest trainings and verdicts among which those of the newest runs are looked for."""
GOAL_MS = 100.0
"""What the standard calls real time."""
STATE_WORDS = {
    "good": marked("succeeded"), "watch": marked("under way"), "bad": marked("failed"), "none": marked("no run"),
}  # fmt: skip


class Box(NamedTuple):
    """A stage as a box of the picture; ``parts`` are what it comes in."""

    time: StageTime
    level: str
    word: str
    rows: str
    parts: list[Shown]
    evidence: Shown
    measured: float | None = None
    inside: bool = False


def router() -> APIRouter:
    """``/standard/pipelines``, of the first use case that serves, and ``/standard/pipelines/<usecase>``."""
    pages = APIRouter(prefix="/standard/pipelines", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("")
    def overview(view: ViewDep) -> HTMLResponse:
        with http_errors():
            spec = default(view.reader)
        return _page(view, spec)

    @pages.get("/{usecase}")
    def page(view: ViewDep, usecase: str) -> HTMLResponse:
        with http_errors():
            spec = load_usecase(usecase)
        return _page(view, spec)

    return pages


def default(reader: Reader) -> UseCase:
    """The first use case that serves, else the first. Raises NotFoundError without any."""
    every = list(usecases())
    if not every:
        raise NotFoundError("there is no use case that can be used: add one below include/usecases/")
    return next((spec for spec in every if reader.services.serving.rollout_state(spec)), every[0])


def _page(view: View, spec: UseCase) -> HTMLResponse:
    reader = view.reader
    times = inference_times(reader.services.adapters.metrics_server, spec.name)
    return view.page("pipelines.html", spec, **content(view, spec, probing(reader.services).evidence(), times))


def content(view: View, spec: UseCase, answers: Mapping[str, Answer], times: InferenceTimes) -> dict[str, Any]:
    """What the template needs."""
    runs, unknown = _runs(spec, view.reader)
    rows = row_counts(view, spec, view.reader, newest_of(runs)) | _served(view, times)
    boxes = {
        pipeline.key: [_box(view, time, rows, answers, times) for time in timed(pipeline.stages, runs)]
        for pipeline in PIPELINES
    }
    return {
        "usecases": list(usecases()),
        "boxes": boxes,
        "pipelines": PIPELINES,
        "kinds_of": {p.key: [shown(view, one, answers) for one in p.kinds] for p in PIPELINES},
        "parts": {p.key: [shown(view, one, answers) for one in p.parts] for p in PIPELINES},
        "serving": [shown(view, one, answers) for one in SERVING],
        "times": times,
        "goal": GOAL_MS,
        "starts": STARTS,
        "unread": [table for table in COUNTED_BY if not view.reader.reads(spec, table)],
        "unknown": unknown,
        "asked": asked(answers.values()),
        "waiting": waiting(answers.values()),
        "hidden": [family for family in _families() if not may(view.reader.role, family, "look")],
    }


def _families() -> list[str]:
    return sorted({task.partition(".")[0] for p in (DATA, TRAINING, INFERENCE) for s in p.stages for task in s.tasks})


def _runs(spec: UseCase, reader: Reader) -> tuple[list[dag_runs.TaskRun], str]:
    """Task runs of the families that the role sees, and why there are none when Airflow's database is away."""
    seen = [family for family in _families() if may(reader.role, family, "look")]
    try:
        return dag_runs.task_runs(spec.name, seen) if seen else [], ""
    except ServiceError as error:
        return [], str(error)


def row_counts(view: View, spec: UseCase, reader: Reader, tasks: Mapping[str, TaskTime]) -> dict[str, str]:
    """How much the stages worked on in the runs that are shown, in words; a stage without a record is left out.

    ``tasks``: ``<family>.<task>`` → its newest work.
    """
    text, found = view.text, _gated(view, spec, reader, tasks)
    found["sources"] = text(marked("sources: %(names)s")) % {"names": ", ".join(spec.sources)}
    if published := _published(spec, reader, _period(tasks, "data_pipeline.publish")):
        period, count = published
        found["published"] = text(marked("%(n)s rows of %(period)s")) % {"n": f"{count:,}", "period": period}
    entries = reader.records.some_approvals(spec, event=["registered", "verdict"], newest=ENTRIES)
    if registered := _of_run(entries, "registered", tasks.get("training.build_dataset")):
        parts = model_of(registered).dataset
        sizes = {"train": parts.train.rows, "validation": parts.validation.rows, "test": parts.test.rows}
        words = text(marked("%(train)s rows train, %(validation)s validate, %(test)s test"))
        found["dataset"] = words % {name: f"{size:,}" for name, size in sizes.items()}
    if judged := _of_run(entries, "verdict", tasks.get("retrain_evaluation.compare")):
        words = text(marked("version %(version)s: %(decision)s"))
        found["verdict"] = words % {"version": judged.version, "decision": judged.decision}
    return found


def _published(spec: UseCase, reader: Reader, period: str) -> tuple[str, int] | None:
    """Period and rows of what was published of it; of the newest period where none is given."""
    if Period.like(period):
        return next(
            ((one.period, sum(one.rows.values())) for one in reader.records.publications(spec, [Period(period)])), None
        )
    newest = reader.records.newest_snapshot(spec)
    return (newest.period, sum(ref.rows for ref in newest.tables.values())) if newest else None


def _of_run(entries: Sequence[ApprovalEntry], event: str, task: TaskTime | None) -> ApprovalEntry | None:
    """What the run of this task put on record; a refit of its model is of another run."""
    run = identity.in_paths(task.run_id) if task else None
    return next((entry for entry in reversed(entries) if entry.event == event and entry.run == run), None)


def _period(tasks: Mapping[str, TaskTime], task: str) -> str:
    """The period of the newest run of this task; '' of none."""
    return tasks[task].period if task in tasks else ""


def _gated(view: View, spec: UseCase, reader: Reader, tasks: Mapping[str, TaskTime]) -> dict[str, str]:
    """Rows that each gate saw in its newest run; where no run is known, of the newest period."""
    words, found = view.text(marked("%(n)s rows of %(period)s")), {}
    for gate in ("raw", "features"):
        period = _period(tasks, f"data_pipeline.gate_{gate}")
        periods = [Period(period)] if Period.like(period) else reader.records.gate_periods(spec)[-1:]
        for result in reader.records.gate_results(spec, periods=periods, gate=gate) if periods else []:
            found[f"gate_{gate}"] = words % {"n": f"{sum(result.rows.values()):,}", "period": result.period}
    return found | ({"collected": found["gate_raw"]} if "gate_raw" in found else {})


def _served(view: View, times: InferenceTimes) -> dict[str, str]:
    words = {
        "requests": (marked("%(n)s rows in the last hour"), times.rows),
        "answers": (marked("%(n)s failed in the last hour"), times.failed if times.rows else None),
        "lookups": (marked("%(n)s lookups in the last hour"), times.lookups),
    }
    return {name: view.text(text) % {"n": f"{n:,.0f}"} for name, (text, n) in words.items() if n is not None}


def _box(
    view: View, time: StageTime, rows: Mapping[str, str], answers: Mapping[str, Answer], times: InferenceTimes
) -> Box:
    stage = time.stage
    level = level_of(time)
    evidence = shown(view, Component(stage.term, stage.probes, stage.modules), answers)
    word = view.text(STATE_WORDS[level])
    if not stage.tasks and stage.probes:
        level, word = evidence.level, evidence.word
    return Box(
        time, level, word, rows.get(stage.rows, ""), [shown(view, part, answers) for part in stage.parts], evidence,
        times.stages.get(MEASURED.get(stage.key, "")), stage.key in INSIDE,
    )  # fmt: skip


def level_of(time: StageTime) -> str:
    """How the last work of a stage ended."""
    if not time.state:
        return "none"
    return "bad" if time.state in FAILED else "watch" if time.state in UNDER_WAY else "good"
