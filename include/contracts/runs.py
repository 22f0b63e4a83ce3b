"""What Airflow has under way: runs that have not ended, and questions that wait for a person."""

from include.contracts.record import Moment, Record


class OpenRun(Record):
    """A run of a DAG of a use case that is queued or running, and when it began (None: it waits)."""

    usecase: str
    family: str
    run: str
    since: Moment | None


class RequiredAction(Record):
    """A task that asks a person: its subject, and since when."""

    usecase: str
    family: str
    run: str
    task: str
    map_index: int
    subject: str
    since: Moment


class OpenWork(Record):
    """All of it, as far as the reader may see it; ``unknown`` says why nothing is known."""

    runs: tuple[OpenRun, ...] = ()
    questions: tuple[RequiredAction, ...] = ()
    unknown: str = ""

    def of(self, usecase: str) -> "OpenWork":
        """That of one use case."""
        runs = tuple(run for run in self.runs if run.usecase == usecase)
        questions = tuple(one for one in self.questions if one.usecase == usecase)
        return OpenWork(runs=runs, questions=questions, unknown=self.unknown)
