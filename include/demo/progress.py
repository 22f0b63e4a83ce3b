"""Live progress: which DAG run, which task, elapsed, what is next; and where the time went.

Titles, notes and states are text: no character of them is taken for markup, or steers the terminal.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from include.formats.plain_text import visible

ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
MARKS = {"success": "[green]✓[/]", "failed": "[red]✗[/]", "skipped": "[dim]-[/]", "upstream_failed": "[red]·[/]"}


class Progress:
    """Shows one stage at a time on a terminal; on a pipe it prints one line per stage and task."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.started = time.monotonic()
        self.task_seconds: dict[str, float] = defaultdict(float)
        self.run_seconds: dict[str, float] = defaultdict(float)
        self.stage_seconds: dict[str, float] = defaultdict(float)
        self._live: Live | None = None
        self._stage, self._next = "", ""
        self._counted: set[str] = set()
        self._printed: set[tuple[str, str, int]] = set()
        self._status = ""

    @contextmanager
    def stage(self, kind: str, title: str, then: str = "") -> Iterator[None]:
        """A stage of the play; ``kind`` groups the time report, ``then`` says what comes next."""
        self._stage, self._next, self._status = plain(title), plain(then), ""
        begun = time.monotonic()
        if not self.console.is_terminal:
            self.console.print(f"{self._clock()} {plain(title)}", highlight=False)
        with self._shown() as self._live:
            yield
        self._live = None
        took = time.monotonic() - begun
        self.stage_seconds[kind] += took
        if self.console.is_terminal:
            done = f"[green]✓[/] {plain(title)} [dim]{took:.0f} s[/]{self._suffix()}"
            self.console.print(f"{self._clock()} {done}", highlight=False)

    def _shown(self) -> AbstractContextManager[Live | None]:
        """What is drawn again and again while a stage lasts; nothing on a pipe."""
        if not self.console.is_terminal:
            return nullcontext()
        return Live(self._table([]), console=self.console, transient=True, refresh_per_second=4)

    def note(self, text: str, *, style: str = "", bold: str = "") -> None:
        """A line that stays, in a style of rich; ``bold`` stands out in it."""
        line = Text(visible(text), style=style)
        if bold:
            line.highlight_words([visible(bold)], "bold")
        self.console.print(Text.from_markup(f"{self._clock()}   "), line, sep="", highlight=False)

    def status(self, text: str) -> None:
        """What a stage without a DAG run is doing."""
        self._status = plain(text)
        if self._live:
            self._live.update(self._table([]))

    def watch(self, run: dict, tasks: list[dict]) -> None:
        """Show a run; when it has ended, count its time once."""
        if self._live:
            self._live.update(self._table(tasks, run))
        else:
            self._print_new(run, tasks)
        if run["state"] in ("success", "failed") and run["dag_run_id"] not in self._counted:
            self._counted.add(run["dag_run_id"])
            family = run["dag_id"].split(".")[1]
            self.task_seconds[family] += sum(t["duration"] or 0 for t in tasks if t["operator"] != "ApprovalOperator")
            self.run_seconds[family] += _seconds(run["start_date"], run["end_date"])

    def _table(self, tasks: list[dict], run: dict | None = None) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_row(self._clock(), f"[bold]{self._stage}[/]{self._suffix()}")
        if run:
            ended = [t for t in _in_order(tasks) if t["state"] in MARKS]
            done = " ".join(f"{MARKS[t['state']]}{plain(t['task_id'])}" for t in ended)
            busy = [f"{plain(t['task_id'])} ({t['state']})" for t in tasks if t["state"] and t["state"] not in ENDED]
            table.add_row("", f"[cyan]{plain(run['dag_id'])}[/] {done} [yellow]{', '.join(busy)}[/]")
        if self._next:
            table.add_row("", f"[dim]next: {self._next}[/]")
        return table

    def _print_new(self, run: dict, tasks: list[dict]) -> None:
        for task in _in_order(tasks):
            key = (run["dag_run_id"], task["task_id"], task["try_number"])
            if task["state"] in ("success", "failed") and key not in self._printed:
                self._printed.add(key)
                took = f"({task['duration'] or 0:.1f} s)"
                self.note(f"{run['dag_id']}: {task['task_id']} {task['state']} {took}")

    def _suffix(self) -> str:
        return f" [dim]{self._status}[/]" if self._status else ""

    def _clock(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self.started), 60)
        return f"[dim]{minutes:02d}:{seconds:02d}[/]"


def plain(text: str) -> str:
    """The text inside of markup, shown as it is."""
    return escape(visible(text))


def _in_order(tasks: list[dict]) -> list[dict]:
    return sorted(tasks, key=lambda t: t["start_date"] or "9")


def _seconds(start: str | None, end: str | None) -> float:
    if not start or not end:
        return 0.0
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
