"""The summary of the demo: periods, four cells, durations, addresses."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from include.contracts.evaluation import Cell, Verdict
from include.contracts.operations import Figure
from include.contracts.period import Period
from include.contracts.quality import StandingWarning
from include.demo.progress import Progress, plain
from include.evaluation.metrics import direction
from include.formats.atomic_file import write_atomically
from include.operations.overview import history
from include.platform import airflow
from include.platform.secrets import mlflow_login
from include.services.composition import Services
from include.specification.usecase import UseCase

MIB = 1024 * 1024


def collect(
    spec: UseCase, services: Services, progress: Progress, memory: dict, memory_bytes: dict[str, int]
) -> dict[str, Any]:
    """Everything that is printed, as one JSON object."""
    settings, figures = services.settings, services.records.figures(spec)
    passwords = airflow.logins(settings)
    logins = [{"user": user, "role": role, "password": passwords.get(user)} for user, role in settings.roles.items()]
    login = {"user": settings.airflow_user, "password": settings.airflow_password.get_secret_value(), "logins": logins}
    user, password = mlflow_login(settings)
    return {
        "usecase": spec.name,
        "metric": spec.metrics.primary,
        "every": spec.calendar.every,
        "periods": periods(spec, figures, memory),
        "gain_over_replaced": _gain(figures),
        "verdicts": [v.json_dict() for v in {v.candidate: v for v in services.records.verdicts(spec)}.values()],
        "decisions": [d.json_dict() for d in services.records.decisions(spec)],
        "releases": [r.json_dict() for r in services.adapters.releases.all(spec.name)],
        "standing_warnings": [w.json_dict() for w in services.records.standing_warnings(spec)],
        "requests_during_swap": memory.get("canary", {}).get("requests"),
        "seconds": {
            "total": round(sum(progress.stage_seconds.values()), 1),
            "stages": {k: round(v, 1) for k, v in progress.stage_seconds.items()},
            "tasks": {k: round(v, 1) for k, v in progress.task_seconds.items()},
            "orchestration": {k: round(v - progress.task_seconds[k], 1) for k, v in progress.run_seconds.items()},
        },
        "memory_mib": {name: round(size / MIB) for name, size in memory_bytes.items()},
        "addresses": {
            "airflow": {"url": settings.airflow_url, **login},
            "mlflow": {"url": settings.mlflow_url, "user": user, "password": password},
            "prometheus": {"url": settings.prometheus_url},
        },
    }


def periods(spec: UseCase, figures: list[Figure], memory: dict) -> list[dict[str, Any]]:
    """The history, and which alerts the demo saw firing; a replaced release has none."""
    fired = {Period.ranged(step)[-1]: content["alerts"] for step, content in memory.items() if "alerts" in content}
    return [
        {**row, "alerts": fired.get(row["period"], {}).get(row["release"], []) if row["served"] else []}
        for row in history.rows(spec, figures)
    ]


def _gain(figures: list[Figure]) -> dict[str, Any] | None:
    """How much better the last release that replaced another one was, on the same requests; with its interval."""
    gains = [figure for figure in figures if figure.name == "gain_over_replaced"]
    return max(gains, key=lambda figure: (figure.period, figure.release)).json_dict() if gains else None


def write(summary: dict[str, Any], path: Path) -> None:
    write_atomically(path, json.dumps(summary, indent=1), private=True)


def show(summary: dict[str, Any], console: Console, path: Path) -> None:
    console.print()
    console.print(_period_table(summary))
    for verdict in map(Verdict.model_validate, summary["verdicts"]):
        console.print(_cell_table(verdict, summary["metric"]))
        reason = plain(f"({verdict.rule}): {verdict.reason}")
        console.print(f"  verdict [bold]{verdict.decision}[/] {reason}\n", highlight=False)
    console.print(plain(_better(summary)), highlight=False)
    for warning in map(StandingWarning.model_validate, summary["standing_warnings"]):
        console.print(plain(f"  a warning stands: {warning.text}"), highlight=False)
    if swap := summary["requests_during_swap"]:
        swapped = f"  {swap['sent']} requests while the releases were swapped, {swap['failed']} failed"
        console.print(swapped, highlight=False)
    console.print(_time_table(summary))
    console.print(plain(_places(summary, path)), highlight=False)


def _period_table(summary: dict[str, Any]) -> Table:
    every = summary["every"]
    table = Table(title=f"{summary['usecase']}, {every} by {every}", title_justify="left")
    for column in (every, "release", "requests", summary["metric"], "95 % interval", "loss", "drifted", "alerts"):
        table.add_column(column)
    for row in summary["periods"]:
        name = row["release"] if row["served"] else f"[dim]{plain(row['release'])} on the same requests[/]"
        interval = f"{row['low']:.3f} to {row['high']:.3f}" if row["low"] is not None else ""
        loss = f"{row['loss']:+.3f}" if row["loss"] is not None else ""
        drifted = f"{row['drifted_features']:.0f}" if row["drifted_features"] is not None else ""
        alerts = ", ".join(alert.removeprefix("Moebius") for alert in row["alerts"])
        table.add_row(row["period"], name, str(row["n"]), f"{row['value']:.3f}", interval, loss, drifted, alerts)
    return table


def _cell_table(verdict: Verdict, metric: str) -> Table:
    title = f"four comparisons of model version {verdict.candidate}"
    title += f" with serving version {verdict.champion}" if verdict.champion else " (first release)"
    table = Table(title=title, title_justify="left")
    for column in ("cell", "model", "test set", metric, "interval", "n"):
        table.add_column(column)
    for cell in verdict.cells:
        if cell.metric == metric:
            table.add_row(cell.name, plain(cell.model), plain(cell.test_set), *_figure(cell))
    for name, value in verdict.differences.items():
        if name.endswith(metric):
            table.add_row("", name, "", f"{value.value:+.4f}", f"{value.low:+.4f} to {value.high:+.4f}", "")
    return table


def _figure(cell: Cell) -> tuple[str, str, str]:
    return f"{cell.figure.value:.4f}", f"{cell.figure.low:.4f} to {cell.figure.high:.4f}", str(cell.figure.n)


def _better(summary: dict[str, Any]) -> str:
    """What the retrain brought, on the newest requests that the retrained release answered."""
    lines, served = [], {(row["period"], row["n"]): row for row in reversed(summary["periods"]) if row["served"]}
    replaced = [row for row in summary["periods"] if not row["served"]]
    for other in (row for row in replaced if row["period"] == max(each["period"] for each in replaced)):
        mine = served[other["period"], other["n"]]
        gain = (mine["value"] - other["value"]) * direction(summary["metric"])
        lines.append(
            f"  {mine['period']}: {mine['release']} scores {mine['value']:.3f} on its {mine['n']} requests; the "
            f"replaced {other['release']} {other['value']:.3f} ({abs(gain):.3f} {'better' if gain >= 0 else 'worse'})"
        )
    if gained := summary["gain_over_replaced"]:
        bounds = f"between {gained['low']:+.3f} and {gained['high']:+.3f} on the requests of {gained['period']}"
        lines.append(f"  the gain over the replaced release lies {bounds}; above 0 is better")
    return "\n".join(lines)


def _time_table(summary: dict[str, Any]) -> Table:
    seconds = summary["seconds"]
    table = Table(title=f"where {seconds['total']:.0f} s went", title_justify="left")
    for column in ("DAG family", "in tasks, s", "orchestration, s"):
        table.add_column(column, justify="right" if column.endswith("s") else "left")
    for family, inside in seconds["tasks"].items():
        table.add_row(family, f"{inside:.0f}", f"{seconds['orchestration'].get(family, 0):.0f}")
    for stage in ("platform", "live traffic", "alerting"):
        if stage in seconds["stages"]:
            table.add_row(stage, f"{seconds['stages'][stage]:.0f}", "")
    return table


def _places(summary: dict[str, Any], path: Path) -> str:
    places, memory = summary["addresses"], summary["memory_mib"]
    logins = [f"{each['user']} / {each['password']} ({each['role']})" for each in places["airflow"]["logins"]]
    return (
        f"\n  Airflow     {places['airflow']['url']}   logins {', '.join(logins)}"
        f"\n  MLflow      {places['mlflow']['url']}   login {places['mlflow']['user']} / {places['mlflow']['password']}"
        f"\n  Prometheus  {places['prometheus']['url']}"
        f"\n  memory      {sum(memory.values())} MiB ({', '.join(f'{k} {v}' for k, v in memory.items())})"
        f"\n  summary     {path}"
        "\n  The platform keeps running; `make down` stops it."
    )
