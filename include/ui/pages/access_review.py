"""Who has which role, what each role may do, and the newest access review with what it found."""

from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from include.contracts.access_review import AccessReview
from include.contracts.governance import Role
from include.errors import DamagedStateError
from include.governance.rights import RIGHTS, Action, may
from include.ui.access import SIGNED_IN, Reader
from include.ui.charts import access_review as charts
from include.ui.language import marked
from include.ui.view import View, ViewDep

ACTIONS: dict[Action, str] = {
    "look": marked("look"),
    "read": marked("read"),
    "trigger": marked("start"),
    "answer": marked("answer"),
    "clear": marked("run again"),
    "pause": marked("pause"),
    "mark": marked("set states"),
    "delete": marked("delete"),
}
KINDS = {
    "login": marked("logins"),
    "gateway client": marked("clients of the gateway"),
    "MLflow login": marked("logins of MLflow"),
    "recipient": marked("recipients of exports"),
}
COMMAND = "moebius access review"


def router() -> APIRouter:
    """``/access/``, for auditors and admins."""
    pages = APIRouter(prefix="/access", dependencies=SIGNED_IN, default_response_class=HTMLResponse)

    @pages.get("/")
    def page(view: ViewDep) -> HTMLResponse:
        content = shown(view.reader)
        return view.page("access_review.html", **content, picture=_picture(view, content["rights"]))

    return pages


def shown(reader: Reader) -> dict[str, Any]:
    """Logins as the settings have them now, rights by role, and the newest review."""
    settings = reader.services.settings
    review, digest, fault = newest(settings.access_reviews)
    reviewed = {entry.name: entry for entry in review.entries if entry.kind == "login"} if review else {}
    return {
        "logins": [(name, role, reviewed.get(name)) for name, role in sorted(settings.roles.items())],
        "since_review": sorted(set(settings.roles) - set(reviewed)) if review else [],
        "levels": settings.access,
        "rights": rights(settings.access),
        "families": len(RIGHTS),
        "people": Counter(settings.roles.values()),
        "roles": get_args(Role),
        "actions": ACTIONS,
        "review": review,
        "digest": digest,
        "fault": fault,
        "kinds": KINDS,
        "command": COMMAND,
    }


def rights(levels: Any) -> dict[str, dict[str, int]]:
    """Role → action → number of DAG families with which the role may do it."""
    return {
        role: {
            action: sum(may(role, family, action, levels.get(role, "none")) for family in RIGHTS) for action in ACTIONS
        }
        for role in get_args(Role)
    }


def newest(directory: Path) -> tuple[AccessReview | None, str, str]:
    """The newest review, the SHA-256 of its file, which the audit log has too, and why it cannot be read."""
    if not (files := sorted(directory.glob("*.json"))):
        return None, "", ""
    try:
        text = files[-1].read_text()
        return AccessReview.read_back(text, files[-1]), sha256(text.encode()).hexdigest(), ""
    except (OSError, DamagedStateError) as error:
        return None, "", str(error)


def _picture(view: View, of_role: dict[str, dict[str, int]]) -> Any:
    rows = chart_rows(view, of_role)
    actions = [view.text(word) for word in ACTIONS.values()]
    draw = lambda width: charts.matrix(rows, actions, len(RIGHTS), width)  # noqa: E731
    return view.picture(draw, view.text("DAG families by role and action"))


def chart_rows(view: View, of_role: dict[str, dict[str, int]]) -> list[dict[str, Any]]:
    """A row per role and action for the picture."""
    text = view.text("%(role)s: %(action)s %(count)s of %(all)s DAG families")
    return [
        {
            "role": role, "action": view.text(ACTIONS[action]), "count": count,  # type: ignore[index]
            "said": text % {"role": role, "action": view.text(ACTIONS[action]), "count": count, "all": len(RIGHTS)},  # type: ignore[index]
        }
        for role, counts in of_role.items()
        for action, count in counts.items()
    ]  # fmt: skip
