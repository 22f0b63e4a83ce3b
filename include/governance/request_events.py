"""What a request to the API server and its pages is in the audit log, by its method, path and body.

Every request that may change something is an event, also of a route that nobody names here; so is every page of ours.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from include.contracts.audit import AuditEvent, AuditKind, Via
from include.formats.plain_text import one_line

READING = frozenset({"GET", "HEAD", "OPTIONS"})
TASKS_OWN = "/execution/"
"""What tasks that run ask for with a token of their own; no person does."""
PAGES = "/moebius"
LOGINS, LOG_IN = "/auth/token", "log_in"
LENGTH = 200
"""Characters that are kept of a path or a value."""
IN_DAG = r"/api/v2/dags/(?P<dag>[^/]+)"
IN_RUN = rf"{IN_DAG}/dagRuns(?:/(?P<run>[^/]+))?"
IN_TASK = rf"{IN_RUN}/taskInstances(?:/(?P<task>[^/]+))?"
IN_CATALOG = rf"{PAGES}/catalog/(?P<usecase>[a-z]\w*)"
IN_STANDARD = rf"{PAGES}/standard/(?:pipelines/(?P<usecase>[a-z]\w*))?"


class Seen(NamedTuple):
    """How an event names a request. ``rows``: nothing is shown that the log does not take."""

    kind: AuditKind
    action: str
    rows: bool = False


SILENT = (re.compile(rf"{PAGES}/static/[\w.-]+"),)
"""What shows nothing of anybody."""
LOOKS: tuple[tuple[re.Pattern[str], Seen], ...] = tuple(
    (re.compile(pattern, re.DOTALL), Seen("access", action, rows))
    for pattern, action, rows in (
        (rf"{IN_CATALOG}/sheet/.*", "read_data_sheet", True),
        (
            rf"{PAGES}/(loops|models|rollouts|cost|actions|verdicts|versions|monitoring|alerts)/(?P<usecase>[a-z]\w*)(/.*)?",
            "open_page",
            False,
        ),
        (rf"{IN_CATALOG}/.*", "open_page", False),
        (rf"{PAGES}(/|/catalog/?|/cost/?|/alerts/?|/runbooks/\w+)?", "open_page", False),
        (rf"{PAGES}/standard/checklist/export/.*", "export_checklist", False),
        (rf"{PAGES}/standard/checklist(/\d+)?", "open_page", False),
        (rf"{PAGES}/approvals/(?P<usecase>[a-z]\w*)", "open_page", False),
        (rf"{PAGES}/predictions/(?P<usecase>[a-z]\w*)", "open_page", True),
        (rf"{PAGES}/compliance/(?P<usecase>[a-z]\w*)/.*", "download_bundle", True),
        (rf"{PAGES}/compliance/?", "open_page", False),
        (rf"{PAGES}/access/?", "read_access_review", True),
        (rf"{PAGES}/standard(/|/mapping|/pipelines)?", "open_page", False),
        (rf"{PAGES}/standard/pipelines/(?P<usecase>[a-z]\w*)", "open_page", False),
        (rf"{PAGES}/audit/?", "read_audit_log", True),
        (rf"{PAGES}/.*", "open_page", True),  # of a page that is not named above nobody knows what it shows
        (rf"{IN_TASK}/.*xcomEntries.*", "read_xcom", False),
        (rf"{IN_TASK}/.*logs/.*", "read_log", False),
        (rf"{IN_TASK}/(?:.*/)?hitlDetails.*", "read_form", True),
        (rf"{IN_RUN}/hitlDetails", "read_forms", False),
        (r"/ui/dags", "read_forms", False),  # shows the questions that wait for an answer
        (r"/api/v2/(variables|connections)(/.*)?", "read_secrets", True),
        (r"/api/v2/(config|eventLogs)(/.*)?", "read_settings", False),
        (r"/api/v2/auth/logout", "log_out", False),
    )
)
NAMED_CHANGES: tuple[tuple[str, str, AuditKind, str], ...] = (
    ("POST", rf"{LOGINS}(/.*)?", "access", LOG_IN),
    ("POST", rf"{PAGES}/actions/.*", "use", "send_form"),  # the run or answer that comes of it is an event of its own
    ("PATCH", rf"{IN_TASK}/.*hitlDetails", "decision", "answer"),
    ("POST", rf"{IN_DAG}/(clearTaskInstances|clearDagRuns|dagRuns/[^/]+/clear)", "use", "clear"),
    ("POST", rf"{IN_RUN}", "use", "trigger"),
    ("POST", r"/api/v2/backfills", "use", "backfill"),
    ("PUT", r"/api/v2/backfills/.*", "use", "steer_backfill"),
    ("PATCH", IN_DAG, "change", "pause"),
    ("PATCH", r"/api/v2/dags", "change", "pause"),
    ("DELETE", rf"{IN_TASK}/.*xcomEntries.*", "change", "write_xcom"),
    ("PATCH", rf"{IN_TASK}/.*xcomEntries.*", "change", "write_xcom"),
    ("POST", rf"{IN_TASK}/.*xcomEntries.*", "change", "write_xcom"),
    ("DELETE", rf"{IN_DAG}(/.*)?", "change", "delete"),
    ("PATCH", rf"{IN_RUN}(/taskInstances.*)?", "change", "mark"),
    ("POST", r"/api/v2/assets/.*", "use", "post_asset_event"),
    ("POST", rf"{PAGES}/standard/checklist/.*", "change", "send_assessment"),
    ("POST", rf"{PAGES}/predictions/.*", "access", "send_look"),
)
CHANGES = tuple((way, re.compile(path, re.DOTALL), Seen(kind, action)) for way, path, kind, action in NAMED_CHANGES)
OF_KIND = {"variables": "write_variable", "connections": "write_connection", "pools": "write_pool"}
READ_BY_POST = re.compile(r"/api/v2/dags/.*/(dagRuns|taskInstances)/list")
CLEARS = ("/clear", "/clearTaskInstances", "/clearDagRuns")
OF_BODY = ("dag_id", "dag_run_id", "partition_key", "new_state", "state", "is_paused", "chosen_options", "logical_date")
OF_FORM = (
    "operation",
    "period",
    "from",
    "to",
    "release",
    "version",
    "table",
    "snapshot",
    "recipient",
    "gate",
    "action",
)
"""Fields of a form whose values are kept; of every other one only that it was filled in."""


def look(path: str) -> Seen | None:
    """What it is to read this path; None when it is no event."""
    if any(silent.fullmatch(path) for silent in SILENT):
        return None
    return next((seen for pattern, seen in LOOKS if pattern.fullmatch(path)), None)


def changes(method: str, path: str, body: Mapping[str, Any]) -> bool:
    """Whether the request may change something; a preview of a clear or a mark changes nothing."""
    if method in READING or path.startswith(TASKS_OWN):
        return False
    preview = path.endswith("/dry_run") or (path.endswith(CLEARS) and body.get("dry_run", True) is True)
    return not preview and not READ_BY_POST.fullmatch(path)


def change(method: str, path: str) -> Seen:
    """What it is to send this request; one that is not known is a change too."""
    for known, pattern, seen in CHANGES:
        if method == known and pattern.fullmatch(path):
            return seen
    room = path.removeprefix("/api/v2/").partition("/")[0]
    return Seen("change", OF_KIND.get(room, "send_request"))


def event(method: str, path: str, seen: Seen, by: str, body: Mapping[str, Any]) -> AuditEvent:
    """The event of a request, without its outcome."""
    usecase, what = _what(path, body)
    via: Via = "page" if path.startswith(PAGES) else "rest"
    facts = {"request": f"{method} {_short(path)}", **_facts(body)}
    about = {"kind": seen.kind, "action": seen.action, "via": via, "usecase": usecase, "what": what}
    return AuditEvent.model_validate(
        about | {"at": datetime.now(UTC), "by": by, "reason": _reason(body), "facts": facts}
    )


def parsed(body: bytes) -> dict[str, Any]:
    """The fields that a request brought, as JSON or of the form of a login; {} for anything else."""
    try:
        content = json.loads(body) if body else {}
    except ValueError:
        return dict(parse_qsl(body.decode(errors="replace")))
    return content if isinstance(content, dict) else {}


def refused_within(answer: bytes) -> bool:
    """Whether the answer to a request for many says that one of them was refused."""
    errors = [entry for part in parsed(answer).values() if isinstance(part, dict) for entry in _list(part, "errors")]
    return any(isinstance(error, dict) and error.get("status_code") == 403 for error in errors)


def _what(path: str, body: Mapping[str, Any]) -> tuple[str, str]:
    """Use case and object, from path and body."""
    patterns = (IN_TASK, IN_RUN, IN_DAG, IN_CATALOG, IN_STANDARD, rf"{PAGES}/\w+/(?P<usecase>[a-z]\w*)")
    named = next((found.groupdict() for p in patterns if (found := re.match(p, path))), {})
    named |= {"dag": named.get("dag") if named.get("dag") not in (None, "~") else _text(body.get("dag_id"))}
    named["run"] = named.get("run") if named.get("run") not in (None, "~") else _text(body.get("dag_run_id"))
    parts = [f"{word} {named[word]}" for word in ("dag", "run", "task") if named.get(word) not in (None, "", "~")]
    usecase = named.get("usecase") or (named["dag"].partition(".")[0] if "." in (named["dag"] or "") else "")
    return usecase, _short(" ".join(parts) or path)


def _facts(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the body says that holds no free text."""
    conf = body.get("conf")
    form: dict[str, Any] = conf if isinstance(conf, dict) else {}
    kept = {name: _plain(body[name]) for name in OF_BODY if body.get(name) is not None}
    fields = {name: _plain(form[name]) for name in OF_FORM if form.get(name) is not None}
    others = sorted(_short(str(name)) for name in form if name not in fields and form[name] is not None)
    return kept | ({"form": fields} if fields else {}) | ({"form_fields": others} if others else {})


def _reason(body: Mapping[str, Any]) -> str:
    """The reason that whoever asked gave in a form or an answer."""
    forms: Iterable[Any] = (body.get("conf"), body.get("params_input"))
    given = [form["reason"] for form in forms if isinstance(form, dict) and isinstance(form.get("reason"), str)]
    return one_line(given[0])[:1000] if given else ""


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return value
    return [_short(str(one)) for one in value][:20] if isinstance(value, list) else _short(str(value))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _short(text: str) -> str:
    return one_line(text)[:LENGTH]


def _list(part: Mapping[str, Any], name: str) -> list[Any]:
    found = part.get(name)
    return found if isinstance(found, list) else []
