"""A window of several days is measured as a whole, and again when labels of its answers come."""

import json
from copy import copy
from datetime import timedelta
from math import ceil
from pathlib import Path
from shutil import copytree

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from include.contracts.operations import Figure
from include.contracts.period import Period, filed
from include.deployment import release
from include.loop import monitoring
from include.records.registry import BLOCK_LOSSES, FIGURES, PREDICTIONS, SLICE_FIGURES
from include.services import answers_in_files
from include.services.answers_in_files import AnswersInFiles
from include.specification.usecase import UseCase
from tests.unit.evaluation.evaluation_specs import small_spec
from tests.unit.fakes.adapters import services_in
from tests.unit.loop.loop_worlds import publish
from tests.unit.operations import monitored_world

FIRST = Period("2013-04-01")
DAYS = [FIRST.shift(number) for number in range(8)]
ROWS = 24 * 10  # a day


def days_spec(**event: str) -> UseCase:
    """Days of New York; windows of three days."""
    spec = small_spec(periods={"every": "day", "first": FIRST, "last": None}, event=event)
    windows = spec.monitoring.model_copy(update={"window": "3 days"})
    return spec.model_copy(update={"monitoring": type(windows).model_validate(windows.model_dump())})


class World:
    """Answers of r0001 ten times an hour; the row of an event, with its label, comes ``behind`` hours later."""

    def __init__(self, home: Path, spec: UseCase, behind: int = 0, days: int = len(DAYS)) -> None:
        self.home, self.spec, self.services, self.days = home, spec, services_in(home), DAYS[:days]
        staged = home / "staged"
        staged.mkdir()
        (staged / "baseline.json").write_text(json.dumps(monitored_world.baseline()))
        release.seal(staged, {"usecase": spec.name, "model_version": 1, "model_hash": "0" * 64})
        self.services.adapters.releases.add(spec.name, staged, 1)
        log, truth = monitored_world.month(3, n=ROWS * days + 10 * behind)
        begin = spec.calendar.start(FIRST) - timedelta(hours=behind)
        times = pd.Series(begin + np.arange(len(log)) * timedelta(minutes=6)).astype("datetime64[us, UTC]")
        log = log.assign(
            **{spec.event.time: times, "prediction": 1.0, "scores": [[0.5]] * len(log), "missing": 0, "unavailable": 0},
            period=filed(times),
        )
        PREDICTIONS.append(spec.name, self.services.adapters.lake, pa.Table.from_pandas(log, preserve_index=False))
        stands = times + pd.Timedelta(hours=behind)
        self.events = truth.assign(**{spec.event.time: times, "of": stands.map(spec.calendar.of)})

    def publish(self, *days: Period) -> None:
        for day in days:
            rows = self.events[self.events["of"] == day].drop(columns="of")
            table = pa.Table.from_pandas(rows, preserve_index=False)
            self.services.adapters.lake.publish(self.spec.name, "events", table, day)
            publish(self.services, day, spec=self.spec)

    def monitor(self, *days: Period) -> None:
        monitoring.monitor(self.spec, self.services, *days)

    def live(self) -> None:
        """Day after day."""
        for day in self.days:
            self.publish(day)
            self.monitor(day)

    def copied(self, home: Path) -> "World":
        """One that goes on from here, and changes nothing in this one."""
        other = copy(self)
        other.home = copytree(self.home, home, dirs_exist_ok=True)
        other.services = services_in(home)
        other.services.adapters.lake.copy_of(self.services.adapters.lake)
        other.services.adapters.state.copy_of(self.services.adapters.state)
        return other

    def figure(self, day: Period, name: str) -> Figure | None:
        found = self.services.records.figures(self.spec, periods=[day], name=name, subject="")
        return found[-1] if found else None

    def counts(self, name: str) -> list[float]:
        return [figure.value if (figure := self.figure(day, name)) else 0.0 for day in self.days]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Every day is published and measured; tests change nothing in it."""
    world = World(tmp_path_factory.mktemp("lived"), days_spec())
    world.live()
    return world


@pytest.mark.slow
def test_each_day_is_measured_with_the_days_before_it(lived: World) -> None:
    assert lived.counts("rows") == [ROWS, 2 * ROWS, *[3 * ROWS] * 6]
    assert lived.figure(DAYS[-1], "roc_auc").n == 3 * ROWS, "n is that of all days of the window"
    assert lived.figure(DAYS[-1], "breached_windows").n == 3, "windows that follow one another: days 8, 5 and 2"
    assert lived.figure(DAYS[-1], "estimated_roc_auc").n == 3 * ROWS
    assert lived.figure(DAYS[-1], "estimate_trusted").n == 2, "labelled windows before it: days 5 and 2"


def test_losses_of_each_day_are_kept_by_window_and_read_by_later_ones(lived: World) -> None:
    kept = BLOCK_LOSSES.read(lived.spec.name, lived.services.adapters.lake, periods=[DAYS[-1]])
    assert [one.block for one in kept] == [str(day) for day in DAYS[-3:]]
    assert {(one.release, one.rows) for one in kept} == {("r0001", ROWS)}
    figure = lived.services.records.figures(lived.spec, periods=[DAYS[-1]], name="concept_drift", subject="adwin")[-1]
    assert (figure.n, figure.note) == (8 * ROWS, "needs 30 days with labels, has 8")


def test_a_range_is_measured_like_its_days_one_by_one(lived: World, tmp_path: Path) -> None:
    other = World(tmp_path, days_spec())
    other.publish(*DAYS)
    other.monitor(*DAYS)
    read = [world.services.records.figures(world.spec) for world in (lived, other)]
    assert read[0] == read[1]


@pytest.mark.slow
@pytest.mark.parametrize("behind", [23, 49])
def test_windows_are_measured_again_when_labels_of_their_answers_come(tmp_path: Path, behind: int) -> None:
    """At last each answer has its label, though it came with a later day."""
    settled = 4  # the first of them without an answer from before the first day, and those that have some
    days = settled + ceil(behind / 24)
    world = World(tmp_path, days_spec(lead=f"{behind} hours", label_delay="24 hours"), behind, days)
    world.live()
    assert world.counts("unmatched") == [0] * days, "what is told by a later day is not missing"
    assert world.figure(DAYS[days - 1], "not_due").value == behind * 10
    assert states(world, DAYS[settled - 1]) == ({"judged"}, {"judged"}), "no more provisional"
    whole, slices = states(world, DAYS[settled])
    assert whole == {"provisional"}
    assert slices <= {"provisional"}, "or of too few rows"
    assert world.counts("not_due")[:settled] == [0] * settled
    before = behind * 10  # asked about before the first day
    assert world.counts("labelled")[:settled] == [before + ROWS, before + 2 * ROWS, before + 3 * ROWS, 3 * ROWS]


def test_a_window_that_has_all_its_labels_is_not_measured_again(lived: World, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = list[Period]()
    monkeypatch.setattr(monitoring, "_measure_window", lambda *arguments: measured.append(arguments[-1]) or [])
    lived.monitor(DAYS[-1])
    assert measured == DAYS[-1:]
    lived.monitor(DAYS[4])
    assert measured[1:] == DAYS[4:7], "a day that is published again is in the windows of the next two days too"


@pytest.mark.slow
def test_a_day_that_is_published_late_takes_back_what_the_next_one_counted(tmp_path: Path) -> None:
    world = World(tmp_path, days_spec(), days=6)
    world.spec = world.spec.model_copy(update={"monitoring": world.spec.monitoring.model_copy(update={"window": None})})
    for day in (*DAYS[:3], *DAYS[4:6]):
        world.publish(day)
        world.monitor(day)
    assert world.counts("rows")[3:5] == [0, 2 * ROWS], "the answers of a day that nobody published are not lost"
    world.publish(DAYS[3])
    world.monitor(DAYS[3])
    assert world.counts("rows") == [ROWS] * 6
    assert FIGURES.periods(world.spec.name, world.services.adapters.lake) == DAYS[:6]


def test_a_window_that_is_measured_again_is_counted_again_by_those_after_it(lived: World, tmp_path: Path) -> None:
    world = lived.copied(tmp_path)
    assert world.figure(DAYS[4], "breached").value == 0
    lake, breached = world.services.adapters.lake, world.figure(DAYS[4], "breached")
    wrong = [f.model_copy(update={"value": 1.0}) if f == breached else f for f in figures_of(world, DAYS[4])]
    FIGURES.replace(world.spec.name, lake, DAYS[4], wrong)
    world.monitor(DAYS[7])
    assert world.figure(DAYS[7], "breached_windows").value == 1, "days 8, 5 and 2"
    others = [f for f in figures_of(world, DAYS[7]) if f.name != "breached_windows"]
    world.monitor(DAYS[2])  # the windows of days 3, 4 and 5 hold it
    assert world.figure(DAYS[4], "breached").value == 0
    assert world.figure(DAYS[7], "breached_windows").value == 0
    assert [f for f in figures_of(world, DAYS[7]) if f.name != "breached_windows"] == others


def test_windows_are_compared_with_the_one_before_and_measured_by_slice(lived: World) -> None:
    newest = {(f.name, f.subject): f for f in figures_of(lived, DAYS[-1])}
    before = newest["psi_window_before", "x"]
    assert before.note == f"{DAYS[2]}..{DAYS[4]} (3 days) by the prediction log"
    assert ("prediction_psi_window_before", "") in newest
    assert ("psi_last_season", "x") not in newest, "there was no year before"
    assert ("psi_window_before", "x") not in {(f.name, f.subject) for f in figures_of(lived, FIRST)}
    slices = SLICE_FIGURES.read(lived.spec.name, lived.services.adapters.lake, periods=[DAYS[-1]], name="rows")
    assert {f.slice_value for f in slices} == {"JFK", "LGA"}
    assert sum(f.value for f in slices) == 3 * ROWS


def states(world: World, day: Period) -> tuple[set[str], set[str]]:
    """Of the primary metric of the window, and of its slices."""
    lake, primary = world.services.adapters.lake, world.spec.metrics.primary
    tables = (FIGURES, SLICE_FIGURES)
    whole, slices = ({f.state for f in t.read(world.spec.name, lake, periods=[day], name=primary)} for t in tables)
    return whole, slices


def figures_of(world: World, day: Period) -> list[Figure]:
    return FIGURES.read(world.spec.name, world.services.adapters.lake, periods=[day])


def test_a_window_with_many_answers_has_the_same_figures_with_its_features_left_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, of_release, figures = list[str](), AnswersInFiles.of_release, []
    monkeypatch.setattr(AnswersInFiles, "of_release", lambda self, name: read.append(name) or of_release(self, name))
    for many in (answers_in_files.MANY, ROWS):
        monkeypatch.setattr(answers_in_files, "MANY", many)
        (home := tmp_path / str(many)).mkdir()
        world = World(home, days_spec())
        world.publish(*DAYS[:4])
        world.monitor(DAYS[3])
        figures.append(world.services.records.figures(world.spec))
    assert read == ["r0001"], "the larger window alone"
    assert len(figures[0]) > 40
    assert figures[0] == figures[1]
