"""Actions of people as forms. Sending one asks Airflow's REST API with the person's own token, as the DAG's form does.

So the matrix of routes, the audit log and the registry of actions see it as everybody's request: there is no other way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from include.adapters.airflow_rest import AirflowRest, Reply
from include.governance import actions
from include.governance.actions import ACTIONS, Asked, PersonAction
from include.specification.loader import load_usecase
from include.specification.usecase import UseCase
from include.ui import fields, forgery, verification
from include.ui.access import SIGNED_IN, http_errors
from include.ui.acting import LABELS, OTHER_ANSWER, answers_of
from include.ui.action_words import DOES, NEEDED, WITHOUT
from include.ui.fields import Field
from include.ui.forgery import Purpose
from include.ui.language import marked
from include.ui.sending import SIGNATURE, AirflowDep, FormDep, Seal, SealDep
from include.ui.verification import Verification
from include.ui.view import View, ViewDep

ANSWER, RUN, TASK, STARTED = "answer", "run", "task", "started"
"""Fields beside those of the DAG's form: the option that is chosen, the question, and the run that was started."""
VERIFY = "verify"
REFRESH_SECONDS = 2
OVER = ("success", "failed")
NO_DAG = marked("The use case has no DAG {dag}, so it cannot be done here.")
REFUSED = marked("Airflow refused it ({status}): {detail}")
ANSWERED = marked("Somebody answered this question before you: nothing was done.")
FAULTY = marked("Nothing was done: correct the fields that are marked.")
STATES = {
    "queued": ("watch", marked("waits to start")),
    "running": ("watch", marked("running")),
    "success": ("good", marked("done")),
    "failed": ("bad", marked("failed")),
}


def router() -> APIRouter:
    """``/actions/<usecase>/<action>``: one route for each action, so the matrix of routes names who may."""
    pages = APIRouter(prefix="/actions", dependencies=SIGNED_IN, default_response_class=HTMLResponse)
    for action in ACTIONS.values():
        _serve(pages, action)
    return pages


def _serve(pages: APIRouter, action: PersonAction) -> None:
    @pages.get(f"/{{usecase}}/{action.name}")
    def form(view: ViewDep, airflow: AirflowDep, seal: SealDep, usecase: str) -> Response:
        with http_errors():
            step = _step(view, airflow, seal, usecase, action)
            return step.result(view.query[STARTED]) if STARTED in view.query else step.form(view.query)

    @pages.post(f"/{{usecase}}/{action.name}")
    def send(view: ViewDep, airflow: AirflowDep, seal: SealDep, given: FormDep, usecase: str) -> Response:
        with http_errors():
            return _step(view, airflow, seal, usecase, action).sent(given)


def _step(view: View, airflow: AirflowRest, seal: Seal, usecase: str, action: PersonAction) -> "Step":
    spec = load_usecase(usecase)
    if view.reader.role not in action.roles:  # the matrix says so before, where our auth manager is in charge
        raise HTTPException(403, f"{action.name} is not for the role {view.reader.role!r}")
    return Step(view, airflow, seal, spec, action)


@dataclass
class Asking:
    """What the form shows: its fields, and of an answer the question and the options."""

    fields: list[Field] = field(default_factory=list)
    question: Mapping[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    paused: bool = False


@dataclass
class Step:
    """One action of one person on one use case."""

    view: View
    airflow: AirflowRest
    seal: Seal
    spec: UseCase
    action: PersonAction

    @property
    def dag_id(self) -> str:
        return f"{self.spec.name}.{self.action.family}"

    @property
    def purpose(self) -> Purpose:
        return Purpose(self.view.reader.login, self.spec.name, self.action.name)

    def form(
        self, given: Mapping[str, str], faults: Mapping[str, str] | None = None, refused: str = "", status: int = 200
    ) -> Response:
        """The form with what is ``given`` filled in; of an answer without a question those that wait."""
        if self.action.asked == "answer" and not given.get(RUN):
            return self._waiting(refused, status)
        asking, fault = self._asked(given)
        if fault:
            return self._page(fault.status, self._words(fault))
        content = {
            "fields": fields.with_values(asking.fields, given), "question": asking.question, "options": asking.options,
            "chosen": given.get(ANSWER, ""), "run": given.get(RUN, ""), "task": given.get(TASK, ""),
            "paused": asking.paused, "faults": faults or {}, "signature": self.seal.signature(self.purpose),
        }  # fmt: skip
        return self._page(status, refused, **content)

    def sent(self, given: Mapping[str, str]) -> Response:
        """What a person sent, done or refused with the reason; raises ServiceError when Airflow does not answer."""
        if fault := self.seal.fault(self.purpose, dict(given)):
            kept = given if fault == forgery.EXPIRED else {n: given[n] for n in (RUN, TASK) if n in given}
            return self.form(kept, refused=self.view.text(fault), status=403)
        asking, refused = self._asked(given)
        if refused:
            return self.form(given)
        values = fields.filled(asking.fields, given)
        if faults := self._faults(asking, values, given):
            return self.form(given, faults, self.view.text(FAULTY), 422)
        asked = Asked(self.spec.name, self.view.reader.login, login=True, fields={**self.action.fields, **values})
        if why := actions.refusal(self.action, asked, self.view.reader.role):  # type: ignore[arg-type]
            return self.form(given, refused=why, status=422)
        return self._answered(given, values) if self.action.asked == "answer" else self._started(given, values)

    def _started(self, given: Mapping[str, str], values: dict[str, Any]) -> Response:
        """A run with the form; a form that is sent twice leads to the run that it started."""
        run = forgery.run_id(given[SIGNATURE])
        reply = self.airflow.start(self.dag_id, run, {**values, **self.action.fields})
        if reply.good or reply.status == 409:
            return self._leads_to(run)
        return self.form(given, refused=self._words(reply), status=reply.status)

    def _answered(self, given: Mapping[str, str], values: dict[str, Any]) -> Response:
        run, option = given[RUN], str(self.action.fields.get(ANSWER) or given.get(ANSWER, ""))
        reply = self.airflow.answer(self.dag_id, run, given.get(TASK, ""), option, values)
        if reply.good:
            return self._leads_to(run)
        words = self.view.text(ANSWERED) if reply.status == 409 else self._words(reply)
        return self.form({}, refused=words, status=reply.status)

    def _leads_to(self, run: str) -> Response:
        address = f"{self.view.links.moebius}/actions/{self.spec.name}/{self.action.name}"
        return RedirectResponse(f"{address}?{urlencode({STARTED: run})}", status_code=303)

    def _asked(self, given: Mapping[str, str]) -> tuple[Asking, Reply | None]:
        """The form as Airflow has it, and its refusal when it has none for this person."""
        if self.action.asked == "answer":
            reply = self.airflow.question(self.dag_id, given.get(RUN, ""), given.get(TASK, ""))
            return (self._question(reply.content), None) if reply.good else (Asking(), reply)
        reply = self.airflow.dag(self.dag_id)
        return (self._form(reply.content), None) if reply.good else (Asking(), reply)

    def _form(self, dag: Mapping[str, Any]) -> Asking:
        """The DAG's fields, without those that the action fixes."""
        without = {*self.action.fields, *WITHOUT.get(self.action.name, ())}
        return Asking(self._fields(dag.get("params") or {}, without), paused=bool(dag.get("is_paused")))

    def _question(self, question: Mapping[str, Any]) -> Asking:
        fixed = self.action.fields.get(ANSWER)
        options = () if fixed else tuple(map(str, question.get("options") or ()))
        return Asking(self._fields(question.get("params") or {}, ()), question, options)

    def _fields(self, params: Mapping[str, Any], without: Any) -> list[Field]:
        needed = {*NEEDED.get(self.action.name, ()), *["reason"] * bool(self.action.reason)}
        needed |= {"confirm"} if self.action.confirm else set()
        found = fields.fields(params, without, needed)
        return [one._replace(least=self.action.reason) if one.name == "reason" else one for one in found]

    def _faults(self, asking: Asking, values: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
        """Name of a field → what is wrong with it, in the reader's language."""
        found = fields.faults(asking.fields, values, self.spec.name)
        if asking.options and given.get(ANSWER) not in asking.options:
            found[ANSWER] = fields.NOT_OFFERED
        named = {"least": self.action.reason, "usecase": self.spec.name}
        return {name: self.view.text(text).format_map(named) for name, text in found.items()}

    def _waiting(self, refused: str, status: int) -> Response:
        """The questions of this DAG that wait for an answer."""
        reply = self.airflow.questions(self.dag_id)
        if not reply.good:
            return self._page(reply.status, refused or self._words(reply))
        return self._page(status, refused, questions=reply.content.get("hitl_details", []))

    def result(self, run: str) -> Response:
        """What became of the run: its state, its tasks, and why one failed."""
        reply = self.airflow.run(self.dag_id, run)
        if not reply.good:
            return self._page(reply.status, self._words(reply))
        waits = self.airflow.questions(self.dag_id, run).content.get("hitl_details", [])
        tasks = self.airflow.tasks(self.dag_id, run).content.get("task_instances", [])
        why = {one["task_id"]: self._why(run, one) for one in tasks if one["state"] == "failed"}
        level, state = STATES.get(reply.content["state"], ("none", reply.content["state"]))
        content = {
            "started": reply.content, "level": level, "state": self.view.text(state), "tasks": tasks, "why": why,
            "waits": waits, "answers": answers_of(self.action.family), "verification": self._verification(run),
            "refresh": None if reply.content["state"] in OVER else REFRESH_SECONDS,
        }  # fmt: skip
        return self._page(200, "", **content)

    def _verification(self, run: str) -> Verification | None:
        """What the run found, when it verifies the audit log and has done so."""
        found = verification.last(self.view.reader, self.spec.name) if self.action.name == VERIFY else None
        return found if found and found.check and found.check.run == run else None

    def _why(self, run: str, task: Mapping[str, Any]) -> str:
        return self.airflow.fault(self.dag_id, run, task["task_id"], task.get("try_number") or 1)

    def _words(self, reply: Reply) -> str:
        """Why Airflow refused."""
        if reply.status == 404 and self.dag_id in reply.detail and self.action.asked == "trigger":
            return self.view.text(NO_DAG).format(dag=self.dag_id)
        return self.view.text(REFUSED).format(status=reply.status, detail=reply.detail)

    def _page(self, status: int, refused: str, **content: Any) -> Response:
        name = self.action.name
        shown = {
            "action": self.action, "label": LABELS[name], "does": DOES[name], "dag_id": self.dag_id,
            "other": OTHER_ANSWER.get(name), "refused": refused, "questions": None, "started": None, "signature": "",
        }  # fmt: skip
        response = self.view.page("action.html", self.spec, **{**shown, **content})
        response.status_code = status
        return response
