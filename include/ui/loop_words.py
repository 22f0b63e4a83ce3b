"""The words of the first page: states of a loop, what proves them, incidents; and where the proof stands."""

from typing import NamedTuple

from include.contracts.runs import RequiredAction
from include.governance.routes import ROUTES, served
from include.operations.overview.loop_state import Finding, State, Why
from include.ui.language import marked
from include.ui.links import Links

LEVELS: dict[State, str] = {
    "broken": "bad",
    "needs_you": "act",
    "rolling_out": "move",
    "deciding": "decide",
    "watching": "watch",
    "not_judged": "unknown",
    "serving_well": "good",
    "nothing_serves": "none",
}
"""Shape and colour of ``macros.html``."""
STATES: dict[State, str] = {
    "broken": marked("broken"),
    "needs_you": marked("needs you"),
    "rolling_out": marked("rolling out"),
    "deciding": marked("deciding"),
    "watching": marked("watching"),
    "not_judged": marked("not judged"),
    "serving_well": marked("serving well"),
    "nothing_serves": marked("nothing serves yet"),
}
MEANINGS: dict[State, str] = {
    "broken": marked(
        "Something does not work: an alert asks for a repair, the specification has a fault, files are damaged."
    ),
    "needs_you": marked("The loop waits for a person: a question is open, or data must be repaired first."),
    "rolling_out": marked("A new release gets a share of the requests, or a copy of them, and is watched."),
    "deciding": marked("Training, evaluation or the retrain decision runs."),
    "watching": marked("A release serves, and something asks for a look: an alert, drift, a loss, a pause."),
    "not_judged": marked("A release serves, and nobody can say how well: alerts or figures are missing."),
    "serving_well": marked("A release serves, its newest judged window is within its limit, and no alert fires."),
    "nothing_serves": marked("No release was deployed yet."),
}
REASONS: dict[Why, str] = {
    "fault": "%(words)s",
    "repair_alert": marked("Alert: %(words)s"),
    "platform_repair": marked("Alert of the platform: %(words)s"),
    "unwatched_split": marked("Nobody watches the rollout of %(words)s any more: the champion answers everything"),
    "damaged_files": marked("Stored files are damaged: %(words)s"),
    "question": marked("Question: %(words)s"),
    "fix_data": marked("The newest decision: repair the data before the next training. %(words)s"),
    "interrupted": marked("The rollout was interrupted and may go on: %(words)s"),
    "split": marked("%(words)s gets %(share)s of the requests"),
    "shadow": marked("%(words)s gets copies of %(share)s of the requests"),
    "deploying": marked("A deployment runs"),
    "run": marked("%(words)s runs"),
    "no_release": marked("No release serves yet"),
    "alert": marked("Alert: %(words)s"),
    "platform_alert": marked("Alert of the platform: %(words)s"),
    "breached": marked("The window %(words)s lost more than is allowed"),
    "drifted": marked("As many features drifted in the window %(words)s that a person should look"),
    "aborted": marked("The last rollout was aborted: %(words)s"),
    "paused": marked("Retrains and deployments are paused by %(words)s"),
    "silenced": marked("An alert is silenced: %(words)s"),
    "alerts_unknown": marked("Alerts unknown: Prometheus does not answer"),
    "questions_unknown": marked("Open questions unknown: %(words)s"),
    "unread": marked("Your role does not read the figures"),
    "not_monitored": marked("No window of the serving release was monitored yet"),
    "too_few": marked("No window of the serving release could be judged. %(words)s"),
    "judged": marked("Nothing fires, nothing waits, the newest judged window is within its limit"),
}
INCIDENTS = {
    "aborted": marked("rollout aborted"),
    "interrupted": marked("rollout interrupted"),
    "rolled_back": marked("rolled back"),
    "damaged": marked("damaged files"),
    "alert": marked("alert fires"),
}
DECISIONS = {"retrain": marked("retrain"), "keep": marked("keep the champion"), "fix_data": marked("repair the data")}
ON_PAGES: dict[Why, tuple[str, ...]] = {
    **dict.fromkeys(("repair_alert", "alert"), ("alerts", "monitoring")),
    **dict.fromkeys(("unwatched_split", "interrupted", "split", "shadow", "aborted"), ("rollouts",)),
    **dict.fromkeys(("breached", "drifted", "too_few", "not_monitored", "judged"), ("monitoring", "loops")),
    "fix_data": ("data", "loops"),
}  # fmt: skip
"""Pages that prove a finding, the best first; the first that is served to the role is linked."""
IN_RUNS: dict[Why, str] = {
    "damaged_files": "scrub", "paused": "control", "silenced": "control", "no_release": "data_pipeline",
}  # fmt: skip
"""DAG family whose runs prove it."""
OF_PLATFORM: dict[Why, str] = dict.fromkeys(("platform_repair", "platform_alert"), "alerts/")
"""Page that proves what no page of a use case lists."""


class Proof(NamedTuple):
    """Where a finding is proved: an address, its words, and whether it is outside of these pages."""

    address: str
    words: str
    outside: bool


def proof(found: Finding, usecase: str, links: Links, role: str) -> Proof | None:
    """The best that there is for the role."""
    if found.run is not None:
        asks = isinstance(found.run, RequiredAction)
        return Proof(links.work(found.run), marked("answer it") if asks else marked("the run"), True)
    if found.why in IN_RUNS:
        return Proof(links.runs(usecase, IN_RUNS[found.why]), marked("the runs"), True)
    of_usecase = {f"{page}/{{usecase}}": f"{page}/{usecase}" for page in ON_PAGES.get(found.why, ())}
    for route, address in [*of_usecase.items(), *((page, page) for page in [OF_PLATFORM.get(found.why)] if page)]:
        rule = ROUTES.get(f"GET /moebius/{route}")
        if rule is not None and served(role, rule):
            return Proof(f"{links.moebius}/{address}", marked("what proves it"), False)
    return None
