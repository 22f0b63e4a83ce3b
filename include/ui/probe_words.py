"""What a probe found, in words of the reader's language, and where to look further."""

from typing import NamedTuple
from urllib.parse import quote

from include.governance.standard.states import Answer, State
from include.ui.language import marked
from include.ui.links import Links
from include.ui.view import View

LEVELS: dict[State, str] = {
    "healthy": "good", "partly used": "none", "partly connected": "none", "idle": "none", "degraded": "watch",
    "down": "bad", "none": "none",
}  # fmt: skip
WORDS: dict[State, str] = {
    "healthy": marked("healthy"),
    "partly used": marked("connected, partly used"),
    "partly connected": marked("partly connected"),
    "idle": marked("connected, not used yet"),
    "degraded": marked("degraded"),
    "down": marked("down"),
    "none": marked("not connected"),
}
KINDS = {
    "service": marked("service"),
    "dag": marked("DAG family"),
    "form": marked("form"),
    "table": marked("table"),
    "metric": marked("metric"),
    "spec": marked("spec"),
    "check": marked("look"),
}
SAID = {
    "answers": marked("the service %(service)s answers at %(address)s"),
    "silent": marked("the service %(service)s does not answer at %(address)s: make status says why"),
    "not_set_up": marked("the service %(service)s is not set up in this platform"),
    "ran": marked("%(dags)s DAGs of the family %(family)s; the run of %(run)s at %(at)s: %(state)s"),
    "never_ran": marked("%(dags)s DAGs of the family %(family)s, none has run yet: start one"),
    "no_dag": marked("Airflow has no DAG of the family %(family)s"),
    "offered": marked("the form of %(family)s offers %(field)s = %(value)s"),
    "not_offered": marked("no form of %(family)s offers %(field)s = %(value)s"),
    "written": marked("the table %(table)s was last written at %(newest)s, of %(usecases)s"),
    "unwritten": marked("no use case has written the table %(table)s yet"),
    "series": marked("Prometheus has %(count)s series of %(metric)s"),
    "no_series": marked("Prometheus has no series of %(metric)s"),
    "declared": marked("declared by %(usecases)s"),
    "undeclared": marked("no use case declares it in its usecase.yaml"),
    "found": marked("found: %(what)s"),
    "missing": marked("not there: %(what)s"),
    "unasked": marked("could not be asked: %(why)s"),
    "asking": marked("is being asked: load the page again"),
}


UNKNOWN = {"unasked": marked("not known"), "asking": marked("not known")}
"""Code of an answer that says nothing of what was asked → its word."""


class Told(NamedTuple):
    """One answer as a page shows it."""

    probe: str
    kind: str
    subject: str
    level: str
    word: str
    text: str
    answer: Answer
    href: str
    outside: bool


def told(view: View, probe: str, answer: Answer) -> Told:
    """The answer of a probe for a page."""
    kind, _, subject = probe.partition(":")
    href, outside = _address(view, kind, subject, answer)
    return Told(
        probe, view.text(KINDS[kind]), subject, LEVELS[answer.state],
        view.text(UNKNOWN.get(answer.code, WORDS[answer.state])),
        view.text(SAID[answer.code]) % dict(answer.facts), answer, href, outside,
    )  # fmt: skip


def _address(view: View, kind: str, subject: str, answer: Answer) -> tuple[str, bool]:
    """Where a person looks further, and whether that leaves the pages; '' when nowhere."""
    links, facts, settings = view.links, answer.facts, view.reader.services.settings
    if kind == "dag" and facts.get("run_id"):
        return _run(links, facts["run"], facts["run_id"]), True
    if kind in ("dag", "form"):
        return f"{links.airflow}/dags?name_pattern={subject.partition('.')[0]}", True
    if kind == "table" and facts.get("usecase"):
        return f"{links.moebius}/catalog/{facts['usecase']}/table/{subject}", False
    if kind == "spec" and facts.get("usecase"):
        return f"{links.moebius}/loops/{facts['usecase']}", False
    own = {"mlflow": settings.mlflow_url, "prometheus": settings.prometheus_url, "airflow-api": f"{links.airflow}/"}
    return (own[subject], True) if kind == "service" and subject in own else ("", False)


def _run(links: Links, dag_id: str, run_id: str) -> str:
    return f"{links.airflow}/dags/{dag_id}/runs/{quote(run_id, safe='')}"
