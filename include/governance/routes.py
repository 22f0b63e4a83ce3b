"""Who is served by which route: the one matrix of every route that this project and Airflow serve.

A route is its method and its path as declared, below the mounts: ``GET /moebius/loops/{usecase}``. What is not here is
refused while running (``include.orchestration.gatekeeper``) and fails ``tests/integration/test_rights.py``.
"""

from typing import Literal

from include.contracts.gateway import Route as GatewayRoute
from include.contracts.governance import Role
from include.governance.actions import ACTIONS
from include.governance.rights import ADMINS, AUDITORS, EVERYBODY, NOBODY, OPERATORS, REPORTERS, Action, anywhere

Open = Literal["open", "task"]
"""``open``: answers without a login, with nothing of ours; ``task``: Airflow asks for the token of a task."""
Rule = Open | Action | frozenset[Role]
"""Roles, or an action: the rights of the DAG's family then say which roles (``include.governance.rights``)."""

OVERSEERS: frozenset[Role] = frozenset({"operator", "auditor", "admin"})
TECHNICIANS: frozenset[Role] = frozenset({"engineer", "operator", "auditor", "admin"})
API, DAG = "/api/v2", "/api/v2/dags/{dag_id}"
RUN = f"{DAG}/dagRuns/{{dag_run_id}}"
TASK = f"{RUN}/taskInstances/{{task_id}}"
MAPPED, GROUP = f"{TASK}/{{map_index}}", f"{RUN}/taskGroupInstances/{{group_id}}"
XCOM, STATE = f"{TASK}/xcomEntries", f"{TASK}/state-store"
ASSET, BACKFILL = f"{API}/assets/{{asset_id}}", f"{API}/backfills/{{backfill_id}}"
KEY, GRPC = "{key:path}", "/inference.GRPCInferenceService"


def _declared(rule: Rule, *routes: str) -> dict[str, Rule]:
    """``GET,PUT /path`` is two routes."""
    return {f"{method} {path}": rule for methods, path in map(str.split, routes) for method in methods.split(",")}


PAGES = _declared(
    EVERYBODY,  # what a role may not read of a page is left out of it (``include.ui.access``)
    "GET /moebius/",
    "GET /moebius/static/{name}",
    "GET /moebius/loops/{usecase}",
    "GET /moebius/catalog/",
    "GET /moebius/catalog/{usecase}/sheet/{table}",
    "GET /moebius/catalog/{usecase}/{identity:path}",
    "GET /moebius/models/{usecase}/{version}",
    "GET /moebius/rollouts/{usecase}",
    "GET /moebius/monitoring/{usecase}",
    "GET /moebius/alerts/{usecase}",
    "GET /moebius/runbooks/{alert}",
    "GET /moebius/approvals/{usecase}",
    "GET /moebius/compliance/",
    "GET /moebius/standard/checklist",
    "GET /moebius/standard/checklist/{number}",
    "GET /moebius/standard/checklist/export/{kind}",
    "GET /moebius/verdicts/{usecase}",
    "GET /moebius/verdicts/{usecase}/{version}",
    "GET /moebius/verdicts/{usecase}/{version}/picture.svg",
    "GET /moebius/versions/{usecase}",
    "GET /moebius/standard/",
    "GET /moebius/standard/mapping",
    "GET /moebius/standard/pipelines",
    "GET /moebius/standard/pipelines/{usecase}",
    "GET /moebius/data/{usecase}",
    "GET /moebius/cost/",
    "GET /moebius/cost/{usecase}",
)

ASSESSMENTS = _declared(
    TECHNICIANS,  # say what they think of an item: it stands beside the evidence, and changes nothing else
    "POST /moebius/standard/checklist/import",
    "POST /moebius/standard/checklist/{number}",
)

LOOKUPS = _declared(TECHNICIANS, "GET,POST /moebius/predictions/{usecase}")
"""Looks at answers: the form is sent in the body, since a value of a person has no place in an address."""
BUNDLES = _declared(REPORTERS, "GET /moebius/compliance/{usecase}/{bundle}/{file}")

OF_TECHNICIANS = _declared(TECHNICIANS, "GET /moebius/alerts/")
OF_AUDITORS = _declared(AUDITORS, "GET /moebius/audit/", "GET /moebius/access/")

OF_ACTIONS: dict[str, Rule] = {
    f"{method} /moebius/actions/{{usecase}}/{action.name}": action.roles
    for action in ACTIONS.values()
    for method in ("GET", "POST")
}
"""Form and button of each action of a person, for the roles that its DAG family lets do it."""

LOGIN = {
    **_declared(
        "open",
        *("GET /{rest_of_path:path}", "GET /static", "GET /health", "GET /api/v1/{_:path}", "GET /api/{_:path}"),
        *("GET /auth/{rest_of_path:path}", "GET /auth/static", "POST /auth/token", "POST /auth/token/cli"),
        *(f"GET {API}/version", f"GET {API}/monitor/health", f"GET {API}/auth/login", f"GET {API}/auth/logout"),
    ),
    **_declared("task", "ANY /execution"),
    **_declared(
        NOBODY,  # logins without a password, and descriptions that answer without a login
        *("GET /auth/token", "GET /auth/token/login", "GET /auth/openapi.json", "GET /auth/redoc"),
        *("GET /auth/docs", "GET /auth/docs/oauth2-redirect", "GET /execution/changelog", "GET /execution/redoc"),
        *("GET /execution/openapi.json", "GET /execution/docs", "GET /execution/docs/oauth2-redirect"),
    ),
    **_declared(
        EVERYBODY,
        *("GET /openapi.json", "GET /docs", "GET /docs/oauth2-redirect", "GET /redoc"),
        *("GET /ui/auth/menus", "GET /ui/auth/me", "POST /ui/auth/token", "GET /ui/config"),
    ),
}

ADMINISTRATION = {
    **_declared(
        ADMINS,  # keys and passwords, and what starts what waits for an asset
        *(f"GET,POST,PATCH {API}/connections", f"GET,PATCH,DELETE {API}/connections/{{connection_id}}"),
        *(f"POST {API}/connections/defaults", "GET /ui/connections/hook_meta"),
        *(f"GET,POST,PATCH {API}/variables", f"GET,PATCH,DELETE {API}/variables/{{variable_key:path}}"),
        *(f"POST {API}/assets/events", f"POST {ASSET}/materialize", f"DELETE {ASSET}/queuedEvents"),
        *(f"DELETE {DAG}/assets/queuedEvents", f"DELETE {DAG}/assets/{{asset_id}}/queuedEvents"),
        *(f"DELETE {ASSET}/state-store", f"PUT,DELETE {ASSET}/state-store/{KEY}"),
    ),
    **_declared(
        NOBODY,  # the configuration holds keys; a test of a connection runs code in the API server; there are no teams
        "GET /ui/teams",
        *(f"GET {API}/config", f"GET {API}/config/section/{{section}}/option/{{option}}"),
        *(f"POST {API}/connections/test", f"GET,POST {API}/connections/enqueue-test"),
    ),
    **_declared(OPERATORS, f"POST,PATCH {API}/pools", f"PATCH,DELETE {API}/pools/{{pool_name:path}}"),
    **_declared(OVERSEERS, f"GET {API}/eventLogs", f"GET {API}/eventLogs/{{event_log_id}}"),  # answers to forms
    **_declared(TECHNICIANS, f"GET {API}/jobs", f"GET {API}/providers"),
    **_declared(
        EVERYBODY,
        *(f"GET {API}/pools", f"GET {API}/pools/{{pool_name:path}}", f"GET {API}/assets", f"GET {API}/assets/aliases"),
        *(f"GET {API}/assets/aliases/{{asset_alias_id}}", f"GET {API}/assets/events", f"GET {ASSET}"),
        *(f"GET {ASSET}/queuedEvents", f"GET {ASSET}/state-store", f"GET {ASSET}/state-store/{KEY}"),
        *(f"GET {API}/plugins", f"GET {API}/plugins/importErrors", f"GET {API}/importErrors"),
        f"GET {API}/importErrors/{{import_error_id}}",
    ),
}

DAGS = {
    **_declared(
        "look",
        *(f"GET {API}/dags", f"GET {DAG}", f"GET {DAG}/details", f"GET {DAG}/tasks", f"GET {DAG}/tasks/{{task_id}}"),
        *(f"POST {DAG}/favorite", f"POST {DAG}/unfavorite", f"GET {DAG}/dagVersions", f"GET {API}/dagTags"),
        *(f"GET {DAG}/dagVersions/{{version_number}}", f"GET {API}/dagSources/{{dag_id}}", f"GET {API}/dagStats"),
        *(f"GET {API}/dagWarnings", f"GET {DAG}/dagRuns", f"POST {DAG}/dagRuns/list", f"GET {RUN}"),
        *(f"GET {RUN}/upstreamAssetEvents", f"GET {DAG}/assets/queuedEvents", f"GET {BACKFILL}"),
        *(f"GET {DAG}/assets/{{asset_id}}/queuedEvents", f"GET {API}/backfills"),
        *("GET /ui/dags", "GET /ui/dags/{dag_id}/latest_run", "GET /ui/dags/{dag_id}/deadlineAlerts"),
        *("GET /ui/dags/{dag_id}/dagRuns/{dag_run_id}/stats", "GET /ui/dags/{dag_id}/dagRuns/{dag_run_id}/deadlines"),
        *("GET /ui/dashboard/historical_metrics_data", "GET /ui/dashboard/dag_stats", "GET /ui/dependencies"),
        *("GET /ui/structure/structure_data", "GET /ui/grid/structure/{dag_id}", "GET /ui/grid/runs/{dag_id}"),
        *("GET /ui/grid/ti_summaries/{dag_id}", "GET /ui/gantt/{dag_id}/{run_id}", "GET /ui/calendar/{dag_id}"),
        *("GET /ui/next_run_assets/{dag_id}", "GET /ui/partitioned_dag_runs", "GET /ui/backfills"),
        "GET /ui/pending_partitioned_dag_run/{dag_id}",
    ),
    **_declared(
        "read",  # XComs, logs, rendered templates, questions and their answers
        *(f"GET {RUN}/taskInstances", f"POST {RUN}/taskInstances/list", f"GET {TASK}", f"GET {TASK}/listMapped"),
        *(f"GET {MAPPED}", f"GET {TASK}/dependencies", f"GET {MAPPED}/dependencies", f"GET {TASK}/links"),
        *(f"GET {TASK}/tries", f"GET {MAPPED}/tries", f"GET {TASK}/tries/{{task_try_number}}"),
        *(f"GET {MAPPED}/tries/{{task_try_number}}", f"GET {XCOM}", f"GET {XCOM}/{{xcom_key:path}}"),
        *(f"GET {STATE}", f"GET {STATE}/{KEY}", f"GET {TASK}/logs/{{try_number}}"),
        *(f"GET {TASK}/externalLogUrl/{{try_number}}", f"GET {RUN}/hitlDetails", f"GET {MAPPED}/hitlDetails"),
        *(f"GET {MAPPED}/hitlDetails/tries/{{try_number}}", f"GET {RUN}/wait"),
        "GET /ui/dags?has_pending_actions",  # with this parameter the answer holds the questions
    ),
    **_declared("trigger", f"POST {DAG}/dagRuns", f"POST {API}/backfills", f"POST {API}/backfills/dry_run"),
    **_declared("answer", f"PATCH {MAPPED}/hitlDetails"),
    **_declared(
        "clear",
        *(f"POST {DAG}/clearTaskInstances", f"POST {RUN}/clear", f"POST {DAG}/clearDagRuns"),
        *(f"POST {DAG}/clearPartitions", f"PUT {BACKFILL}/pause", f"PUT {BACKFILL}/unpause", f"PUT {BACKFILL}/cancel"),
    ),
    **_declared("pause", f"PATCH {DAG}", f"PATCH {API}/dags", f"PUT {API}/parseDagFile/{{file_token}}"),
    **_declared(
        "mark",
        *(f"PATCH,DELETE {TASK}", f"PATCH {MAPPED}", f"PATCH {TASK}/dry_run", f"PATCH {MAPPED}/dry_run"),
        *(f"PATCH {GROUP}", f"PATCH {GROUP}/dry_run", f"PATCH {RUN}", f"PATCH {RUN}/taskInstances"),
        *(f"PATCH {DAG}/dagRuns", f"PUT,PATCH,DELETE {STATE}/{KEY}", f"DELETE {STATE}"),
    ),
    **_declared("delete", f"DELETE {RUN}", f"DELETE {DAG}"),
    **_declared("write_xcom", f"POST {XCOM}", f"PATCH,DELETE {XCOM}/{{xcom_key:path}}"),
}

EDGE: dict[str, GatewayRoute | Literal["ready", "inside"]] = {
    "GET /healthz": "inside",
    "GET /v2/health/live": "ready",
    "GET /v2/health/ready": "ready",
    "GET /v2/models/{model}/ready": "ready",
    "GET /v2": "metadata",
    "GET /v2/models/{model}": "metadata",
    "POST /v2/models/{model}/infer": "infer",
    "GET /metrics": "metrics",
    **{f"POST {GRPC}/{name}": "ready" for name in ("ServerLive", "ServerReady", "ModelReady")},
    **{f"POST {GRPC}/{name}": "metadata" for name in ("ServerMetadata", "ModelMetadata")},
    f"POST {GRPC}/ModelInfer": "infer",
}
"""Routes of the gateway and of the facade behind it, by the right that a client needs; ``ready`` is for every client,
``inside`` for the gateway itself. Whoever is no client gets 401, and what is not here 404."""

ROUTES: dict[str, Rule] = {
    **PAGES,
    **ASSESSMENTS,
    **LOOKUPS,
    **BUNDLES,
    **OF_TECHNICIANS,
    **OF_AUDITORS,
    **OF_ACTIONS,
    **LOGIN,
    **ADMINISTRATION,
    **DAGS,
}
"""Every route of the API server, which also serves the pages."""


def served(role: str, rule: Rule) -> bool:
    """Whether the route answers the role at all; with an action, for a DAG of some family."""
    if isinstance(rule, frozenset):
        return role in rule
    return rule == "open" or rule == "task" or role in anywhere(rule)  # noqa: PLR1714 - mypy narrows this
